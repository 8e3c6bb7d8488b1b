"""Smart constructors of lowered terms and conditions: they fold constants and keep normal forms.

Nothing is folded at the price of a NULL: ``0 * x`` is still NULL where ``x`` is.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import gcd

from synthtab.ir import core
from synthtab.ir.calendar import add_months as _add_months
from synthtab.ir.calendar import civil_from_days, weekday

TRUE, FALSE, UNKNOWN = core.Truth(True), core.Truth(False), core.Truth(None)
NULL = core.Null()


# Terms


def linear(parts: Iterable[tuple[int, core.Term]], constant: int = 0) -> core.Term:
    """Return ``constant + sum(coefficient * term)``, with nested sums merged."""
    merged, constant = _merge(parts, constant)
    if NULL in merged:
        return NULL
    kept = tuple((c, t) for t, c in merged.items() if c)
    if not kept:
        total: core.Term = core.Const(constant)
    elif len(kept) == 1 and kept[0][0] == 1 and not constant:
        total = kept[0][1]
    else:
        total = core.Sum(kept, constant)
    return choose([(_any_null(t for t, c in merged.items() if not c), NULL)], total)


def _merge(
    parts: Iterable[tuple[int, core.Term]], constant: int
) -> tuple[dict[core.Term, int], int]:
    """Return the coefficient of each term, 0 where they cancel out, and the constant."""
    merged: dict[core.Term, int] = {}
    for coefficient, term in parts:
        inner, extra = as_linear(term)
        constant += coefficient * extra
        for inner_coefficient, part in inner:
            merged[part] = merged.get(part, 0) + coefficient * inner_coefficient
    return merged, constant


def as_linear(term: core.Term) -> tuple[tuple[tuple[int, core.Term], ...], int]:
    """Return (parts, constant) of any term; the inverse of :func:`linear`."""
    match term:
        case core.Const(value):
            return (), value
        case core.Sum(parts, constant):
            return parts, constant
    return ((1, term),), 0


def product(left: core.Term, right: core.Term) -> core.Term:
    """Return ``left * right``: constant factors are taken out, factors have a fixed order."""
    (left_parts, left_extra), (right_parts, right_extra) = as_linear(left), as_linear(right)
    if not left_parts:
        return linear([(left_extra, right)])
    if not right_parts:
        return linear([(right_extra, left)])
    if NULL in (left, right):
        return NULL
    content, factors = 1, []
    for parts, extra in ((left_parts, left_extra), (right_parts, right_extra)):
        common = gcd(extra, *(c for c, _ in parts))
        content *= common
        factors.append(linear([(c // common, t) for c, t in parts], extra // common))
    first, second = sorted(factors, key=repr)
    return linear([(content, core.Product(first, second))])


def floor_div(operand: core.Term, divisor: int) -> core.Term:
    """Return ``floor(operand / divisor)`` for a divisor above 0."""
    parts, constant = as_linear(operand)
    if all(c % divisor == 0 for c, _ in parts):
        return linear([(c // divisor, t) for c, t in parts], constant // divisor)
    if isinstance(operand, core.FloorDiv):
        return core.FloorDiv(operand.operand, operand.divisor * divisor)
    return core.FloorDiv(operand, divisor)


def add_months(base: core.Term, months: core.Term, per_day: int) -> core.Term:
    """Return ``base`` ticks moved by calendar months."""
    if NULL in (base, months):
        return NULL
    if isinstance(base, core.Const) and isinstance(months, core.Const):
        day, rest = divmod(base.value, per_day)
        return core.Const(_add_months(day, months.value) * per_day + rest)
    if months == core.Const(0):
        return base
    return core.AddMonths(base, months, per_day)


def calendar_part(part: str, days: core.Term) -> core.Term:
    """Return a part (year, quarter, month, day, weekday) of a day number."""
    if days == NULL:
        return NULL
    if isinstance(days, core.Const):
        year, month, day = civil_from_days(days.value)
        known = {"year": year, "month": month, "day": day, "quarter": (month + 2) // 3}
        return core.Const(weekday(days.value) if part == "weekday" else known[part])
    return core.CalendarPart(part, days)  # type: ignore[arg-type]


def choose(branches: Iterable[tuple[core.Cond, core.Term]], otherwise: core.Term) -> core.Term:
    """Return the term of the first branch that is TRUE, else ``otherwise``."""
    kept = []
    for condition, term in branches:
        if isinstance(condition, core.Truth) and condition.value is not True:
            continue
        if condition == TRUE:
            otherwise = term
            break
        kept.append((condition, term))
    while kept and kept[-1][1] == otherwise:
        kept.pop()
    return core.Ite(tuple(kept), otherwise) if kept else otherwise


# Conditions


def compare(op: str, left: core.Term, right: core.Term) -> core.Cond:
    """Return ``left op right`` for =, !=, <, <=, >, >=, brought to a normal form.

    What is subtracted goes to the other side, common factors are divided out, and a comparison with
    a constant is = or <=.
    """
    if op == "!=":
        return negation(compare("=", left, right))
    if op in (">", ">="):
        return compare("<" if op == ">" else "<=", right, left)
    (left_guard, left), (right_guard, right) = _unguarded(left), _unguarded(right)
    merged, constant = _merge([(1, left), (-1, right)], 0)
    if NULL in merged:
        return UNKNOWN
    kept = [(c, t) for t, c in merged.items() if c]
    lost = _any_null(t for t, c in merged.items() if not c)
    guard = disjunction([left_guard, right_guard, lost])
    return unless(guard, _against_zero(op, kept, constant))


def _unguarded(term: core.Term) -> tuple[core.Cond, core.Term]:
    """Split ``case when guard then NULL else term end``, the form that ``0 * x`` has."""
    match term:
        case core.Ite(((guard, core.Null()),), otherwise):
            return is_true(guard), otherwise
    return FALSE, term


def _against_zero(op: str, parts: list[tuple[int, core.Term]], constant: int) -> core.Cond:
    """Return ``sum(parts) + constant op 0``; coefficients are not 0."""
    if not parts:
        return core.Truth({"=": constant == 0, "<": constant < 0, "<=": constant <= 0}[op])
    common = gcd(*(c for c, _ in parts))
    if op == "=" and constant % common:
        return unless(_any_null(t for _, t in parts), FALSE)
    # With whole numbers, common * total < n is total <= floor((n - 1) / common).
    limit = (-constant - (op == "<")) // common
    left = [(c // common, t) for c, t in parts if c > 0]
    right = [(-c // common, t) for c, t in parts if c < 0]
    if op == "=":
        if not left:
            left, right, limit = right, left, -limit
        return core.Cmp("=", linear(left), linear(right, limit))
    if not left:
        return core.Cmp("<=", core.Const(-limit), linear(right))
    if right and limit == -1:
        return core.Cmp("<", linear(left), linear(right))
    return core.Cmp("<=", linear(left), linear(right, limit))


def member(term: core.Term, values: Iterable[int]) -> core.Cond:
    """Return ``term in values``."""
    if term == NULL:
        return UNKNOWN
    options = sorted(set(values))
    parts, constant = as_linear(term)
    if not parts:
        return core.Truth(constant in options)
    if len(parts) == 1:
        coefficient, term = parts[0]
        options = sorted(
            (v - constant) // coefficient for v in options if (v - constant) % coefficient == 0
        )
    if not options:
        return unless(is_null(term), FALSE)
    if len(options) == 1:
        return compare("=", term, core.Const(options[0]))
    return core.InSet(term, tuple(options))


def is_null(term: core.Term) -> core.Cond:
    """Return ``term is null``, asked of the variables where the term is strict."""
    match term:
        case core.Const():
            return FALSE
        case core.Null():
            return TRUE
        case core.Sum(parts):
            return _any_null(t for _, t in parts)
        case core.Product(left, right) | core.AddMonths(left, right):
            return _any_null([left, right])
        case core.FloorDiv(operand) | core.CalendarPart(_, operand) | core.TextLength(operand):
            return is_null(operand)
        case core.Ite(branches, otherwise):
            ends = {is_null(t) for t in (*(t for _, t in branches), otherwise)}
            return ends.pop() if len(ends) == 1 and ends <= {TRUE, FALSE} else core.IsNull(term)
    return core.IsNull(term)


def _any_null(terms: Iterable[core.Term]) -> core.Cond:
    return disjunction(is_null(t) for t in terms)


def is_true(cond: core.Cond) -> core.Cond:
    """Return the two-valued ``cond is true``."""
    if isinstance(cond, core.Truth):
        return core.Truth(cond.value is True)
    return cond if two_valued(cond) else core.IsTrue(cond)


def two_valued(cond: core.Cond) -> bool:
    """Say whether the condition's form shows that it is never UNKNOWN."""
    match cond:
        case core.Truth(value):
            return value is not None
        case core.IsNull() | core.IsTrue():
            return True
        case core.And(args) | core.Or(args):
            return all(map(two_valued, args))
        case core.Not(inner):
            return two_valued(inner)
    return False


