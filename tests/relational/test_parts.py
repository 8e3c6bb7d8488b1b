"""Features, lists, picks and totals: the small parts that rows of several tables are made with."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthtab.batch import Batch
from synthtab.relational.company import Links, There
from synthtab.relational.features import Feature, feature_of
from synthtab.relational.listing import Listing, listing_of
from synthtab.relational.picking import pick, spread
from synthtab.relational.reading import NUMBERS, Company, Read, means_before
from synthtab.relational.tablemodel import symbols_of
from synthtab.schema import Column, DecimalType, IntegerType, TextType
from synthtab.solver.feasible import Feasible

NOBODY = np.empty(0, dtype=object)


def plain(codes):
    return np.array(codes, dtype=np.int64), np.zeros(len(codes), dtype=bool)


# Features.


def test_a_column_of_few_values_keeps_them_and_null_has_a_symbol_of_its_own():
    codes, nulls = plain([5, 7, 7, 0])
    nulls[3] = True
    feature = feature_of(Column("x", IntegerType(), optional=True), codes, nulls, NOBODY)
    assert feature.edges == (5, 7)
    assert feature.of(codes, nulls).tolist() == [0, 1, 1, 2]
    assert feature.size == 3


@given(st.lists(st.integers(-(10**6), 10**6), min_size=200, max_size=400, unique=True))
def test_ranges_hold_about_equally_many_values(values):
    codes, nulls = plain(values)
    feature = feature_of(Column("x", IntegerType()), codes, nulls, NOBODY)
    symbols = feature.of(codes, nulls)
    counts = np.bincount(symbols, minlength=feature.size)[:-1]
    assert len(counts) == 16
    assert counts.max() - counts.min() <= 2
    assert all(np.diff(symbols[np.argsort(codes)]) >= 0)


def test_words_that_repeat_are_told_apart_and_others_are_not():
    pool = np.array(["red", "blue", "violet"], dtype=object)
    codes, nulls = plain([0] * 6 + [1] * 6)
    feature = feature_of(Column("c", TextType(9)), codes, nulls, pool)
    assert set(feature.words) == {"red", "blue"}
    assert feature.of(*plain([2]), pool).tolist() == [2]
    alone = feature_of(Column("c", TextType(9)), *plain([0, 1, 2]), pool)
    assert alone is None


# Siblings before.


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.one_of(st.none(), st.integers(-(10**9), 10**9)), min_size=1, max_size=6),
        min_size=1,
        max_size=6,
    )
)
def test_means_are_those_of_the_siblings_before(groups):
    values = [v for group in groups for v in group]
    codes = np.array([[v or 0] for v in values], dtype=np.int64)
    batch = Batch(("x",), codes, np.array([[v is None] for v in values]), NOBODY)
    place = np.array([k for group in groups for k in range(1, len(group) + 1)])
    before = np.where(place > 1, np.arange(len(place)) - 1, -1)
    size = np.array([len(group) for group in groups for _ in group])
    means, nulls = means_before(batch, "x", Company({}, before, place, size))
    expected = []
    for group in groups:
        for at in range(len(group)):
            some = [v for v in group[:at] if v is not None]
            expected.append(sum(some) / len(some) if some else None)
    assert nulls.tolist() == [e is None for e in expected]
    for mean, wanted in zip(means, expected, strict=True):
        assert wanted is None or abs(mean - wanted) <= 1 + 1e-3


def test_a_row_knows_its_number_and_how_many_are_to_come():
    place, size = np.array([1, 2, 3, 1]), np.array([3, 3, 3, 1])
    around = Company({}, np.array([-1, 0, 1, -1]), place, size)
    batch = Batch((), np.zeros((4, 0), np.int64), np.zeros((4, 0), bool), NOBODY)
    there = There({}, Links({}))

    def read(kind):
        return symbols_of(Read(kind, NUMBERS), "t", batch, around, there).tolist()

    assert [read(kind) for kind in ("place", "size", "left")] == [
        NUMBERS.of(*plain(numbers)).tolist()
        for numbers in ([1, 2, 3, 1], [3, 3, 3, 1], [2, 1, 0, 0])
    ]


# Lists.


@given(
    st.sets(st.integers(-50, 50), min_size=1, max_size=12),
    st.lists(
        st.tuples(st.integers(-60, 60), st.integers(-60, 60), st.integers(-60, 60)),
        min_size=1,
        max_size=5,
    ),
)
def test_a_set_of_codes_becomes_the_set_of_their_places(values, rows):
    listing = Listing("x", codes=tuple(sorted(values)))
    lo = np.array([[a, b] for a, b, _ in rows], dtype=np.int64)
    hi = np.array([[b - 1, c] for _, b, c in rows], dtype=np.int64)
    codes = Feasible(np.zeros(len(rows), dtype=bool), lo, hi)
    places = listing.among(codes)
    for k, value in enumerate(listing.codes):
        at = np.full(len(rows), k), np.zeros(len(rows), dtype=bool)
        of = np.full(len(rows), value), np.zeros(len(rows), dtype=bool)
        assert (places.contains(*at) == codes.contains(*of)).all()


def test_only_values_of_several_rows_are_listed():
    pool = np.array(["Oslo", "Rome", "a house of one's own"], dtype=object)
    codes, nulls = plain([0, 0, 0, 1, 1, 2])
    listing = listing_of(Column("city", TextType(30)), codes, nulls, pool)
    assert listing.words == ("Oslo", "Rome")
    symbols = listing.symbols(codes, nulls, pool, np.random.default_rng(0))
    assert symbols[:5].tolist() == [0, 0, 0, 1, 1]
    assert symbols[5] in (0, 1)


def test_names_are_not_listed_and_dense_numbers_are_not():
    pool = np.array([f"name {k}" for k in range(40)], dtype=object)
    assert listing_of(Column("n", TextType(9)), *plain(range(40)), pool) is None
    dense = plain([1, 2, 3] * 20)
    assert listing_of(Column("n", IntegerType()), *dense, NOBODY) is None
    sparse = plain([0, 2_500, 99_000] * 20)
    assert listing_of(Column("n", DecimalType(7, 2)), *sparse, NOBODY).codes == (0, 2_500, 99_000)


# Picks.


def test_parents_that_look_as_wanted_are_picked_within_their_slots():
    rng = np.random.default_rng(0)
    have = [np.array([0, 0, 1, 1])]
    want = [np.array([0, 0, 0, 1, 1])]
    picked = pick(5, want, have, np.array([1, 2, 0, 2]), rng)
    assert np.bincount(picked, minlength=4).tolist() == [1, 2, 0, 2]
    assert (have[0][picked] == want[0]).all()


def test_slots_bind_before_looks_do_and_nobody_takes_what_is_closed():
    rng = np.random.default_rng(0)
    picked = pick(3, [np.array([0, 0, 0])], [np.array([0, 1, 0])], np.array([1, 2, -1]), rng)
    assert sorted(picked.tolist()) == [0, 1, 1]
    assert pick(2, [], [], np.array([-1, -1]), rng).tolist() == [-1, -1]


@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 8))
def test_every_row_gets_a_parent_while_any_is_open(seed, rows, parents):
    rng = np.random.default_rng(seed)
    want, have = [rng.integers(0, 3, rows)], [rng.integers(0, 3, parents)]
    slots = rng.integers(0, 5, parents)
    picked = pick(rows, want, have, slots, rng)
    assert (picked >= 0).all()
    taken = np.bincount(picked, minlength=parents)
    if slots.sum() >= rows:
        assert (taken <= slots).all()


# Numbers of children.


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=60),
    st.integers(0, 600),
    st.integers(0, 2**32),
)
def test_numbers_of_children_are_brought_to_a_total(numbers, total, seed):
    slots = np.array(numbers)
    most = np.full(len(slots), 9)
    made = spread(slots, total, most, np.random.default_rng(seed))
    assert (made >= 0).all()
    assert (made <= most).all()
    if slots.sum() and total <= 9 * len(slots):
        assert made.sum() == total


@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_each_number_keeps_its_share(factor):
    rng = np.random.default_rng(0)
    slots = rng.integers(0, 40, 500)
    made = spread(slots, int(slots.sum() * factor), np.full(500, 200), rng)
    some = slots > 10
    assert abs((made[some] / slots[some]).mean() - factor) < 0.05


def test_a_feature_reads_codes_it_never_saw():
    feature = Feature("x", edges=(10, 20))
    assert feature.of(*plain([-5, 15, 99])).tolist() == [0, 0, 1]


def test_children_find_a_parent_where_none_was_to_have_any():
    made = spread(np.zeros(4, np.int64), 7, np.array([5, 0, 5, 5]), np.random.default_rng(0))
    assert made.sum() == 7
    assert made[1] == 0
    assert sorted(made.tolist()) == [0, 0, 2, 5]
