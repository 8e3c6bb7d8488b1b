"""Two ways held against each other over tables: mean differences, intervals, verdicts in a word."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev

from scipy import stats

CONFIDENCE = 0.95


def interval(differences: Sequence[float]) -> tuple[float, float] | None:
    """Return Student's confidence interval of a mean over tables; None of fewer than two."""
    if len(differences) < 2:
        return None
    spread = stdev(differences) / len(differences) ** 0.5
    wide = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(differences) - 1)) * spread
    return fmean(differences) - wide, fmean(differences) + wide


def said(differences: Sequence[float], form: str) -> str:
    """Return the mean, with its sign, and the interval; each number as ``form`` ("{:.2f}") says."""
    if not differences:
        return "-"
    signed, ends = form.replace("{:", "{:+"), interval(differences)
    told = "" if ends is None else f" ({signed.format(ends[0])} to {signed.format(ends[1])})"
    return signed.format(fmean(differences)) + told


def verdict(differences: Sequence[float], more: bool) -> str:
    """Say in a word whether it is better, which ``more`` is or less: if the whole interval says."""
    ends = interval(differences)
    if ends is None or ends[0] <= 0 <= ends[1]:
        return "no difference that could be told"
    return "better" if (ends[0] > 0) == more else "worse"
