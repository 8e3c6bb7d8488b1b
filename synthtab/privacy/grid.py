"""Columns in cells: a value is a cell, a row of several columns is a cell of their product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Batch, Codes, Mask

Cells = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Axis:
    """A column's codes in cells, ascending and side by side; NULL is one more cell, the last.

    ``lo`` and ``hi`` are each cell's ends, both included. ``pieces`` (lo, hi, weight, cell), where
    there are any, say how the codes of a cell are spread: they are drawn from its pieces.
    """

    column: str
    lo: tuple[int, ...]
    hi: tuple[int, ...]
    null: bool
    pieces: tuple[tuple[int, int, float, int], ...] = ()

    @property
    def size(self) -> int:
        """How many cells there are, NULL among them."""
        return len(self.lo) + self.null

    def cells(self, codes: Codes, nulls: Mask) -> Cells:
        """Return the cell of each value; values outside lie in the first or last cell."""
        at = np.searchsorted(np.array(self.lo), codes, side="right") - 1
        at = np.clip(at, 0, len(self.lo) - 1)
        return np.where(nulls, len(self.lo), at) if self.null else at

    def ends(self, cells: Cells) -> tuple[Codes, Codes, Mask]:
        """Return the ends of some cells, and which stand for NULL (their ends are empty)."""
        absent = cells >= len(self.lo)
        at = np.where(absent, 0, cells)
        lo, hi = np.array(self.lo)[at], np.array(self.hi)[at]
        return np.where(absent, 1, lo), np.where(absent, 0, hi), absent

    def draw(self, cells: Cells, rng: np.random.Generator) -> tuple[Codes, Mask]:
        """Draw a value of each cell: of a piece by its weight, then evenly."""
        lo, hi, absent = self.ends(cells)
        if self.pieces:
            table = np.array([p[:2] for p in self.pieces], dtype=np.int64)
            weight = np.array([p[2] for p in self.pieces])
            cell = np.array([p[3] for p in self.pieces])
            order = np.argsort(cells, kind="stable")
            for one in np.unique(cells[~absent]):
                rows = order[slice(*np.searchsorted(cells[order], [one, one + 1]))]
                mine = np.flatnonzero(cell == one)
                shares = weight[mine] / weight[mine].sum()
                piece = mine[rng.choice(len(mine), size=len(rows), p=shares)]
                lo[rows], hi[rows] = table[piece, 0], table[piece, 1]
        codes = rng.integers(lo, np.maximum(lo, hi), endpoint=True)
        return np.where(absent, 0, codes), absent


@dataclass(frozen=True)
class Grid:
    """The axes of some columns of a table."""

    axes: tuple[Axis, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns."""
        return tuple(a.column for a in self.axes)

    def axis(self, column: str) -> Axis:
        """Return a column's axis; KeyError where it has none."""
        for axis in self.axes:
            if axis.column == column:
                return axis
        raise KeyError(column)

    def size(self, columns: Sequence[str]) -> int:
        """Return how many cells some columns have together."""
        return int(np.prod([self.axis(c).size for c in columns], dtype=np.float64))

    def cells(self, batch: Batch) -> Cells:
        """Return the cells of rows (rows, axes)."""
        found = [axis.cells(*batch.column(axis.column)) for axis in self.axes]
        return np.stack(found, axis=1) if found else np.empty((len(batch), 0), dtype=np.int64)

    def draw(self, cells: Cells, rng: np.random.Generator) -> Batch:
        """Return rows drawn from their cells (rows, axes), each value by itself."""
        parts = [axis.draw(cells[:, k], rng) for k, axis in enumerate(self.axes)]
        codes = np.stack([c for c, _ in parts], axis=1)
        nulls = np.stack([n for _, n in parts], axis=1)
        return Batch(self.columns, codes, nulls, np.empty(0, dtype=object))

    def count(self, cells: Cells, columns: Sequence[str]) -> Cells:
        """Return how many rows of ``cells`` (rows, axes) lie in each cell of some columns."""
        at = [self.columns.index(c) for c in columns]
        shape = tuple(self.axes[k].size for k in at)
        flat = np.ravel_multi_index([cells[:, k] for k in at], shape)
        return np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape).astype(np.int64)