def unless(guard: core.Cond, cond: core.Cond) -> core.Cond:
    """Return ``cond``, but UNKNOWN where the two-valued ``guard`` is TRUE."""
    if cond == FALSE:
        return conjunction([guard, UNKNOWN])
    if cond == TRUE:
        return disjunction([negation(guard), UNKNOWN])
    return conjunction([disjunction([cond, guard]), disjunction([negation(guard), UNKNOWN])])


def conjunction(args: Iterable[core.Cond]) -> core.Cond:
    """Return the three-valued and of any number of conditions, flattened."""
    kept: dict[core.Cond, None] = {}
    for arg in args:
        if arg == FALSE:
            return FALSE
        if arg != TRUE:
            kept.update(dict.fromkeys(arg.args if isinstance(arg, core.And) else [arg]))
    if len(kept) < 2:
        return next(iter(kept), TRUE)
    return core.And(tuple(kept))


def disjunction(args: Iterable[core.Cond]) -> core.Cond:
    """Return the three-valued or of any number of conditions, flattened."""
    kept: dict[core.Cond, None] = {}
    for arg in args:
        if arg == TRUE:
            return TRUE
        if arg != FALSE:
            kept.update(dict.fromkeys(arg.args if isinstance(arg, core.Or) else [arg]))
    if len(kept) < 2:
        return next(iter(kept), FALSE)
    return core.Or(tuple(kept))


def negation(cond: core.Cond) -> core.Cond:
    """Return the three-valued not."""
    match cond:
        case core.Truth(value):
            return core.Truth(None if value is None else not value)
        case core.Not(inner):
            return inner
    return core.Not(cond)


def both_or_neither(left: core.Cond, right: core.Cond) -> core.Cond:
    """Return ``left iff right``, UNKNOWN where either is."""
    return disjunction([conjunction([left, right]), conjunction([negation(left), negation(right)])])
