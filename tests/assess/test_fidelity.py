"""Distances between tables: their properties, and values worked out by hand or by scipy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from synthtab.assess.fidelity import compare, noise_floor
from synthtab.batch import Batch
from synthtab.errors import UsageError
from synthtab.frames import encode_frame
from synthtab.schema import BooleanType, Column, DateType, EnumType, IntegerType, TextType

COLUMNS = [
    Column("n", IntegerType(), True),
    Column("e", EnumType(("a", "b", "c")), True),
    Column("d", DateType(), True),
    Column("f", BooleanType()),
    Column("t", TextType(9), True),
]


def random_batch(seed: int, rows: int = 400) -> Batch:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "n": pd.array(rng.normal(50, 20, rows).astype(int), "Int64"),
            "e": rng.choice(["a", "b", "c"], rows),
            "d": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 99, rows), "D"),
            "f": rng.random(rows) < 0.3,
            "t": ["x" * k for k in rng.integers(0, 9, rows)],
        }
    )
    return encode_frame(COLUMNS, frame.mask(rng.random(frame.shape) < 0.1).fillna({"f": False}))


def one_column(kind: IntegerType | EnumType, cells: list[object]) -> tuple[list[Column], Batch]:
    columns = [Column("x", kind, True)]
    return columns, encode_frame(columns, pd.DataFrame({"x": pd.Series(cells, dtype=object)}))


def test_a_table_is_at_distance_zero_from_itself_in_any_order() -> None:
    batch = random_batch(1)
    order = np.random.default_rng(0).permutation(len(batch))
    got = compare(COLUMNS, batch, batch.take(order))
    assert (got.shape, got.pair) == (0, 0)
    assert got.w1 == pytest.approx(0, abs=1e-12)


@given(st.integers(0, 10_000))
def test_distances_stay_in_their_range_and_shape_and_w1_agree_on_who_is_first(seed: int) -> None:
    one, two = random_batch(seed, 50), random_batch(seed + 1, 70)
    there, back = compare(COLUMNS, one, two), compare(COLUMNS, two, one)
    for got in (there, back):
        assert all(0 <= c.shape <= 1 for c in got.columns)
        assert all(0 <= p[2] <= 1 for p in got.pairs)
        assert got.w1 >= 0
    assert there.shape == pytest.approx(back.shape)
    assert len(there.pairs) == len(COLUMNS) * (len(COLUMNS) - 1) // 2


def test_shape_of_numbers_is_scipys_statistic() -> None:
    rng = np.random.default_rng(3)
    left, right = rng.integers(0, 30, 500), rng.integers(5, 40, 300)
    columns, one = one_column(IntegerType(), left.tolist())
    _, two = one_column(IntegerType(), right.tolist())
    assert compare(columns, one, two).shape == pytest.approx(ks_2samp(left, right).statistic)


def test_values_worked_out_by_hand() -> None:
    columns, one = one_column(EnumType(("a", "b")), ["a", "a", "b", None])
    _, two = one_column(EnumType(("a", "b")), ["a", "b", "b", "b"])
    assert compare(columns, one, two).shape == pytest.approx((0.25 + 0.5 + 0.25) / 2)
    columns, one = one_column(IntegerType(), [0, 0, 2, 2])
    _, two = one_column(IntegerType(), [1, 1, 3, 3])
    got = compare(columns, one, two)
    assert got.w1 == pytest.approx(1.0)  # moved by 1, and the standard deviation is 1
    assert got.shape == pytest.approx(0.5)


def test_nulls_count_as_a_value() -> None:
    columns, one = one_column(IntegerType(), [None, None, 1, 2])
    _, two = one_column(IntegerType(), [1, 2, 1, 2])
    got = compare(columns, one, two)
    assert got.shape == pytest.approx(0.5)
    assert got.w1 == pytest.approx(0)


def test_columns_of_one_value_or_none() -> None:
    columns, one = one_column(IntegerType(), [5, 5])
    _, two = one_column(IntegerType(), [8, 8])
    _, empty = one_column(IntegerType(), [None, None])
    assert compare(columns, one, two).columns[0].w1 == 3
    assert compare(columns, one, empty).columns[0].w1 is None
    assert compare(columns, empty, one).shape == 1
    assert compare(columns, empty, empty).shape == 0


def test_pairs_see_what_columns_alone_do_not() -> None:
    columns = [Column("a", BooleanType()), Column("b", IntegerType())]
    flags = np.tile([True, False], 500)
    same = encode_frame(columns, pd.DataFrame({"a": flags, "b": flags * 10}))
    crossed = encode_frame(columns, pd.DataFrame({"a": flags, "b": ~flags * 10}))
    got = compare(columns, same, crossed)
    assert got.shape == 0
    assert got.pair == 1


def test_the_noise_floor_is_small_and_repeats_with_its_seed() -> None:
    batch = random_batch(7, 4000)
    floor = noise_floor(COLUMNS, batch, seed=1)
    assert 0 < floor.shape < 0.05
    assert floor == noise_floor(COLUMNS, batch, seed=1)
    assert floor != noise_floor(COLUMNS, batch, seed=2)


def test_tables_without_rows_are_refused() -> None:
    batch = random_batch(1)
    with pytest.raises(UsageError, match="at least one"):
        compare(COLUMNS, batch, batch.take(np.array([], dtype=np.int64)))
    with pytest.raises(UsageError, match="at least two"):
        noise_floor(COLUMNS, batch.take(np.array([0])))
