"""Rows of several tables by group and by key: small integers to group, join and order by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from synthtab.batch import Batch, Mask
from synthtab.ir import nodes
from synthtab.schema import (
    INT64_MAX,
    Column,
    DatetimeType,
    DecimalType,
    EnumType,
    TextType,
)

Ids = NDArray[np.int64]
"""One number per row, those of equal groups equal; -1 where there is none."""


@dataclass(frozen=True)
class Groups:
    """The group of each row, numbered from 0 below ``count``; -1 for a row that is in none."""

    ids: Ids
    count: int


def one_pool(tables: Mapping[str, nodes.Table], batches: Mapping[str, Batch]) -> dict[str, Batch]:
    """Return the batches with one pool of strings, which the codes of all text columns index.

    A batch may lack columns of its table that nobody will ask for.
    """
    pools = {id(b.pool): b.pool for b in batches.values()}
    if len(pools) < 2:
        return dict(batches)
    place: dict[str, int] = {}
    renumbered = {
        key: np.array([place.setdefault(s, len(place)) for s in pool], dtype=np.int64)
        for key, pool in pools.items()
    }
    strings = np.array([*place, None], dtype=object)[:-1]
    made = {}
    for name, batch in batches.items():
        codes = batch.codes.copy()
        for column in tables[name].columns:
            if isinstance(column.type, TextType) and column.name in batch.columns:
                at = batch.index(column.name)
                filled = ~batch.nulls[:, at]
                codes[filled, at] = renumbered[id(batch.pool)][codes[filled, at]]
        made[name] = Batch(batch.columns, codes, batch.nulls, strings)
    return made


def factorize(values: NDArray[Any], nulls: Mask | None = None) -> Groups:
    """Number the distinct values; NULL has no number."""
    ids, distinct = pd.factorize(values)
    made = np.asarray(ids, dtype=np.int64)
    if nulls is not None:
        made[nulls] = -1
    return Groups(made, len(distinct))


def together(parts: Sequence[Groups], rows: int) -> Groups:
    """Return the groups of rows that are in one group in every part; of all rows without any."""
    if not parts:
        return Groups(np.zeros(rows, dtype=np.int64), 1)
    result = parts[0]
    for part in parts[1:]:
        nulls = (result.ids < 0) | (part.ids < 0)
        result = factorize(result.ids * np.int64(part.count) + part.ids, nulls)
    return result


def starts_of(ordered: Ids) -> Ids:
    """Return where runs of equal numbers start, in an array that is not empty."""
    return np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))


class Keys:
    """Cells of columns of different types and tables made comparable with each other."""

    def __init__(self, batches: Mapping[str, Batch]) -> None:
        pool = next(iter(batches.values())).pool if batches else np.empty(0, dtype=object)
        self._pool = pool
        self._place: dict[str, int] | None = None

    def common(
        self, first: Column, codes: NDArray[Any], second: Column, others: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the two columns' codes brought to one unit: equal where the values are."""
        a, b = first.type, second.type
        if isinstance(a, EnumType | TextType) and a != b:
            return self._strings(first, codes), self._strings(second, others)
        if isinstance(a, DatetimeType) and isinstance(b, DatetimeType):
            finest = gcd(a.resolution, b.resolution)
            return _times(codes, a.resolution // finest), _times(others, b.resolution // finest)
        scales = [k.scale if isinstance(k, DecimalType) else 0 for k in (a, b)]
        most = max(scales)
        return _times(codes, 10 ** (most - scales[0])), _times(others, 10 ** (most - scales[1]))

    def ranks(self, column: Column, codes: NDArray[Any]) -> NDArray[Any]:
        """Return numbers that order a column's values as ``ordered by`` does."""
        if not isinstance(column.type, TextType):
            return codes
        order = sorted(range(len(self._pool)), key=lambda k: str(self._pool[k]))
        rank = np.zeros(len(order) + 1, dtype=np.int64)
        rank[order] = np.arange(len(order))
        return np.asarray(rank[codes])

    def _strings(self, column: Column, codes: NDArray[Any]) -> NDArray[Any]:
        """Return the place of each string among all strings met."""
        if isinstance(column.type, TextType):
            return codes
        assert isinstance(column.type, EnumType)
        if self._place is None:
            self._place = {str(s): k for k, s in enumerate(self._pool)}
        known = self._place
        places = [known.setdefault(v, len(known)) for v in column.type.values]
        return np.asarray(np.array([*places, -1], dtype=np.int64)[codes])


def _times(codes: NDArray[Any], factor: int) -> NDArray[Any]:
    if factor == 1:
        return codes
    largest = max(abs(int(codes.min())), abs(int(codes.max()))) if len(codes) else 0
    return codes * factor if largest * factor <= INT64_MAX else codes.astype(object) * factor
