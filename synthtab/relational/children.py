"""How many children rows have: as many as real rows of their kind had, in the order written.

A network that has seen a few hundred rows tells well which of them have many children, and badly
how many there are of each number: of a hundred numbers most were seen once. So its numbers say who
comes before whom, and the numbers themselves are those of the real rows. They are laid out evenly
(systematic sampling: W. G. and L. H. Madow, "On the theory of systematic sampling", 1944), so that
no chance is added to the shape: first among rows that agree in the feature that tells most about
the number, then among all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Batch, Mask
from synthtab.relational.features import Feature, Symbols
from synthtab.relational.reading import NUMBERS, Rows, feature_cells
from synthtab.relational.telling import telling

LEAST = 5
"""Fewer real rows that agree in a feature say nothing of their own."""


@dataclass(frozen=True)
class Children:
    """The numbers of children that real rows had.

    ``joint`` (symbols of ``feature``, numbers) counts real rows; without a feature it has one row.
    ``numbers`` are in ascending order.
    """

    feature: Feature | None
    numbers: tuple[int, ...]
    joint: NDArray[np.int64]

    def like(self, drawn: Rows, batch: Batch, eligible: Mask, rng: np.random.Generator) -> Rows:
        """Return numbers (rows,) as real rows have them, in the order of those ``drawn``.

        ``batch`` has the rows; those that are not ``eligible`` have none, and come before all.
        """
        if not self.joint.sum() or not len(drawn):
            return drawn
        # Of equal numbers chance decides, once.
        chance = rng.permutation(len(drawn))
        drawn = np.where(eligible, drawn, -1)
        placed = drawn
        if self.feature is not None:
            symbols = feature_cells(self.feature, batch, np.arange(len(drawn)))
            placed = drawn.copy()
            for symbol in np.unique(symbols[eligible]):
                rows = np.flatnonzero((symbols == symbol) & eligible)
                shares = self.joint[symbol]
                if shares.sum() < LEAST:
                    shares = self.joint.sum(axis=0)
                ranked = rows[np.lexsort([chance[rows], drawn[rows]])]
                placed[ranked] = self._laid_out(shares, len(rows), rng)
        ranked = np.lexsort([chance, drawn, placed])
        made = np.empty_like(drawn)
        made[ranked] = self._laid_out(self.joint.sum(axis=0), len(drawn), rng)
        return np.where(eligible, made, 0)

    def _laid_out(self, shares: NDArray[np.int64], rows: int, rng: np.random.Generator) -> Rows:
        """Return ``rows`` numbers in ascending order, each as often as its share asks."""
        # Counted in whole numbers: with as many rows as there were, each number comes as often.
        upto = np.cumsum(shares) * rows
        at = np.arange(rows) * int(shares.sum()) + rng.integers(0, int(shares.sum()))
        return np.array(self.numbers, dtype=np.int64)[np.searchsorted(upto, at, side="right")]


def children_of(numbers: Rows, features: Sequence[Feature], batch: Batch) -> Children:
    """Return what real rows say; ``numbers`` (rows,) are theirs, ``batch`` has the rows."""
    present, at = np.unique(numbers, return_inverse=True)
    rows = np.arange(len(numbers))
    symbols: list[Symbols] = [feature_cells(f, batch, rows) for f in features]
    nothing = np.zeros(len(numbers), dtype=bool)
    best = telling(symbols, [NUMBERS.of(numbers, nothing)], 1)
    if not best:
        shares = np.bincount(at, minlength=len(present)).astype(np.int64)
        return Children(None, tuple(present.tolist()), shares[None, :])
    feature, mine = features[best[0]], symbols[best[0]]
    cells = np.bincount(mine * len(present) + at, minlength=feature.size * len(present))
    joint = cells.reshape(feature.size, len(present)).astype(np.int64)
    return Children(feature, tuple(present.tolist()), joint)
