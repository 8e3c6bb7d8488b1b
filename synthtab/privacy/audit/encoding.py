"""Rows as points, for attacks that measure how near rows are to each other."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Batch
from synthtab.schema import BooleanType, Column, EnumType, TextType

Points = NDArray[np.float64]

_BITS = 32
"""A text becomes so many bits of its hash."""


@dataclass(frozen=True)
class Encoder:
    """Turns rows into points of a space where every column weighs about the same.

    Two different values of an enum or boolean, or a value and NULL, are at a distance of 1;
    numbers, dates and datetimes are measured in twice their standard deviation, so that two of
    these apart is at 1; different texts are at about 1, whatever they have in common.
    """

    columns: tuple[Column, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def of(cls, columns: Sequence[Column], rows: Batch) -> Encoder:
        """Return an encoder whose scales are those of some rows."""
        centre, scale = [], []
        for column in columns:
            codes, nulls = rows.column(column.name)
            known = codes[~nulls].astype(np.float64)
            centre.append(float(known.mean()) if len(known) else 0.0)
            spread = 2 * float(known.std()) if len(known) else 0.0
            scale.append(spread if spread > 0 else 1.0)
        return cls(tuple(columns), tuple(centre), tuple(scale))

    def points(self, rows: Batch) -> Points:
        """Return a point for each row (rows, dimensions)."""
        parts = [self._part(at, column, rows) for at, column in enumerate(self.columns)]
        return np.concatenate([np.empty((len(rows), 0)), *parts], axis=1)

    def _part(self, at: int, column: Column, rows: Batch) -> Points:
        codes, nulls = rows.column(column.name)
        if isinstance(column.type, EnumType | BooleanType):
            size = len(column.type.values) if isinstance(column.type, EnumType) else 2
            return _one_hot(np.where(nulls, size, codes), size + 1)
        absent = nulls[:, None].astype(np.float64)
        if isinstance(column.type, TextType):
            values = _hashes(rows)[codes] if len(rows.pool) else np.zeros((len(rows), _BITS))
        else:
            values = ((codes - self.centre[at]) / self.scale[at])[:, None].astype(np.float64)
        return np.concatenate([np.where(nulls[:, None], 0.0, values), absent], axis=1)


def _one_hot(levels: NDArray[np.int64], size: int) -> Points:
    found = np.zeros((len(levels), size))
    found[np.arange(len(levels)), np.clip(levels, 0, size - 1)] = 1 / np.sqrt(2)
    return found


def _hashes(rows: Batch) -> Points:
    """Return for each string of the pool bits of its hash, each plus or minus the same number.

    Half of the bits of two strings differ on average, which then are at a distance of 1.
    """
    found = [hashlib.blake2b(str(s).encode(), digest_size=_BITS // 8).digest() for s in rows.pool]
    bits = np.unpackbits(np.frombuffer(b"".join(found), dtype=np.uint8)).reshape(-1, _BITS)
    return np.asarray((2.0 * bits - 1) / np.sqrt(2 * _BITS), dtype=np.float64)
