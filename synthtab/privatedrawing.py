"""Marginals of tables that belong together, and databases drawn from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Batch, Codes, Mask
from synthtab.ir import nodes
from synthtab.privacy.estimate import Measured
from synthtab.privacy.graphical import TRIES, GraphicalGenerator, values_of
from synthtab.privacy.grid import Grid
from synthtab.privacy.marginals import learn_marginals
from synthtab.privacy.matching import coarse, matched
from synthtab.privacy.selecting import Plan as Effort
from synthtab.privacy.settings import Privacy
from synthtab.privacy.units import Branch, joined_name
from synthtab.privacy.vault import Vault
from synthtab.relational.numbering import numbered
from synthtab.relational.star import Star
from synthtab.relational.structure import Home
from synthtab.solver.plan import Plan
from synthtab.solver.project import compile_plan

BINS, FIRST, PICKS = 0.2, 0.25, 2
"""Rows of a branch are few for the noise on them: more of the budget for cells and for single
columns, less for many columns together, than for a single table."""
UNITS = 20_000
"""Units that are drawn to tell how often rows of branches meet the root's cells."""
POOL = 100_000
"""Rows that are drawn jointly, for those wanted to be matched with."""

Told = Callable[[str, float, str], None]
Cells = tuple[Codes, Mask]


