"""Laws of noise, and whether draws follow them.

Mechanisms draw from the system's randomness, so that a test of theirs may fail by chance alone.
Each states how often: FALSE_ALARM a comparison.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats

FALSE_ALARM = 1e-9


def discrete_gaussian(sigma: float, reach: int) -> tuple[np.ndarray, np.ndarray]:
    points = np.arange(-reach, reach + 1)
    weights = np.exp(-(points.astype(float) ** 2) / (2 * sigma**2))
    return points, weights / weights.sum()


def geometric(epsilon: float, reach: int) -> tuple[np.ndarray, np.ndarray]:
    points = np.arange(-reach, reach + 1)
    ratio = np.exp(-epsilon)
    return points, (1 - ratio) / (1 + ratio) * ratio ** np.abs(points)


def snapping(
    epsilon: float, sensitivity: float, lower: float, upper: float, value: float
) -> tuple[np.ndarray, np.ndarray]:
    """Laplace noise around a value in units of the sensitivity, snapped to a grid, clamped.

    The noise is a little more than Laplace's own, for what rounding may add to the privacy loss.
    """
    bound = (upper - lower) / 2 / sensitivity
    unit = np.finfo(float).epsneg
    scale = (1 + 12 * bound * unit) / (epsilon - 2 * unit)
    step = 2.0 ** np.ceil(np.log2(scale))
    inner = (np.clip(value, lower, upper) - lower) / sensitivity - bound
    grid = step * np.arange(-np.ceil(bound / step) - 1, np.ceil(bound / step) + 2)
    edges = np.concatenate([[-np.inf], (grid[:-1] + grid[1:]) / 2, [np.inf]])
    shares = np.diff(stats.laplace.cdf(edges, inner, scale))
    points = (np.clip(grid, -bound, bound) + bound) * sensitivity + lower
    places, at = np.unique(points, return_inverse=True)
    return places, np.bincount(at, weights=shares)


def surprise(draws: np.ndarray, points: np.ndarray, shares: np.ndarray) -> float:
    """Return the p-value of a chi-squared test, rare points together in the tails."""
    found = np.searchsorted(points, draws)
    assert (np.isclose(points[np.clip(found, 0, len(points) - 1)], draws)).all()
    counts = np.bincount(found, minlength=len(points)).astype(float)
    wanted = shares * len(draws)
    groups, seen, due = [], 0.0, 0.0
    for count, want in zip(counts, wanted, strict=True):
        seen, due = seen + count, due + want
        if due >= 20:
            groups.append((seen, due))
            seen = due = 0.0
    last = groups.pop()
    groups.append((last[0] + seen, last[1] + due))
    observed, expected = np.array(groups).T
    return float(stats.chisquare(observed, expected * observed.sum() / expected.sum()).pvalue)


def largest_ratio(left: np.ndarray, right: np.ndarray) -> float:
    """Return the largest log ratio of two exact laws on the same points."""
    both = (left > 0) & (right > 0)
    assert (both == ((left > 0) | (right > 0))).all()
    return float(np.abs(np.log(left[both]) - np.log(right[both])).max())


def draws(draw: Callable[[], float], count: int) -> np.ndarray:
    return np.array([draw() for _ in range(count)])
