"""Sound bounds of lowered terms, in Python ints.

Used to prove that int64 arithmetic cannot overflow, and to give opaque terms a range.
"""

from __future__ import annotations

from collections.abc import Mapping

from synthtab.ir import core
from synthtab.ir.calendar import add_months, civil_from_days
from synthtab.schema import INT64_MAX

Interval = tuple[int, int]

_PART_RANGE = {"quarter": (1, 4), "month": (1, 12), "day": (1, 31), "weekday": (1, 7)}
# The calendar adds at most this many days to a day number on its way to a result.
CALENDAR_SLACK = 1_000_000


def bounds(
    term: core.Term,
    domains: Mapping[str, Interval],
    lengths: Mapping[str, int] | None = None,
) -> Interval:
    """Return (lo, hi) such that the term, where it is not NULL, lies between, ends included.

    ``domains`` gives each variable's least and greatest code; ``lengths`` the greatest length of a
    text variable (INT64_MAX where not given). A term that is always NULL gives (0, 0). Raises
    KeyError for a variable without a domain.
    """
    return _bounds(term, domains, lengths or {}) or (0, 0)


def _bounds(
    term: core.Term, domains: Mapping[str, Interval], lengths: Mapping[str, int]
) -> Interval | None:
    """Return the bounds, or None for a term that is always NULL."""

    def of(inner: core.Term) -> Interval | None:
        return _bounds(inner, domains, lengths)

    match term:
        case core.Var(name):
            return domains[name]
        case core.Const(value):
            return value, value
        case core.Null():
            return None
        case core.TextLength(var):
            return 0, lengths.get(var.name, INT64_MAX)
        case core.Ite(branches, otherwise):
            ends = [of(t) for _, t in branches] + [of(otherwise)]
            known = [e for e in ends if e is not None]
            if not known:
                return None
            return min(lo for lo, _ in known), max(hi for _, hi in known)
        case core.Sum(parts, constant):
            low = high = constant
            for coefficient, part in parts:
                inner = of(part)
                if inner is None:
                    return None
                ends_ = coefficient * inner[0], coefficient * inner[1]
                low, high = low + min(ends_), high + max(ends_)
            return low, high
        case core.FloorDiv(operand, divisor):
            inner = of(operand)
            return inner and (inner[0] // divisor, inner[1] // divisor)
        case core.CalendarPart(part, days):
            inner = of(days)
            return inner and _part_bounds(part, inner)
        case core.Product(left, right):
            first, second = of(left), of(right)
            if first is None or second is None:
                return None
            corners = [a * b for a in first for b in second]
            return min(corners), max(corners)
        case core.AddMonths(base, months, per_day):
            first, second = of(base), of(months)
            if first is None or second is None:
                return None
            # Clamping makes ticks within a day lose their order, so whole days are bounded.
            lowest = add_months(first[0] // per_day, second[0]) * per_day
            highest = add_months(first[1] // per_day, second[1]) * per_day + per_day - 1
            return lowest, highest


def _part_bounds(part: str, days: Interval) -> Interval:
    (first_year, first_month, _), (last_year, last_month, _) = map(civil_from_days, days)
    if part == "year":
        return first_year, last_year
    if first_year == last_year and part == "month":
        return first_month, last_month
    if first_year == last_year and part == "quarter":
        return (first_month + 2) // 3, (last_month + 2) // 3
    return _PART_RANGE[part]
