"""Rows to begin with: each column by itself as noisy counts have it, under the rules.

A network that starts from random weights spends most of a privacy budget on learning how often each
value comes up, which counts tell far more cheaply. So the counts of single columns are measured,
rows are drawn that have these shares and keep the rules, and the network learns those rows first,
without noise: they are made of released numbers. What noisy training then pays for is how columns
hang together.
"""

from __future__ import annotations

import secrets

import numpy as np

from synthtab.batch import Batch
from synthtab.errors import BudgetError
from synthtab.generate.density import Curve
from synthtab.generate.uniform import UniformGenerator
from synthtab.ir import nodes
from synthtab.privacy.bins import axes
from synthtab.privacy.grid import Axis, Floats, Grid
from synthtab.privacy.ledger import Purse
from synthtab.privacy.mechanisms import count_noise
from synthtab.privacy.readers import CountCells
from synthtab.privacy.vault import Vault
from synthtab.solver.plan import Plan


def warm_rows(
    vault: Vault, table: nodes.Table, plan: Plan, purse: Purse, rows: int, drawn: int
) -> Batch:
    """Return rows drawn from counts of single columns, which the purse pays for.

    ``rows`` is about how many real rows there are, ``drawn`` how many to draw. Columns that the
    rules compute from others are not counted. Raises BudgetError where the purse pays for no count
    that would say anything.
    """
    counted = [c for c in table.columns if not plan.step(c.name).determined]
    noise = count_noise(purse.share(0.5 / max(1, len(counted))), vault.neighbours)
    if noise.spread > rows:
        raise BudgetError(
            "the privacy budget is too small for any answer: noise on counts would have a standard "
            f"deviation of {noise.spread:.3g}, more than the {rows} rows there are, about; raise "
            "epsilon (1.0 is usual), or bring more rows"
        )
    grid = axes(vault, table.name, counted, purse.share(0.5))
    known = {}
    for axis in grid.axes:
        one = Grid((axis,))
        reader = CountCells(table.name, one, (axis.column,), noise, "counts of single columns")
        shares = on_simplex(vault.release(reader) / rows)
        known[axis.column] = _density(axis, shares), float(shares[-1]) if axis.null else 0.0
    made = UniformGenerator(table, plan.domains, plan.order, known).draw(
        drawn, guide=plan, seed=secrets.randbits(63)
    )
    return made.batch.take(~made.dead)


def on_simplex(shares: Floats) -> Floats:
    """Return the nearest shares that are at least 0 and add up to 1 (Duchi et al., 2008)."""
    ordered = np.sort(shares)[::-1]
    excess = (ordered.cumsum() - 1.0) / np.arange(1, len(shares) + 1)
    last = np.flatnonzero(ordered > excess)[-1]
    return np.asarray(np.maximum(shares - excess[last], 0.0))


def _density(axis: Axis, shares: Floats) -> Curve:
    """Return the density of a column's values: even within each piece of a cell."""
    lo, hi = np.array(axis.lo), np.array(axis.hi)
    each = shares[: len(lo)]
    if axis.pieces:
        lo, hi = (np.array([p[k] for p in axis.pieces]) for k in (0, 1))
        weight, cell = np.array([p[2] for p in axis.pieces]), np.array([p[3] for p in axis.pieces])
        each = each[cell] * weight / np.bincount(cell, weight)[cell]
    rise = np.concatenate([[0.0], each.cumsum()])
    edges = np.append(lo, hi[-1] + 1).astype(float)
    whole = rise[-1] if rise[-1] > 0 else 1.0
    return Curve(edges, rise / whole, float(hi[-1] - lo[0] + 1))
