"""Histograms: shares come to one with NULL, bins are rising and named."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthtab.assess.assessment import Histogram
from synthtab.assess.histograms import BARS, histogram
from synthtab.frames import encode_frame
from synthtab.schema import (
    BooleanType,
    Column,
    ColumnType,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
)


def drawn(kind: ColumnType, real: list[object], synthetic: list[object]) -> Histogram:
    column = Column("x", kind, True)
    sides = [
        encode_frame([column], pd.DataFrame({"x": pd.Series(cells, dtype=object)}))
        for cells in (real, synthetic)
    ]
    return histogram(column, *sides)


def check(found: Histogram) -> None:
    assert len(found.labels) == len(found.real) == len(found.synthetic)
    assert len(set(found.labels)) == len(found.labels)
    assert sum(found.real) + found.real_null == pytest.approx(1)
    assert sum(found.synthetic) + found.synthetic_null == pytest.approx(1)
    if found.kind != "categories" and found.labels:
        assert len(found.edges) == len(found.labels) + 1
        assert all(a < b for a, b in zip(found.edges, found.edges[1:], strict=False))


NUMBERS = st.lists(st.none() | st.integers(-(10**9), 10**9), min_size=1, max_size=30)


@given(NUMBERS, NUMBERS)
def test_shares_of_numbers_come_to_one(real: list[int | None], synthetic: list[int | None]) -> None:
    check(drawn(IntegerType(), list(real), list(synthetic)))
    decimals = [
        [None if v is None else Decimal(v) / 100 for v in side] for side in (real, synthetic)
    ]
    check(drawn(DecimalType(12, 2), *(list(side) for side in decimals)))


@given(st.lists(st.dates(), min_size=1, max_size=20), st.lists(st.dates(), min_size=1, max_size=9))
def test_shares_of_dates_come_to_one(real: list[object], synthetic: list[object]) -> None:
    check(drawn(DateType(), real, synthetic))


@pytest.mark.parametrize(
    ("kind", "cells", "labels"),
    [
        (IntegerType(), [1, 2, 2, 5], ("1", "2", "3", "4", "5")),
        (IntegerType(), [7, 7], ("7",)),
        (BooleanType(), [True, None], ("false", "true")),
        (EnumType(("b", "a")), ["a", "a"], ("b", "a")),
        (TextType(9), ["", "abc"], ("0", "1", "2", "3")),
        (DateType(), ["2020-02-28", "2020-03-01"], ("2020-02-28", "2020-02-29", "2020-03-01")),
        (
            DatetimeType(),
            ["2020-02-28 22:30:00", "2020-02-29 00:10:00"],
            ("2020-02-28 22:00", "2020-02-28 23:00", "2020-02-29 00:00"),
        ),
        (IntegerType(), [None, None], ()),
    ],
)
def test_labels_say_what_a_bar_is(
    kind: ColumnType, cells: list[object], labels: tuple[str]
) -> None:
    found = drawn(kind, cells, cells)
    check(found)
    assert found.labels == labels


def test_months_are_whole_and_long_tails_do_not_stretch_the_rest() -> None:
    days = [str(d.date()) for d in pd.date_range("2019-01-15", "2020-06-15", 50)]
    found = drawn(DateType(), list(days), list(days))
    check(found)
    assert found.labels[0] == "2019-01-01 to 2019-01-31"
    assert found.labels[-1] == "2020-06-01 to 2020-06-30"
    tail = np.append(np.random.default_rng(0).integers(0, 1000, 1000), 10**6).tolist()
    found = drawn(IntegerType(), tail, tail)
    check(found)
    assert len(found.labels) > BARS / 2
    assert found.edges[-2] < 2000
    assert found.edges[-1] == 10**6 + 1


def test_of_many_categories_the_rest_stand_together() -> None:
    names = tuple(f"v{k}" for k in range(100))
    cells = [n for k, n in enumerate(names) for _ in range(1 + (k < 30))]
    found = drawn(EnumType(names), list(cells), list(cells))
    check(found)
    assert found.labels[-1] == "77 others"
    assert len(found.labels) == BARS
