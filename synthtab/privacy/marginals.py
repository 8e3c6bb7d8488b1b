"""The mechanism `marginals`: cells, what the rules say of them, measurements, a generator."""

from __future__ import annotations

from collections.abc import Sequence

from synthtab.ir import nodes
from synthtab.privacy.bins import axes, plain_axis
from synthtab.privacy.graphical import GraphicalGenerator
from synthtab.privacy.grid import Grid
from synthtab.privacy.selecting import Plan, Progress, learn
from synthtab.privacy.vault import Vault
from synthtab.privacy.zeros import Zeros, structural_zeros

BINS = 0.07
"""The share of what is left that goes into cells for columns of many values, if there are any."""


def learn_marginals(
    vault: Vault,
    table: nodes.Table,
    held: str,
    order: Sequence[str],
    rows: float,
    *,
    zeros: bool = True,
    plan: Plan = Plan(),  # noqa: B008
    solver_s: float = 20.0,
    progress: Progress | None = None,
) -> GraphicalGenerator:
    """Spend what the vault's ledger has left on a table's marginals; return what draws rows.

    All columns of ``table`` have public, finite domains; ``held`` is the name under which the vault
    holds its rows, about ``rows`` of them; ``order`` is that of the Plan rows are to
    be drawn under. With ``zeros`` the estimate is told which
    cells the rules leave empty. Raises BudgetError where what is left says nothing.
    """
    many = any(plain_axis(c) is None for c in table.columns)
    purse = vault.ledger.purse()
    grid = axes(vault, held, table.columns, purse.share(BINS if many else 0.0))
    known = structural_zeros(table, grid, solver_s) if zeros else Zeros({})
    gone = {f.column for f in known.fixed}
    grid = Grid(tuple(a for a in grid.axes if a.column not in gone))
    made = learn(
        vault,
        held,
        grid,
        known.occupied,
        vault.ledger.purse(),
        rows,
        plan=plan,
        progress=progress,
    )
    return GraphicalGenerator(table.columns, tuple(order), made.chain, known.fixed)
