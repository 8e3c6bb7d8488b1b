"""The Plan against brute force: it allows exactly the prefixes that can be completed."""

import random

import numpy as np
import pytest
from small_tables import all_rows, lawful, random_table

from synthtab.errors import InfeasibleError
from synthtab.lang.model import Model
from synthtab.schema import INT64_MAX
from synthtab.solver.project import compile_plan


def as_known(order: tuple[str, ...], prefixes: list[tuple]) -> dict:
    """Prefixes of cells as the arrays a Plan takes; a stand-in column carries their number."""
    known = {"": (np.zeros(len(prefixes), np.int64), np.zeros(len(prefixes), bool))}
    for k in range(len(prefixes[0])):
        codes, nulls = zip(*(p[k] for p in prefixes), strict=True)
        known[order[k]] = (np.array(codes, np.int64), np.array(nulls))
    return known


@pytest.mark.parametrize("block", range(8))
def test_projections_are_exactly_the_prefixes_that_can_be_completed(block):
    checked = 0
    for seed in range(block * 30, block * 30 + 30):
        table = random_table(random.Random(seed))
        codes, nulls = all_rows(table)
        ok = lawful(table, codes, nulls)
        try:
            plan = compile_plan(table)
        except InfeasibleError:
            assert not ok.any(), f"seed {seed}: called infeasible, but rows exist"
            continue
        at = [table.column_names.index(c) for c in plan.order]
        rows = [
            tuple((int(c[i]), bool(n[i])) for i in at) for c, n in zip(codes, nulls, strict=True)
        ]
        good = {rows[r] for r in np.flatnonzero(ok)}
        allowed = {()}
        for k, column in enumerate(plan.order):
            prefixes = sorted({row[: k + 1] for row in rows if row[:k] in allowed})
            if not prefixes:
                break
            feasible = plan.feasible(column, as_known(plan.order, [p[:k] for p in prefixes]))
            last_codes, last_nulls = zip(*(p[k] for p in prefixes), strict=True)
            inside = feasible.contains(np.array(last_codes, np.int64), np.array(last_nulls))
            begun, before = {row[: k + 1] for row in good}, {row[:k] for row in good}
            can = np.array([p in begun for p in prefixes])
            if plan.step(column).inexact is None:
                # Only prefixes alive so far count: an earlier step may be inexact.
                live = np.array([p[:k] in before for p in prefixes])
                assert (inside == can)[live].all(), f"seed {seed}, column {column}"
            else:
                assert (inside >= can).all(), f"seed {seed}, column {column}: too strict"
            checked += len(prefixes)
            allowed = {p for p, i in zip(prefixes, inside, strict=True) if i}
        if plan.exact:
            assert allowed == good, f"seed {seed}"
    assert checked > 100


def test_contradicting_rules_are_named_and_no_others():
    table = Model.parse(
        """table t {
          a integer in 0 .. 9
          b integer in 0 .. 9
          rule one: a > b + 3
          rule two: b > a
          rule three: a + b < 15
        }"""
    ).table()
    with pytest.raises(InfeasibleError, match="rule one and rule two contradict") as caught:
        compile_plan(table)
    assert "three" not in str(caught.value)
    with pytest.raises(InfeasibleError, match="rule r contradicts the ranges"):
        compile_plan(
            Model.parse("table t { a integer\n rule r: a > 5 }").table(), domains={"a": (0, 3)}
        )


def test_a_column_without_a_range_has_its_whole_domain() -> None:
    table = Model.parse("table t { a integer rule big: a > 5_000_000 }").table()
    allowed = compile_plan(table).feasible("a", {})
    assert (int(allowed.lo[0, 0]), int(allowed.hi[0, 0])) == (5_000_001, INT64_MAX)


def test_a_product_whose_bounds_no_int64_holds_may_be_null() -> None:
    text = "table t { a integer  b integer optional  c integer  rule r: a * b = c }"
    plan = compile_plan(Model.parse(text).table())
    one, two = np.array([3, 3]), np.array([0, 4])
    known = {"a": (one, np.zeros(2, bool)), "b": (two, np.array([True, False]))}
    known = {c: known.get(c, (np.zeros(2, np.int64), np.zeros(2, bool))) for c in plan.order[:-1]}
    allowed = plan.feasible(plan.order[-1], known)
    assert allowed.any().all()
