"""Cells that rules leave empty: found all, and no others, against rows in full."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch
from synthtab.ir import nodes
from synthtab.lang.model import Model
from synthtab.solver.occupied import Cells, occupied, related

MODELS = [
    "table t { a integer in 0 .. 5  b integer in 0 .. 5  rule r: a <= b }",
    "table t { a integer in 0 .. 4  b integer in 0 .. 4  c integer in 0 .. 4 rule r: a + b = c }",
    "table t { a integer optional in 0 .. 3  b integer in 0 .. 5  rule r: a is null or a * b <= 4 "
    " rule s: when b = 0 then a is null }",
    "table t { a enum('x', 'y', 'z')  b boolean  c integer in 0 .. 3 "
    " rule r: when a = 'x' then b and c > 1  rule s: when not b then a = 'z' }",
]


def in_full(table: nodes.Table) -> Batch:
    """Return all rows of a small table that keep its rules."""
    options = [
        [(k, False) for k in range(hi + 1)] + [(0, True)] * c.optional
        for c in table.columns
        for hi in [{"enum": 2, "boolean": 1}.get(_kind(c), c.hi)]
    ]
    rows = list(itertools.product(*options))
    codes = np.array([[code for code, _ in row] for row in rows], dtype=np.int64)
    nulls = np.array([[gone for _, gone in row] for row in rows], dtype=bool)
    batch = Batch(table.column_names, codes, nulls, np.empty(0, dtype=object))
    return batch.take(~VectorBackend(table).violated(batch).any(axis=1))


def _kind(column: object) -> str:
    return type(column.type).__name__.removesuffix("Type").lower()  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", MODELS)
def test_cells_are_those_of_all_rows(text: str) -> None:
    table = Model.parse(text).table()
    rows = in_full(table)
    cells = {}
    for column in table.columns:
        top = {"enum": 2, "boolean": 1}.get(_kind(column), column.hi)
        lo = tuple(range(0, top + 1, 2))
        hi = tuple(min(v + 1, top) for v in lo)
        cells[column.name] = Cells(lo, hi, column.optional)
    cliques = [
        c
        for size in (1, 2, 3)
        for c in itertools.permutations(table.column_names, size)
        if len(c) <= len(table.columns)
    ]
    found = occupied(table, cells, cliques)
    for clique in cliques:
        expected = np.zeros([cells[n].size for n in clique], dtype=bool)
        at = []
        for name in clique:
            codes, nulls = rows.column(name)
            at.append(np.where(nulls, len(cells[name].lo), codes // 2))
        expected[tuple(at)] = True
        if len(clique) > 1 and "a * b" in text:
            # Products are bounded only: nothing that a row can hold is missing.
            assert (found[clique] | ~expected).all()
        else:
            assert (found[clique] == expected).all(), clique


def test_columns_that_rules_tie_are_told() -> None:
    table = Model.parse(MODELS[1].replace("}", " d integer in 0 .. 1 }")).table()
    assert related(table) == [frozenset("abc")]


def test_without_time_nothing_is_ruled_out() -> None:
    table = Model.parse(MODELS[0]).table()
    cells = {n: Cells(tuple(range(6)), tuple(range(6)), False) for n in "ab"}
    assert occupied(table, cells, [("a", "b")], budget_s=0.0)["a", "b"].all()
