"""How far figures vary from sample to sample: a bootstrap whose every figure shares its draws.

Rows of a side are dealt into at most 50 random groups, and groups are drawn anew with replacement
(a bootstrap of groups: of rows, where there are at most 50). Counts and sums are taken once for
each group, so that one draw is a weighted sum of groups, and one set of draws serves all columns
and pairs: the error of a mean over columns minds that columns vary together.

An interval is the figure plus and minus a quantile of the normal law times the standard deviation
of the draws (Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter 13), within
the range of the figure. It says how much the figure moves with the rows that were drawn. Distances
are never below 0, so that chance lifts them, and the interval is about the lifted figure: this is
why it stands beside a noise floor, which chance lifts likewise.

Shares of rows have Clopper and Pearson's interval, and areas under the curve Newcombe's; both are
those of :mod:`synthtab.privacy.audit.membership`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]
Interval = tuple[float, float]

GROUPS = 50
DRAWS = 100
_CELLS = 2_000_000
"""So many cells of counts are drawn at a time."""


@dataclass(frozen=True)
class Resamples:
    """One side's rows in groups, and how often each draw takes each group.

    ``groups`` (rows,) numbers each row's group, ``weights`` are (1 + draws, groups). The first draw
    takes each group once: it is the rows as seen.
    """

    groups: Ids
    weights: Floats

    @classmethod
    def of(cls, rows: int, rng: np.random.Generator, draws: int = DRAWS) -> Resamples:
        """Deal rows, at least one, into groups and draw these."""
        count = min(GROUPS, rows)
        groups = rng.permutation(rows) % count
        drawn = rng.multinomial(count, np.full(count, 1 / count), size=draws)
        weights = np.concatenate([np.ones((1, count)), drawn.astype(np.float64)])
        return cls(np.asarray(groups, dtype=np.int64), weights)

    def counts(self, levels: Ids, size: int) -> Floats:
        """Return how often each level, 0 to ``size`` - 1, comes in each group (groups, size)."""
        groups = self.weights.shape[1]
        cells = np.bincount(self.groups * size + levels, minlength=groups * size)
        return cells.reshape(groups, size).astype(np.float64)

    def sums(self, values: Floats) -> Floats:
        """Return the sums of values of the first rows (at most rows, cells) in each group."""
        groups = self.groups[: len(values)]
        return np.stack([values[groups == g].sum(axis=0) for g in range(self.weights.shape[1])])


def over_draws(
    figure: Callable[[Floats, Floats], Floats],
    one: Resamples,
    two: Resamples,
    first: Floats,
    second: Floats,
) -> Floats:
    """Return a figure of two sides' counts for every draw (1 + draws,), the first being as seen.

    ``figure`` takes counts (draws, cells) of both sides; ``first`` and ``second`` are what
    :meth:`Resamples.counts` gave.
    """
    draws = len(one.weights)
    step = max(1, _CELLS // max(first.shape[1], 1))
    parts = [
        figure(one.weights[at : at + step] @ first, two.weights[at : at + step] @ second)
        for at in range(0, draws, step)
    ]
    return np.concatenate(parts)


def interval(
    draws: Floats, confidence: float, low: float = 0.0, high: float = float("inf")
) -> Interval:
    """Return the interval of a figure, the first of ``draws``, from its other values."""
    seen, drawn = float(draws[0]), draws[1:]
    known = drawn[np.isfinite(drawn)]
    spread = float(known.std()) if len(known) else 0.0
    reach = float(stats.norm.isf((1 - confidence) / 2)) * spread
    return max(low, seen - reach), min(high, seen + reach)
