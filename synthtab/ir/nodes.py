"""The rules as written: one frozen dataclass per construct of the language.

This is what the parser and the Python builder make, the formatter prints, the oracle evaluates and
the SQL backend translates. Backends that work on codes take the lowered form (ir/core.py).
``span`` never takes part in comparison: two rules that say the same are equal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal as OneOf

from synthtab.diagnostics import Span
from synthtab.schema import Column, Value

CompareOp = OneOf["=", "!=", "<", "<=", ">", ">="]
ShiftUnit = OneOf["days", "weeks", "months", "years", "hours", "minutes", "seconds"]
SpanUnit = OneOf["weeks", "days", "hours", "minutes", "seconds"]
Part = OneOf["year", "quarter", "month", "day", "weekday", "hour", "minute", "second", "date"]


def _span() -> Span | None:
    return field(default=None, compare=False, repr=False, kw_only=True)


# Terms: what has a value.


@dataclass(frozen=True)
class Literal:
    """A constant: int, Decimal, date, datetime, bool or str."""

    value: Value
    span: Span | None = _span()


@dataclass(frozen=True)
class Quantity:
    """A fixed length of time such as ``30 days``; as a number it is counted in days, exactly."""

    amount: int
    unit: SpanUnit
    span: Span | None = _span()


@dataclass(frozen=True)
class ColumnRef:
    """The value of a column of the row at hand; a boolean one is a condition too."""

    name: str
    span: Span | None = _span()


@dataclass(frozen=True)
class Negate:
    """``-x``."""

    operand: Term
    span: Span | None = _span()


@dataclass(frozen=True)
class Add:
    """``left + right`` of numbers."""

    left: Term
    right: Term
    span: Span | None = _span()


@dataclass(frozen=True)
class Subtract:
    """``left - right`` of numbers, or of two dates or two datetimes: their distance in days."""

    left: Term
    right: Term
    span: Span | None = _span()


@dataclass(frozen=True)
class Multiply:
    """``left * right`` of numbers."""

    left: Term
    right: Term
    span: Span | None = _span()


@dataclass(frozen=True)
class Divide:
    """``left / right``, exact; ``right`` is a constant. Division by zero is NULL."""

    left: Term
    right: Term
    span: Span | None = _span()


@dataclass(frozen=True)
class Minimum:
    """``min(a, b, ...)``: NULL as soon as one of them is."""

    args: tuple[Term, ...]
    span: Span | None = _span()


@dataclass(frozen=True)
class Maximum:
    """``max(a, b, ...)``: NULL as soon as one of them is."""

    args: tuple[Term, ...]
    span: Span | None = _span()


@dataclass(frozen=True)
class Absolute:
    """``abs(x)``."""

    operand: Term
    span: Span | None = _span()


@dataclass(frozen=True)
class Coalesce:
    """``coalesce(a, b, ...)``: the first that is not NULL."""

    args: tuple[Term, ...]
    span: Span | None = _span()


@dataclass(frozen=True)
class Case:
    """``case when c then t ... else e end``: the first branch whose condition is TRUE, else NULL."""

    branches: tuple[tuple[Condition, Term], ...]
    otherwise: Term | None = None
    span: Span | None = _span()


@dataclass(frozen=True)
class Shift:
    """``base + n units`` of calendar time (``base - n units`` has a negative amount).

    Months and years keep the day of the month, or take the month's last day where it has fewer.
    Hours, minutes and seconds need a datetime.
    """

    base: Term
    amount: Term
    unit: ShiftUnit
    span: Span | None = _span()


@dataclass(frozen=True)
class DatePart:
    """``year(d)`` and the like. ``weekday`` is ISO's, 1 Monday to 7 Sunday; ``date`` drops the time."""

    part: Part
    operand: Term
    span: Span | None = _span()


@dataclass(frozen=True)
class Length:
    """``length(text)`` in Unicode code points."""

    operand: Term
    span: Span | None = _span()


Term = (
    Literal
    | Quantity
    | ColumnRef
    | Negate
    | Add
    | Subtract
    | Multiply
    | Divide
    | Minimum
    | Maximum
    | Absolute
    | Coalesce
    | Case
    | Shift
    | DatePart
    | Length
)


# Conditions: what is TRUE, FALSE or UNKNOWN. A boolean Literal or ColumnRef is one as well.


@dataclass(frozen=True)
class Compare:
    """``left op right``: UNKNOWN where either is NULL."""

    op: CompareOp
    left: Term
    right: Term
    span: Span | None = _span()


@dataclass(frozen=True)
class Between:
    """``x between lo and hi``, both ends included; also ``x in lo .. hi``."""

    operand: Term
    lo: Term
    hi: Term
    span: Span | None = _span()


@dataclass(frozen=True)
class In:
    """``x in (a, b, ...)`` with constants."""

    operand: Term
    options: tuple[Literal, ...]
    span: Span | None = _span()


@dataclass(frozen=True)
class IsNull:
    """``x is null``: never UNKNOWN."""

    operand: Term
    span: Span | None = _span()


@dataclass(frozen=True)
class Like:
    """SQL's ``x like 'A_%'``: ``_`` is one character, ``%`` any number; the case counts."""

    operand: Term
    pattern: str
    span: Span | None = _span()


@dataclass(frozen=True)
class Matches:
    """``x matching /re/``: the pattern fits the whole value."""

    operand: Term
    pattern: str
    span: Span | None = _span()


@dataclass(frozen=True)
class And:
    """``a and b and ...``, at least two."""

    args: tuple[Condition, ...]
    span: Span | None = _span()


@dataclass(frozen=True)
class Or:
    """``a or b or ...``, at least two."""

    args: tuple[Condition, ...]
    span: Span | None = _span()


@dataclass(frozen=True)
class Not:
    """``not a``."""

    operand: Condition
    span: Span | None = _span()


@dataclass(frozen=True)
class When:
    """``when a then b``: (not a) or b."""

    premise: Condition
    conclusion: Condition
    span: Span | None = _span()


@dataclass(frozen=True)
class Iff:
    """``a iff b``: both TRUE or both FALSE; UNKNOWN where either is."""

    left: Condition
    right: Condition
    span: Span | None = _span()


Condition = (
    Compare
    | Between
    | In
    | IsNull
    | Like
    | Matches
    | And
    | Or
    | Not
    | When
    | Iff
    | ColumnRef
    | Literal
)
Node = Term | Condition


# Rules, tables.


@dataclass(frozen=True)
class RowRule:
    """A condition every row must not make FALSE."""

    name: str
    condition: Condition
    description: str | None = None
    span: Span | None = _span()


@dataclass(frozen=True)
class UniqueRule:
    """No two rows agree on all of ``columns``; rows with a NULL among them are let be.

    A ``primary`` one is the table's key: its columns are never NULL.
    """

    name: str
    columns: tuple[str, ...]
    primary: bool = False
    description: str | None = None
    span: Span | None = _span()


Rule = RowRule | UniqueRule


@dataclass(frozen=True)
class Table:
    """Columns and rules of one table, in the order written."""

    name: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    span: Span | None = _span()

    def column(self, name: str) -> Column:
        """Return the column of that name; KeyError where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(c.name for c in self.columns)

    @property
    def row_rules(self) -> tuple[RowRule, ...]:
        """The rules about one row at a time."""
        return tuple(r for r in self.rules if isinstance(r, RowRule))

    @property
    def unique_rules(self) -> tuple[UniqueRule, ...]:
        """The keys and unique rules."""
        return tuple(r for r in self.rules if isinstance(r, UniqueRule))
