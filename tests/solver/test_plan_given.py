"""What is known before a row is written: the Plan says which of it can be completed to a row."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch
from synthtab.lang.model import Model
from synthtab.solver.project import compile_plan

TABLES = {
    "a sum": "rule r: a + b + c = d",
    "a grid": "rule r: 3 * c + a = b\n rule s: c <= d",
    "a choice": "rule r: when a > b then c > 2 and c < d\n rule s: d != 4",
    "nothing": "rule r: c <= d",
}


@pytest.mark.parametrize("name", TABLES)
def test_exactly_what_can_be_completed_is_completable(name: str) -> None:
    columns = "\n ".join(f"{c} integer in 0 .. 5" for c in "abcd")
    table = Model.parse(f"table t {{ {columns}\n {TABLES[name]} }}").tables[0]
    plan = compile_plan(table, given=("a", "b"), last=("d",))
    rows = np.array(list(product(range(6), repeat=4)), dtype=np.int64)
    none = np.zeros(rows.shape, dtype=bool)
    batch = Batch(("a", "b", "c", "d"), rows, none, np.empty(0, dtype=object))
    lawful = rows[~VectorBackend(table).violated(batch).any(axis=1)]
    possible = {(a, b) for a, b, _, _ in lawful.tolist()}
    given = np.array(list(product(range(6), repeat=2)), dtype=np.int64)
    known = {c: (given[:, k], np.zeros(len(given), dtype=bool)) for k, c in enumerate("ab")}
    expected = [(a, b) in possible for a, b in given.tolist()]
    assert plan.completable(known).tolist() == expected
    assert all(expected) == (plan.before == ())
