"""Arrays, domains and keys in NumPy; the rules themselves are compared in test_parity."""

from __future__ import annotations

import numpy as np
import pytest
from batches import to_batch
from hypothesis import given
from hypothesis import strategies as st
from strategies import cases

from synthtab import schema as s
from synthtab.backends.lookup import lookup
from synthtab.backends.vector import Evaluator, TextPool, VectorBackend, truth
from synthtab.batch import Batch
from synthtab.ir import core, nodes
from synthtab.ir.corewalk import variables
from synthtab.ir.normalise import lower
from synthtab.lang.model import Model

A, B = core.Var("a"), core.Var("b")
INT64 = st.integers(-(2**63) + 1, 2**63 - 1)


def batch(columns: tuple[s.Column, ...], *rows: tuple[s.Value | None, ...]) -> Batch:
    names = [c.name for c in columns]
    return to_batch(columns, [dict(zip(names, row, strict=True)) for row in rows])


def test_shapes_broadcast() -> None:
    a, b = np.arange(-5, 5)[:, None], np.arange(7)[None, :]
    gone = np.zeros((10, 1), dtype=bool)
    gone[2] = True
    cond = core.Cmp("<=", core.Sum(((2, A), (1, B)), 3), core.Const(4))
    true, false = truth(cond, {"a": (a, gone), "b": (b, None)})
    expected = 2 * a + b + 3 <= 4
    assert np.array_equal(true, expected & ~gone)
    assert np.array_equal(false, ~expected & ~gone)


def test_constants_need_no_shape() -> None:
    true, false = truth(core.Truth(None), {})
    assert (true.shape, bool(true), bool(false)) == ((), False, False)


