"""A distribution over cells, a column at a time given some columns before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthtab.privacy.grid import Cells, Grid

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Link:
    """One column: ``shares`` has an axis per column it is ``given``, and its own cells last."""

    column: str
    given: tuple[str, ...]
    shares: Floats


@dataclass(frozen=True)
class Chain:
    """Links in the order in which columns are drawn."""

    grid: Grid
    links: tuple[Link, ...]

    def draw(self, rows: int, rng: np.random.Generator) -> Cells:
        """Draw the cells of ``rows`` rows (rows, axes), in the order of the grid.

        Draws are stratified: of rows that agree on the columns a column is given, each cell gets
        its share but for rounding. So the cells of many rows are nearer to the distribution than
        those of independent draws.
        """
        out = np.zeros((rows, len(self.grid.axes)), dtype=np.int64)
        place = {name: k for k, name in enumerate(self.grid.columns)}
        for link in self.links:
            shape = link.shares.shape
            flat = link.shares.reshape(-1, shape[-1])
            group = np.zeros(rows, dtype=np.int64)
            for name, size in zip(link.given, shape[:-1], strict=True):
                group = group * size + out[:, place[name]]
            out[:, place[link.column]] = _stratified(group, flat, rng)
        return out

    def log_shares(self, cells: Cells) -> Floats:
        """Return the log of the probability of each row's cells (rows,); -inf where it is 0."""
        place = {name: k for k, name in enumerate(self.grid.columns)}
        total = np.zeros(len(cells))
        for link in self.links:
            at = tuple(cells[:, place[name]] for name in (*link.given, link.column))
            with np.errstate(divide="ignore"):
                total += np.log(link.shares[at])
        return total


def _stratified(group: Cells, shares: Floats, rng: np.random.Generator) -> Cells:
    """Draw a cell for each row from its group's shares, evenly spread within each group."""
    order = np.lexsort((rng.random(len(group)), group))
    sorted_groups = group[order]
    first = np.searchsorted(sorted_groups, sorted_groups, side="left")
    many = np.searchsorted(sorted_groups, sorted_groups, side="right") - first
    level = (np.arange(len(group)) - first + rng.random(len(group))) / many
    ladder = np.cumsum(shares, axis=1)
    ladder /= ladder[:, -1:]
    out = np.empty(len(group), dtype=np.int64)
    starts = np.flatnonzero(np.r_[True, sorted_groups[1:] != sorted_groups[:-1]])
    ends = np.r_[starts[1:], len(group)]
    for start, end in zip(starts, ends, strict=True):
        steps = ladder[sorted_groups[start]]
        out[order[start:end]] = np.searchsorted(steps, level[start:end], side="right")
    # A level of 1 - 1e-17 may lie above a ladder that ends there.
    return np.asarray(np.minimum(out, shares.shape[1] - 1))
