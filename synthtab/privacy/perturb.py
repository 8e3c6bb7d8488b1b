"""The per-row mechanism: every row changed by itself, then mended.

Each value of a row is put through an exponential mechanism of its own, NULL being one more value,
and the epsilon of a row is split over its columns (privacy/allocate.py). A row that is exchanged
for any other changes the law of one released row, by that epsilon at most; rows have no row in
common, so that all of them together cost what one does (parallel composition; McSherry, 2009).
The number of rows is told exactly, and neighbours therefore are those of ``replace``. Rows come in
random order, and what rules they break is mended by the solver, which looks at nothing but them.

It is poor, and cannot but be: noise that hides one row among all the rows that there could be has
to cover the whole of every range, and fifteen columns share one epsilon, while a mechanism that
measures sums hides one row among all the others and spreads its noise over them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from synthtab.batch import Batch
from synthtab.errors import BudgetError, InfeasibleError, UsageError
from synthtab.ir import nodes
from synthtab.ir.walk import descendants
from synthtab.privacy.allocate import Workload, allocate, curve, every_pair
from synthtab.privacy.channels import Floats, distances, even_axis, randomiser
from synthtab.privacy.costs import Pure
from synthtab.privacy.grid import Cells, Grid
from synthtab.privacy.ledger import Charge, Purse
from synthtab.privacy.mechanisms import Randomiser
from synthtab.privacy.readers import real_cells
from synthtab.privacy.vault import Room, Vault
from synthtab.solver.repair import repair

Progress = Callable[[int, int], None]
LEAST = 1e-6
"""An epsilon that says nothing: what is left of a ledger that is spent, sums being rounded."""


@dataclass(frozen=True)
class Perturbed:
    """Rows that keep all rules about one row, and how they came about.

    ``epsilons`` is what each column got; ``mended`` how many cells were changed for the rules, and
    ``replaced`` how many rows that could not be mended gave way to others of these rows.
    """

    batch: Batch
    epsilons: Mapping[str, float]
    mended: int
    replaced: int


@dataclass(frozen=True)
class PerturbRows:
    """The cells of every row of a table, each changed by itself, in random order.

    The answer is (rows, axes). ``mechanisms`` has one for each axis of ``grid``.
    """

    table: str
    grid: Grid
    mechanisms: tuple[Randomiser, ...]

    @property
    def charge(self) -> Charge:
        """One row's cost: rows are disjoint, each is released once."""
        return Charge(
            f"{Randomiser.name}, each value by itself",
            Pure(sum(m.epsilon for m in self.mechanisms)),
            tuple(f"{self.table}.{c}" for c in self.grid.columns),
            "every row, changed by itself",
        )

    def read(self, room: Room) -> Cells:
        """Return the changed cells."""
        cells = real_cells(room, self.table, self.grid)
        drawn = [m.draw(cells[:, k]) for k, m in enumerate(self.mechanisms)]
        order = np.random.default_rng().permutation(len(cells))
        return np.stack(drawn, axis=1)[order]


def perturb_rows(
    vault: Vault,
    table: nodes.Table,
    purse: Purse | None = None,
    *,
    rows: str | None = None,
    workload: Workload | None = None,
    even: bool = False,
    progress: Progress | None = None,
) -> Perturbed:
    """Release every row of a table, changed by itself and mended.

    All columns of ``table`` have public ranges. The vault holds its rows under the name ``rows``,
    which is the table's where it is None. The purse pays, or, where there is none, all that is left
    in the ledger. ``workload`` is what epsilon is split for, by default all columns and pairs;
    ``even`` splits it evenly instead. ``progress(done, total)`` counts rows that need the solver.

    Raises UsageError where neighbours are not those of ``replace`` or the table has no column,
    BudgetError where nothing is left, and InfeasibleError where no row at all could be made to keep
    the rules.
    """
    if vault.neighbours.kind != "replace":
        raise UsageError(
            "perturb tells the number of rows exactly: its neighbours are those of 'replace', and "
            f"the ledger is about {vault.neighbours.in_words()}"
        )
    if not table.columns:
        raise UsageError(f"table {table.name!r} has no column that could be released")
    epsilon = _worth(purse) if purse is not None else vault.ledger.epsilon_left()
    if not epsilon > LEAST:
        raise BudgetError("nothing is left of the privacy budget for rows to be released with")
    reader, epsilons = row_reader(table, epsilon, rows=rows, workload=workload, even=even)
    cells = vault.release(reader)
    # From here on, what was released is all that is looked at.
    rng = np.random.default_rng()
    return _lawful(table, reader.grid.draw(cells, rng), epsilons, rng, progress)


