"""The lowered form of row rules: integer terms over codes, three-valued conditions.

ir/normalise.py makes it from ir/nodes.py; ``vector``, ``smt`` and the Plan work on it. Every term
is an exact integer (or NULL): fractions are gone, both sides of a comparison having been brought to
a common denominator. A strict term is NULL where one of its operands is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal as OneOf


@dataclass(frozen=True)
class Var:
    """The code of a column (or of a hidden column of a Plan)."""

    name: str


@dataclass(frozen=True)
class Const:
    """An integer."""

    value: int


@dataclass(frozen=True)
class Null:
    """The term that is always NULL."""


@dataclass(frozen=True)
class Sum:
    """``constant + sum(coefficient * term)``; coefficients are not 0."""

    parts: tuple[tuple[int, Term], ...]
    constant: int = 0


@dataclass(frozen=True)
class Product:
    """``left * right`` where neither is constant: opaque to the solver."""

    left: Term
    right: Term


@dataclass(frozen=True)
class FloorDiv:
    """``floor(operand / divisor)`` with a positive constant divisor."""

    operand: Term
    divisor: int


@dataclass(frozen=True)
class AddMonths:
    """``base`` moved by ``months`` calendar months, the day clamped to the month's end.

    ``base`` counts ticks, ``per_day`` of them a day.
    """

    base: Term
    months: Term
    per_day: int = 1


@dataclass(frozen=True)
class CalendarPart:
    """Year, quarter, month, day of month or ISO weekday (1..7) of a day number."""

    part: OneOf["year", "quarter", "month", "day", "weekday"]
    days: Term


@dataclass(frozen=True)
class TextLength:
    """Length in code points of a text column's value."""

    var: Var


@dataclass(frozen=True)
class Ite:
    """The term of the first branch whose condition is TRUE, else ``otherwise``."""

    branches: tuple[tuple[Cond, Term], ...]
    otherwise: Term


Term = Var | Const | Null | Sum | Product | FloorDiv | AddMonths | CalendarPart | TextLength | Ite


@dataclass(frozen=True)
class Truth:
    """TRUE, FALSE, or UNKNOWN (None)."""

    value: bool | None


@dataclass(frozen=True)
class Cmp:
    """``left op right``, UNKNOWN where either is NULL."""

    op: OneOf["=", "<", "<="]
    left: Term
    right: Term


@dataclass(frozen=True)
class InSet:
    """``term`` is one of ``values`` (sorted, distinct), UNKNOWN where it is NULL."""

    term: Term
    values: tuple[int, ...]


@dataclass(frozen=True)
class IsNull:
    """The term is NULL; two-valued."""

    term: Term


@dataclass(frozen=True)
class IsTrue:
    """The condition is TRUE (not UNKNOWN); two-valued."""

    cond: Cond


@dataclass(frozen=True)
class TextIs:
    """A text column's value is ``text``; UNKNOWN where it is NULL."""

    var: Var
    text: str


@dataclass(frozen=True)
class TextMatch:
    """A text column's value matches ``pattern`` whole; UNKNOWN where it is NULL."""

    var: Var
    pattern: str


@dataclass(frozen=True)
class And:
    """Three-valued and."""

    args: tuple[Cond, ...]


@dataclass(frozen=True)
class Or:
    """Three-valued or."""

    args: tuple[Cond, ...]


@dataclass(frozen=True)
class Not:
    """Three-valued not."""

    cond: Cond


Cond = Truth | Cmp | InSet | IsNull | IsTrue | TextIs | TextMatch | And | Or | Not
