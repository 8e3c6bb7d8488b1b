"""How pairs of columns go together: correlations of numbers, contingency tables of all.

correlation   per pair of numbers, dates or datetimes, the difference of Pearson's correlations on
              the two sides, over rows where both are there: from 0 to 2. Where the real correlation
              is not defined (a constant) the pair is left out, where the other side's is not it
              counts as 0.
contingency   per pair of any columns, the total variation of the contingency tables, as
              :mod:`synthtab.assess.fidelity` has it: from 0 to 1.

sdmetrics' CorrelationSimilarity is 1 - correlation / 2, and its ContingencySimilarity 1 -
contingency where both columns are categories; numbers it puts into 10 bins of equal width, where
here are 20 quantile bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthtab.assess.divergence import variation
from synthtab.assess.fidelity import levels, values
from synthtab.assess.intervals import Floats, Ids, Resamples, over_draws
from synthtab.batch import Batch
from synthtab.schema import BooleanType, Column, EnumType, TextType

FEW = 3
"""Of fewer pairs of values no correlation is taken."""
_MANY = 20_000
"""Of more cells only those that some row is in are counted at all."""
_TINY = 1e-12


@dataclass(frozen=True)
class Trend:
    """A pair's distance over the draws (1 + draws,); for correlations, both sides' as seen."""

    one: str
    other: str
    draws: Floats
    real: float | None = None
    synthetic: float | None = None


def contingencies(
    columns: Sequence[Column], real: Batch, other: Batch, one: Resamples, two: Resamples
) -> tuple[Trend, ...]:
    """Return the distance of the contingency tables of every pair of columns."""
    binned = [levels(column, real, other) for column in columns]
    found = []
    for a, (left, right, size) in enumerate(binned):
        for b in range(a + 1, len(columns)):
            more_left, more_right, width = binned[b]
            cells = left * width + more_left, right * width + more_right
            first, second = _tables(cells, size * width, one, two)
            draws = over_draws(variation, one, two, first, second)
            found.append(Trend(columns[a].name, columns[b].name, draws))
    return tuple(found)


def _tables(cells: tuple[Ids, Ids], size: int, one: Resamples, two: Resamples) -> list[Floats]:
    """Return both sides' counts of the cells that some row is in (groups, cells)."""
    left, right = cells
    if size > _MANY:
        _, places = np.unique(np.concatenate(cells), return_inverse=True)
        size, left, right = int(places.max()) + 1, places[: len(left)], places[len(left) :]
    first, second = one.counts(left, size), two.counts(right, size)
    there = (first.sum(axis=0) + second.sum(axis=0)) > 0
    return [first[:, there], second[:, there]]


def correlations(
    columns: Sequence[Column], real: Batch, other: Batch, one: Resamples, two: Resamples
) -> tuple[Trend, ...]:
    """Return the difference of the correlations of every pair of numbers, dates and datetimes."""
    ordered = [c for c in columns if has_order(c)]
    if len(ordered) < 2:
        return ()
    scales = [scale(column, real) for column in ordered]
    found = [
        _correlations(ordered, scales, rows, side) for rows, side in ((real, one), (other, two))
    ]
    trends = []
    for a, column in enumerate(ordered):
        for b in range(a + 1, len(ordered)):
            truth, got = found[0][:, a, b], found[1][:, a, b]
            if np.isnan(truth[0]):
                continue
            draws = np.abs(np.nan_to_num(truth) - np.nan_to_num(got))
            seen = float(truth[0]), float(np.nan_to_num(got[0]))
            trends.append(Trend(column.name, ordered[b].name, draws, *seen))
    return tuple(trends)


def has_order(column: Column) -> bool:
    """Say whether a column holds numbers, dates or datetimes."""
    return not isinstance(column.type, EnumType | BooleanType | TextType)


def scale(column: Column, rows: Batch) -> tuple[float, float]:
    """Return the mean and the standard deviation of a column's codes (a text's: its length).

    NULLs are left out; the deviation of a constant is taken for 1.
    """
    codes, nulls = values(column, rows)
    known = codes[~nulls].astype(np.float64)
    return (float(known.mean()), float(known.std()) or 1.0) if len(known) else (0.0, 1.0)


def _correlations(
    columns: Sequence[Column], scales: Sequence[tuple[float, float]], rows: Batch, side: Resamples
) -> Floats:
    """Return Pearson's correlations for each draw (1 + draws, columns, columns), NaN for none."""
    standardised, there = np.empty((2, len(rows), len(columns)))
    for at, (column, (centre, spread)) in enumerate(zip(columns, scales, strict=True)):
        codes, nulls = rows.column(column.name)
        standardised[:, at] = np.where(nulls, 0.0, (codes - centre) / spread)
        there[:, at] = ~nulls
    groups = side.weights.shape[1]
    moments = np.zeros((4, groups, len(columns), len(columns)))
    for group in range(groups):
        mine = side.groups == group
        x, m = standardised[mine], there[mine]
        moments[:, group] = m.T @ m, x.T @ m, (x * x).T @ m, x.T @ x
    count, first, square, product = np.tensordot(moments, side.weights, ([1], [1])).transpose(
        0, 3, 1, 2
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = first / count
        variance = square / count - mean**2
        other = variance.transpose(0, 2, 1)
        both = product / count - mean * mean.transpose(0, 2, 1)
        defined = (count >= FEW) & (variance > _TINY) & (other > _TINY)
        return np.where(defined, np.clip(both / np.sqrt(variance * other), -1.0, 1.0), np.nan)
