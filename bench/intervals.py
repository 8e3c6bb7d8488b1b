"""What can be told of differences that were measured on several tables."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev

from scipy import stats

CONFIDENCE = 0.95


def interval(differences: Sequence[float]) -> tuple[float, float] | None:
    """Return Student's confidence interval of a mean; None of fewer than two."""
    if len(differences) < 2:
        return None
    spread = stdev(differences) / len(differences) ** 0.5
    wide = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(differences) - 1)) * spread
    return fmean(differences) - wide, fmean(differences) + wide


def verdict(differences: Sequence[float], more: bool) -> str:
    """Say in words whether differences are for the better: only where the whole interval is."""
    ends = interval(differences)
    if ends is None or ends[0] <= 0 <= ends[1]:
        return "no difference that could be told"
    return "better" if (ends[0] > 0) == more else "worse"
