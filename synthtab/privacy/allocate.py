"""Gradient-based noise allocation: an epsilon split over columns where it spoils least.

What is asked of the rows is a workload: sets of columns that are looked at together, with weights.
A column's distortion r is how far its values move, against how far they would move with no budget
at all; it falls from 1 to 0 as the column's epsilon grows. A set of columns is told right as far as
each of them is, so that its distortion is 1 - (1 - r_1)(1 - r_2)...; the workload's is the weighted
sum. It is a differentiable function of the epsilons, and of public facts only: ranges, numbers of
categories, the workload. Its minimum on the simplex of all splits is sought by exponentiated
gradient descent (Kivinen and Warmuth, 1997; mirror descent with the entropy), from several starts,
for it is not convex: a column of many categories says nothing at all until it has budget enough.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from synthtab.errors import UsageError
from synthtab.privacy.channels import distortion, epsilon_of, strength_for

Floats = NDArray[np.float64]
Workload = Sequence[tuple[tuple[str, ...], float]]
"""Sets of columns, each with the weight of its distortion."""
Measured = Callable[[Floats], tuple[float, Floats]]
"""The objective and its gradient at a split."""

POINTS = 64
STEPS = 400


@dataclass(frozen=True, eq=False)
class Curve:
    """A column's distortion at some epsilons, ascending from 0, and its slope there.

    Between them it is the cubic that has these values and slopes.
    """

    epsilons: Floats
    values: Floats
    slopes: Floats

    def at(self, epsilon: float) -> tuple[float, float]:
        """Return the distortion and its derivative at an epsilon."""
        k = int(np.searchsorted(self.epsilons, epsilon, side="right")) - 1
        k = min(max(k, 0), len(self.epsilons) - 2)
        width = self.epsilons[k + 1] - self.epsilons[k]
        t = min(max((epsilon - self.epsilons[k]) / width, 0.0), 1.0)
        y, z = self.values[k], self.values[k + 1]
        p, q = self.slopes[k] * width, self.slopes[k + 1] * width
        cubic, square = p + q + 2 * (y - z), 3 * (z - y) - 2 * p - q
        value = ((cubic * t + square) * t + p) * t + y
        return float(value), float(((3 * cubic * t + 2 * square) * t + p) / width)


def every_pair(columns: Sequence[str]) -> Workload:
    """Return the workload of all columns and all pairs of them; each kind weighs one."""
    pairs = list(combinations(columns, 2))
    return [
        *(((c,), 1 / len(columns)) for c in columns),
        *((pair, 1 / len(pairs)) for pair in pairs),
    ]


def curve(apart: Floats, most: float) -> Curve:
    """Return the distortion, as a share of that at epsilon 0, for epsilons up to ``most``."""
    strongest = strength_for(apart, most)
    strengths = strongest * np.linspace(0, 1, POINTS) ** 2
    epsilons = np.array([epsilon_of(apart, s) for s in strengths])
    values = np.array([distortion(apart, s) for s in strengths]) / distortion(apart, 0.0)
    return Curve(epsilons, values, np.gradient(values, epsilons, edge_order=2))


def expected(
    workload: Workload, curves: Mapping[str, Curve], epsilons: Mapping[str, float]
) -> tuple[float, dict[str, float]]:
    """Return a workload's expected distortion, and its derivative by each column's epsilon.

    Columns without a curve are told right whatever they are given.
    """
    at = {c: curves[c].at(epsilons[c]) for c in curves}
    total, slopes = 0.0, dict.fromkeys(curves, 0.0)
    for columns, weight in workload:
        own = [c for c in columns if c in curves]
        right = [1 - at[c][0] for c in own]
        total += weight * (1 - math.prod(right))
        for k, column in enumerate(own):
            others = math.prod(right[:k] + right[k + 1 :])
            slopes[column] += weight * others * at[column][1]
    return total, slopes


def allocate(workload: Workload, curves: Mapping[str, Curve], epsilon: float) -> dict[str, float]:
    """Return the split of an epsilon over the columns of ``curves`` that distorts a workload least.

    Descent starts from the even split and from each split that favours one column; the best end is
    taken, so that the result is never worse than the even split. Raises UsageError where the
    workload weighs nothing.
    """
    if not all(weight >= 0 for _, weight in workload) or not sum(w for _, w in workload) > 0:
        raise UsageError("the weights of a workload are 0 or more, and not all of them 0")
    columns = list(curves)
    if len(columns) < 2:
        return dict.fromkeys(columns, epsilon)
    even = np.full(len(columns), 1 / len(columns))
    starts = [even, *(0.5 * even + 0.5 * favoured for favoured in np.eye(len(columns)))]

    def measured(shares: Floats) -> tuple[float, Floats]:
        value, slopes = expected(
            workload, curves, dict(zip(columns, (epsilon * shares).tolist(), strict=True))
        )
        return value, epsilon * np.array([slopes[c] for c in columns])

    ends = [_descend(measured, start) for start in starts]
    best = min(ends, key=lambda end: end[0])[1]
    return dict(zip(columns, (epsilon * best).tolist(), strict=True))


def _descend(measured: Measured, shares: Floats) -> tuple[float, Floats]:
    """Go down from a split, multiplying shares by exp(-step * slope); the step fits itself."""
    value, slopes = measured(shares)
    step = 1.0
    for _ in range(STEPS):
        # By how much, at first order, moving everything to the best column could do better.
        if float(shares @ slopes - slopes.min()) < 1e-7:
            break
        moved = shares * np.exp(-step * (slopes - slopes.min()))
        moved /= moved.sum()
        found, there = measured(moved)
        if found < value:
            shares, value, slopes, step = moved, found, there, 2 * step
        else:
            step /= 4
            if step < 1e-9:
                break
    return value, shares
