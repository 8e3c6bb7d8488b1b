"""Rows as features for models: as trees take them, and as linear models do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthtab.assess.texts import bigrams, vocabulary
from synthtab.batch import Batch
from synthtab.schema import BooleanType, Column, EnumType, TextType

Floats = NDArray[np.float64]

CATEGORIES = 255
"""An enum of more values is given to trees as the position in its list, which has an order."""
COMMON = 50
"""So many values of an enum, the most common, have an indicator of their own in linear models."""
TEXT_PAIRS = 16
"""Texts are told by their length and the numbers of so many common pairs of characters."""


def for_trees(
    columns: Sequence[Column], like: Batch, sides: Sequence[Batch]
) -> tuple[list[Floats], list[str]]:
    """Return the sides' features (rows, features) and their types, ``c`` for categories.

    Numbers, dates and datetimes are their codes less the mean, NULL is NaN. Of texts there are the
    length and the counts of pairs of characters that are common in ``like``.
    """
    parts: list[list[Floats]] = [[] for _ in sides]
    types: list[str] = []
    for column in columns:
        if isinstance(column.type, TextType):
            known = vocabulary(column, like, TEXT_PAIRS)
            for mine, rows in zip(parts, sides, strict=True):
                nulls = rows.column(column.name)[1]
                counts = bigrams(column, rows, known)
                # A text has one pair more than characters.
                length = np.where(nulls, np.nan, counts.sum(axis=1) - 1)[:, None]
                mine.append(np.concatenate([length, counts[:, :-1]], axis=1))
            types += ["q"] * (len(known) + 1)
            continue
        category = is_category(column)
        codes, nulls = like.column(column.name)
        centre = 0.0 if category or nulls.all() else float(codes[~nulls].mean())
        for mine, rows in zip(parts, sides, strict=True):
            codes, nulls = rows.column(column.name)
            mine.append(np.where(nulls, np.nan, codes - centre)[:, None])
        types.append("c" if category else "q")
    return [
        np.concatenate([np.empty((len(rows), 0)), *mine], axis=1)
        for mine, rows in zip(parts, sides, strict=True)
    ], types


def is_category(column: Column) -> bool:
    """Say whether trees take a column's values as categories without an order."""
    kind = column.type
    return isinstance(kind, BooleanType) or (
        isinstance(kind, EnumType) and len(kind.values) <= CATEGORIES
    )


@dataclass(frozen=True)
class Indicators:
    """Rows for linear models: numbers standardised, values of enums as indicators, NULL as another.

    Texts are left out.
    """

    columns: tuple[Column, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    common: tuple[NDArray[np.int64], ...]

    @classmethod
    def of(cls, columns: Sequence[Column], rows: Batch) -> Indicators:
        """Take scales, and the values that are common, from some rows."""
        kept = tuple(c for c in columns if not isinstance(c.type, TextType))
        centre, scale, common = [], [], []
        for column in kept:
            codes, nulls = rows.column(column.name)
            known = codes[~nulls]
            centre.append(float(known.mean()) if len(known) else 0.0)
            scale.append(float(known.std() or 1.0) if len(known) else 1.0)
            found, counts = np.unique(known, return_counts=True)
            common.append(found[np.argsort(-counts, kind="stable")][:COMMON])
        return cls(kept, tuple(centre), tuple(scale), tuple(common))

    def points(self, rows: Batch) -> Floats:
        """Return the features (rows, features)."""
        parts = [np.empty((len(rows), 0))]
        for at, column in enumerate(self.columns):
            codes, nulls = rows.column(column.name)
            parts.append(nulls[:, None].astype(np.float64))
            if isinstance(column.type, EnumType | BooleanType):
                parts.append(((codes[:, None] == self.common[at]) & ~nulls[:, None]) * 1.0)
            else:
                # Far beyond what was learned from, a linear model has nothing to say.
                value = np.clip((codes - self.centre[at]) / self.scale[at], -10.0, 10.0)
                parts.append(np.where(nulls, 0.0, value)[:, None])
        return np.concatenate(parts, axis=1)
