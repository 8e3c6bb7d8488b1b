"""Positional systems: codes to symbols and back, and the interval each prefix stands for."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthtab.generate.places import Calendar, Choice, Digits, places_of
from synthtab.schema import (
    EPOCH,
    INT64_MAX,
    BooleanType,
    Column,
    DatetimeType,
    DateType,
    EnumType,
    IntegerType,
    type_domain,
)

WIDE = st.one_of(
    st.integers(-1000, 1000), st.integers(-(10**9), 10**9), st.integers(-INT64_MAX, INT64_MAX)
)
DAYS = st.integers((date.min - EPOCH).days, (date.max - EPOCH).days)


@st.composite
def numbers(draw):
    lo, hi = sorted((draw(WIDE), draw(WIDE)))
    codes = draw(st.lists(st.integers(lo, hi), min_size=1, max_size=20))
    return Digits(lo, hi), [lo, hi, *codes]


@st.composite
def calendars(draw):
    clock = draw(st.sampled_from([(), (24,), (24, 60), (24, 60, 60)]))
    per_day = int(np.prod(clock, dtype=np.int64))
    first, last = sorted((draw(DAYS), draw(DAYS)))
    lo, hi = first * per_day, (last + 1) * per_day - 1
    codes = draw(st.lists(st.integers(lo, hi), min_size=1, max_size=20))
    return Calendar(lo, hi, clock), [lo, hi, *codes]


@settings(max_examples=150, deadline=None)
@given(st.one_of(numbers(), calendars()))
def test_codes_round_trip_and_every_prefix_interval_holds_the_code(case):
    places, listed = case
    codes = np.array(listed, dtype=np.int64)
    symbols = places.encode(codes)
    assert symbols.shape == (len(codes), len(places.sizes))
    assert (symbols >= 0).all()
    assert (symbols < np.array(places.sizes)).all()
    back, fits = places.decode(symbols)
    assert fits.all()
    np.testing.assert_array_equal(back, codes)
    rows = np.arange(len(codes))
    for position in range(len(places.sizes)):
        lo, hi = places.bounds(position, symbols[:, :position])
        assert lo.shape == hi.shape == (len(codes), places.sizes[position])
        chosen = symbols[:, position]
        assert (lo[rows, chosen] <= codes).all()
        assert (codes <= hi[rows, chosen]).all()
    np.testing.assert_array_equal(lo[rows, chosen], hi[rows, chosen])


@pytest.mark.parametrize(
    "places",
    [
        Digits(-312, 1207),
        Digits(-900, -250),
        Digits(0, 1099),
        Digits(98765, 99012),
        Digits(-1, 250),
        Calendar(10_950, 11_600, ()),
        Calendar(-25_000, -24_700, ()),
        Calendar(24 * 19_780, 24 * 19_800, (24,)),
    ],
)
def test_first_symbols_split_the_domain_in_order_and_without_gaps(places):
    lo, hi = places.bounds(0, np.zeros((1, 0), dtype=np.int64))
    codes = np.arange(places.lo, places.hi + 1)
    first = places.encode(codes)[:, 0]
    assert (np.diff(first) >= 0).all()
    inside = (lo[0] <= codes[:, None]) & (codes[:, None] <= hi[0])
    np.testing.assert_array_equal(inside.sum(axis=1), 1)
    np.testing.assert_array_equal(inside.argmax(axis=1), first)


@pytest.mark.parametrize("places", [Digits(-312, 1207), Calendar(10_950, 11_600, ())])
def test_prefix_intervals_are_those_of_what_can_follow(places):
    """Exhaustively: each prefix's interval is the least and greatest of its completions."""
    grids = np.meshgrid(*[np.arange(n) for n in places.sizes], indexing="ij")
    every = np.stack([g.ravel() for g in grids], axis=1)
    codes, fits = places.decode(every)
    for position in range(len(places.sizes)):
        prefixes, group = np.unique(every[:, : position + 1], axis=0, return_inverse=True)
        lo, hi = places.bounds(position, prefixes[:, :position])
        lo, hi = (b[np.arange(len(prefixes)), prefixes[:, position]] for b in (lo, hi))
        for number in range(len(prefixes)):
            mine = codes[(group.ravel() == number) & fits]
            if len(mine):
                assert (lo[number], hi[number]) == (mine.min(), mine.max())
            else:
                assert lo[number] > hi[number]


def test_a_date_that_does_not_exist_is_no_value():
    places = Calendar(10_957, 20_000, ())  # from 2000-01-01
    symbols = np.array([[0, 1, 28], [1, 1, 28], [1, 1, 27], [0, 3, 30]])
    codes, fits = places.decode(symbols)
    assert fits.tolist() == [True, False, True, False]
    assert EPOCH + timedelta(days=int(codes[0])) == date(2000, 2, 29)


def test_minus_zero_and_more_than_64_bits_are_no_values():
    places = Digits(-250, 250)
    minus_zero = places.encode(np.array([-1]))
    minus_zero[0, -1] = 0
    assert not places.decode(minus_zero)[1][0]
    whole = Digits(-INT64_MAX, INT64_MAX)
    nines = np.full((1, len(whole.sizes)), 99)
    nines[0, 0] = whole.sizes[0] - 1
    codes, fits = whole.decode(nines)
    assert not fits[0]
    assert codes[0] == 0


@pytest.mark.parametrize(
    ("kind", "lo", "hi", "expected", "sizes"),
    [
        (IntegerType(), 17, 90, Choice, (74,)),
        (IntegerType(), 0, 99_999, Digits, (10, 100, 100)),
        (IntegerType(), -31_000, 20_000, Digits, (7, 100, 100)),
        (IntegerType(), 3_000_000, 3_000_500, Digits, (6, 100)),
        (EnumType(tuple(map(str, range(500)))), 0, 499, Choice, (500,)),
        (BooleanType(), 0, 1, Choice, (2,)),
        (DateType(), 0, 20_000, Calendar, (55, 12, 31)),
        (DateType(), *type_domain(DateType()), Calendar, (100, 100, 12, 31)),
        (DatetimeType(60), 0, 60 * 24 * 400, Calendar, (2, 12, 31, 24, 60)),
    ],
)
def test_choice_of_system(kind, lo, hi, expected, sizes):
    places = places_of(Column("x", kind), lo, hi)
    assert isinstance(places, expected)
    assert places.sizes == sizes
