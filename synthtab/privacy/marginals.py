"""The mechanism `marginals`: cells, what the rules say of them, measurements, a generator."""

from __future__ import annotations

from collections.abc import Sequence

from synthtab.ir import nodes
from synthtab.privacy.bins import axes, plain_axis
from synthtab.privacy.estimate import Measured
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
    share: float = 1.0,
    most: int = 1,
    told: Sequence[Measured] = (),
    beside: Grid = Grid(()),  # noqa: B008
    bins: float = BINS,
) -> GraphicalGenerator:
    """Spend a share of what the ledger has left on a table's marginals; return what draws rows.

    The columns of ``order`` have public, finite domains; it is that of the Plan rows are to be
    drawn under. ``held`` is the name under which the vault holds the table's rows, about ``rows``
    of them, up to ``most`` of which one unit may have. ``beside`` are further columns of the table,
    with their cells, that rows are to be drawn for, and ``told`` what is known of these. ``bins``
    is the share for cells of columns of many values. With ``zeros`` the estimate is told which
    cells the rules leave empty. Raises BudgetError where the share pays for nothing that says
    anything.
    """
    columns = tuple(c for c in table.columns if c.name in order)
    many = any(plain_axis(c) is None for c in columns)
    before = vault.ledger.purse()
    own = axes(vault, held, columns, before.share(share * bins if many else 0.0), most)
    grid = Grid((*beside.axes, *own.axes))
    known = structural_zeros(table, grid, solver_s, beside.columns) if zeros else Zeros({})
    gone = {f.column for f in known.fixed}
    grid = Grid(tuple(a for a in grid.axes if a.column not in gone))
    made = learn(
        vault,
        held,
        grid,
        known.occupied,
        vault.ledger.purse().without(before.share(1 - share)),
        rows,
        plan=plan,
        most=most,
        told=told,
        progress=progress,
    )
    return GraphicalGenerator(columns, tuple(order), made.chain, known.fixed)
