"""Repair single rows: keep as many cells as possible, and draw the others again where rules allow.

Three stages. First, for all broken rows at once and without a solver: for each column, what it
could hold with every other cell kept (the rules' own formulas, solved for that column in numpy).
Rows that one cell can mend are mended there. The rest go to Z3, row by row: a persistent solver
keeps cells greedily, heaviest first, guided by unsatisfiable cores. Rows that this does not mend
are rewritten along the Plan, keeping what the cells before allow. Changed cells are drawn from a
donor distribution inside the feasible set; a solver's model sits on its edge and looks like nothing
in the data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch, Codes, Mask
from synthtab.ir import nodes
from synthtab.schema import TextType, domain
from synthtab.solver.cells import ComponentRules, component_rules
from synthtab.solver.feasible import Feasible
from synthtab.solver.greedy import mend_row
from synthtab.solver.plan import Plan
from synthtab.solver.project import compile_plan

Progress = Callable[[int, int], None]
CANDIDATES = 48


@dataclass(frozen=True)
class Repaired:
    """The outcome of a repair.

    ``batch`` has the rows in their order; ``changed`` (rows, columns) marks cells that differ from
    the input; ``failed`` (rows,) marks rows that still break a row rule or a column's domain.
    """

    batch: Batch
    changed: Mask
    failed: Mask


def repair(
    table: nodes.Table,
    batch: Batch,
    *,
    rng: np.random.Generator,
    weights: Mapping[str, float] | None = None,
    donors: Batch | None = None,
    domains: Mapping[str, tuple[int, int]] | None = None,
    progress: Progress | None = None,
) -> Repaired:
    """Mend the rows of ``batch`` that break a row rule or a column's domain; touch no other row.

    ``weights`` says how dear a column's cell is (default 1, keys 10): dear cells are kept.
    ``donors`` are rows to draw values from, column by column; by default the valid rows of the
    batch itself, so that nothing else is read. ``progress(done, total)`` counts rows.
    """
    backend = VectorBackend(table)
    cost = {c: 10.0 if _in_key(table, c) else 1.0 for c in table.column_names} | dict(weights or {})
    codes, nulls = batch.codes.copy(), batch.nulls.copy()
    outside = backend.out_of_domain(batch)
    violated = backend.violated(batch)
    broken = np.flatnonzero(outside.any(axis=1) | violated.any(axis=1))
    current = Batch(batch.columns, codes, nulls, batch.pool)
    if len(broken) == 0:
        return Repaired(current, np.zeros_like(nulls), np.zeros(len(batch), bool))
    if donors is None:
        healthy = np.ones(len(batch), bool)
        healthy[broken] = False
        donors = batch.take(healthy)
    donor = _Donor(table, donors, rng, dict(domains or {}))
    # Cells outside their column's domain change first, whatever the rules say.
    for at, column in enumerate(batch.columns):
        rows = np.flatnonzero(outside[:, at])
        if len(rows):
            codes[rows, at], nulls[rows, at] = donor.anything(column, len(rows))
    unmended = [
        _mend_component(component, current, broken, outside, cost, donor, rng, progress)
        for component in component_rules(table, domains)
    ]
    hard = np.unique(np.concatenate([np.empty(0, np.int64), *unmended]))
    if len(hard):
        _rewrite(compile_plan(table, domains=domains), current, hard, donor)
    changed = (codes != batch.codes) | (nulls != batch.nulls)
    failed = np.zeros(len(batch), bool)
    again = current.take(broken)
    failed[broken] = backend.violated(again).any(axis=1) | backend.out_of_domain(again).any(axis=1)
    return Repaired(current, changed, failed)


def _mend_component(
    component: ComponentRules,
    batch: Batch,
    rows: NDArray[np.int64],
    replaced: Mask,
    cost: Mapping[str, float],
    donor: _Donor,
    rng: np.random.Generator,
    progress: Progress | None,
) -> NDArray[np.int64]:
    """Mend cells in place in those of ``rows`` that break this component's rules.

    ``replaced`` (rows, columns) marks cells that had to change anyway: they are free to change
    again. Returns the rows that could not be mended.
    """
    bad = rows[~component.satisfied(_known(component, batch, rows), batch.pool)]
    if len(bad) == 0:
        return bad
    known = _known(component, batch, bad)
    options = {c: component.alone(c, known, batch.pool) for c in component.movable}
    columns = list(options)
    price = np.full((len(bad), len(columns)), np.inf)
    for at, column in enumerate(columns):
        own = np.where(replaced[bad, batch.index(column)], 0.0, cost[column])
        price[:, at] = np.where(options[column].any(), own, np.inf)
    # Among equally dear columns one is chosen at random: always the first would bias the repair.
    price += rng.random(price.shape) * 1e-6
    choice = price.argmin(axis=1) if columns else np.zeros(len(bad), int)
    single = np.isfinite(price.min(axis=1)) if columns else np.zeros(len(bad), bool)
    for at, column in enumerate(columns):
        mine = np.flatnonzero(single & (choice == at))
        if len(mine):
            index = batch.index(column)
            drawn = donor.inside(column, options[column].take(mine))
            batch.codes[bad[mine], index], batch.nulls[bad[mine], index] = drawn
    hard = bad[~single]
    mended = np.zeros(len(hard), bool)
    for done, row in enumerate(hard):
        mended[done] = mend_row(component, batch, int(row), cost, donor.some, donor.inside)
        if progress is not None:
            progress(done + 1, len(hard))
    failed: NDArray[np.int64] = hard[~mended]
    return failed


def _rewrite(plan: Plan, batch: Batch, rows: NDArray[np.int64], donor: _Donor) -> None:
    """Go through the columns in the Plan's order, keeping every cell that the ones before allow.

    The last resort: it ends with valid rows wherever the Plan is exact, and changes more cells than
    need be.
    """
    known = {c: _cells(batch, c, rows) for c in plan.order}
    for column in plan.order:
        if plan.constrained(column):
            allowed = plan.feasible(column, known, batch.pool)
            wrong = np.flatnonzero(~allowed.contains(*known[column]) & allowed.any())
            if len(wrong):
                codes, nulls = known[column]
                codes[wrong], nulls[wrong] = donor.inside(column, allowed.take(wrong))
                at = batch.index(column)
                batch.codes[rows, at], batch.nulls[rows, at] = codes, nulls


def _known(
    component: ComponentRules, batch: Batch, rows: NDArray[np.int64]
) -> dict[str, tuple[Codes, Mask]]:
    return {c: _cells(batch, c, rows) for c in component.columns}


def _cells(batch: Batch, column: str, rows: NDArray[np.int64]) -> tuple[Codes, Mask]:
    """Return a copy of one column's codes and nulls in the given rows."""
    codes, nulls = batch.column(column)
    return codes[rows], nulls[rows]


