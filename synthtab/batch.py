"""A batch of rows in codes: one int64 matrix, one null matrix, one pool of strings."""

from __future__ import annotations

from collections.abc import Collection, Sequence
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


def concat(batches: Sequence[Batch], text: Collection[str] = ()) -> Batch:
    """Stack batches of the same columns, at least one.

    ``text`` names the text columns, which a batch does not know of itself: where pools differ they
    are merged, and the codes of these columns renumbered. Raises ValueError when columns differ,
    or when the pools do and no text column is named.
    """
    first = batches[0]
    for other in batches[1:]:
        if other.columns != first.columns:
            raise ValueError(f"columns differ: {first.columns} and {other.columns}")
    codes = np.concatenate([b.codes for b in batches])
    nulls = np.concatenate([b.nulls for b in batches])
    if all(b.pool is first.pool or np.array_equal(b.pool, first.pool) for b in batches[1:]):
        return Batch(first.columns, codes, nulls, first.pool)
    if not text:
        raise ValueError("pools differ, and no text column is named")
    place: dict[str, int] = {}
    renumbered = [
        np.array([place.setdefault(s, len(place)) for s in b.pool], dtype=np.int64) for b in batches
    ]
    ends = np.cumsum([len(b) for b in batches])
    for at in (first.index(name) for name in text):
        for end, batch, numbers in zip(ends, batches, renumbered, strict=True):
            rows = slice(end - len(batch), end)
            filled = ~nulls[rows, at]
            codes[rows, at][filled] = numbers[codes[rows, at][filled]]
    return Batch(first.columns, codes, nulls, np.array(list(place), dtype=object))


def beside(batches: Sequence[Batch], text: Collection[str] = ()) -> Batch:
    """Put batches of the same rows and different columns side by side, at least one.

    ``text`` names the text columns, which a batch does not know of itself: pools are merged, and
    the codes of these columns renumbered. Raises ValueError when the numbers of rows differ.
    """
    if len({len(b) for b in batches}) != 1:
        raise ValueError(f"numbers of rows differ: {', '.join(str(len(b)) for b in batches)}")
    place: dict[str, int] = {}
    parts = []
    for batch in batches:
        numbers = [place.setdefault(s, len(place)) for s in batch.pool]
        codes = batch.codes.copy()
        for at in (k for k, name in enumerate(batch.columns) if name in text):
            filled = ~batch.nulls[:, at]
            codes[filled, at] = np.array(numbers, dtype=np.int64)[codes[filled, at]]
        parts.append(codes)
    pool = np.empty(len(place), dtype=object)
    pool[:] = list(place)
    return Batch(
        tuple(name for b in batches for name in b.columns),
        np.concatenate(parts, axis=1),
        np.concatenate([b.nulls for b in batches], axis=1),
        pool,
    )
