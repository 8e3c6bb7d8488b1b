"""Rows as levels: each column in few bins, and the tables of counts that pairs of columns make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Pair = tuple[int, int]
"""Two columns, by their numbers."""


@dataclass(frozen=True)
class Levels:
    """Rows of some columns in bins.

    ``at`` (columns, rows) holds each cell's bin, from 0 to below its column's one of ``sizes``.
    """

    columns: tuple[str, ...]
    sizes: tuple[int, ...]
    at: NDArray[np.int32]

    def __len__(self) -> int:
        return int(self.at.shape[1])

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """All pairs of columns."""
        return tuple(combinations(range(len(self.columns)), 2))

    def take(self, rows: Ints) -> Levels:
        """Return the rows picked by index."""
        return Levels(self.columns, self.sizes, self.at[:, rows])

    def size(self, axes: Sequence[int]) -> int:
        """Return how many cells some columns have together."""
        return int(np.prod([self.sizes[a] for a in axes], dtype=np.float64))

    def cells(self, axes: Sequence[int], rows: Ints | None = None) -> Ints:
        """Return the cell (rows,) of some columns that each row lies in, of all or some rows."""
        picked = rows if rows is not None else slice(None)
        first, *others = axes
        out = self.at[first, picked].astype(np.int64)
        for axis in others:
            out *= self.sizes[axis]
            out += self.at[axis, picked]
        return out

    def shares(self, axes: Sequence[int], weights: Floats | None = None) -> Floats:
        """Return the share of rows, or of their weights, in each cell of some columns."""
        counts = np.bincount(self.cells(axes), weights, minlength=self.size(axes))
        return np.asarray(counts / (len(self) if weights is None else weights.sum()))
