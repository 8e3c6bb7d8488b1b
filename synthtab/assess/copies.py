"""Which rows are other rows to the cell: exact copies, and a hold-out that is none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synthtab.assess.intervals import Interval
from synthtab.batch import Batch, Mask
from synthtab.privacy.audit.membership import share_interval
from synthtab.schema import Column, TextType

Ids = NDArray[np.int64]


def row_numbers(columns: Sequence[Column], sides: Sequence[Batch]) -> list[Ids]:
    """Return a number for each row of each side; equal rows, NULLs and texts included, share it."""
    lengths = [len(b) for b in sides]
    numbers = np.zeros(sum(lengths), dtype=np.int64)
    for column in columns:
        values = np.concatenate(_values(column, sides))
        _, place = np.unique(values, return_inverse=True)
        _, numbers = np.unique(
            numbers * (int(place.max(initial=0)) + 1) + place, return_inverse=True
        )
    return np.split(numbers, np.cumsum(lengths)[:-1])


def copied(columns: Sequence[Column], rows: Batch, others: Batch) -> Mask:
    """Say of each row (rows,) whether it is one of the others to the cell."""
    mine, theirs = row_numbers(columns, (rows, others))
    return np.isin(mine, theirs)


def copied_share(
    columns: Sequence[Column], rows: Batch, others: Batch, confidence: float
) -> tuple[float, Interval]:
    """Return the share of rows that are one of the others, with Clopper and Pearson's interval."""
    hits = int(copied(columns, rows, others).sum())
    return hits / len(rows), share_interval(hits, len(rows), confidence)


def same_rows(columns: Sequence[Column], one: Batch, other: Batch) -> bool:
    """Say whether two tables have the same rows, in whatever order."""
    if len(one) != len(other):
        return False
    first, second = row_numbers(columns, (one, other))
    return bool(np.array_equal(np.sort(first), np.sort(second)))


def _values(column: Column, sides: Sequence[Batch]) -> list[Ids]:
    """Return codes that mean the same on all sides (rows,); NULL is the least of all."""
    found = []
    place: dict[str, int] = {}
    for rows in sides:
        codes, nulls = rows.column(column.name)
        if isinstance(column.type, TextType):
            numbers = [place.setdefault(str(s), len(place)) for s in rows.pool]
            codes = np.array([*numbers, 0], dtype=np.int64)[np.where(nulls, -1, codes)]
        found.append((codes, nulls))
    least = min((int(c[~n].min()) for c, n in found if (~n).any()), default=0)
    return [np.where(nulls, least - 1, codes) for codes, nulls in found]