@given(st.lists(st.tuples(INT64, INT64), min_size=1, max_size=5), INT64, INT64)
def test_sums_and_products_never_wrap(pairs: list[tuple[int, int]], m: int, k: int) -> None:
    a, b = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
    env = {"a": (a, None), "b": (b, None)}
    evaluator = Evaluator(env)
    total, _ = evaluator.value(core.Sum(((m, A), (1, B), (-1, core.Product(A, B))), k))
    assert list(total) == [m * x + y - x * y + k for x, y in pairs]
    floor, _ = evaluator.value(core.FloorDiv(core.Product(A, B), 7))
    assert list(floor) == [x * y // 7 for x, y in pairs]


@given(st.lists(INT64, min_size=1, max_size=5), st.integers(2**63, 2**65))
def test_constants_beyond_int64_stay_exact(values: list[int], huge: int) -> None:
    env = {"a": (np.array(values, dtype=np.int64), None)}
    choice = core.Ite(((core.Cmp("<", A, core.Const(0)), core.Const(huge)),), A)
    found, _ = Evaluator(env).value(choice)
    assert list(found) == [huge if v < 0 else v for v in values]
    true, _ = truth(core.InSet(A, (*sorted({*values, 1, 2, 3, 4}), huge)), env)
    assert true.all()


def test_empty_arrays() -> None:
    empty = np.array([], dtype=np.int64)
    cond = core.Cmp("=", core.CalendarPart("year", core.Sum(((3, A),))), core.Const(2000))
    assert truth(cond, {"a": (empty, None)})[0].shape == (0,)


def test_parts_of_days_that_are_null_in_places() -> None:
    days = core.Ite(((core.Cmp("=", A, core.Const(1)), core.Const(11_016)),), core.Null())
    true, false = truth(
        core.Cmp("=", core.CalendarPart("month", days), core.Const(2)),
        {"a": (np.array([0, 1, 2]), None)},
    )
    assert true.tolist() == [False, True, False]
    assert not false.any()


def test_texts_are_judged_once_each() -> None:
    pool = TextPool(np.array(["ab", "b", "☃"], dtype=object))
    codes = np.array([0, 1, 2, 0, 0])
    gone = np.array([False, False, False, True, False])
    env = {"a": (codes, gone)}
    true, false = truth(core.TextMatch(A, "a.|☃"), env, pool)
    assert true.tolist() == [True, False, True, False, True]
    assert false.tolist() == [False, True, False, False, False]
    assert truth(core.TextIs(A, "b"), env, pool)[0].tolist() == [False, True, False, False, False]
    assert Evaluator(env, pool).value(core.TextLength(A))[0].tolist()[:3] == [2, 1, 1]
    assert pool.match("a.|☃") is pool.match("a.|☃")


def test_an_all_null_text_column_has_an_empty_pool() -> None:
    env = {"a": (np.zeros(3, dtype=np.int64), np.ones(3, dtype=bool))}
    true, false = truth(core.TextMatch(A, ".*"), env, np.array([], dtype=object))
    assert not true.any()
    assert not false.any()


def test_long_batches_are_judged_like_short_ones() -> None:
    for case in cases(range(5)):
        backend = VectorBackend(case.table)
        many = case.batch.take(np.tile(np.arange(len(case.batch)), 5000))
        short = backend.violated(case.batch)
        assert np.array_equal(backend.violated(many), np.tile(short, (5000, 1)))


def test_columns_may_come_in_another_order() -> None:
    case = next(cases(range(3, 4)))
    backend = VectorBackend(case.table)
    turned = case.batch.select(case.batch.columns[::-1])
    assert np.array_equal(backend.violated(turned), backend.violated(case.batch))
    assert np.array_equal(backend.out_of_domain(turned), backend.out_of_domain(case.batch))


def test_cells_outside_their_columns() -> None:
    columns = (
        s.Column("n", s.IntegerType(), lo=1, hi=3),
        s.Column("d", s.DecimalType(3, 1), optional=True),
        s.Column("t", s.TextType(3, "[a-z]+")),
        s.Column("u", s.TextType(2), optional=True),
    )
    found = batch(
        columns,
        (1, None, "abc", None),
        (3, 99, "a", ""),
        (0, 1, "ABC", "xyz"),
        (4, 1, "abcd", "xy"),
        (None, -99, None, "☃☃"),
    )
    found.codes[2, 1] = 1000  # 100.0 has a digit too many
    outside = VectorBackend(nodes.Table("t", columns)).out_of_domain(found)
    assert outside.tolist() == [
        [False, False, False, False],
        [False, False, False, False],
        [True, True, True, True],
        [True, False, True, False],
        [True, False, True, False],
    ]


def test_duplicates_are_the_later_rows() -> None:
    columns = (s.Column("a", s.IntegerType(), True), s.Column("b", s.TextType(3)))
    found = batch(
        columns, (1, "x"), (2, "x"), (1, "x"), (None, "x"), (None, "x"), (1, "y"), (1, "x")
    )
    backend = VectorBackend(nodes.Table("t", columns))
    both = nodes.UniqueRule("k", ("a", "b"))
    assert np.flatnonzero(backend.duplicates(found, both)).tolist() == [2, 6]
    one = nodes.UniqueRule("k", ("b",))
    assert np.flatnonzero(backend.duplicates(found, one)).tolist() == [1, 2, 3, 4, 6]
    assert backend.duplicates(found.take(np.array([], dtype=np.int64)), both).shape == (0,)


def test_variables_are_named_once_in_order() -> None:
    cond = core.And((core.Cmp("<", B, A), core.IsNull(core.Ite(((core.IsNull(A), B),), A))))
    assert variables(cond) == ("b", "a")


LONG = " or ".join(f"(a = {k} and e = '{v}')" for k, v in enumerate("xyzxyz"))


@pytest.mark.parametrize("strange", [None, -1, 6, 7, -s.INT64_MAX, s.INT64_MAX])
def test_looked_up_verdicts_are_those_of_the_evaluator(strange: int | None) -> None:
    """Also where codes are NULL or out of their columns' ranges: then nothing is looked up."""
    text = f"""table t {{
  a integer in 0 .. 5 optional
  e enum('x', 'y', 'z') optional
  rule long: {LONG}
  rule same: when e is not null then {LONG}
}}"""
    table = Model.parse(text).table()
    rng = np.random.default_rng(0)
    rows = 40_000
    codes = np.stack([rng.integers(0, 6, rows), rng.integers(0, 3, rows)], axis=1)
    nulls = rng.random(codes.shape) < 0.1
    nulls[:20_000] = False
    codes[nulls] = 0
    if strange is not None:
        codes[30_000, 0], nulls[30_000, 0] = strange, False
    many = Batch(("a", "e"), codes, nulls, np.array([], dtype=object))
    columns = {c.name: c for c in table.columns}
    made = [lookup(lower(r.condition, table), columns) for r in table.row_rules]
    assert None not in made
    evaluator = Evaluator({n: many.column(n) for n in many.columns})
    expected = [evaluator.truth(lower(r.condition, table))[1] for r in table.row_rules]
    assert np.array_equal(VectorBackend(table).violated(many), np.stack(expected, axis=1))
