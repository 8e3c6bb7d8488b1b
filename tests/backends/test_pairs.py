"""``forbid pair`` on more rows than all their pairs could be formed of."""

from __future__ import annotations

import numpy as np
import pytest

from synthtab.assess.compliance import compliance
from synthtab.backends import pairs
from synthtab.backends.tables import Checks
from synthtab.batch import Batch
from synthtab.ir import nodes
from synthtab.lang.model import Model

N = 200_000


def table(condition: str) -> nodes.Table:
    rule = f"rule r: forbid pair (a, b): {condition}"
    return Model.parse(f"table t {{\n  g integer\n  x integer\n  y integer\n  {rule}\n}}\n").table()


def batch(rows: int, seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(0, 9, rows), np.arange(rows), np.arange(rows)], axis=1)
    return Batch(("g", "x", "y"), codes, np.zeros(codes.shape, dtype=bool), np.array([], object))


@pytest.mark.parametrize(
    "condition",
    [
        "a.x < b.x and a.y > b.y",
        "a.g = b.g and a.x < b.x and a.y >= b.y",
        "a.x = b.x and a.y != b.y",
        "2 * a.x + 1 = 2 * b.x",
    ],
)
def test_two_rows_are_found_among_many(condition: str) -> None:
    rows = batch(N)
    made = table(condition)
    assert not Checks([made], {"t": rows}).violated("t", made.rules[0]).any()
    swapped = rows.codes.copy()
    if "y" not in condition:
        return
    first, second = 100, 100_000
    swapped[second, 0] = swapped[first, 0]
    swapped[second, 1] = swapped[first, 1] + (0 if "a.x = b.x" in condition else 1)
    swapped[second, 2] = swapped[first, 2] - 1
    changed = Batch(rows.columns, swapped, rows.nulls, rows.pool)
    broken = Checks([made], {"t": changed}).violated("t", made.rules[0])
    assert {first, second} <= set(np.flatnonzero(broken))
    assert broken.sum() <= 4


def test_too_many_pairs_are_said_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "MOST_PAIRS", 1000)
    made = table("a.x * b.y = 7")
    got = compliance(made, batch(50))
    assert [u.name for u in got.unchecked] == ["r"]
    assert "2,500 pairs" in got.unchecked[0].reason
    assert got.rules == ()
    assert not compliance(made, batch(30)).unchecked
