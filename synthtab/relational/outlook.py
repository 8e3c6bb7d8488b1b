"""Whether a row can be written at all, given whom it refers to: asked before it is written.

The first columns that the Plan writes have no value left where parents do not go together: a
practitioner who came after the patient's death, say.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Codes, Mask
from synthtab.relational.hidden import Parent
from synthtab.relational.tablemodel import TableModel
from synthtab.solver.plan import Plan


def telling(model: TableModel) -> tuple[str, ...]:
    """Return the columns that what is known beforehand decides, if picked parents take part."""
    view = model.view
    picked = {
        name
        for name, what in view.hidden.items()
        if isinstance(what, Parent) and what.steps[0] in view.home.others
    }
    picked |= {c for r in view.home.others for c in r.columns}
    written = set(model.written)
    found = []
    for column in model.written:
        depends = set(model.plan.depends(column))
        if model.plan.constrained(column) and depends & picked and not depends & written:
            found.append(column)
    return tuple(found)


def stuck(
    columns: tuple[str, ...],
    plan: Plan,
    known: Mapping[str, tuple[Codes, Mask]],
    pool: NDArray[np.object_],
    rows: int,
) -> Mask:
    """Say which rows (rows,) cannot be written: by what is known, or as a first column shows.

    The second takes longer, and is asked only of what the first leaves.
    """
    wrong = np.asarray(np.broadcast_to(~plan.completable(known, pool), (rows,))).copy()
    if len(fine := np.flatnonzero(~wrong)) and columns:
        some = {name: (codes[fine], nulls[fine]) for name, (codes, nulls) in known.items()}
        wrong[fine] = _hopeless(columns, plan, some, pool, len(fine))
    return wrong


def _hopeless(
    columns: tuple[str, ...],
    plan: Plan,
    known: Mapping[str, tuple[Codes, Mask]],
    pool: NDArray[np.object_],
    rows: int,
) -> Mask:
    """Say for which rows (rows,) nothing is left of one of :func:`telling`'s columns."""
    none = np.zeros(rows, dtype=bool)
    for column in columns:
        some = plan.feasible(column, known, pool).any()
        none |= ~np.broadcast_to(some, (rows,))
    return none
