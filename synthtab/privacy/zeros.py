"""Structural zeros: what the rules say of cells, which no data need be asked for.

Rules are public, so that all of this is free. A column whose cell another one fixes is not
measured at all: it follows.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthtab.ir import nodes
from synthtab.ir.walk import columns_of
from synthtab.privacy.grid import Cells, Grid
from synthtab.solver import occupied as solving

Clique = tuple[str, ...]
MOST_CELLS = 4_000
"""Cells of a clique that the solver is asked about, at most."""


@dataclass(frozen=True)
class Fixed:
    """A column whose code follows from the cell of another one; -1 for a cell no row lies in."""

    column: str
    by: str
    codes: tuple[int, ...]


@dataclass(frozen=True)
class Zeros:
    """What the rules leave: ``occupied`` masks of cliques, and columns that are ``fixed``."""

    occupied: Mapping[Clique, NDArray[np.bool_]]
    fixed: tuple[Fixed, ...] = ()


def structural_zeros(
    table: nodes.Table, grid: Grid, budget_s: float = 20.0, keep: Collection[str] = ()
) -> Zeros:
    """Return which cells of a grid rows can lie in, for one, two and three columns tied by rules.

    Triples are those that a rule names; they are told where they say more than their pairs. The
    columns in ``keep`` are measured even where others fix them.
    """
    ties = [tuple(c for c in grid.columns if c in tied) for tied in solving.related(table)]
    named = {frozenset(columns_of(r.condition)) & set(grid.columns) for r in table.row_rules}
    asked = [
        clique
        for tied in ties
        for size in (1, 2, 3)
        for clique in itertools.combinations(tied, size)
        if grid.size(clique) <= MOST_CELLS and (size < 3 or set(clique) in named)
    ]
    cells = {a.column: solving.Cells(a.lo, a.hi, a.null) for a in grid.axes}
    found = solving.occupied(table, cells, asked, budget_s)
    fixed = _fixed(grid, found, keep)
    gone = {f.column for f in fixed}
    kept = {
        clique: mask
        for clique, mask in found.items()
        if not gone & set(clique) and (len(clique) < 3 or _says_more(clique, mask, found))
    }
    return Zeros(kept, fixed)


def _fixed(
    grid: Grid, found: Mapping[Clique, NDArray[np.bool_]], keep: Collection[str]
) -> tuple[Fixed, ...]:
    """Return the columns that another column fixes; none of the others is fixed itself."""
    out: dict[str, Fixed] = {}
    holding: set[str] = set()
    for (a, b), mask in ((c, m) for c, m in found.items() if len(c) == 2):
        for by, column, table in ((a, b, mask), (b, a, mask.T)):
            if column in out or by in out or column in holding or column in keep:
                continue
            axis = grid.axis(column)
            single = all(lo == hi for lo, hi in zip(axis.lo, axis.hi, strict=True))
            if axis.null or not single or not (table.sum(axis=1) <= 1).all():
                continue
            codes = np.where(table.any(axis=1), np.array(axis.lo)[table.argmax(axis=1)], -1)
            out[column] = Fixed(column, by, tuple(int(c) for c in codes))
            holding.add(by)
    return tuple(out.values())


def _says_more(
    clique: Clique, mask: NDArray[np.bool_], found: Mapping[Clique, NDArray[np.bool_]]
) -> bool:
    product = np.ones(mask.shape, dtype=bool)
    for smaller in itertools.combinations(clique, 2):
        if smaller in found:
            shape = [mask.shape[k] if n in smaller else 1 for k, n in enumerate(clique)]
            product &= found[smaller].reshape(shape)
    return bool((product & ~mask).any())


def follow(fixed: Fixed, grid: Grid, cells: Cells) -> Cells:
    """Return the codes of a fixed column for rows in these cells (rows, axes of the grid)."""
    return np.array(fixed.codes, dtype=np.int64)[cells[:, grid.columns.index(fixed.by)]]