class Drawing:
    """Estimates of a root and its branches, and how rows are drawn from them."""

    def __init__(
        self,
        whole: Star,
        privacy: Privacy,
        budget_s: float,
        effort: Effort | None,
        told: Told | None,
    ) -> None:
        self._whole, self._zeros, self._budget = whole, privacy.structural_zeros, budget_s
        self._effort = effort or Effort(first=FIRST, picks=PICKS)
        self._told = told
        self._plans: dict[str, Plan] = {}
        self._made: dict[str, GraphicalGenerator] = {}

    def measure(self, vault: Vault, rows: Mapping[str, float], shares: Mapping[str, float]) -> None:
        """Spend what the ledger has left on marginals, by tables' shares, the root's first.

        What a table leaves, once all of its marginals are known, goes to those after it.
        """
        due = 1.0

        def part(name: str) -> float:
            nonlocal due
            share, due = min(1.0, shares[name] / due), due - shares[name]
            return share

        whole = self._whole
        root = whole.root.table.name
        rests = set(whole.rests)
        plan = compile_plan(whole.ruled, last=whole.rests, budget_s=self._budget)
        order = tuple(c for c in plan.order if c not in rests)
        self._plans[root] = plan
        self._made[root] = self._learned(vault, whole.ruled, order, rows[root], part(root))
        units = self._units(UNITS, np.random.default_rng())
        for branch in whole.branches:
            name = branch.table.name
            joined = branch.joined
            plan = compile_plan(branch.learned, given=joined, budget_s=self._budget)
            self._plans[name] = plan
            order = tuple(c for c in plan.order if c not in joined)
            if not order:
                continue
            beside, told = self._beside(branch, units, rows[name])
            self._made[name] = self._learned(
                vault, branch.learned, order, rows[name], part(name), branch.most, told, beside
            )

    def _learned(
        self,
        vault: Vault,
        table: nodes.Table,
        order: tuple[str, ...],
        rows: float,
        share: float,
        most: int = 1,
        told: tuple[Measured, ...] = (),
        beside: Grid = Grid(()),  # noqa: B008
    ) -> GraphicalGenerator:
        return learn_marginals(
            vault,
            table,
            table.name,
            order,
            rows,
            zeros=self._zeros,
            plan=self._effort,
            solver_s=2 * self._budget,
            progress=None if self._told is None else partial(self._told, table.name),
            share=share,
            most=most,
            told=told,
            beside=beside,
            bins=BINS,
        )

    def _beside(
        self, branch: Branch, units: Batch, total: float
    ) -> tuple[Grid, tuple[Measured, ...]]:
        """Return the root's columns with coarse cells, and how many of all rows lie in each, about.

        It follows from the root's estimate: units count as often as they have rows here.
        """
        root = self._whole.root.table.name
        fine = self._made[root].chain.grid
        rows = units.take(np.repeat(np.arange(len(units)), units.column(branch.number)[0]))
        axes, told = [], []
        for axis in fine.axes:
            made = coarse(axis, axis.cells(*rows.column(axis.column)))
            made = type(made)(joined_name(root, axis.column), made.lo, made.hi, made.null)
            cells = made.cells(*rows.column(axis.column))
            counts = np.bincount(cells, minlength=made.size).astype(np.float64) + 1e-6
            axes.append(made)
            spread = math.sqrt(max(1.0, total / made.size))
            told.append(Measured((made.column,), counts * (total / counts.sum()), spread))
        return Grid(tuple(axes)), tuple(told)

    # Drawing.

    def database(self, units: int, rng: np.random.Generator) -> dict[str, Batch]:
        """Draw about ``units`` rows of the root, and the rows that belong to them, with keys."""
        whole = self._whole
        root = whole.root.table.name
        drawn = self._units(units, rng)
        home = whole.homes[root]
        declared = _filled(home.table, {n: drawn.column(n) for n in drawn.columns}, len(drawn))
        order, batch = numbered(home, whole.made[root], declared, rng, {})
        drawn = drawn.take(order)
        made = {root: batch}
        for branch in whole.branches:
            made[branch.table.name] = self._rows(branch, drawn, batch, rng)
        return made

    def _units(self, many: int, rng: np.random.Generator) -> Batch:
        """Draw rows of the root with their numbers of children; rows no rule allows are let go."""
        root = self._whole.root.table.name
        generator = self._made[root]
        drawn = generator.draw(many, guide=self._plans[root], seed=int(rng.integers(2**32)))
        return drawn.batch.take(~drawn.dead)

    def _rows(
        self, branch: Branch, units: Batch, parents: Batch, rng: np.random.Generator
    ) -> Batch:
        """Draw a branch's rows: as many for each unit as it is to have, by the unit's columns."""
        name, home = branch.table.name, self._whole.home(branch)
        at = np.repeat(np.arange(len(units)), units.column(branch.number)[0])
        at = np.sort(rng.permutation(at)[: self._whole.room(name)])
        values, lost = self._values(branch, units, at, rng)
        kept = np.flatnonzero(~lost)
        kept = kept[_in_turn(home, {n: codes[kept] for n, (codes, _) in values.items()}, at[kept])]
        at = at[kept]
        cells = {n: (codes[kept], nulls[kept]) for n, (codes, nulls) in values.items()}
        pool = np.empty(0, dtype=object)
        assert home.lead is not None
        for copy in (*home.keys, *home.copies):
            codes, nulls = parents.column(copy.source)
            cells[copy.column], words = copy.cells(codes[at], nulls[at], parents.pool)
            pool = words if len(words) else pool
        if home.order is not None and home.order.numbered is not None:
            column, start = home.order.numbered
            rank = np.arange(len(at)) - np.searchsorted(at, at) + start
            cells[column] = rank, np.zeros(len(at), dtype=bool)
        batch = _filled(home.table, cells, len(at), pool)
        return numbered(home, self._whole.made[name], batch, rng, {})[1]

    def _values(
        self, branch: Branch, units: Batch, at: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[dict[str, Cells], Mask]:
        """Draw the own columns of rows, each for its unit; say which rows no rule allows."""
        name, root = branch.table.name, self._whole.root.table.name
        lost = np.zeros(len(at), dtype=bool)
        if name not in self._made or not len(at):
            return {}, lost
        generator, plan = self._made[name], self._plans[name]
        grid = generator.chain.grid
        joined = [k for k, n in enumerate(grid.columns) if n in branch.joined]
        plain = {joined_name(root, n): n for n in units.columns}
        known = {j: units.column(n) for j, n in plain.items()}
        wanted = np.stack(
            [grid.axes[k].cells(*known[grid.columns[k]]) for k in joined]
            or [np.zeros(len(units), dtype=np.int64)],
            axis=1,
        )[:, : len(joined)]
        pool = generator.chain.draw(POOL, rng)
        names = [c.name for c in generator.columns]
        out = {n: (np.zeros(len(at), dtype=np.int64), np.zeros(len(at), dtype=bool)) for n in names}
        open_ = np.arange(len(at))
        for attempt in range(TRIES):
            mine = at[open_]
            cells = matched(pool, joined, wanted[mine], grid, rng)
            beside = {j: (codes[mine], nulls[mine]) for j, (codes, nulls) in known.items()}
            strict = attempt < TRIES - 1
            values, gone = values_of(generator, cells, plan, beside, rng, strict=strict)
            for n in names:
                out[n][0][open_], out[n][1][open_] = values[n]
            lost[open_] = gone
            open_ = open_[gone]
            if not len(open_):
                break
        return out, lost


def _in_turn(home: Home, codes: Mapping[str, Codes], at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return rows so that, within each unit, what rules have rise from row to row does."""
    assert home.lead is not None
    rising = [
        rule.condition.operand.name
        for rule in home.table.rules
        if isinstance(rule, nodes.RowRule)
        and isinstance(rule.condition, nodes.Increasing)
        and set(rule.condition.per) == set(home.lead.columns)
        and isinstance(rule.condition.operand, nodes.ColumnRef)
    ]
    names = [*rising, *(() if home.order is None else home.order.columns)]
    return np.lexsort((*(codes[n] for n in reversed(names) if n in codes), at))


def _filled(
    table: nodes.Table,
    cells: Mapping[str, Cells],
    rows: int,
    pool: NDArray[np.object_] | None = None,
) -> Batch:
    """Return a batch of all columns of a table; those not given are zeros, to be made up."""
    names = table.column_names
    codes = np.zeros((rows, len(names)), dtype=np.int64)
    nulls = np.zeros((rows, len(names)), dtype=bool)
    for at, name in enumerate(names):
        if name in cells:
            codes[:, at], nulls[:, at] = cells[name]
    return Batch(names, codes, nulls, np.empty(0, dtype=object) if pool is None else pool)
