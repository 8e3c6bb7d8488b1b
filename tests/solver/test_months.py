"""Calendar conditions on a column are exact sets of codes, by construction: compared one by one."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch
from synthtab.errors import InfeasibleError
from synthtab.lang.model import Model
from synthtab.pipeline import Synthesizer
from synthtab.solver.project import compile_plan

EPOCH = date(1970, 1, 1)
FIRST, LAST = date(1999, 11, 17), date(2014, 3, 5)

PART = st.sampled_from(["day", "month", "quarter", "weekday"])
NUMBER = st.integers(-1, 33)
ATOM = st.one_of(
    st.builds("{}(x) {} {}".format, PART, st.sampled_from(["=", "!=", "<", "<=", ">="]), NUMBER),
    st.builds("{}(x) = k".format, PART),
    st.builds("2 * {}(x) > k".format, PART),
    st.just("x >= y"),
    st.just("x < y + 40 days"),
    st.just("year(x) = 2004"),
)
CONDITION = st.recursive(
    ATOM,
    lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner),
    max_leaves=4,
)


def table_of(condition: str, column: str = "date") -> Model:
    return Model.parse(
        f"table t {{ k integer in -3 .. 40 y date in {FIRST} .. {LAST}"
        f" x {column} in {FIRST} .. {LAST} rule r: {condition} }}"
    )


@settings(max_examples=40, deadline=None)
@given(CONDITION, st.integers(-3, 40), st.dates(FIRST, LAST))
def test_exactly_the_days_that_keep_the_rule(condition: str, k: int, y: date) -> None:
    table = table_of(condition).table()
    codes = np.arange((FIRST - EPOCH).days, (LAST - EPOCH).days + 1)
    n = len(codes)
    rows = np.stack([np.full(n, k), np.full(n, (y - EPOCH).days), codes], axis=1)
    batch = Batch(("k", "y", "x"), rows, np.zeros((n, 3), bool), np.empty(0, dtype=object))
    lawful = ~VectorBackend(table).violated(batch)[:, 0]
    try:
        plan = compile_plan(table, order=["k", "y", "x"], given=["k", "y"])
    except InfeasibleError:
        assert not lawful.any()
        return
    assert plan.step("x").inexact is None
    known = {name: batch.column(name) for name in ("k", "y")}
    found = plan.feasible("x", known).contains(codes, np.zeros(n, bool))
    assert (found == lawful).all()


def test_rows_of_long_and_of_short_windows() -> None:
    model = Model.parse(
        "table t { a date in 1900-01-01 .. 2069-12-31 b date in 1900-01-01 .. 2069-12-31"
        " x date in 1900-01-01 .. 2069-12-31 rule r: x between a and b and day(x) = 1 }"
    )
    plan = compile_plan(model.table(), order=["a", "b", "x"], given=["a", "b"])
    ends = [(0, 400), (31, 31), (32, 33), (-20_000, 30_000), (50, 40)]
    a, b = np.array(ends).T
    known = {"a": (a, np.zeros(5, bool)), "b": (b, np.zeros(5, bool))}
    sizes = plan.feasible("x", known).sizes().sum(axis=1)
    expected = [sum((EPOCH + timedelta(d)).day == 1 for d in range(lo, hi + 1)) for lo, hi in ends]
    assert sizes.tolist() == expected


@pytest.mark.parametrize("rule", ["weekday(x) in (6, 7)", "month(x) = 2 and day(x) = 29"])
def test_days_are_drawn_not_tried(rule: str) -> None:
    model = Model.parse(f"table t {{ x date in 1950-01-01 .. 2050-12-31 rule r: {rule} }}")
    got = Synthesizer(model).rules_only().sample_report(200, mode="solver", seed=0)
    assert got.counts.drawn == 200
    assert got.frame["x"].nunique() > 20


def test_minutes_of_months() -> None:
    model = Model.parse(
        "table t { x datetime(minute) in 2001-01-01T00:00 .. 2001-12-31T23:59"
        " rule r: day(x) = 31 and month(x) != 5 }"
    )
    plan = compile_plan(model.table())
    assert plan.exact
    known = {"x": (np.zeros(1, np.int64), np.zeros(1, bool))}
    assert plan.feasible("x", known).sizes().sum() == 6 * 1440
