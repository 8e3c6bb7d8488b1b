"""SQLite's words.

It has integers, floats, texts and no types for the rest, so:

- decimals are kept as numbers of at most 14 digits, and rules compute with whole cents,
  ``CAST(round(x * 100) AS INTEGER)``, which is exact for them; floats are never compared;
- dates are texts such as 2024-02-29, datetimes 2024-02-29 13:05:00, which sort as they should;
- a CHECK for each column refuses values of another type, which SQLite itself would take.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from fractions import Fraction
from typing import ClassVar

from synthtab.backends import sqltext
from synthtab.backends.sqldialect import MAX_DAYS, NO_OTHER_ROWS, Dialect
from synthtab.backends.sqlpatterns import globs, like_glob, one_class, outside
from synthtab.backends.sqltext import (
    ATOM,
    COMPARE,
    PRODUCT,
    SUM,
    Arithmetic,
    NotSaidError,
    Number,
    Sql,
)
from synthtab.backends.support import Exact, Relaxed, Supports, answers, beyond_a_row
from synthtab.ir import nodes
from synthtab.ir.nodes import Part, ShiftUnit
from synthtab.schema import (
    DAY_SECONDS,
    MAX_DAY,
    BooleanType,
    Column,
    ColumnType,
    DatetimeType,
    DateType,
    DecimalType,
    IntegerType,
    TextType,
    Value,
    domain,
)

MOST_DIGITS = 14
"""Decimals of so many digits can be told apart, and from others, when they are kept as floats."""
_FORMAT = {
    1: "datetime({0})",
    60: "strftime('%Y-%m-%d %H:%M:00', {0})",
    3600: "strftime('%Y-%m-%d %H:00:00', {0})",
}
_CODES = {
    "year": ("%Y", 0, 9999),
    "month": ("%m", 1, 12),
    "day": ("%d", 1, 31),
    "hour": ("%H", 0, 23),
    "minute": ("%M", 0, 59),
    "second": ("%S", 0, 59),
}


class Sqlite(Dialect):
    """SQLite 3.31 and later."""

    supports: ClassVar[Supports] = answers(
        Exact(),
        {
            **beyond_a_row(NO_OTHER_ROWS),
            nodes.ReferenceRule: Exact(),
            nodes.Matches: Relaxed("a pattern that GLOB cannot say is not enforced"),
            nodes.Shift: Relaxed("after the year 9999 it is compared, not computed with"),
        },
    )
    name = "sqlite"
    arithmetic: ClassVar[Arithmetic] = Arithmetic("INTEGER", 2**63 - 1, None, decimals=False)
    # Years 0 to 9999, but the last day of a month is found by way of the next one.
    calendar: ClassVar[tuple[int, int]] = (-719_528, MAX_DAY - 31)
    sorted_beyond: ClassVar[tuple[int, int]] = (-2_400_000, 10**9)
    partial_indexes = True
    deferred = True
    counts_distinct_in_windows = False
    preamble: ClassVar[tuple[str, ...]] = ("PRAGMA foreign_keys = ON",)

    # Columns

    def column_type(self, kind: ColumnType) -> str:
        """Return a type that says what is meant; SQLite takes from it what it prefers to store.

        BIGINT and not INTEGER, as an INTEGER PRIMARY KEY would fill itself in where it is NULL.
        """
        match kind:
            case DatetimeType():
                return "DATETIME"
            case TextType(length):
                return f"VARCHAR({length})"
        return super().column_type(kind)

    def type_checks(self, column: Column, name: str) -> list[tuple[str, str]]:
        """Return (what, condition) for what makes a value one of the column's type."""
        match column.type:
            case IntegerType() | DecimalType(scale=0):
                checks = [("type", f"typeof({name}) IN ('integer', 'null')")]
                if isinstance(column.type, DecimalType):
                    most = 10**column.type.precision - 1
                    checks.append(("digits", f"{name} BETWEEN -{most} AND {most}"))
                return checks
            case DecimalType(precision, scale):
                kind = ("type", f"typeof({name}) IN ('integer', 'real', 'null')")
                kept = self.unkept(column) is None
                return [kind, _digits(name, precision, scale)] if kept else [kind]
            case BooleanType():
                return [("type", f"{name} IN (0, 1)")]
            case DateType():
                return [("type", f"{name} IS date({name})")]
            case DatetimeType(resolution):
                return [("type", f"{name} IS {_FORMAT[resolution].format(name)}")]
            case TextType():
                found = [("type", f"typeof({name}) IN ('text', 'null')")]
                return found + super().type_checks(column, name)
        return super().type_checks(column, name)

    def unkept(self, column: Column) -> str | None:
        """Return why a column's values are not kept as they are: a float has 15 digits or so."""
        if not isinstance(column.type, DecimalType) or column.type.scale == 0:
            return None
        lo, hi = domain(column)
        digits = len(str(max(abs(lo), abs(hi))))
        if digits <= MOST_DIGITS:
            return None
        return (
            f"SQLite keeps {MOST_DIGITS} digits of a decimal, and {column.name!r} may have"
            f" {digits}; declare a narrower range, or an integer"
        )

    def range_check(self, column: Column, name: str) -> str | None:
        """Return the condition that a column keeps to its range; decimals are told in units."""
        if not isinstance(column.type, DecimalType) or column.type.scale == 0:
            return super().range_check(column, name)
        inner = _units(name, column.type.scale)
        if column.lo is not None and column.hi is not None:
            return f"{inner} BETWEEN {column.lo} AND {column.hi}"
        if column.lo is not None:
            return f"{inner} >= {column.lo}"
        return None if column.hi is None else f"{inner} <= {column.hi}"

    # Terms

    def leaf(self, kind: ColumnType, text: str, lo: int, hi: int) -> Sql:
        """Return a column's value; a decimal's as a number of units over their denominator."""
        match kind:
            case DecimalType(scale=scale) if scale:
                if max(abs(lo), abs(hi)) >= 10**MOST_DIGITS:
                    raise NotSaidError(
                        f"SQLite keeps {MOST_DIGITS} digits of a decimal, and {text} may have "
                        "more; declare a narrower range, or an integer"
                    )
                unit = 10**scale
                made = self.integer(_units(text, scale), lo, hi)
                return sqltext.over_unit(made, unit)
            case DecimalType():
                return self.integer(text, lo, hi)
        return super().leaf(kind, text, lo, hi)

    def literal(self, value: Value) -> Sql:
        """Return a constant; dates and datetimes are texts."""
        if isinstance(value, datetime):
            return Sql(sqltext.string(value.isoformat(sep=" ", timespec="seconds")))
        if isinstance(value, date):
            return Sql(sqltext.string(value.isoformat()))
        return super().literal(value)

    def extreme(self, greatest: bool, texts: Sequence[str], nullable: Sequence[str]) -> str:
        """Return max or min, which are NULL in SQLite where one of several arguments is."""
        return f"{'max' if greatest else 'min'}({', '.join(texts)})"

    # Patterns

    def like(self, text: str, pattern: str) -> Sql:
        """Return LIKE as GLOB, for which capitals count."""
        return Sql(f"{text} GLOB {sqltext.string(like_glob(pattern))}", COMPARE)

    def matches(self, text: str, pattern: str) -> Sql:
        """Return GLOBs that say the same. SQLite itself has no regular expressions."""
        found = globs(pattern)
        if found is not None:
            parts = [f"{text} GLOB {sqltext.string(g)}" for g in found]
            return Sql(f"({' OR '.join(parts)})") if len(parts) > 1 else Sql(parts[0], COMPARE)
        single = one_class(pattern)
        if single is None:
            raise NotSaidError(
                f"SQLite has no regular expressions, and GLOB cannot say /{pattern}/"
            )
        letters, least, most = single
        parts = [f"{text} NOT GLOB {sqltext.string(f'*{outside(letters)}*')}"]
        parts += [f"length({text}) >= {least}"] if least else []
        parts += [f"length({text}) <= {most}"] if most is not None else []
        return Sql(f"({' AND '.join(parts)})" if len(parts) > 1 else parts[0], COMPARE)

    # Calendar

    def part(self, part: Part, operand: str) -> Number:
        """Return a part of a date or datetime."""
        if part == "weekday":
            text = f"(CAST(strftime('%w', {operand}) AS INTEGER) + 6) % 7 + 1"
            return self.integer(text, 1, 7, SUM)
        if part == "quarter":
            text = f"(CAST(strftime('%m', {operand}) AS INTEGER) + 2) / 3"
            return self.integer(text, 1, 4, PRODUCT)
        code, lo, hi = _CODES[part]
        return self.integer(f"CAST(strftime('{code}', {operand}) AS INTEGER)", lo, hi)

    def as_date(self, operand: Sql) -> Sql:
        """Return the day of a datetime, or of a date."""
        return Sql(f"date({operand.text})")

    def days_between(self, later: Sql, earlier: Sql) -> Number:
        """Return the distance of two dates; both have the same half day, so it is whole."""
        text = f"CAST(julianday({later.text}) - julianday({earlier.text}) AS INTEGER)"
        return self.integer(text, -MAX_DAYS, MAX_DAYS)

    def seconds_between(self, later: Sql, earlier: Sql) -> Number:
        """Return the distance of two datetimes in seconds."""
        ends = [f"CAST(strftime('%s', {e.text}) AS INTEGER)" for e in (later, earlier)]
        most = MAX_DAYS * DAY_SECONDS
        return self.integer(" - ".join(ends), -most, most, SUM)

    def shift(
        self, base: Sql, steps: Number, unit: ShiftUnit, *, is_date: bool, beyond: bool
    ) -> Sql:
        """Return a date or datetime moved by a whole number of units.

        Where the month is too short SQLite goes on into the next one, so the last day of the month
        meant is the most there can be. After the year 9999 it gives NULL, and ``~`` and the base
        stand for what was meant: that sorts after every date. (Before the year 0 there is a ``-``,
        which sorts before them.)
        """
        call = "date" if is_date else "datetime"
        if unit not in ("months", "years"):
            moved = f"{call}({base.text}, {_modifier(steps, unit)})"
            return _kept(moved, base, steps) if beyond else Sql(moved)
        months = sqltext.times(steps, 12 if unit == "years" else 1)
        one = self._constant(1)
        after = self._constant(int(months.lo) + 1) if months.literal else sqltext.add(months, one)
        last = f"{base.text}, 'start of month', {_modifier(after, 'months')}, '-1 day'"
        last += "" if is_date else f", time({base.text})"
        moved = f"{call}({base.text}, {_modifier(months, 'months')})"
        clamped = f"min({moved}, {call}({last}))"
        return _kept(f"{clamped}, {moved}", base, months) if beyond else Sql(clamped)

    def _constant(self, value: int) -> Number:
        return sqltext.constant(Fraction(value), self.arithmetic)

    # Queries

    def first(self, value: str, row: str) -> str:
        """Return two columns, of which the second has the value of the first row of a group.

        Beside a lone ``min``, SQLite takes what is no aggregate from the row that has the least.
        """
        return f"min({row}) AS r, {value}"

    def text_order(self, text: str) -> str:
        """Return what orders texts by their characters' code points."""
        return text


def _units(name: str, scale: int) -> str:
    return f"CAST(round({name} * {10**scale}) AS INTEGER)"


def _digits(name: str, precision: int, scale: int) -> tuple[str, str]:
    """Return the check that a number is so large at most, and has so many digits after its point.

    The nearest float is off by less than the five parts in 10^16 that are let pass.
    """
    most, unit = 10**precision - 1, 10**scale
    fits = f"abs({name} * {unit} - round({name} * {unit})) <= abs({name} * {unit}) * 5e-16"
    size = f"{_units(name, scale)} BETWEEN -{most} AND {most}"
    return "digits", f"{size} AND {fits}"


def _kept(moved: str, base: Sql, steps: Number) -> Sql:
    """Return what was moved, the first of these that is not NULL, or what sorts after it all.

    That is NULL too where what it is made of is.
    """
    after = f"'~' || {base.at(ATOM)}" + ("" if steps.literal else f" || ({steps.text})")
    return Sql(f"coalesce({moved}, {after})", beyond=True)


def _modifier(steps: Number, unit: ShiftUnit) -> str:
    """Return a number of units as SQLite's date functions take it."""
    if steps.literal:
        return f"'{int(steps.lo):+d} {unit}'"
    return f"({steps.text}) || ' {unit}'"
