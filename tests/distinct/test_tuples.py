"""Different tuples: as many as there are, no more, none twice."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthtab.batch import Batch
from synthtab.distinct.permute import Permutation
from synthtab.distinct.tuples import capacity, count, distinct, unrank
from synthtab.errors import InfeasibleError, UsageError
from synthtab.schema import (
    BooleanType,
    Column,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
)

SMALL = (
    Column("whole", IntegerType(), lo=-2, hi=3),
    Column("price", DecimalType(4, 2), lo=5, hi=9),
    Column("day", DateType(), lo=0, hi=4),
    Column("hour", DatetimeType(3600), lo=7, hi=9),
    Column("yes", BooleanType()),
    Column("size", EnumType(("s", "m", "l"))),
    Column("part", EnumType(("a", "b", "c", "d")), lo=1, hi=2),
    Column("code", TextType(3, "[ab]{1,3}")),
    Column("other", TextType(2, "[bc]{2}")),
)


def rows_of(batch: Batch, columns: tuple[Column, ...]) -> list[tuple[object, ...]]:
    texts = [isinstance(c.type, TextType) for c in columns]
    return [
        tuple(batch.pool[v] if t else int(v) for v, t in zip(row, texts, strict=True))
        for row in batch.codes
    ]


@pytest.mark.parametrize("column", SMALL, ids=lambda c: c.name)
def test_values_are_numbered(column: Column) -> None:
    values = [unrank(column, k) for k in range(count(column))]
    assert len(set(values)) == len(values) > 1
    with pytest.raises(UsageError, match=r"has no value number"):
        unrank(column, len(values))


def test_counts() -> None:
    assert [count(c) for c in SMALL] == [6, 5, 5, 3, 2, 3, 2, 14, 4]
    assert count(Column("n", IntegerType())) == 2**64 - 1
    assert count(Column("x", DecimalType(3, 1))) == 1999


@given(st.lists(st.sampled_from(SMALL), min_size=1, max_size=3, unique=True), st.data())
def test_tuples_differ(columns: list[Column], data: st.DataObject) -> None:
    chosen = tuple(columns)
    most = capacity(chosen)
    n = data.draw(st.integers(0, most))
    rng = np.random.default_rng(data.draw(st.integers(0, 9)))
    first = distinct(chosen, n, rng)
    rest = distinct(chosen, most - n, rng, first)
    every = rows_of(first, chosen) + rows_of(rest, chosen)
    wanted = set(product(*([unrank(c, k) for k in range(count(c))] for c in chosen)))
    assert len(every) == most
    assert set(every) == wanted
    with pytest.raises(InfeasibleError, match=f"there are {most:,}"):
        distinct(chosen, most + 1, rng)
    with pytest.raises(InfeasibleError, match="are taken" if n else "there are"):
        distinct(chosen, most - n + 1, rng, first)


def test_each_tuple_is_as_likely() -> None:
    chosen = (SMALL[0], SMALL[5])
    seen = np.zeros(18)
    for seed in range(2_000):
        got = distinct(chosen, 5, np.random.default_rng(seed)).codes
        seen[(got[:, 0] + 2) * 3 + got[:, 1]] += 1
    expected = 2_000 * 5 / 18
    assert ((seen - expected) ** 2 / expected).sum() < 47  # chi-squared of 17, one in 10,000


def test_taken_rows_with_nulls_or_from_elsewhere() -> None:
    column = (SMALL[4],)
    taken = Batch(
        ("id", "yes"),
        np.array([[1, 0], [2, 1], [3, 1]]),
        np.array([[False, True], [False, False], [False, False]]),
        np.empty(0, dtype=object),
    )
    assert distinct(column, 1, np.random.default_rng(0), taken).codes.tolist() == [[0]]


def test_a_large_part_of_a_large_space() -> None:
    column = (Column("n", IntegerType(), lo=1, hi=200_000),)
    got = distinct(column, 190_000, np.random.default_rng(3)).codes[:, 0]
    assert len(np.unique(got)) == 190_000
    assert got.min() >= 1
    assert got.max() <= 200_000


def test_keys_look_like_keys() -> None:
    rng = np.random.default_rng(0)
    codes = distinct((Column("n", IntegerType()),), 100, rng).codes
    assert ((codes >= 1) & (codes <= 10_000)).all()
    assert (distinct((Column("n", IntegerType(), hi=-5),), 9, rng).codes <= -5).all()
    names = distinct((Column("t", TextType(80)),), 1_000, rng)
    assert all(t.isalpha() and len(t) <= 10 for t in names.pool)


def test_more_tuples_than_can_be_numbered() -> None:
    columns = (Column("a", TextType(40, "[a-z]{40}")), Column("b", IntegerType(), lo=0, hi=2**62))
    got = distinct(columns, 1_000, np.random.default_rng(0))
    assert len(set(rows_of(got, columns))) == 1_000


def test_everything_that_is_not_readable_serves_too() -> None:
    column = (Column("t", TextType(1)),)
    got = distinct(column, 5_000, np.random.default_rng(0))
    assert len(set(got.pool)) == 5_000
    with pytest.raises(UsageError, match="cannot draw -1"):
        distinct(column, -1, np.random.default_rng(0))


@given(st.integers(1, 300_000), st.integers(0, 2**62))
def test_permutations_of_some_sizes(size: int, seed: int) -> None:
    made = Permutation(size, seed)
    places = np.arange(min(size, 5_000))
    found = made.at(places)
    assert len(np.unique(found)) == len(places)
    assert found.min() >= 0
    assert found.max() < size


@pytest.mark.parametrize("size", [1, 2, 65_536, 65_537, 99_991, 300_000])
def test_permutations_are_whole(size: int) -> None:
    found = Permutation(size, 7).at(np.arange(size))
    assert (np.sort(found) == np.arange(size)).all()


def test_a_permutation_is_far_from_the_identity() -> None:
    found = Permutation(10**9, 1).at(np.arange(100_000)) / 10**9
    counts = np.histogram(found, 100, (0, 1))[0]
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 0.02
    assert ((counts - 1_000) ** 2 / 1_000).sum() < 160
    with pytest.raises(ValueError, match="is the most"):
        Permutation(2**63, 0)
