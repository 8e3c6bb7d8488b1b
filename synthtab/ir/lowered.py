"""The values that terms lower to, each an integer term and its unit, and their arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from math import gcd, lcm

from synthtab.ir import core, fold, strings
from synthtab.ir.constants import UNIT_SECONDS
from synthtab.ir.nodes import Part, ShiftUnit
from synthtab.ir.strings import Constant, EnumLeaf, StringTerm, TextLeaf
from synthtab.ir.types import type_of_value
from synthtab.schema import (
    DAY_SECONDS,
    BooleanType,
    Column,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
    Value,
    encode_value,
)

UNIT_MONTHS = {"months": 1, "years": 12}


@dataclass(frozen=True)
class Number:
    """``term / denominator``, the denominator above 0."""

    term: core.Term
    denominator: int = 1


@dataclass(frozen=True)
class Days:
    """A date, as a day number."""

    term: core.Term


@dataclass(frozen=True)
class Ticks:
    """A datetime, in ticks of ``resolution`` seconds."""

    term: core.Term
    resolution: int

    @property
    def per_day(self) -> int:
        """Ticks in a day."""
        return DAY_SECONDS // self.resolution


@dataclass(frozen=True)
class Flag:
    """A boolean, 0 or 1."""

    term: core.Term


Lowered = Number | Days | Ticks | Flag | StringTerm


# Leaves


def column(what: Column) -> Lowered:
    """Return a column's value."""
    var = core.Var(what.name)
    match what.type:
        case IntegerType():
            return Number(var)
        case DecimalType(_, scale):
            return Number(var, 10**scale)
        case DateType():
            return Days(var)
        case DatetimeType(resolution):
            return Ticks(var, resolution)
        case BooleanType():
            return Flag(var)
        case EnumType(values):
            return strings.leaf(EnumLeaf(var, values))
        case TextType():
            return strings.leaf(TextLeaf(var))


def constant(value: Value) -> Lowered:
    """Return a constant; a datetime takes the coarsest resolution that holds it."""
    match value:
        case str():
            return strings.leaf(Constant(value))
        case bool():
            return Flag(core.Const(int(value)))
        case int() | Decimal():
            return fraction(Fraction(value))
        case datetime():
            kind = type_of_value(value)
            resolution = getattr(kind, "resolution", 1)
            return Ticks(core.Const(encode_value(DatetimeType(resolution), value)), resolution)
        case date():
            return Days(core.Const(encode_value(DateType(), value)))


def fraction(value: Fraction) -> Number:
    """Return a constant number."""
    return Number(core.Const(value.numerator), value.denominator)


# Numbers


