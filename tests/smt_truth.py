"""The smt backend's verdict on concrete rows: its formulas with the cells put in."""

from __future__ import annotations

import numpy as np

from synthtab.backends.smt import SmtBackend
from synthtab.batch import Batch
from synthtab.ir import nodes
from synthtab.ir.normalise import lower
from synthtab.solver.formula import Formula, NotLinearError, evaluate, from_z3
from synthtab.solver.space import Space


def smt(table: nodes.Table, rules: tuple[nodes.RowRule, ...], batch: Batch) -> tuple:
    """Return (true, false), (rows, rules) each, masked where the backend has nothing to say.

    That is where a rule is not linear in Z3's terms, and in rows with a NULL where a column is not
    optional: to the solver there is no such row.
    """
    backend = SmtBackend(table)
    shape = (len(batch), len(rules))
    out = [np.ma.masked_all(shape, dtype=bool) for _ in range(2)]
    for at, rule in enumerate(rules):
        tri = backend.condition(lower(rule.condition, table))
        try:
            formulas = from_z3(tri.true), from_z3(tri.false)
        except NotLinearError:
            continue
        for verdict, formula in zip(out, formulas, strict=True):
            verdict[:, at] = _truth(backend, formula, batch)
    required = [not c.optional for c in table.columns]
    impossible = batch.nulls[:, required].any(axis=1)
    for verdict in out:
        verdict[impossible] = np.ma.masked
    return tuple(out)


def _truth(backend: SmtBackend, formula: Formula, batch: Batch) -> np.ndarray:
    # Python integers throughout: rows here are few and may hold the largest codes there are.
    space = Space(backend.ranges, {h.name: h for h in backend.hidden}, big=True)
    known = {name: batch.column(name) for name in batch.columns}
    env = space.environment(formula, known, batch.pool)
    return np.broadcast_to(evaluate(formula, env), (len(batch),))
