"""Cells for rows whose other columns are known: taken from a pool of rows drawn jointly.

A graphical model is drawn a column at a time in an order of its own. To draw some columns given
others that are fixed, many rows are drawn jointly, and each wanted row takes its cells from one of
those that agree with it. All of it is post-processing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synthtab.privacy.grid import Axis, Cells, Grid

COARSE = 12
"""Cells that a column has where it is known beforehand, at most, if its values have an order."""
ENOUGH = 20
"""So many rows of the pool have to agree with a wanted one before one of them is taken."""


def coarse(axis: Axis, cells: Cells, most: int = COARSE) -> Axis:
    """Return an axis with neighbouring cells put together, so that about as many rows are in each.

    ``cells`` are the cells of rows along the axis; NULL keeps its own.
    """
    if len(axis.lo) <= most:
        return Axis(axis.column, axis.lo, axis.hi, axis.null)
    counts = np.bincount(cells, minlength=axis.size)[: len(axis.lo)] + 1e-9
    reached = (np.cumsum(counts) - counts / 2) / counts.sum()
    group = np.minimum((reached * most).astype(np.int64), most - 1)
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    ends = np.r_[starts[1:], len(group)] - 1
    lo = tuple(axis.lo[k] for k in starts)
    hi = tuple(axis.hi[k] for k in ends)
    return Axis(axis.column, lo, hi, axis.null)


def matched(
    pool: Cells, known: Sequence[int], wanted: Cells, sizes: Grid, rng: np.random.Generator
) -> Cells:
    """Return cells (wanted rows, axes) whose ``known`` columns are ``wanted`` (rows, known).

    Rows of ``pool`` (rows, axes of ``sizes``) that agree on all known columns are taken, where
    there are ENOUGH of them; else those that agree on all but the columns that tell the least of
    the others. Of rows that agree, each is taken about as often as any other.
    """
    known = list(known)
    others = [k for k in range(pool.shape[1]) if k not in known]
    telling = sorted(range(len(known)), key=lambda p: -_tells(pool, known[p], others, sizes))
    out = np.zeros((len(wanted), pool.shape[1]), dtype=np.int64)
    open_ = np.arange(len(wanted))
    for many in range(len(known), -1, -1):
        if not len(open_):
            break
        some = telling[:many]
        there, here = _groups(pool[:, [known[p] for p in some]], wanted[open_][:, some])
        # Rows of one group are put in an order of their cells, so that even steps spread over them.
        order = np.lexsort((*pool[:, others].T, there))
        first = np.searchsorted(there[order], here, side="left")
        size = np.searchsorted(there[order], here, side="right") - first
        found = size >= (ENOUGH if many else 1)
        place = first[found] + (_spread(here[found], rng) * size[found]).astype(np.int64)
        out[open_[found]] = pool[order[place]]
        open_ = open_[~found]
    out[:, known] = wanted
    return out


def _groups(pool: Cells, wanted: Cells) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return a number for each row of both, the same for equal rows."""
    if not pool.shape[1]:
        return np.zeros(len(pool), dtype=np.int64), np.zeros(len(wanted), dtype=np.int64)
    both = np.concatenate([pool, wanted])
    number = np.unique(both, axis=0, return_inverse=True)[1].reshape(-1)
    return number[: len(pool)], number[len(pool) :]


def _spread(groups: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each row, those of one group evenly spread, in any order."""
    order = np.lexsort((rng.random(len(groups)), groups))
    ordered = groups[order]
    first = np.searchsorted(ordered, ordered, side="left")
    many = np.searchsorted(ordered, ordered, side="right") - first
    level = (np.arange(len(groups)) - first + rng.random(len(groups))) / np.maximum(many, 1)
    out = np.empty(len(groups))
    out[order] = np.minimum(level, 1 - 1e-12)
    return out


def _tells(pool: Cells, column: int, others: Sequence[int], sizes: Grid) -> float:
    """Return how much a column tells of the others: mutual informations, in nats, added up."""
    return float(
        sum(
            _information(
                np.bincount(
                    pool[:, column] * sizes.axes[k].size + pool[:, k],
                    minlength=sizes.axes[column].size * sizes.axes[k].size,
                ).reshape(-1, sizes.axes[k].size)
            )
            for k in others
        )
    )


def _information(counts: NDArray[np.int64]) -> float:
    joint = counts / max(1, counts.sum())
    apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    some = joint > 0
    return float((joint[some] * np.log(joint[some] / apart[some])).sum())
