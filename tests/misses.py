"""The probability that an audit by repeated runs misses a broken mechanism of a known law."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import stats


def chance_of_a_miss(
    left: np.ndarray, right: np.ndarray, runs: int, stated: float, delta: float, confidence: float
) -> float:
    """Bound the probability that ``paired_bound`` does not pass ``stated``.

    ``left`` and ``right`` are the laws of the statistic on the same points, in order. An event is
    missed if the bound of the second half of the runs is no more than ``stated``; which event is
    tested is chosen by the bounds of the first half, of the same confidence. Either the best event
    does not reach a level there, or an event is tested that does reach it: for each level the
    probabilities of these are added up, and the least sum counts.
    """
    half = runs // 2
    events = []
    for one, two in ((left, right), (right, left)):
        events += list(zip(one[::-1].cumsum()[::-1], two[::-1].cumsum()[::-1], strict=True))
        events += list(zip(one.cumsum(), two.cumsum(), strict=True))
    events = [(min(p, 1.0), min(q, 1.0)) for p, q in events]
    fails = [_fails(p, q, half, stated, delta, 1 - confidence) for p, q in events]
    best = int(np.argmin(fails))
    sums = []
    for level in np.linspace(0.3, 1.5, 13) * stated:
        reached = [1 - _fails(p, q, half, level, delta, 1 - confidence) for p, q in events]
        tested = sum(r * f for r, f in zip(reached, fails, strict=True))
        sums.append(_fails(*events[best], half, level, delta, 1 - confidence) + tested)
    return float(min(sums))


def _fails(p: float, q: float, half: int, level: float, delta: float, error: float) -> float:
    """Return the probability that an event's bound does not pass a level, exactly."""
    hits, least, most = _intervals(half, error)
    # So many misses at most leave the bound above the level.
    allowed = np.searchsorted(most, (least - delta) / np.exp(level), side="left") - 1
    return float((stats.binom.pmf(hits, half, p) * stats.binom.sf(allowed, half, q)).sum())


@cache
def _intervals(half: int, error: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all counts of hits, and the two ends of Clopper and Pearson's interval of each."""
    hits = np.arange(half + 1)
    least = np.where(hits > 0, stats.beta.ppf(error / 2, hits, half - hits + 1), 0.0)
    most = np.where(hits < half, stats.beta.isf(error / 2, hits + 1, half - hits), 1.0)
    return hits, least, most
