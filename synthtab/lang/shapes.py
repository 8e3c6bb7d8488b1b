"""Hints in Python, what follows ``~`` in the language: ``column(..., hint=normal(50, 10))``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from synthtab.errors import UsageError
from synthtab.hints import (
    Exponential,
    Hint,
    Like,
    Lognormal,
    Normal,
    Poisson,
    Shape,
    Uniform,
    Weights,
)
from synthtab.lang.expr import refuse_float

Number = Decimal | int


def uniform() -> Shape:
    """Every value of the column's range is as likely."""
    return Uniform()


def normal(mean: Number | date, spread: Number | timedelta) -> Shape:
    """A bell around ``mean``; for dates and datetimes the spread is a timedelta."""
    middle = mean if isinstance(mean, date) else _exact(mean)
    return Normal(middle, spread if isinstance(spread, timedelta) else _exact(spread))


def lognormal(mean: Number, spread: Number) -> Shape:
    """Positive numbers with a long tail, of that mean and standard deviation."""
    return Lognormal(_exact(mean), _exact(spread))


def exponential(mean: Number) -> Shape:
    """Numbers from 0 on, each next one less likely."""
    return Exponential(_exact(mean))


def poisson(mean: Number) -> Shape:
    """Counts of what happens ``mean`` times on average."""
    return Poisson(_exact(mean))


def weights(values: Mapping[str, Number] | Mapping[bool, Number]) -> Shape:
    """How often each value of an enum or boolean comes up, in proportion; others do not."""
    return Weights(tuple((value, _exact(weight)) for value, weight in values.items()))


def like(kind: str) -> Shape:
    """Texts that look like the real thing: ``like("email")`` is ``~ like_email``."""
    return Like(kind)


def hint_of(shape: Shape | None, nulls: Number | None) -> Hint | None:
    """Return what a column is declared with; None where nothing is said."""
    if shape is None and nulls is None:
        return None
    return Hint(shape, None if nulls is None else _exact(nulls))


def _exact(number: object) -> Decimal:
    if isinstance(number, float):
        refuse_float(number)
    if isinstance(number, bool) or not isinstance(number, int | Decimal):
        raise UsageError(f"{number!r} is no number for a hint; give an int or a Decimal")
    return Decimal(number)
