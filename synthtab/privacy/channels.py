"""What the exponential mechanism makes of one value: its law, its epsilon, its distortion.

A column's values are cells (privacy/grid.py). Cells have distances from 0 to 1, which are public:
how far apart numbers lie, as a share of the declared range, or for categories whether they are the
same. Candidate u stands for v with probability in proportion to exp(-strength * distance), so that
the whole law is a matrix, and what it costs and how much it distorts are sums over it, exactly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from synthtab.privacy.grid import Axis
from synthtab.privacy.mechanisms import Randomiser
from synthtab.schema import BooleanType, Column, EnumType, domain

Floats = NDArray[np.float64]

CELLS = 256
"""Cells a column of many values has. At an epsilon of 50 the noise is still wider than a cell."""
SAFE = 1e-9
"""By how much, relatively, an epsilon is kept below what was asked for: floats are rounded."""
NOTHING = 1e-12
"""An epsilon below this is none: its half must not be lost in rounding."""


def even_axis(column: Column) -> Axis:
    """Return a column's cells: one for each value, or equal stretches of its declared range."""
    lo, hi = domain(column)
    width = -(-(hi - lo + 1) // CELLS)
    starts = tuple(range(lo, hi + 1, width))
    ends = tuple(min(start + width - 1, hi) for start in starts)
    return Axis(column.name, starts, ends, column.optional)


def distances(column: Column, axis: Axis, ordered: bool) -> Floats:
    """Return the distance of each cell from each other, (cells, cells), from 0 to 1.

    ``ordered`` says whether categories lie in a row, as numbers do, or are all equally far apart.
    NULL is far from everything.
    """
    count = len(axis.lo)
    if isinstance(column.type, BooleanType) or (isinstance(column.type, EnumType) and not ordered):
        found = 1.0 - np.eye(axis.size)
    else:
        place = np.arange(count) / max(count - 1, 1)
        found = np.ones((axis.size, axis.size))
        found[:count, :count] = np.abs(place[:, None] - place)
        found[np.diag_indices(axis.size)] = 0.0
    return found


def law(apart: Floats, strength: float) -> Floats:
    """Return the logarithm of the probability of each candidate (columns) for each value (rows)."""
    raw = -strength * apart
    found: Floats = raw - np.log(np.exp(raw).sum(axis=1, keepdims=True))
    return found


def epsilon_of(apart: Floats, strength: float) -> float:
    """Return the greatest log-ratio of the probabilities that two values give one candidate."""
    logs = law(apart, strength)
    return float((logs.max(axis=0) - logs.min(axis=0)).max())


def strength_for(apart: Floats, epsilon: float) -> float:
    """Return the greatest strength, as near as bisection comes, whose epsilon is within this one.

    A distance is 1 at most and normalising constants differ by a factor exp(strength) at most, so
    that half of epsilon is always within it. An epsilon that is all but nothing counts as nothing.
    """
    wanted = epsilon * (1 - SAFE)
    if len(apart) < 2 or wanted <= NOTHING:
        return 0.0
    low, high = wanted / 2, wanted / 2
    while epsilon_of(apart, high) <= wanted:
        low, high = high, 2 * high
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if epsilon_of(apart, middle) <= wanted else (low, middle)
    return low


def distortion(apart: Floats, strength: float) -> float:
    """Return the distance that a value moves on average, all cells being equally likely before."""
    return float((np.exp(law(apart, strength)) * apart).sum(axis=1).mean())


def randomiser(apart: Floats, epsilon: float) -> Randomiser:
    """Return the mechanism for these distances at an epsilon."""
    return Randomiser(apart, strength_for(apart, epsilon), epsilon)
