"""The figures of single columns: shape, total variation, KL, W1, and texts' pairs of characters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from synthtab.assess.divergence import divergence, largest_gap, transport, variation
from synthtab.assess.fidelity import BINS, levels, values
from synthtab.assess.intervals import Floats, Resamples, over_draws
from synthtab.assess.texts import ROWS, bigrams, vocabulary
from synthtab.assess.trends import scale
from synthtab.schema import BooleanType, Column, EnumType, TextType

if TYPE_CHECKING:
    from synthtab.batch import Batch

DEFINITIONS = {
    "shape": (
        "Kolmogorov and Smirnov's largest difference of the cumulative shares (numbers, dates, "
        "lengths of text; NULL before every value), or total variation (the rest)."
    ),
    "tv": (
        f"Total variation: half the sum of differences of shares, numbers in {BINS} quantile bins "
        "of the real column, NULL a level of its own."
    ),
    "kl": (
        "Kullback and Leibler's divergence of the synthetic from the real shares, in nats, over "
        "the same levels, with half a row added to each level."
    ),
    "w1": (
        "Wasserstein-1: how far values have to be moved on average, NULLs left out, in standard "
        "deviations of the real column."
    ),
    "bigrams": "Total variation of the shares of pairs of characters in texts.",
}
"""What each figure of a column means."""


Draws = Mapping[str, Floats]
"""One column's figures over the draws (1 + draws,), by name; NaN where one is not defined."""


def mean(measured: Sequence[Draws], name: str) -> Floats | None:
    """Return the mean of a figure over the columns that have it; None where none has."""
    found = [draws[name] for draws in measured if name in draws]
    known = [draws for draws in found if np.isfinite(draws[0])]
    return np.mean(np.nan_to_num(known), axis=0) if known else None


def measure(
    column: Column, real: Batch, other: Batch, one: Resamples, two: Resamples
) -> dict[str, Floats]:
    """Return the figures of a column; bins and scales are the real table's."""
    over = partial(over_draws, one=one, two=two)
    left, right, size = levels(column, real, other)
    binned = one.counts(left, size), two.counts(right, size)
    found = {
        "tv": over(variation, first=binned[0], second=binned[1]),
        "kl": over(divergence, first=binned[0], second=binned[1]),
    }
    if isinstance(column.type, EnumType | BooleanType):
        return {"shape": found["tv"], **found}
    points, first, second = _at_points(column, real, other, one, two)
    found = {"shape": over(largest_gap, first=first, second=second), **found}
    _, spread = scale(column, real)

    def moved(some: Floats, more: Floats) -> Floats:
        # NULL, the first level, is no value.
        return transport(some[:, 1:], more[:, 1:], points) / spread

    found["w1"] = over(moved, first=first, second=second)
    if isinstance(column.type, TextType):
        known = vocabulary(column, real)
        sides = [
            side.sums(bigrams(column, rows.take(np.arange(min(ROWS, len(rows)))), known))
            for rows, side in ((real, one), (other, two))
        ]
        found["bigrams"] = over(variation, first=sides[0], second=sides[1])
    return found


def _at_points(
    column: Column, real: Batch, other: Batch, one: Resamples, two: Resamples
) -> tuple[Floats, Floats, Floats]:
    """Return the values there are, rising, and both sides' counts of NULL and of each of them."""
    (left, no_left), (right, no_right) = values(column, real), values(column, other)
    points = np.unique(np.concatenate([left[~no_left], right[~no_right]]))
    levels_left = np.where(no_left, 0, np.searchsorted(points, left) + 1)
    levels_right = np.where(no_right, 0, np.searchsorted(points, right) + 1)
    size = len(points) + 1
    counts = one.counts(levels_left, size), two.counts(levels_right, size)
    return points.astype(np.float64), *counts
