"""What could mend a violation: cells with the values they might take, offered by many proposers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.groups import Ids
from synthtab.batch import Mask
from synthtab.solver.mending.sheets import Edits, Sheets, current

# How sure a proposer is, lower is better: among candidates that mend as much this decides.
CERTAIN = -1.0
DETERMINED = 0.0
NAMED = 0.3
LIKELY = 1.0
EDGE = 1.6
ANY = 2.0
EMPTY = 4.0


@dataclass(frozen=True)
class Cells:
    """Offers of one cell each: who it is for (``owner``), the cell, what it would hold."""

    owner: Ids
    table: Ids
    row: Ids
    column: Ids
    code: Ids
    null: Mask
    hint: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.owner)

    def take(self, keep: NDArray[Any]) -> Cells:
        """Return some of the offers."""
        return Cells(
            self.owner[keep],
            self.table[keep],
            self.row[keep],
            self.column[keep],
            self.code[keep],
            self.null[keep],
            self.hint[keep],
        )


@dataclass
class Offers:
    """Collects offers; ``several`` are those that change more than one cell at once."""

    sheets: Sheets
    cells: list[Cells] = field(default_factory=list)
    several: list[tuple[int, list[tuple[int, int, int, int, bool]], float]] = field(
        default_factory=list
    )

    def cell(
        self,
        owner: Any,
        table: int,
        row: Any,
        column: int,
        code: Any,
        hint: float | NDArray[np.float64],
        null: Any = False,
    ) -> None:
        """Offer one column's cells to owners, all arrays or scalars of one shape."""
        owner_, row_, code_, null_, hint_ = np.broadcast_arrays(
            np.asarray(owner, np.int64),
            np.asarray(row, np.int64),
            np.asarray(code, np.int64),
            np.asarray(null, bool),
            np.asarray(hint, float),
        )
        if owner_.ndim == 0:
            owner_, row_, code_, null_, hint_ = (
                a.reshape(1) for a in (owner_, row_, code_, null_, hint_)
            )
        owner_, row_, code_, null_, hint_ = (a.ravel() for a in (owner_, row_, code_, null_, hint_))
        n = len(owner_)
        made = Cells(
            owner_,
            np.full(n, table, np.int64),
            row_,
            np.full(n, column, np.int64),
            np.where(null_, 0, code_),
            null_,
            hint_,
        )
        self.cells.append(made)

    def many(
        self, owner: int, edits: Sequence[tuple[int, int, int, int, bool]], hint: float
    ) -> None:
        """Offer several cells at once: (table, row, column, code, null) each."""
        self.several.append((owner, list(edits), hint))

    def single(self) -> Cells:
        """Return all offers of one cell that would change anything."""
        if not self.cells:
            none = np.empty(0, np.int64)
            return Cells(none, none, none, none, none, none.astype(bool), none.astype(float))
        made = Cells(
            *(
                np.concatenate([getattr(c, name) for c in self.cells])
                for name in ("owner", "table", "row", "column", "code", "null", "hint")
            )
        )
        code, null = current(self.sheets, made.table, made.row, made.column)
        return made.take((made.null != null) | (~null & (made.code != code)))


def single_edits(cells: Cells) -> Edits:
    """Return each offer as a candidate of its own."""
    n = len(cells)
    return Edits(np.arange(n), cells.table, cells.row, cells.column, cells.code, cells.null, n)


def joined(first: Edits, second: Edits) -> Edits:
    """Return the candidates of both, those of the second after the others."""
    return Edits(
        np.concatenate([first.candidate, second.candidate + first.count]),
        np.concatenate([first.table, second.table]),
        np.concatenate([first.row, second.row]),
        np.concatenate([first.column, second.column]),
        np.concatenate([first.code, second.code]),
        np.concatenate([first.null, second.null]),
        first.count + second.count,
    )


def listed(sets: Sequence[Sequence[tuple[int, int, int, int, bool]]]) -> Edits:
    """Return candidates from lists of (table, row, column, code, null)."""
    flat = [(k, *edit) for k, edits in enumerate(sets) for edit in edits]
    arrays = [np.array([f[i] for f in flat], np.int64) for i in range(5)]
    null = np.array([f[5] for f in flat], bool)
    return Edits(arrays[0], arrays[1], arrays[2], arrays[3], arrays[4], null, len(sets))