def _in_key(table: nodes.Table, column: str) -> bool:
    return any(column in rule.columns for rule in table.unique_rules)


class _Donor:
    """Draws cells of a column from donor rows, or uniformly from the domain where none fits."""

    def __init__(
        self,
        table: nodes.Table,
        rows: Batch,
        rng: np.random.Generator,
        domains: Mapping[str, tuple[int, int]],
    ) -> None:
        self._table, self._rows, self._rng, self._domains = table, rows, rng, domains

    def some(self, column: str, count: int) -> tuple[Codes, Mask]:
        """Return ``count`` cells drawn with replacement; none where there are no donor rows."""
        codes, nulls = self._rows.column(column)
        if len(codes) == 0:
            return codes[:0], nulls[:0]
        pick = self._rng.integers(0, len(codes), count)
        return codes[pick], nulls[pick]

    def anything(self, column: str, count: int) -> tuple[Codes, Mask]:
        """Return ``count`` cells within the column's domain."""
        codes, nulls = self.some(column, count)
        if len(codes):
            return codes, nulls
        declared = self._table.column(column)
        if declared.optional or isinstance(declared.type, TextType):
            # No text can be made up here: a NULL where none may be leaves the row marked as failed.
            return np.zeros(count, np.int64), np.ones(count, bool)
        lo, hi = self._range(column)
        return self._rng.integers(lo, hi, count, endpoint=True), np.zeros(count, bool)

    def inside(self, column: str, allowed: Feasible) -> tuple[Codes, Mask]:
        """Return one cell for each row's feasible set (none of them empty)."""
        count = len(allowed)
        codes, nulls = self.some(column, count * CANDIDATES)
        codes, nulls = codes.reshape(count, -1), nulls.reshape(count, -1)
        if codes.size:
            fits = np.where(nulls, allowed.null[:, None], allowed.meets(codes, codes))
            first, any_fits = fits.argmax(axis=1), fits.any(axis=1)
            at = np.arange(count)
            drawn, absent = codes[at, first], nulls[at, first]
        else:
            drawn, absent = np.zeros(count, np.int64), np.zeros(count, bool)
            any_fits = np.zeros(count, bool)
        left = np.flatnonzero(~any_fits)
        if len(left):
            drawn[left], absent[left] = allowed.take(left).uniform(self._rng)
        return drawn, absent

    def _range(self, column: str) -> tuple[int, int]:
        return self._domains.get(column) or domain(self._table.column(column))
