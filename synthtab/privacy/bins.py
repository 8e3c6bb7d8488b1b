"""Cells for columns of many values: fine where rows are, coarse where they are not.

The range is halved into sixteenths again and again, only where noisy counts say that many rows lie,
in the manner of PrivTree (Zhang, Xiao and Xie, 2016). Every level of the tree is one set of
disjoint counts. Leaves are then put together, neighbour with neighbour, into cells that hold enough
rows to be told from noise; a single value that many rows share stays a cell of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from synthtab.privacy.grid import Axis, Grid
from synthtab.privacy.ledger import Purse
from synthtab.privacy.mechanisms import CountNoise, count_noise
from synthtab.privacy.readers import CountCells
from synthtab.privacy.vault import Vault
from synthtab.schema import BooleanType, Column, EnumType, domain

SMALL = 32
"""A column of at most so many values has a cell for each."""
BRANCHES = 16
MOST_LEVELS = 5
CELLS = 32
"""Cells a column of many values is to have, about."""


@dataclass(frozen=True)
class Leaf:
    """A stretch of codes and how many rows were found in it, with noise."""

    lo: int
    hi: int
    count: float


def plain_axis(column: Column, domain_: tuple[int, int] | None = None) -> Axis | None:
    """Return the axis of a column of few values, a cell each; None where they are many."""
    lo, hi = domain_ or domain(column)
    if isinstance(column.type, EnumType | BooleanType) or hi - lo < SMALL:
        codes = tuple(range(lo, hi + 1))
        return Axis(column.name, codes, codes, column.optional)
    return None


def levels_of(lo: int, hi: int) -> int:
    """Return how many levels a tree over a range has."""
    return min(MOST_LEVELS, max(1, math.ceil(math.log(hi - lo + 1, BRANCHES) - 1e-9)))


def axes(vault: Vault, table: str, columns: Sequence[Column], purse: Purse, most: int = 1) -> Grid:
    """Return a grid of all columns; the purse pays for the trees of those of many values.

    ``most`` is how many rows of this table one unit may have. Raises BudgetError where the purse
    pays for no count that would say anything.
    """
    many = [c for c in columns if plain_axis(c) is None]
    queries = sum(levels_of(*domain(c)) for c in many)
    made = []
    for column in columns:
        plain = plain_axis(column)
        if plain is not None:
            made.append(plain)
            continue
        noise = count_noise(purse.share(1 / queries), vault.neighbours, most)
        made.append(_axis(vault, table, column, noise))
    return Grid(tuple(made))


def _axis(vault: Vault, table: str, column: Column, noise: CountNoise) -> Axis:
    lo, hi = domain(column)
    leaves = [Leaf(lo, hi, math.inf)]
    rows = math.inf
    for level in range(levels_of(lo, hi)):
        wanted = 0.0 if level == 0 else max(rows / CELLS, 4 * noise.spread)
        split = [leaf for leaf in leaves if leaf.count > wanted and leaf.hi > leaf.lo]
        if not split:
            break
        pieces = [p for leaf in leaves for p in (_parts(leaf) if leaf in split else [leaf])]
        cells = Axis(
            column.name,
            tuple(p.lo for p in pieces),
            tuple(p.hi for p in pieces),
            column.optional,
        )
        why = "cells of columns of many values"
        counts = vault.release(CountCells(table, Grid((cells,)), (column.name,), noise, why))
        # A leaf that was not split was counted once more: the mean of both is nearer.
        leaves = [
            Leaf(p.lo, p.hi, float(counts[k]) if math.isinf(p.count) else (p.count + counts[k]) / 2)
            for k, p in enumerate(pieces)
        ]
        rows = max(1.0, sum(max(0.0, leaf.count) for leaf in leaves))
    return _merged(column, leaves, max(rows / CELLS, 4 * noise.spread))


def _parts(leaf: Leaf) -> list[Leaf]:
    """Return a leaf's sixteenths, not counted yet."""
    width = max(1, math.ceil((leaf.hi - leaf.lo + 1) / BRANCHES))
    return [
        Leaf(lo, min(lo + width - 1, leaf.hi), math.inf)
        for lo in range(leaf.lo, leaf.hi + 1, width)
    ]


def _merged(column: Column, leaves: Sequence[Leaf], enough: float) -> Axis:
    """Put neighbouring leaves together until each cell has ``enough`` rows, if it can."""
    groups: list[list[Leaf]] = []
    open_: list[Leaf] = []
    for leaf in leaves:
        if leaf.count >= enough and open_:
            groups.append(open_)
            open_ = []
        open_.append(leaf)
        if sum(part.count for part in open_) >= enough:
            groups.append(open_)
            open_ = []
    if open_:
        groups.append(open_)
    pieces = tuple(
        (leaf.lo, leaf.hi, max(leaf.count, 0.0) + 1e-3, cell)
        for cell, group in enumerate(groups)
        for leaf in group
    )
    return Axis(
        column.name,
        tuple(g[0].lo for g in groups),
        tuple(g[-1].hi for g in groups),
        column.optional,
        pieces if len(leaves) > len(groups) else (),
    )
