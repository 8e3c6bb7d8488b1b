"""PostgreSQL's words.

Its NUMERIC has no end in sight, `+ interval` takes the month's last day as the rules do, and
constraints may refer forward in DEFERRABLE references.
"""

from __future__ import annotations

from typing import ClassVar

from synthtab.backends import sqltext
from synthtab.backends.sqldialect import INTERVAL_UNITS, MAX_DAYS, NO_OTHER_ROWS, Dialect
from synthtab.backends.sqlpatterns import repeats, without_dots
from synthtab.backends.sqltext import ATOM, COMPARE, SUM, Arithmetic, NotSaidError, Number, Sql
from synthtab.backends.support import Exact, Supports, answers, beyond_a_row
from synthtab.ir import nodes
from synthtab.ir.nodes import Part, ShiftUnit
from synthtab.schema import DAY_SECONDS, ColumnType, DecimalType, EnumType, TextType

_MAX_REPEAT = 255
_PARTS = {
    "year": ("YEAR", -300_000, 300_000),
    "quarter": ("QUARTER", 1, 4),
    "month": ("MONTH", 1, 12),
    "day": ("DAY", 1, 31),
    "weekday": ("ISODOW", 1, 7),
    "hour": ("HOUR", 0, 23),
    "minute": ("MINUTE", 0, 59),
    "second": ("SECOND", 0, 59),
}
_TICKS = {1: "second", 60: "minute", 3600: "hour"}


class PostgreSql(Dialect):
    """PostgreSQL 13 and later."""

    supports: ClassVar[Supports] = answers(
        Exact(), {**beyond_a_row(NO_OTHER_ROWS), nodes.ReferenceRule: Exact()}
    )
    name = "postgresql"
    arithmetic: ClassVar[Arithmetic] = Arithmetic("NUMERIC", None, None)
    row_id = "ctid"
    calendar: ClassVar[tuple[int, int]] = (-2_400_000, 100_000_000)  # 4600 BC to 275,760
    first_year = -719_162  # 1 BC is the year -1 to PostgreSQL, and 0 to the rules
    partial_indexes = True
    deferred = True
    adds_constraints = True
    comments = True
    shared_names = True
    counts_distinct_in_windows = False

    def column_type(self, kind: ColumnType) -> str:
        """Return the SQL type; text has its length in a CHECK, as VARCHAR(n) cuts off blanks."""
        match kind:
            case DecimalType(precision, scale):
                return f"NUMERIC({precision}, {scale})"
            case EnumType() | TextType():
                return "TEXT"
        return super().column_type(kind)

    def on_tick(self, name: str, resolution: int) -> str:
        """Return the condition that a datetime is a whole number of ticks."""
        return f"date_trunc('{_TICKS[resolution]}', {name}) = {name}"

    def like(self, text: str, pattern: str) -> Sql:
        """Return LIKE without the escape that PostgreSQL has otherwise."""
        return Sql(f"{text} LIKE {sqltext.string(pattern)} ESCAPE ''", COMPARE)

    def matches(self, text: str, pattern: str) -> Sql:
        """Return `~` with both ends held fast; there `.` has to be told to stop at a newline."""
        if any(count > _MAX_REPEAT for count in repeats(pattern)):
            raise NotSaidError(f"PostgreSQL repeats at most {_MAX_REPEAT} times: /{pattern}/")
        inner = without_dots(pattern)
        return Sql(f"{text} ~ {sqltext.string(f'^(?:{inner})$')}", COMPARE)

    def part(self, part: Part, operand: str) -> Number:
        """Return a part of a date or datetime, as an integer."""
        word, lo, hi = _PARTS[part]
        return self.integer(f"CAST(EXTRACT({word} FROM {operand}) AS INTEGER)", lo, hi)

    def seconds_between(self, later: Sql, earlier: Sql) -> Number:
        """Return the distance of two datetimes; EXTRACT gives a NUMERIC, not a float."""
        text = f"EXTRACT(EPOCH FROM {later.at(SUM)} - {earlier.at(ATOM)})"
        most = MAX_DAYS * DAY_SECONDS
        return self.integer(f"CAST({text} AS BIGINT)", -most, most)

    def shift(
        self, base: Sql, steps: Number, unit: ShiftUnit, *, is_date: bool, beyond: bool
    ) -> Sql:
        """Return a date or datetime moved by a whole number of units."""
        if not steps.literal or (is_date and unit == "days"):
            return super().shift(base, steps, unit, is_date=is_date, beyond=beyond)
        count = int(steps.lo)
        sign = "-" if count < 0 else "+"
        text = f"{base.at(SUM)} {sign} INTERVAL '{abs(count)} {INTERVAL_UNITS[unit].lower()}s'"
        return Sql(f"CAST({text} AS DATE)") if is_date else Sql(text, SUM)

    def step(self, number: str, unit: ShiftUnit, *, is_date: bool) -> str:
        """Return a number of units as an interval, or what is added to a date for so many days."""
        whole = f"CAST({number} AS INTEGER)"
        if is_date and unit == "days":
            return whole
        name = {"minutes": "mins", "seconds": "secs"}.get(unit, unit)
        return f"make_interval({name} => {whole})"

    def first(self, value: str, row: str) -> str:
        """Return the aggregate that gives the value of the first row of a group."""
        return f"(array_agg({value} ORDER BY {row}))[1]"

    def text_order(self, text: str) -> str:
        """Return what orders texts by their characters' code points."""
        return f'{text} COLLATE "C"'
