"""Bounds for mechanisms whose charges are Gaussian noise, which say more than an epsilon does.

Gaussian noise of standard deviation sigma on something that one row moves by s is mu-Gaussian
private, mu = s / sigma, and so are several such releases, also where each depends on answers before
it, mu^2 being the sum of theirs (Dong, Roth and Su, "Gaussian differential privacy", 2022,
corollary 2). That is a claim about every event, however likely; an epsilon at a small delta is one
about events so rare that thousands of runs show hardly any of them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from synthtab.errors import UsageError
from synthtab.privacy.audit.bounds import Bound


def gaussian_delta(epsilon: float, mu: float) -> float:
    """Return the delta of a mu-Gaussian private release at an epsilon (corollary 1 of the above).

    It is also that of Balle and Wang, "Improving the Gaussian mechanism for differential privacy",
    2018, theorem 8.
    """
    if mu <= 0:
        return 0.0
    far = float(stats.norm.logcdf(-mu / 2 - epsilon / mu))
    return max(0.0, float(stats.norm.cdf(mu / 2 - epsilon / mu)) - math.exp(epsilon + far))


def gaussian_epsilon(mu: float, delta: float) -> float:
    """Return the least epsilon of a mu-Gaussian private release at a delta above 0."""
    if not 0 < delta < 1:
        raise UsageError(f"delta={delta!r}: Gaussian noise has an epsilon at a delta above 0 only")
    if gaussian_delta(0.0, mu) <= delta:
        return 0.0
    high = 1.0
    while gaussian_delta(high, mu) > delta:
        high *= 2
    return float(optimize.brentq(lambda e: gaussian_delta(e, mu) - delta, 0.0, high))


def guesses_bound(
    left: ArrayLike,
    right: ArrayLike,
    delta: float,
    booked: float,
    confidence: float = 0.95,
) -> Bound:
    """Bound epsilon by guessing the side of each run, noise being taken to be Gaussian.

    ``left`` and ``right`` (runs,) are as many logs of the ratio of how likely an answer is on the
    left and on the right: above 0 the left is guessed. Of mu-Gaussian private runs at most a share
    of Phi(mu / 2) is guessed right on average; so the least share that the right guesses agree with
    (Clopper and Pearson; sums of unequal chances are no more spread: Hoeffding, 1956) gives a least
    mu, and this an epsilon at ``delta``. It is held to that of ``booked``, the mu of the charges.

    Raises UsageError where there are not as many on both sides, or one is NaN.
    """
    one, two = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if one.ndim != 1 or one.shape != two.shape or not len(one):
        raise UsageError(f"evidence of shapes {one.shape} and {two.shape}: give as much of each")
    if np.isnan(one).any() or np.isnan(two).any():
        raise UsageError("the evidence of a run is NaN; give every run a number")
    trials = len(one) + len(two)
    hits = int((one > 0).sum() + (two <= 0).sum())
    least = float(stats.beta.ppf(1 - confidence, hits, trials - hits + 1)) if hits else 0.0
    mu = max(0.0, 2 * float(stats.norm.ppf(least)))
    return Bound(
        gaussian_epsilon(mu, delta),
        delta,
        confidence,
        trials,
        f"{hits:,} of {trials:,} runs guessed right, the noise being Gaussian",
        gaussian_epsilon(booked, delta),
    )
