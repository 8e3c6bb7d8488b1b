"""Weights for rows of a pool, so that their marginals come to the goals.

Raking, or iterative proportional fitting (Deming and Stephan, "On a least squares adjustment of a
sampled frequency table when the expected marginal totals are known", 1940): marginal by marginal,
each row's weight is multiplied by what its cell should have over what it has. Weights are kept
within bounds, as in Deville, Sarndal and Sautory, "Generalized raking procedures in survey
sampling", 1993, so that no row stands for many. Goals that do not agree, or that bounds keep from
being met, are met as well as possible: steps are damped, and the best weights on the way returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthtab.errors import UsageError
from synthtab.refine.goals import Goal
from synthtab.refine.levels import Floats, Levels

LEAST, MOST = 1 / 5, 5.0
SWEEPS = 30
DAMPING = 0.5
_ENOUGH = 0.01
_PATIENCE = 2


@dataclass(frozen=True)
class Raked:
    """Weights (rows,) of mean 1, the gap to the goals before and after, and the sweeps made."""

    weights: Floats
    before: float
    after: float
    sweeps: int

    @property
    def effective(self) -> float:
        """The effective sample size, in rows: (sum of weights)^2 / sum of squares (Kish, 1965)."""
        return float(self.weights.sum() ** 2 / (self.weights**2).sum())


def rake(
    pool: Levels,
    goals: Sequence[Goal],
    *,
    least: float = LEAST,
    most: float = MOST,
    sweeps: int = SWEEPS,
) -> Raked:
    """Return weights between ``least`` and ``most``, of mean 1, that bring rows to the goals.

    Raises UsageError for bounds that 1 does not lie between, or a pool without rows.
    """
    if not 0 < least <= 1 <= most:
        raise UsageError(f"weights between {least:g} and {most:g} cannot have the mean 1")
    if not len(pool):
        raise UsageError("a pool without rows cannot be weighted: it needs at least one")
    weights = np.ones(len(pool))
    before = best_gap = gap(pool, goals, weights)
    best, waited, done = weights, 0, 0
    while least < 1 < most and done < sweeps and waited < _PATIENCE and best_gap > 0:
        weights = bounded(_swept(pool, goals, weights), least, most)
        done += 1
        now = gap(pool, goals, weights)
        waited = 0 if now < (1 - _ENOUGH) * best_gap else waited + 1
        if now < best_gap:
            best, best_gap = weights, now
    return Raked(best, before, best_gap, done)


def gap(pool: Levels, goals: Sequence[Goal], weights: Floats | None = None) -> float:
    """Return how far weighted rows are from all goals together."""
    return sum(goal.gap(pool.shares(goal.axes, weights)) for goal in goals)


def bounded(weights: Floats, least: float, most: float) -> Floats:
    """Return weights in the same order, between the bounds and of mean 1: scaled, then cut.

    The scale that makes it so is found by bisection; with 1 between the bounds there is one.
    """
    low, high = least / weights.max(), most / weights.min()
    for _ in range(100):
        middle = np.sqrt(low * high)
        if np.clip(middle * weights, least, most).mean() < 1:
            low = middle
        else:
            high = middle
    return np.asarray(np.clip(high * weights, least, most))


def _swept(pool: Levels, goals: Sequence[Goal], weights: Floats) -> Floats:
    weights = weights.copy()
    for goal in goals:
        cells = pool.cells(goal.axes)
        had = np.bincount(cells, weights, minlength=len(goal.shares)) / weights.sum()
        # One step is bounded too: a cell of a few rows says little of how many it should have.
        step = np.clip(goal.shares / np.where(had > 0, had, 1.0), 1 / 4, 4.0) ** DAMPING
        weights *= step[cells]
    return weights
