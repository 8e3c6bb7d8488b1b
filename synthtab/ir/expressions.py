"""Terms and conditions as written: one frozen dataclass per construct of the language.

Everybody else takes them from ir/nodes.py, which adds rules and tables. ``span`` never takes part
in comparison: two terms that say the same are equal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal as OneOf

from synthtab.diagnostics import Span
from synthtab.schema import Value

CompareOp = OneOf["=", "!=", "<", "<=", ">", ">="]
ShiftUnit = OneOf["days", "weeks", "months", "years", "hours", "minutes", "seconds"]
SpanUnit = OneOf["weeks", "days", "hours", "minutes", "seconds"]
Part = OneOf["year", "quarter", "month", "day", "weekday", "hour", "minute", "second", "date"]


@dataclass(frozen=True)
class Spanned:
    """What knows where it was written."""

    span: Span | None = field(default=None, compare=False, repr=False, kw_only=True)


# Terms: what has a value.


@dataclass(frozen=True)
class Literal(Spanned):
    """A constant: int, Decimal, date, datetime, bool or str; ``constant`` is its name, if any."""

    value: Value
    constant: str | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Quantity(Spanned):
    """A fixed length of time such as ``30 days``; as a number it is counted in days, exactly."""

    amount: int
    unit: SpanUnit
    constant: str | None = field(default=None, compare=False)


@dataclass(frozen=True)
class ColumnRef(Spanned):
    """The value of a column of the row at hand; a boolean one is a condition too."""

    name: str


@dataclass(frozen=True)
class Negate(Spanned):
    """``-x``."""

    operand: Term


@dataclass(frozen=True)
class Add(Spanned):
    """``left + right`` of numbers."""

    left: Term
    right: Term


@dataclass(frozen=True)
class Subtract(Spanned):
    """``left - right`` of numbers, or of two dates or two datetimes: their distance in days."""

    left: Term
    right: Term


@dataclass(frozen=True)
class Multiply(Spanned):
    """``left * right`` of numbers."""

    left: Term
    right: Term


@dataclass(frozen=True)
class Divide(Spanned):
    """``left / right``, exact; ``right`` is a constant. Division by zero is NULL."""

    left: Term
    right: Term


@dataclass(frozen=True)
class Minimum(Spanned):
    """``min(a, b, ...)``: NULL as soon as one of them is."""

    args: tuple[Term, ...]


@dataclass(frozen=True)
class Maximum(Spanned):
    """``max(a, b, ...)``: NULL as soon as one of them is."""

    args: tuple[Term, ...]


@dataclass(frozen=True)
class Absolute(Spanned):
    """``abs(x)``."""

    operand: Term


@dataclass(frozen=True)
class Coalesce(Spanned):
    """``coalesce(a, b, ...)``: the first that is not NULL."""

    args: tuple[Term, ...]


@dataclass(frozen=True)
class Case(Spanned):
    """``case when c then t ... else e end``: the first branch that is TRUE, else NULL."""

    branches: tuple[tuple[Condition, Term], ...]
    otherwise: Term | None = None


@dataclass(frozen=True)
class Shift(Spanned):
    """``base + n units`` of calendar time (``base - n units`` has a negative amount).

    Months and years keep the day of the month, or take the month's last day where it has fewer.
    Hours, minutes and seconds need a datetime.
    """

    base: Term
    amount: Term
    unit: ShiftUnit


@dataclass(frozen=True)
class DatePart(Spanned):
    """``year(d)`` and the like.

    ``weekday`` is ISO's, 1 Monday to 7 Sunday; ``date`` drops the time.
    """

    part: Part
    operand: Term


@dataclass(frozen=True)
class Length(Spanned):
    """``length(text)`` in Unicode code points."""

    operand: Term


# Terms that look beyond the row at hand. They are columns of its context: ir/context.py computes
# them for a whole table, and after that a rule with them is a row rule like any other.


@dataclass(frozen=True)
class ParentRef(Spanned):
    """``account.status``: a column of the row a reference leads to; NULL where it leads nowhere.

    ``path`` names the references to follow, each by the name of a referring column or, where only
    one reference leads there, of the table referred to.
    """

    path: tuple[str, ...]
    column: str


@dataclass(frozen=True)
class Aggregate(Spanned):
    """A figure over a group of rows, for each row: ``sum(salary where active) per dept_id``.

    With ``of``, the group is the rows of that table that refer to this one: ``count(of line)``, 0
    where there are none. Otherwise it is the rows of this table that agree on ``per`` (all of them
    where ``per`` is empty), and a row with a NULL among ``per`` has none: NULL. NULL operands are
    left out, as in SQL; over nothing ``count`` is 0 and the others are NULL. ``avg`` is exact.
    Where several references lead from ``of`` to this table, ``via`` says which, as a path would.
    """

    function: OneOf["count", "sum", "min", "max", "avg"]
    operand: Term | None = None
    distinct: bool = False
    where: Condition | None = None
    of: str | None = None
    per: tuple[str, ...] = ()
    via: str | None = None


@dataclass(frozen=True)
class Previous(Spanned):
    """``previous(x, start) per g ordered by t``: x of the row before, ``start`` (or NULL) at first.

    The row before is the one before in the group of rows that agree on ``per``, ordered by
    ``order``, whose values must tell the rows of a group apart.
    """

    operand: Term
    start: Term | None = None
    per: tuple[str, ...] = ()
    order: tuple[str, ...] = ()


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
    | ParentRef
    | Aggregate
    | Previous
)


# Conditions: what is TRUE, FALSE or UNKNOWN. A boolean Literal or ColumnRef is one as well.


@dataclass(frozen=True)
class Compare(Spanned):
    """``left op right``: UNKNOWN where either is NULL."""

    op: CompareOp
    left: Term
    right: Term


@dataclass(frozen=True)
class Between(Spanned):
    """``x between lo and hi``, both ends included; also ``x in lo .. hi``."""

    operand: Term
    lo: Term
    hi: Term


@dataclass(frozen=True)
class In(Spanned):
    """``x in (a, b, ...)`` with constants."""

    operand: Term
    options: tuple[Literal, ...]


@dataclass(frozen=True)
class IsNull(Spanned):
    """``x is null``: never UNKNOWN."""

    operand: Term


@dataclass(frozen=True)
class Like(Spanned):
    """SQL's ``x like 'A_%'``: ``_`` is one character, ``%`` any number; the case counts."""

    operand: Term
    pattern: str


