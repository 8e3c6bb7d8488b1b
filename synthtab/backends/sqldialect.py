"""What databases say differently: types, constants, calendars, patterns. DuckDB is the default.

Each dialect writes only what its database computes as the rules mean it (ir/evaluate.py), and
raises NotSaidError for the rest; it never writes an approximation.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import ClassVar

from synthtab.backends import sqltext
from synthtab.backends.sqltext import (
    ATOM,
    COMPARE,
    DUCKDB_NUMBERS,
    SUM,
    Arithmetic,
    Number,
    Sql,
)
from synthtab.backends.support import Exact, Relaxed, Supports, answers, beyond_a_row
from synthtab.ir import nodes
from synthtab.ir.nodes import Part, ShiftUnit
from synthtab.schema import (
    DAY_SECONDS,
    BooleanType,
    Column,
    ColumnType,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
    Value,
    decode_value,
)

NO_OTHER_ROWS = "no constraint looks at other rows: a query finds those that break it"
MAX_DAYS = 10**10
"""No two dates are further apart than this, whatever a database takes for a date."""
_PARTS = {
    # function, least and greatest result; years as far as a TIMESTAMP goes
    "year": ("year", -300_000, 300_000),
    "quarter": ("quarter", 1, 4),
    "month": ("month", 1, 12),
    "day": ("day", 1, 31),
    "weekday": ("isodow", 1, 7),
    "hour": ("hour", 0, 23),
    "minute": ("minute", 0, 59),
    "second": ("second", 0, 59),
}
INTERVAL_UNITS = {
    "days": "DAY",
    "weeks": "DAY",
    "months": "MONTH",
    "years": "YEAR",
    "hours": "HOUR",
    "minutes": "MINUTE",
    "seconds": "SECOND",
}


class Dialect:
    """DuckDB's words; another database's dialect replaces what it says differently.

    ``supports`` answers for what its constraints enforce, as every backend does.
    """

    supports: ClassVar[Supports] = answers(
        Exact(),
        {
            **beyond_a_row(NO_OTHER_ROWS),
            nodes.ReferenceRule: Relaxed("one that closes a circle of tables is left to a query"),
            nodes.UniqueRule: Relaxed("one with a condition is left to a query"),
        },
    )
    name = "duckdb"
    arithmetic: ClassVar[Arithmetic] = DUCKDB_NUMBERS
    row_id = "rowid"
    calendar: ClassVar[tuple[int, int] | None] = None
    """The first and last day number there is a date for; None: no rule gets so far."""
    sorted_beyond: ClassVar[tuple[int, int] | None] = None
    """Those that date arithmetic may come to and still compare well with dates of the calendar."""
    first_year: ClassVar[int | None] = None
    """The first day number whose year has the number that the rules give it; None: all have."""
    partial_indexes = False
    """Whether a unique index may be for some rows only."""
    deferred = False
    """Whether references may be checked at the end of a transaction, tables may refer forward."""
    adds_constraints = False
    """Whether a constraint may be added to a table that is there."""
    comments = False
    """Whether a constraint has a comment."""
    shared_names = False
    """Whether keys and indexes of all tables share their names."""
    counts_distinct_in_windows = True
    """Whether ``count(DISTINCT x) OVER (...)`` is there."""
    preamble: ClassVar[tuple[str, ...]] = ()
    """Statements that come before all others."""

    # Columns

    def column_type(self, kind: ColumnType) -> str:
        """Return the SQL type of a column."""
        match kind:
            case IntegerType():
                return "BIGINT"
            case DecimalType(precision, scale):
                return f"DECIMAL({precision}, {scale})"
            case DateType():
                return "DATE"
            case DatetimeType():
                return "TIMESTAMP"
            case BooleanType():
                return "BOOLEAN"
            case EnumType() | TextType():
                return "VARCHAR"

    def type_checks(self, column: Column, name: str) -> list[tuple[str, str]]:
        """Return (what, condition) for what a column's type means and its SQL type does not."""
        checks = []
        match column.type:
            case EnumType(values):
                checks.append(("value", f"{name} IN ({', '.join(map(sqltext.string, values))})"))
            case TextType(length, pattern):
                checks.append(("length", f"length({name}) <= {length}"))
                if pattern is not None:
                    checks.append(("pattern", self.matches(name, pattern).text))
            case DatetimeType(resolution):
                checks.append(("resolution", self.on_tick(name, resolution)))
        return checks

    def on_tick(self, name: str, resolution: int) -> str:
        """Return the condition that a datetime is a whole number of ticks."""
        return f"epoch_us({name}) % {resolution * 1_000_000} = 0"

    def unkept(self, column: Column) -> str | None:
        """Return why a column's values are not kept as they are; None where they are."""
        return None

    def range_check(self, column: Column, name: str) -> str | None:
        """Return the condition that a column keeps to its declared range, if it has one."""
        if isinstance(column.type, EnumType | BooleanType | TextType):
            return None
        ends = [
            None if e is None else self.literal(decode_value(column.type, e)).text
            for e in (column.lo, column.hi)
        ]
        if ends[0] is not None and ends[1] is not None:
            return f"{name} BETWEEN {ends[0]} AND {ends[1]}"
        if ends[0] is not None:
            return f"{name} >= {ends[0]}"
        return None if ends[1] is None else f"{name} <= {ends[1]}"

    # Terms

    def leaf(self, kind: ColumnType, text: str, lo: int, hi: int) -> Sql:
        """Return a column's value, its codes being between ``lo`` and ``hi``."""
        match kind:
            case IntegerType():
                return self.integer(text, lo, hi)
            case DecimalType(_, scale):
                unit = 10**scale
                ends = Fraction(lo, unit), Fraction(hi, unit)
                return sqltext.decimal(text, scale, *ends, self.arithmetic)
        return Sql(text)

    def literal(self, value: Value) -> Sql:
        """Return a constant of any type."""
        return sqltext.literal(value, self.arithmetic)

    def integer(self, text: str, lo: int, hi: int, level: int = ATOM) -> Number:
        """Return an integer between bounds."""
        return sqltext.integer(text, lo, hi, level, self.arithmetic)

    def extreme(self, greatest: bool, texts: Sequence[str], nullable: Sequence[str]) -> str:
        """Return the greatest or least; NULL where one of ``nullable``, among them, is."""
        call = f"{'greatest' if greatest else 'least'}({', '.join(texts)})"
        if not nullable:
            return call
        guard = " OR ".join(f"{t} IS NULL" for t in nullable)
        return f"CASE WHEN {guard} THEN NULL ELSE {call} END"

    def length(self, text: str) -> Number:
        """Return the number of characters."""
        return self.integer(f"length({text})", 0, 2**31)

    # Patterns

    def like(self, text: str, pattern: str) -> Sql:
        """Return SQL's LIKE, without an escape, where capitals count."""
        return Sql(f"{text} LIKE {sqltext.string(pattern)}", COMPARE)

    def matches(self, text: str, pattern: str) -> Sql:
        """Return the condition that a pattern of the common dialect fits the whole text."""
        return Sql(f"regexp_full_match({text}, {sqltext.string(pattern)})")

    # Calendar

    def part(self, part: Part, operand: str) -> Number:
        """Return a part of a date or datetime, other than its date."""
        function, lo, hi = _PARTS[part]
        return self.integer(f"{function}({operand})", lo, hi)

    def as_date(self, operand: Sql) -> Sql:
        """Return the day of a datetime, or of a date."""
        return Sql(f"CAST({operand.text} AS DATE)")

    def days_between(self, later: Sql, earlier: Sql) -> Number:
        """Return the distance of two dates in days."""
        text = f"{later.at(SUM)} - {earlier.at(ATOM)}"
        return self.integer(text, -MAX_DAYS, MAX_DAYS, SUM)

    def seconds_between(self, later: Sql, earlier: Sql) -> Number:
        """Return the distance of two datetimes in seconds."""
        text = f"date_diff('second', {earlier.text}, {later.text})"
        return self.integer(text, -MAX_DAYS * DAY_SECONDS, MAX_DAYS * DAY_SECONDS)

    def shift(
        self, base: Sql, steps: Number, unit: ShiftUnit, *, is_date: bool, beyond: bool
    ) -> Sql:
        """Return a date or datetime moved by a whole number of units; weeks have become days.

        ``beyond`` says that the result may lie outside :attr:`calendar`.
        """
        if steps.literal:
            count = int(steps.lo)
            sign = "-" if count < 0 else "+"
            step = f"INTERVAL {abs(count)} {INTERVAL_UNITS[unit]}"
            if is_date and unit == "days":
                step = str(abs(count))
            text = f"{base.at(SUM)} {sign} {step}"
        else:
            text = f"{base.at(SUM)} + {self.step(steps.text, unit, is_date=is_date)}"
        if is_date and unit in ("months", "years"):
            return Sql(f"CAST({text} AS DATE)")
        return Sql(text, SUM)

    def step(self, number: str, unit: ShiftUnit, *, is_date: bool) -> str:
        """Return a number of units as an interval, or what is added to a date for so many days."""
        if unit == "days":
            whole = f"CAST({number} AS INTEGER)"
            return whole if is_date else f"to_days({whole})"
        if unit in ("months", "years"):
            return f"to_{unit}(CAST({number} AS INTEGER))"
        return f"to_{unit}(CAST({number} AS BIGINT))"

    # Queries

    def first(self, value: str, row: str) -> str:
        """Return the aggregate that gives the value of the first row of a group."""
        return f"first({value} ORDER BY {row})"

    def text_order(self, text: str) -> str:
        """Return what orders texts by their characters' code points."""
        return f"encode({text})"
