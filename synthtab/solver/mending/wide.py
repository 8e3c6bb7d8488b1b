"""Mend one wide row with Z3: which cells change, and what they hold then.

The set of cells is found by keeping cells greedily under a persistent solver; each changed cell
takes a value the data hold, or the one nearest to what it held.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from synthtab.batch import Batch, Codes, Mask
from synthtab.ir import nodes
from synthtab.schema import domain
from synthtab.solver.cells import component_rules
from synthtab.solver.feasible import Feasible
from synthtab.solver.formula import NotLinearError
from synthtab.solver.greedy import mend_row

FIXED = 1e6


@dataclass(frozen=True)
class Wide:
    """A group of rows as one row.

    ``weights`` say what each cell costs (FIXED for those that stay as they are), ``donors`` what
    the cell's column holds elsewhere.
    """

    table: nodes.Table
    batch: Batch
    weights: Mapping[str, float]
    donors: Mapping[str, Codes]
    seed: int


def solve(wide: Wide) -> list[tuple[str, int, bool]] | None:
    """Return the cells that change (name, code, null); None where no way was found."""
    rng = np.random.default_rng(wide.seed)
    batch = Batch(
        wide.batch.columns, wide.batch.codes.copy(), wide.batch.nulls.copy(), wide.batch.pool
    )

    def some(column: str, count: int) -> tuple[Codes, Mask]:
        held = wide.donors.get(column, np.empty(0, np.int64))
        drawn = held[rng.integers(0, len(held), count)] if len(held) else held
        return drawn, np.zeros(len(drawn), bool)

    def inside(column: str, allowed: Feasible) -> tuple[Codes, Mask]:
        old = int(wide.batch.codes[0, wide.batch.index(column)])
        drawn, _ = some(column, 16)
        near = np.concatenate([_nearest(allowed, old), drawn])
        fits = allowed.meets(near[None, :], near[None, :])[0]
        if not fits.any():
            return allowed.uniform(rng)
        good = near[fits]
        best = good[np.abs(good.astype(float) - old).argmin()]
        return np.array([best], np.int64), np.zeros(1, bool)

    # A cell outside its range changes anyway, so it is the first to be let go.
    weights = dict(wide.weights)
    for at, column in enumerate(wide.table.columns):
        lo, hi = domain(column)
        wrong = not lo <= batch.codes[0, at] <= hi
        if weights[column.name] < FIXED and not batch.nulls[0, at] and wrong:
            batch.codes[0, at] = min(max(int(batch.codes[0, at]), lo), hi)
            weights[column.name] = 0.0
        elif batch.nulls[0, at] and not column.optional:
            drawn, _ = some(column.name, 1)
            if len(drawn):
                batch.codes[0, at], batch.nulls[0, at] = drawn[0], False
                weights[column.name] = 0.0
    try:
        for part in component_rules(wide.table):
            known = {c: batch.column(c) for c in part.columns}
            if part.satisfied(known, batch.pool)[0]:
                continue
            if not mend_row(part, batch, 0, weights, some, inside):
                return None
    except (NotLinearError, RecursionError):
        return None  # outside what formulas hold, or choices nested too deep in each other
    differ = (batch.codes != wide.batch.codes) | (batch.nulls != wide.batch.nulls)
    changed = np.flatnonzero(differ[0]).tolist()
    names = [batch.columns[c] for c in changed]
    if any(wide.weights[n] >= FIXED for n in names):
        return None
    return [
        (name, int(batch.codes[0, c]), bool(batch.nulls[0, c]))
        for name, c in zip(names, changed, strict=True)
    ]


def _nearest(allowed: Feasible, old: int) -> Codes:
    """Return codes of the one row's set that lie next to an old value."""
    lo, hi = allowed.lo[0], allowed.hi[0]
    some = lo <= hi
    near = np.clip(np.full(int(some.sum()), old), lo[some], hi[some])
    return np.asarray(np.concatenate([near, lo[some], hi[some]]), dtype=np.int64)
