"""Oracle, vector and DuckDB must agree on every random rule and row, both TRUE and FALSE.

Another backend joins by a line in BACKENDS: ``backend(table, rules, batch) -> (true, false)``, two
bool arrays of shape (rows, rules). It may return a masked array to leave out what it cannot say.
"""

from __future__ import annotations

import numpy as np
import pytest
from smt_truth import smt
from strategies import Backend, Case, Truths, cases, to_frame, to_records

from synthtab.backends.sql import SqlBackend
from synthtab.backends.sqlrules import Translator
from synthtab.backends.sqltext import TooWideError
from synthtab.backends.vector import truth
from synthtab.batch import Batch
from synthtab.ir import nodes as n
from synthtab.ir.evaluate import evaluate
from synthtab.ir.normalise import lower

SEEDS = range(300)


def oracle(table: n.Table, rules: tuple[n.RowRule, ...], batch: Batch) -> Truths:
    records = to_records(table.columns, batch)
    found = np.array(
        [[evaluate(r.condition, record, table) for r in rules] for record in records], dtype=object
    )
    return found == True, found == False  # noqa: E712 - elementwise, None is neither


def vector(table: n.Table, rules: tuple[n.RowRule, ...], batch: Batch) -> Truths:
    env = {name: batch.column(name) for name in batch.columns}
    pairs = [truth(lower(r.condition, table), env, batch.pool) for r in rules]
    shape = len(batch)
    true = np.stack([np.broadcast_to(t, shape) for t, _ in pairs], axis=1)
    false = np.stack([np.broadcast_to(f, shape) for _, f in pairs], axis=1)
    return true, false


def duck(table: n.Table, rules: tuple[n.RowRule, ...], batch: Batch) -> Truths:
    """DuckDB's verdict; masked where a rule may need more digits than it has."""
    fitting = [k for k, r in enumerate(rules) if _fits(table, r)]
    part = SqlBackend(n.Table(table.name, table.columns, tuple(rules[k] for k in fitting)))
    found = part.truth(to_frame(table.columns, batch))
    shape = (len(batch), len(rules))
    out = []
    for values in found:
        whole = np.ma.masked_all(shape, dtype=bool)
        whole[:, fitting] = values
        out.append(whole)
    return out[0], out[1]


def _fits(table: n.Table, rule: n.RowRule) -> bool:
    names = {c.name: "x" for c in table.columns}
    try:
        Translator(table, names, declared=False).condition(rule.condition)
    except TooWideError:
        return False
    return True


BACKENDS: dict[str, Backend] = {"vector": vector, "duckdb": duck, "smt": smt}


@pytest.fixture(scope="module")
def judged() -> list[tuple[Case, Truths]]:
    return [(case, oracle(case.table, case.table.row_rules, case.batch)) for case in cases(SEEDS)]


@pytest.mark.parametrize("name", BACKENDS)
def test_backend_agrees_with_the_oracle(name: str, judged: list[tuple[Case, Truths]]) -> None:
    compared = 0
    for case, (true, false) in judged:
        rules = case.table.row_rules
        got_true, got_false = BACKENDS[name](case.table, rules, case.batch)
        for expected, got, what in ((true, got_true, "TRUE"), (false, got_false, "FALSE")):
            wrong = np.argwhere(np.ma.filled(np.ma.asarray(got) != expected, False))
            if len(wrong):
                row, rule = wrong[0]
                pytest.fail(
                    f"seed {case.seed}, row {row}: {name} and the oracle disagree that it is {what}"
                    f" (oracle: {expected[row, rule]})\n{rules[rule].condition}\n{case.rows[row]}"
                )
        compared += int(np.ma.count(np.ma.asarray(got_true)[0]))
    assert compared >= 2000
