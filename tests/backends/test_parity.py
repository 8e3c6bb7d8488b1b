"""Oracle, vector and DuckDB must agree on every random rule and row, both TRUE and FALSE.

Another backend joins by a line in BACKENDS: ``backend(table, rules, batch) -> (true, false)``, two
bool arrays of shape (rows, rules). It may return a masked array to leave out what it cannot say.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import get_args

import numpy as np
import pytest
from batches import to_batch, to_frame, to_records
from smt_truth import smt
from strategies import Backend, Case, Truths, cases

from synthtab.backends.sql import SqlBackend
from synthtab.backends.sqlrules import Translator
from synthtab.backends.sqltext import TooWideError
from synthtab.backends.vector import truth
from synthtab.batch import Batch
from synthtab.ir import core
from synthtab.ir import nodes as n
from synthtab.ir.evaluate import evaluate
from synthtab.ir.normalise import lower
from synthtab.schema import Column, ColumnType, IntegerType

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


def _inside(node: object) -> Iterator[object]:
    if isinstance(node, tuple):
        for item in node:
            yield from _inside(item)
    elif is_dataclass(node):
        yield node
        for field in fields(node):
            if field.name != "span":
                yield from _inside(getattr(node, field.name))


def test_the_cases_have_every_construct(judged: list[tuple[Case, Truths]]) -> None:
    conditions = [r.condition for case, _ in judged for r in case.table.row_rules]
    made = {type(node) for c in conditions for node in _inside(c)}
    assert {*get_args(n.Term), *get_args(n.Condition)} - set(n.CONTEXT) <= made
    lowered = [lower(r.condition, case.table) for case, _ in judged for r in case.table.row_rules]
    below = {type(node) for c in lowered for node in _inside(c)}
    assert {*get_args(core.Term), *get_args(core.Cond)} <= below
    assert {type(c.type) for case, _ in judged for c in case.table.columns} == {
        *get_args(ColumnType)
    }


def test_the_cases_are_not_trivial(judged: list[tuple[Case, Truths]]) -> None:
    true = sum(int(t.sum()) for _, (t, _) in judged)
    false = sum(int(f.sum()) for _, (_, f) in judged)
    cells = sum(t.size for _, (t, _) in judged)
    assert min(true, false, cells - true - false) > cells / 10
    constant = [
        isinstance(lower(r.condition, case.table), core.Truth)
        for case, _ in judged
        for r in case.table.row_rules
    ]
    assert np.mean(constant) < 1 / 3


def test_numbers_beyond_64_bits_are_exact() -> None:
    big = 2**63 - 1
    columns = tuple(Column(name, IntegerType()) for name in "xyz")
    x, y, z = (n.ColumnRef(name) for name in "xyz")
    rules = (
        n.RowRule("a", n.Compare("=", n.Multiply(x, n.Multiply(y, z)), n.Literal(big**3))),
        n.RowRule("b", n.Compare("<", n.Add(x, n.Add(y, z)), n.Literal(3 * big))),
        n.RowRule("c", n.Compare(">", n.Subtract(n.Multiply(x, x), y), n.Multiply(z, y))),
        n.RowRule("d", n.Compare("=", n.Divide(n.Add(x, y), n.Literal(2)), n.Literal(big))),
    )
    values = (big, big - 1, -big, 0, 1)
    rows = [dict(zip("xyz", v, strict=True)) for v in itertools.product(values, repeat=3)]
    table = n.Table("t", columns, rules)
    batch = to_batch(columns, rows)  # type: ignore[arg-type]
    expected = oracle(table, rules, batch)
    got = vector(table, rules, batch)
    assert np.array_equal(expected[0], got[0])
    assert np.array_equal(expected[1], got[1])
    true, false = duck(table, rules, batch)
    assert list(np.ma.getmaskarray(true)[0]) == [True, False, False, False]
    assert (true == expected[0]).all()
    assert (false == expected[1]).all()
