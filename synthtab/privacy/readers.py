"""Readers of real rows: counts with noise, and choices by a private quantity."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthtab.privacy.grid import Cells, Grid
from synthtab.privacy.ledger import Charge, Part
from synthtab.privacy.mechanisms import CountNoise, Exponential
from synthtab.privacy.vault import Room


def real_cells(room: Room, table: str, grid: Grid) -> Cells:
    """Return the cells of a table's real rows; for readers alone."""
    return room.kept((table, grid), lambda: grid.cells(room.batch(table)))


@dataclass(frozen=True)
class CountCells:
    """How many rows of a table lie in each cell of some columns, with noise.

    The answer has the shape of the cells. A row lies in one cell, so that the sensitivity is that
    of the relation; ``noise`` was made for it. ``within`` (column, cell) looks at the rows in one
    cell of a column only; such readers of different cells are charged side by side.
    """

    table: str
    grid: Grid
    columns: tuple[str, ...]
    noise: CountNoise
    why: str
    within: tuple[str, int] | None = None

    @property
    def charge(self) -> Charge:
        """The noise's cost."""
        reads = tuple(f"{self.table}.{c}" for c in self.columns)
        settings = {"standard deviation": self.noise.spread}
        return Charge(self.noise.name, self.noise.cost, reads, self.why, self._part(), settings)

    def read(self, room: Room) -> Cells:
        """Return the noisy counts."""
        cells = real_cells(room, self.table, self.grid)
        if self.within is not None:
            column, cell = self.within
            cells = cells[cells[:, self.grid.columns.index(column)] == cell]
        return self.noise.add(self.grid.count(cells, self.columns))

    def _part(self) -> Part | None:
        if self.within is None:
            return None
        column, cell = self.within
        axis = self.grid.axis(column)
        # Cells are disjoint within one axis: another one of the same column is another whole.
        cut = hashlib.blake2b(repr((axis.lo, axis.hi)).encode(), digest_size=6).hexdigest()
        return Part(f"{self.table}.{column} in cells {cut}", str(cell))


@dataclass(frozen=True)
class ChooseQuantile:
    """Which of some candidates is nearest to a quantile of a column's values.

    The score of a candidate c is -|(1 - q) #(x < c) - q #(x >= c)|, which one row changes by at
    most one, and which does not need to know how many rows there are (Smith, "Privacy-preserving
    statistical estimation with optimal convergence rates", 2011, made for add-remove).
    """

    table: str
    column: str
    quantile: float
    candidates: Sequence[int]
    mechanism: Exponential

    @property
    def charge(self) -> Charge:
        """The choice's cost."""
        reads = (f"{self.table}.{self.column}",)
        return Charge(
            self.mechanism.name, self.mechanism.cost, reads, "a range that the rules do not declare"
        )

    def read(self, room: Room) -> int:
        """Return the chosen candidate."""
        codes, nulls = room.batch(self.table).column(self.column)
        values = np.sort(codes[~nulls])
        below = np.searchsorted(values, np.array(self.candidates), side="left")
        scores = -np.abs((1 - self.quantile) * below - self.quantile * (len(values) - below))
        return int(self.candidates[self.mechanism.choose(scores)])