@dataclass(frozen=True)
class Matches(Spanned):
    """``x matching /re/``: the pattern fits the whole value."""

    operand: Term
    pattern: str


@dataclass(frozen=True)
class And(Spanned):
    """``a and b and ...``, at least two."""

    args: tuple[Condition, ...]


@dataclass(frozen=True)
class Or(Spanned):
    """``a or b or ...``, at least two."""

    args: tuple[Condition, ...]


@dataclass(frozen=True)
class Not(Spanned):
    """``not a``."""

    operand: Condition


@dataclass(frozen=True)
class When(Spanned):
    """``when a then b``: (not a) or b."""

    premise: Condition
    conclusion: Condition


@dataclass(frozen=True)
class Iff(Spanned):
    """``a iff b``: both TRUE or both FALSE; UNKNOWN where either is."""

    left: Condition
    right: Condition


@dataclass(frozen=True)
class Increasing(Spanned):
    """``increasing(x) per g ordered by t``: x is more than in the row before (or not less)."""

    operand: Term
    strict: bool = True
    per: tuple[str, ...] = ()
    order: tuple[str, ...] = ()


@dataclass(frozen=True)
class GapFree(Spanned):
    """``gap_free(x, 1) per g``: the group's values of x are start, start + 1, ... without a gap.

    ``constant`` is the name that the start was given by, if any.
    """

    operand: Term
    start: int = 1
    per: tuple[str, ...] = ()
    constant: str | None = field(default=None, compare=False)


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
    | Increasing
    | GapFree
    | ColumnRef
    | Literal
)
Node = Term | Condition