def row_reader(
    table: nodes.Table,
    epsilon: float,
    *,
    rows: str | None = None,
    workload: Workload | None = None,
    even: bool = False,
) -> tuple[PerturbRows, dict[str, float]]:
    """Return what releases a table's rows for an epsilon, and each column's part of it.

    The arguments are those of :func:`perturb_rows`.
    """
    grid = Grid(tuple(even_axis(c) for c in table.columns))
    epsilons = split_epsilon(table, grid, epsilon, workload, even=even)
    mechanisms = tuple(randomiser(_distances(table, grid, c), epsilons[c]) for c in grid.columns)
    return PerturbRows(rows or table.name, grid, mechanisms), epsilons


def split_epsilon(
    table: nodes.Table,
    grid: Grid,
    epsilon: float,
    workload: Workload | None = None,
    *,
    even: bool = False,
) -> dict[str, float]:
    """Return each column's part of an epsilon; a column of one value gets none, and needs none.

    Raises UsageError where the workload names a column that is none.
    """
    asked = every_pair(grid.columns) if workload is None else workload
    for name in (c for columns, _ in asked for c in columns):
        if name not in grid.columns:
            raise UsageError(
                f"the workload names a column {name!r}; there are {', '.join(grid.columns)}"
            )
    open_ = [a.column for a in grid.axes if a.size > 1]
    if even:
        found = dict.fromkeys(open_, epsilon / max(len(open_), 1))
    else:
        curves = {c: curve(_distances(table, grid, c), epsilon) for c in open_}
        found = allocate(asked, curves, epsilon)
    return {c: found.get(c, 0.0) for c in grid.columns}


def ordered_columns(table: nodes.Table) -> frozenset[str]:
    """Return the enums that a rule compares by their order: their order means something."""
    found: set[str] = set()
    for rule in table.rules:
        for top in vars(rule).values():
            if isinstance(top, nodes.Node):
                found |= {name for node in descendants(top) for name in _compared(node)}
    return frozenset(found & set(table.column_names))


def _compared(node: nodes.Node) -> list[str]:
    """Return the columns whose order a node goes by."""
    match node:
        case nodes.Compare(op, left, right) if op not in ("=", "!="):
            terms: Sequence[nodes.Node] = (left, right)
        case nodes.Between(operand, lo, hi):
            terms = (operand, lo, hi)
        case nodes.Minimum(args) | nodes.Maximum(args):
            terms = args
        case _:
            return []
    return [t.name for t in terms if isinstance(t, nodes.ColumnRef)]


def _distances(table: nodes.Table, grid: Grid, column: str) -> Floats:
    declared = table.column(column)
    return distances(declared, grid.axis(column), column in ordered_columns(table))


def _worth(purse: Purse) -> float:
    """Return the epsilon whose concentrated divergence, epsilon^2 / 2, a purse holds."""
    return purse.epsilon if purse.rho is None else float(np.sqrt(2 * purse.rho))


def _lawful(
    table: nodes.Table,
    drawn: Batch,
    epsilons: Mapping[str, float],
    rng: np.random.Generator,
    progress: Progress | None,
) -> Perturbed:
    mended = repair(table, drawn, rng=rng, donors=drawn, progress=progress)
    batch, broken = mended.batch, np.flatnonzero(mended.failed)
    if len(broken):
        kept = np.flatnonzero(~mended.failed)
        if not len(kept):
            raise InfeasibleError(
                f"none of the released rows of table {table.name!r} could be made to keep its rules"
            )
        rows = np.arange(len(batch))
        rows[broken] = rng.choice(kept, len(broken))
        batch = batch.take(rows)
    return Perturbed(batch, epsilons, int(mended.changed.sum()), len(broken))
