"""How likely each code of a column is before any rule is asked, and draws within what rules leave.

A density is public knowledge: the column's range, or the shape a rules file declares for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import erf, exp, lgamma, log, log1p, sqrt
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Codes
from synthtab.hints import Exponential, Lognormal, Normal, Poisson, Shape, Weights
from synthtab.schema import (
    BooleanType,
    Column,
    DatetimeType,
    DecimalType,
    EnumType,
    encode_value,
)
from synthtab.solver.feasible import Feasible
from synthtab.solver.vary import window

Floats = NDArray[np.float64]

# The share of all probability that is left for values one would not choose: they come up where
# rules leave nothing else.
RARE = 1e-9
# A curve is drawn through so many points at most, spread over so many standard deviations.
_POINTS, _REACH = 4_096, 8.0
# From here on a Poisson distribution is a normal one to the eye.
_MANY = 10_000
# Codes beyond these are not added to.
_FAR, _END = 2**61, 2**63 - 1
# The greatest float below 2**63.
_TOP = float(np.nextafter(2.0**63, 0))


class Density(Protocol):
    """A distribution over the codes of a column."""

    def draw(
        self, allowed: Feasible, rng: np.random.Generator, least_of: Codes | None = None
    ) -> tuple[Codes, Floats]:
        """Draw a code (R,) from each row's set, NULL aside, as the density has it there.

        The second is the set's probability (R,), 0 where it is empty; the code then is 0. With
        ``least_of`` (R,) a code is the least of so many draws.
        """


@dataclass(frozen=True)
class Even:
    """The codes ``lo`` to ``hi`` all alike; where none of them is left, any others.

    Those nearest to the range come first, a stretch as long as it is. Of them a row's set counts
    for as many as it has, as if they were within the range: that one looks at numbers up to 10,000
    first says nothing against 12,000.
    """

    lo: int
    hi: int

    def draw(
        self, allowed: Feasible, rng: np.random.Generator, least_of: Codes | None = None
    ) -> tuple[Codes, Floats]:
        """Draw as :class:`Density` says."""
        whole = max(1.0, float(self.hi) - self.lo + 1)
        inside = allowed.within(self.lo, self.hi)
        many = inside.sizes().sum(axis=1)
        codes = inside.uniform(rng, least_of)[0]
        others = np.flatnonzero((many == 0) & (allowed.lo <= allowed.hi).any(axis=1))
        if len(others):
            rest = self._nearest(allowed.take(others))
            least = None if least_of is None else least_of[others]
            codes[others], many[others] = rest.uniform(rng, least)[0], rest.sizes().sum(axis=1)
        return codes, np.minimum(many / whole, 1.0)

    def _nearest(self, beyond: Feasible) -> Feasible:
        """Return of sets that lie beyond the range, and are not empty, what is nearest to it."""
        some = beyond.lo <= beyond.hi
        above = np.where(some & (beyond.lo > self.hi), beyond.lo, _FAR).min(axis=1)
        below = np.where(some & (beyond.hi < self.lo), beyond.hi, -_FAR).max(axis=1)
        up = above.astype(float) - self.hi <= float(self.lo) - below
        near, size = np.where(up, above, below), min(self.hi - self.lo, _FAR)
        first, last = np.where(up, near, near - size), np.where(up, near + size, near)
        far = np.abs(near) >= _FAR  # here codes are not added up
        first, last = np.where(far, -_END, first), np.where(far, _END, last)
        return beyond.within(first[:, None], last[:, None])


@dataclass(frozen=True)
class Curve:
    """A distribution function in straight pieces.

    ``rise`` (k,) is the probability of all codes below ``edges`` (k,), from 0 to 1; ``size`` is the
    number of codes there are.
    """

    edges: Floats
    rise: Floats
    size: float

    def draw(
        self, allowed: Feasible, rng: np.random.Generator, least_of: Codes | None = None
    ) -> tuple[Codes, Floats]:
        """Draw as :class:`Density` says."""
        below = np.interp(allowed.lo.astype(float), self.edges, self.rise)
        above = np.interp(allowed.hi.astype(float) + 1.0, self.edges, self.rise)
        masses = np.where(allowed.lo <= allowed.hi, above - below, 0.0)
        ladder = masses.cumsum(axis=1)
        rows = np.arange(len(allowed))
        share = rng.random(len(allowed))
        if least_of is not None:
            share = -np.expm1(np.log1p(-share) / np.maximum(least_of, 1))
        target = share * ladder[:, -1]
        piece = (ladder > target[:, None]).argmax(axis=1)
        lo, hi = allowed.lo[rows, piece], allowed.hi[rows, piece]
        left = below[rows, piece] + (target - ladder[rows, piece] + masses[rows, piece])
        place = np.floor(np.interp(left, self.rise, self.edges))
        codes = np.clip(np.clip(place, -_TOP, _TOP).astype(np.int64), lo, np.maximum(lo, hi))
        codes -= (codes - lo) % allowed.stride
        return _in_need(allowed, codes, ladder[:, -1] / allowed.stride, self.size, rng)


def _in_need(
    allowed: Feasible, codes: Codes, mass: Floats, size: float, rng: np.random.Generator
) -> tuple[Codes, Floats]:
    """Draw evenly where none of the values one would choose is left."""
    many = allowed.sizes().sum(axis=1)
    spare = RARE * many / max(size, 1.0)
    need = (mass <= spare) & (many > 0)
    if need.any():
        others = np.flatnonzero(need)
        codes[others] = allowed.take(others).uniform(rng)[0]
    return np.where(many > 0, codes, 0), np.where(many > 0, np.maximum(mass, spare), 0.0)


def density(column: Column, lo: int, hi: int) -> Density:
    """Return the density of a column, no text, whose codes go from ``lo`` to ``hi``.

    Without a hint that is an even one: over the range, or a stretch of it of a size that people
    read where an end is not declared.
    """
    size = float(hi) - float(lo) + 1.0
    shape = None if column.hint is None else column.hint.shape
    if shape is not None:
        made = _curve(shape, column, lo, hi, size)
        return made or Even(lo, hi)
    first, last = window(column)
    first, last = max(first, lo), min(last, hi)
    return Even(first, last) if first <= last else Even(lo, hi)


def _curve(shape: Shape, column: Column, lo: int, hi: int, size: float) -> Curve | None:
    """Return the curve of a shape within a range; None for an even one, or where it is empty."""
    if isinstance(shape, Weights):
        return _weighted(shape, column, lo, hi)
    drawn = _distribution(shape, column)
    if drawn is None:
        return None
    below, points = drawn
    if size <= _POINTS:
        edges = np.arange(lo, hi + 2, dtype=float)
    else:
        inner = np.unique(np.floor(points))
        inner = inner[(inner > lo) & (inner <= hi)]
        edges = np.concatenate([[float(lo)], inner, [float(hi) + 1.0]])
    # A code stands for the stretch half a step around it.
    rise = np.maximum.accumulate([below(e - 0.5) for e in edges])
    whole = rise[-1] - rise[0]
    return Curve(edges, (rise - rise[0]) / whole, size) if whole > RARE else None


def _weighted(shape: Weights, column: Column, lo: int, hi: int) -> Curve | None:
    kind = column.type
    assert isinstance(kind, EnumType | BooleanType)
    edges = np.arange(lo, hi + 2, dtype=float)
    each = np.zeros(hi - lo + 1)
    for value, weight in shape.pairs:
        code = encode_value(kind, value)
        if lo <= code <= hi:
            each[code - lo] = float(weight)
    rise = np.concatenate([[0.0], each.cumsum()])
    return Curve(edges, rise / rise[-1], float(len(each))) if rise[-1] > 0 else None


def _distribution(
    shape: Shape, column: Column
) -> tuple[Callable[[float], float], NDArray[np.float64]] | None:
    """Return a distribution function over codes, and points where it is worth looking at."""
    kind = column.type
    unit = float(10**kind.scale) if isinstance(kind, DecimalType) else 1.0
    grid = np.linspace(-_REACH, _REACH, _POINTS)
    match shape:
        case Normal(mean, spread):
            middle, width = _codes(mean, spread, column, unit)
            return (lambda x: _normal((x - middle) / width)), middle + width * grid
        case Lognormal(mean, spread):
            ratio = float(spread / mean)
            width = sqrt(log1p(ratio * ratio))
            middle = log(float(mean) * unit) - width * width / 2
            tail = np.exp(np.minimum(middle + width * grid, 700.0))
            return (lambda x: _normal((log(x) - middle) / width) if x > 0 else 0.0), tail
        case Exponential(mean):
            # Over whole codes that is a geometric distribution of the same mean.
            scale = 1 / log1p(1 / (float(mean) * unit))
            near = -np.log1p(-np.linspace(0, 1, _POINTS, endpoint=False)) * scale
            tail = np.concatenate([near, scale * np.linspace(_REACH, 40, 256)])
            return (lambda x: 1 - exp(-(x + 0.5) / scale) if x > -0.5 else 0.0), tail
        case Poisson(mean):
            rate = float(mean)
            if rate > _MANY:
                width = sqrt(rate)
                return (lambda x: _normal((x - rate) / width)), rate + width * grid
            return _poisson(rate)
        case _:
            return None


def _codes(
    mean: Decimal | date, spread: Decimal | timedelta, column: Column, unit: float
) -> tuple[float, float]:
    """Return a normal distribution's mean and standard deviation in codes."""
    if isinstance(mean, date) and isinstance(spread, timedelta):
        kind = column.type
        tick = kind.resolution if isinstance(kind, DatetimeType) else 86_400
        if isinstance(mean, datetime):
            middle = (mean - datetime(1970, 1, 1)) / timedelta(seconds=tick)
        else:
            middle = float(encode_value(kind, mean))
        return middle, spread / timedelta(seconds=tick)
    assert isinstance(mean, Decimal)
    assert isinstance(spread, Decimal)
    return float(mean) * unit, float(spread) * unit


def _normal(x: float) -> float:
    return 0.5 * (1 + erf(x / sqrt(2)))


def _poisson(rate: float) -> tuple[Callable[[float], float], NDArray[np.float64]]:
    last = int(rate + 40 * sqrt(rate) + 40)
    each = [exp(k * log(rate) - rate - lgamma(k + 1)) for k in range(last + 1)]
    rise = np.concatenate([[0.0], np.cumsum(each)])

    def below(x: float) -> float:
        # Half a step below code k all counts up to k - 1 have been seen.
        return float(rise[min(max(0, int(x + 0.5)), last + 1)])

    return below, np.arange(last + 2, dtype=float)
