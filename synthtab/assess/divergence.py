"""Distances of two distributions that are given as counts.

Each takes counts (..., levels) of both sides and returns a figure for each leading index. All are 0
for equal shares. Variation, the largest gap and W1 are the same either way round, and metrics;
Kullback and Leibler's divergence is neither.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HALF = 0.5
"""What the divergence adds to every count."""


def variation(one: Floats, two: Floats) -> Floats:
    """Return the total variation: half the sum of the differences of shares, from 0 to 1."""
    return np.asarray(np.abs(_shares(one) - _shares(two)).sum(axis=-1) / 2)


def divergence(real: Floats, synthetic: Floats) -> Floats:
    """Return KL(real || synthetic) in nats: the expected log ratio of shares, over real rows.

    Half a row is added to every level of each side (the Krichevsky-Trofimov estimate, which is
    Jeffreys' prior), so that a level which one side lacks gives a finite figure. Levels that both
    sides lack are left out, so that the figure does not depend on what merely could be.
    """
    there = (real > 0) | (synthetic > 0)
    p, q = _shares(np.where(there, real + HALF, 0)), _shares(np.where(there, synthetic + HALF, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(there, p * np.log(p / q), 0.0)
    # What rounding leaves below zero is zero.
    return np.asarray(np.maximum(terms.sum(axis=-1), 0.0))


def largest_gap(one: Floats, two: Floats) -> Floats:
    """Return the largest difference of cumulative shares (Kolmogorov and Smirnov), from 0 to 1."""
    gaps = np.cumsum(_shares(one) - _shares(two), axis=-1)
    return np.asarray(np.abs(gaps).max(axis=-1, initial=0.0))


def transport(one: Floats, two: Floats, points: Floats) -> Floats:
    """Return the Wasserstein-1 distance of values at ``points`` (levels,), rising; NaN for none."""
    gaps = np.abs(np.cumsum(_shares(one) - _shares(two), axis=-1)[..., :-1])
    empty = (one.sum(axis=-1) == 0) | (two.sum(axis=-1) == 0)
    return np.where(empty, np.nan, (gaps * np.diff(points)).sum(axis=-1))


def _shares(counts: Floats) -> Floats:
    total = counts.sum(axis=-1, keepdims=True)
    return np.asarray(counts / np.where(total > 0, total, 1.0))
