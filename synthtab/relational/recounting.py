"""Numbers of children once rows are written: which others would do, and fewer of them.

Keys of children can hold only so many rows. Numbers drawn row by row may come to more, and are then
lowered, each to the next one that its row may have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch, Mask
from synthtab.distinct.tuples import capacity
from synthtab.ir import nodes
from synthtab.ir.walk import columns_of
from synthtab.relational.hidden import STAGED
from synthtab.relational.numbering import Made
from synthtab.relational.reading import Rows
from synthtab.relational.structure import Home
from synthtab.relational.view import View
from synthtab.schema import domain
from synthtab.solver.plan import Plan

STEPS = 500
"""How far below a number the next lawful one is looked for."""


def lawful(view: View, plan: Plan, rows: Batch, column: str, numbers: Rows) -> Mask:
    """Say which rows would keep the rules about a number of children if it were another one.

    ``rows`` are as the view has them, with what is known of each. What children may yet come to is
    judged by the Plan, which says that there is something they can come to. Where a rule goes by
    the siblings before, the number stays.
    """
    about = [r for r in view.table.row_rules if column in columns_of(r.condition)]
    if not about:
        return np.ones(len(numbers), dtype=bool)
    spoken = {name for rule in about for name in columns_of(rule.condition)}
    if any(isinstance(view.hidden.get(n), STAGED) for n in spoken):
        return np.asarray(numbers == rows.column(column)[0])
    codes = rows.codes.copy()
    codes[:, rows.index(column)] = numbers
    other = Batch(rows.columns, codes, rows.nulls, rows.pool)
    rests = set(view.rests)
    alone = tuple(r for r in about if not rests & set(columns_of(r.condition)))
    backend = VectorBackend(replace(view.table, rules=alone))
    fine = np.asarray(~backend.violated(other).any(axis=1))
    if rests & spoken:
        known = {name: other.column(name) for name in other.columns}
        for name in plan.order:
            bears = column == name or column in plan.depends(name)
            if bears and name not in rests and plan.constrained(name):
                feasible = plan.feasible(name, known, other.pool)
                fine &= feasible.contains(*other.column(name))
    return fine


def most_rows(
    home: Home,
    made: Made,
    there: Mapping[nodes.ReferenceRule, int],
    keys: Sequence[nodes.UniqueRule] | None = None,
) -> tuple[int | None, str]:
    """Return how many rows of a table its ``keys`` can tell apart, and the rule that says so.

    ``there`` says of references how many rows they may lead to, where that is known. All keys are
    looked at where none are given; None stands for no limit.
    """
    numbered = home.order.numbered if home.order is not None else None
    found: list[tuple[int, str]] = [(max(0, s.last - s.start + 1), s.rule) for s in made.sequences]
    for rule in home.table.unique_rules if keys is None else keys:
        columns = {c: home.table.column(c) for c in rule.columns}
        if rule.share is not None or rule.where or any(c.optional for c in columns.values()):
            continue
        most = 1
        for reference in home.picked:
            if set(reference.columns) <= columns.keys() and reference in there:
                most *= there[reference]
                columns = {n: c for n, c in columns.items() if n not in reference.columns}
        if numbered is not None and numbered[0] in columns:
            most *= max(0, domain(columns.pop(numbered[0]))[1] - numbered[1] + 1)
        found.append((most * (capacity(list(columns.values())) if columns else 1), rule.name))
    return min(found, default=(None, ""))


def lowered(
    numbers: Rows,
    most: Rows,
    total: int | None,
    allows: Callable[[Rows], Mask],
    rng: np.random.Generator,
) -> Rows:
    """Lower numbers of children to ``most`` each and to ``total`` in all, as far as is lawful.

    ``allows`` says which numbers would be lawful. A number that has no lawful one below it stays,
    and who is to have fewer is drawn by lot.
    """
    now = numbers
    over = now > most
    if over.any():
        now = _next(now, np.minimum(now, most), over, allows)
    while total is not None and int(now.sum()) > total:
        below = _next(now, now - 1, now > 0, allows)
        able = rng.permutation(np.flatnonzero(below < now))
        if not len(able):
            break
        gain = np.cumsum(now[able] - below[able])
        excess = int(now.sum()) - total
        chosen = able[: int(np.searchsorted(gain, excess)) + 1]
        # A tenth at a time: many have one child less rather than few none.
        chosen = chosen[: max(1, len(able) // 10)]
        now = now.copy()
        now[chosen] = below[chosen]
    return now


def _next(now: Rows, start: Rows, asked: Mask, allows: Callable[[Rows], Mask]) -> Rows:
    """Return the greatest lawful numbers from ``start`` downwards; ``now`` where there is none."""
    found, open_ = now.copy(), asked.copy()
    tried = np.where(asked, start, now)
    for _ in range(STEPS):
        open_ &= tried >= 0
        if not open_.any():
            break
        fine = open_ & allows(np.where(open_, tried, now))
        found[fine] = tried[fine]
        open_ &= ~fine
        tried = tried - 1
    return found