def combine(*parts: tuple[int, Number]) -> Number:
    """Return a sum of multiples of numbers."""
    common = lcm(*(n.denominator for _, n in parts))
    return _reduced(
        fold.linear([(c * (common // n.denominator), n.term) for c, n in parts]), common
    )


def product(left: Number, right: Number) -> Number:
    """Return ``left * right``."""
    term = fold.product(left.term, right.term)
    return _reduced(term, left.denominator * right.denominator)


def quotient(left: Number, right: Number) -> Number:
    """Return ``left / right`` for a constant on the right; NULL if that is zero or NULL."""
    if right.term == fold.NULL or right.term == core.Const(0):
        return Number(fold.NULL)
    if not isinstance(right.term, core.Const):
        raise TypeError(f"{right.term!r} is not a constant")
    inverse = Fraction(right.denominator, right.term.value)
    return product(left, fraction(inverse))


def absolute(number: Number) -> Number:
    """Return ``abs(number)``."""
    positive = fold.compare("<=", core.Const(0), number.term)
    minus = fold.linear([(-1, number.term)])
    return Number(fold.choose([(positive, number.term)], minus), number.denominator)


def _reduced(term: core.Term, denominator: int) -> Number:
    parts, constant_ = fold.as_linear(term)
    common = gcd(denominator, constant_, *(c for c, _ in parts))
    if common == 1:
        return Number(term, denominator)
    divided = fold.linear([(c // common, t) for c, t in parts], constant_ // common)
    return Number(divided, denominator // common)


# Any kind


def difference(left: Lowered, right: Lowered) -> Number:
    """Return ``left - right`` of numbers, or of two dates or datetimes in days."""
    if isinstance(left, Number) and isinstance(right, Number):
        return combine((1, left), (-1, right))
    (first, second), like = _aligned([left, right])
    distance = like(fold.linear([(1, first), (-1, second)]))
    match distance:
        case Days(term):
            return Number(term)
        case Ticks(term):
            return _reduced(term, distance.per_day)
    raise TypeError(f"{left!r} - {right!r}")


def compare(op: str, left: Lowered, right: Lowered, order: tuple[str, ...] = ()) -> core.Cond:
    """Return ``left op right``; ``order`` lists the values of the enum that is compared."""
    if isinstance(left, StringTerm) and isinstance(right, StringTerm):
        return strings.compare(op, left, right, order)
    (first, second), _ = _aligned([left, right])
    return fold.compare(op, first, second)


def member(term: Number | Days | Ticks | Flag, options: Sequence[Lowered]) -> core.Cond:
    """Return ``term in options``, which are constants of its kind."""
    codes = []
    for option in options:
        if isinstance(option, StringTerm) or not isinstance(option.term, core.Const):
            raise TypeError("the options of `in` are constants of the operand's type")
        code = option.term.value * _per_unit(term) / _per_unit(option)
        if code.denominator == 1:  # else it lies between two values the operand can have
            codes.append(int(code))
    return fold.member(term.term, codes)


def is_null(term: Lowered) -> core.Cond:
    """Return ``term is null``."""
    return strings.is_null(term) if isinstance(term, StringTerm) else fold.is_null(term.term)


def extreme(op: str, terms: Sequence[Lowered]) -> Lowered:
    """Return the term that is ``op`` (<= or >=) all others; NULL as soon as one of them is."""
    aligned, like = _aligned(terms)
    branches = [
        (fold.conjunction(fold.compare(op, t, u) for j, u in enumerate(aligned) if j != i), t)
        for i, t in enumerate(aligned)
    ]
    return like(fold.choose(branches, fold.NULL))


def choose(branches: Sequence[tuple[core.Cond, Lowered]], otherwise: Lowered | None) -> Lowered:
    """Return the term of the first branch that is TRUE, else ``otherwise``, or NULL without it."""
    texts = [(c, t) for c, t in branches if isinstance(t, StringTerm)]
    if texts:
        last = otherwise if isinstance(otherwise, StringTerm) else strings.NULL_STRING
        return strings.choose(texts, last)
    terms = [t for _, t in branches] + ([] if otherwise is None else [otherwise])
    aligned, like = _aligned(terms)
    last_term = fold.NULL if otherwise is None else aligned[-1]
    conditions = [c for c, _ in branches]
    return like(fold.choose(zip(conditions, aligned, strict=False), last_term))


def _aligned(terms: Sequence[Lowered]) -> tuple[list[core.Term], Callable[[core.Term], Lowered]]:
    """Bring terms of one kind to one unit; also return what wraps a term of that unit."""
    match terms[0]:
        case Number():
            numbers = [t for t in terms if isinstance(t, Number)]
            common = lcm(*(n.denominator for n in numbers))
            scaled = [fold.linear([(common // n.denominator, n.term)]) for n in numbers]
            return scaled, lambda term: _reduced(term, common)
        case Ticks():
            ticks = [t for t in terms if isinstance(t, Ticks)]
            finest = gcd(*(t.resolution for t in ticks))
            return [refined(t, finest).term for t in ticks], lambda term: Ticks(term, finest)
        case Days():
            return [t.term for t in terms if isinstance(t, Days)], Days
        case Flag():
            return [t.term for t in terms if isinstance(t, Flag)], Flag
    raise TypeError(f"{terms[0]!r} has no integer")


def _per_unit(term: Lowered) -> Fraction:
    match term:
        case Number(_, denominator):
            return Fraction(denominator)
        case Ticks(_, resolution):
            return Fraction(1, resolution)
    return Fraction(1)


# Time


def refined(term: Ticks, resolution: int) -> Ticks:
    """Return the same datetime in finer ticks."""
    return Ticks(fold.linear([(term.resolution // resolution, term.term)]), resolution)


def shift(base: Lowered, amount: Number, unit: ShiftUnit) -> Lowered:
    """Return a date or datetime moved by a whole number of units."""
    steps = fold.floor_div(amount.term, amount.denominator)
    if unit in UNIT_MONTHS:
        months = fold.linear([(UNIT_MONTHS[unit], steps)])
        match base:
            case Days(term):
                return Days(fold.add_months(term, months, 1))
            case Ticks(term, resolution):
                return Ticks(fold.add_months(term, months, base.per_day), resolution)
    seconds = UNIT_SECONDS[unit]
    match base:
        case Days(term):
            return Days(fold.linear([(1, term), (seconds // DAY_SECONDS, steps)]))
        case Ticks(_, resolution):
            fine = refined(base, gcd(resolution, seconds))
            moved = fold.linear([(1, fine.term), (seconds // fine.resolution, steps)])
            return Ticks(moved, fine.resolution)
    raise TypeError(f"{base!r} is not a date or datetime")


def part(name: Part, operand: Lowered) -> Lowered:
    """Return a part of a date or datetime."""
    match operand:
        case Days(days):
            pass
        case Ticks(term):
            if name in ("hour", "minute", "second"):
                return Number(_clock(name, operand))
            days = fold.floor_div(term, operand.per_day)
        case _:
            raise TypeError(f"{operand!r} is not a date or datetime")
    return Days(days) if name == "date" else Number(fold.calendar_part(name, days))


def _clock(name: str, time: Ticks) -> core.Term:
    """Return the hour, minute or second: whole units, less those in whole units of the next."""
    seconds, in_next = {"hour": (3600, 24), "minute": (60, 60), "second": (1, 60)}[name]
    if time.resolution > seconds:
        return fold.linear([(0, time.term)])
    whole = fold.floor_div(time.term, seconds // time.resolution)
    larger = fold.floor_div(time.term, seconds * in_next // time.resolution)
    return fold.linear([(1, whole), (-in_next, larger)])
