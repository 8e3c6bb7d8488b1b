"""A batch of rows in codes: one int64 matrix, one null matrix, one pool of strings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Batch:
    """Rows of one table.

    ``codes`` (rows x columns, int64) holds each cell's code, 0 where the cell is null;
    ``nulls`` (same shape, bool) says which cells are null;
    ``pool`` (object array of distinct str) is what the codes of text columns index.
    """

    columns: tuple[str, ...]
    codes: Codes
    nulls: Mask
    pool: NDArray[np.object_]

    def __post_init__(self) -> None:
        shape = (len(self.codes), len(self.columns))
        if self.codes.shape != shape or self.nulls.shape != shape:
            raise ValueError(f"codes {self.codes.shape} and nulls {self.nulls.shape} != {shape}")

    def __len__(self) -> int:
        return len(self.codes)

    def index(self, column: str) -> int:
        """Return the position of a column; KeyError with the known names where there is none."""
        try:
            return self.columns.index(column)
        except ValueError:
            raise KeyError(f"no column {column!r} among {', '.join(self.columns)}") from None

    def column(self, name: str) -> tuple[Codes, Mask]:
        """Return one column's codes and nulls, views of shape (rows,)."""
        at = self.index(name)
        return self.codes[:, at], self.nulls[:, at]

    def take(self, rows: NDArray[np.int64] | Mask) -> Batch:
        """Return the rows picked by index or mask, in that order."""
        return Batch(self.columns, self.codes[rows], self.nulls[rows], self.pool)

    def select(self, columns: Sequence[str]) -> Batch:
        """Return the same rows with ``columns`` only, in that order."""
        at = [self.index(c) for c in columns]
        return Batch(tuple(columns), self.codes[:, at], self.nulls[:, at], self.pool)


def concat(batches: Sequence[Batch]) -> Batch:
    """Stack batches of the same columns; their pools are merged and text codes renumbered.

    Text columns cannot be told from others here, so batches must share a pool or have equal ones;
    :func:`synthtab.frames.encode_frame` and the decoder see to that. Raises ValueError otherwise.
    """
    first = batches[0]
    for other in batches[1:]:
        if other.columns != first.columns:
            raise ValueError(f"columns differ: {first.columns} and {other.columns}")
        if other.pool is not first.pool and not np.array_equal(other.pool, first.pool):
            raise ValueError("pools differ")
    return Batch(
        first.columns,
        np.concatenate([b.codes for b in batches]),
        np.concatenate([b.nulls for b in batches]),
        first.pool,
    )
