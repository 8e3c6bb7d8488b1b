"""How like the real table another one is: column by column, pair by pair, and against pure chance.

Three distances, all 0 for equal tables:

shape   per column, the largest difference of the two cumulative distributions (Kolmogorov-Smirnov)
        for numbers, dates and datetimes, NULL standing before every value; total variation for the
        rest, NULL being one more value. From 0 to 1.
pair    per pair of columns, the total variation of their contingency tables: numbers, dates and
        datetimes in 20 quantile bins of the real column, enums and booleans as they are, NULL
        apart. From 0 to 1.
W1      per column of numbers, dates or datetimes, the Wasserstein-1 distance of the values that are
        not NULL, in standard deviations of the real column (in code units where it is constant).

Text is compared by its length. Any two samples differ by chance; :func:`noise_floor` says how much,
as the distance between two disjoint random halves of the real table. Halves being smaller than the
whole, it is a somewhat generous floor; with a hold-out, ``compare(train, hold-out)`` is the better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import wasserstein_distance

from synthtab.batch import Batch, Codes, Mask
from synthtab.errors import UsageError
from synthtab.schema import BooleanType, Column, EnumType, TextType

BINS = 20
Levels = tuple[Codes, Codes, int]
"""One column's levels on both sides, and their number."""


@dataclass(frozen=True)
class ColumnDistance:
    """One column's distances; ``w1`` is None where there is no order, or no value on one side."""

    name: str
    shape: float
    w1: float | None


@dataclass(frozen=True)
class Distances:
    """Means over the columns and over the pairs of columns, and the parts they are made of.

    ``pairs`` holds (first column, second column, distance). A mean over nothing is 0.
    """

    shape: float
    pair: float
    w1: float
    columns: tuple[ColumnDistance, ...]
    pairs: tuple[tuple[str, str, float], ...]

    def to_dict(self) -> dict[str, object]:
        """Return the means and the columns as plain data, for ``--json``."""
        return {
            "shape_error": self.shape,
            "pair_error": self.pair,
            "w1": self.w1,
            "columns": [{"name": c.name, "shape": c.shape, "w1": c.w1} for c in self.columns],
        }


def compare(columns: Sequence[Column], real: Batch, other: Batch) -> Distances:
    """Return the distances of ``other`` from ``real``; bins and scales are the real table's.

    Raises UsageError when one of them has no rows.
    """
    if not len(real) or not len(other):
        raise UsageError("a table without rows cannot be compared: each side needs at least one")
    measured: list[ColumnDistance] = []
    for column in columns:
        left, right = values(column, real), values(column, other)
        if isinstance(column.type, EnumType | BooleanType):
            shape = _variation(*levels(column, real, other))
            measured.append(ColumnDistance(column.name, shape, None))
        else:
            shape = _largest_gap(left, right)
            measured.append(ColumnDistance(column.name, shape, _scaled_w1(left, right)))
    binned = [levels(column, real, other) for column in columns]
    pairs = tuple(
        (columns[a].name, columns[b].name, pair_variation(binned[a], binned[b]))
        for a in range(len(columns))
        for b in range(a + 1, len(columns))
    )
    return Distances(
        _mean([c.shape for c in measured]),
        _mean([p[2] for p in pairs]),
        _mean([c.w1 for c in measured if c.w1 is not None]),
        tuple(measured),
        pairs,
    )


def noise_floor(columns: Sequence[Column], real: Batch, seed: int = 0) -> Distances:
    """Return the distances between two disjoint random halves of the real table.

    Raises UsageError when it has fewer than two rows.
    """
    if len(real) < 2:
        raise UsageError("a noise floor needs two halves: at least two real rows")
    return compare(columns, *random_halves(real, np.random.default_rng(seed)))


def random_halves(rows: Batch, rng: np.random.Generator) -> tuple[Batch, Batch]:
    """Return two disjoint random halves; of an odd number of rows the second has one more."""
    order = rng.permutation(len(rows))
    middle = len(order) // 2
    return rows.take(order[:middle]), rows.take(order[middle:])


def levels(column: Column, real: Batch, other: Batch) -> Levels:
    """Return both sides of a column as levels 0, 1, ..., and how many levels there are.

    NULL is 0; an enum's or boolean's values are levels of their own, the rest are put into the
    quantile bins of ``real``.
    """
    left, right = values(column, real), values(column, other)
    if not isinstance(column.type, EnumType | BooleanType):
        return _binned(left, right)
    size = len(column.type.values) if isinstance(column.type, EnumType) else 2
    return _with_null(*left), _with_null(*right), size + 1


def pair_variation(first: Levels, second: Levels) -> float:
    """Return the total variation of the two sides' contingency tables of a pair of columns.

    It is 1 where one side alone has no rows, 0 where neither has any.
    """
    size = first[2] * second[2]
    one, two = first[0] * second[2] + second[0], first[1] * second[2] + second[1]
    if not len(one) or not len(two):
        return float(len(one) != len(two))
    return _variation(one, two, size)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def values(column: Column, batch: Batch) -> tuple[Codes, Mask]:
    """Return a column's codes and nulls, a text's code being its length."""
    codes, nulls = batch.column(column.name)
    if isinstance(column.type, TextType) and len(batch.pool):
        return np.array([len(s) for s in batch.pool], dtype=np.int64)[codes], nulls
    return codes, nulls


def _with_null(codes: Codes, nulls: Mask) -> Codes:
    return np.where(nulls, 0, codes + 1)


def _variation(left: Codes, right: Codes, size: int) -> float:
    one = np.bincount(left, minlength=size) / len(left)
    two = np.bincount(right, minlength=size) / len(right)
    return float(np.abs(one - two).sum() / 2)


def _largest_gap(left: tuple[Codes, Mask], right: tuple[Codes, Mask]) -> float:
    """Return the greatest difference of the cumulative shares, NULL coming first of all."""
    one, two = (np.sort(codes[~nulls]) for codes, nulls in (left, right))
    points = np.unique(np.concatenate([one, two]))
    null_one, null_two = left[1].mean(), right[1].mean()
    below_one = np.searchsorted(one, points, side="right") / len(left[0]) + null_one
    below_two = np.searchsorted(two, points, side="right") / len(right[0]) + null_two
    gaps = np.abs(np.append(below_one - below_two, null_one - null_two))
    return float(gaps.max())


def _scaled_w1(left: tuple[Codes, Mask], right: tuple[Codes, Mask]) -> float | None:
    one, two = (codes[~nulls].astype(np.float64) for codes, nulls in (left, right))
    if not len(one) or not len(two):
        return None
    return float(wasserstein_distance(one, two) / (one.std() or 1.0))


def _binned(left: tuple[Codes, Mask], right: tuple[Codes, Mask]) -> Levels:
    """Put both sides into the left one's quantile bins, counted from 1; 0 is NULL."""
    known = np.sort(left[0][~left[1]])
    ranks = np.ceil(np.arange(1, BINS) / BINS * len(known)).astype(np.int64) - 1
    edges = np.unique(known[np.maximum(ranks, 0)]) if len(known) else known
    one, two = (
        np.where(nulls, 0, np.searchsorted(edges, codes, side="left") + 1)
        for codes, nulls in (left, right)
    )
    return one, two, len(edges) + 2
