"""Column automata: they let through exactly the values of the domain, whatever the layout."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthtab.batch import Batch
from synthtab.generate.automaton import automaton_of, layout_regex
from synthtab.generate.machine import DEAD
from synthtab.generate.places import places_of
from synthtab.generate.texts import Texts
from synthtab.generate.tokenizer import ColumnLayout, make_layout
from synthtab.schema import (
    Column,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
)


def layout_of(kind, lo, hi, optional=False):
    column = Column("x", kind, optional)
    return ColumnLayout(column, places_of(column, lo, hi), 0)


def accepted(layout, symbols):
    """Follow rows of symbols (rows, positions); say which get through."""
    automaton = automaton_of(layout)
    states = automaton.begin(len(symbols))
    inside = np.ones(len(symbols), dtype=bool)
    for position in range(len(layout.sizes)):
        allowed = automaton.allowed(position, states)
        assert allowed.shape == (len(symbols), layout.sizes[position])
        np.testing.assert_array_equal(allowed.any(axis=1), states != DEAD)
        inside &= allowed[np.arange(len(symbols)), symbols[:, position]]
        states = automaton.advance(position, states, symbols[:, position])
    assert ((states != DEAD) == inside).all()
    return inside


SMALL = [
    (IntegerType(), -312, 1207),
    (IntegerType(), 150, 400),
    (IntegerType(), 199, 4400),
    (IntegerType(), -900, -250),
    (DecimalType(6, 2), -1, 205),
    (DateType(), 10_900, 11_160),
    (DateType(), -719_162, -718_900),
    (DateType(), 2_932_800, 2_932_896),
    (DatetimeType(3600), 24 * 1000 + 7, 24 * 1010 + 5),
    (EnumType(tuple("abcde")), 0, 4),
    (IntegerType(), 7, 7),
]


@pytest.mark.parametrize("optional", [False, True])
@pytest.mark.parametrize(("kind", "lo", "hi"), SMALL)
def test_exactly_the_values_of_the_domain_get_through(kind, lo, hi, optional):
    layout = layout_of(kind, lo, hi, optional)
    every = np.array(list(itertools.product(*[range(n) for n in layout.sizes])))
    cells = layout.decode(every)
    wanted = ~cells.malformed & (cells.nulls | ((cells.codes >= lo) & (cells.codes <= hi)))
    np.testing.assert_array_equal(accepted(layout, every), wanted)
    assert wanted.sum() == hi - lo + 1 + optional


@st.composite
def wide(draw):
    kind = draw(st.sampled_from([IntegerType(), DateType(), DatetimeType(1), DatetimeType(60)]))
    limit = {IntegerType: 10**16, DateType: 700_000, DatetimeType: 10**9}[type(kind)]
    code = st.integers(-limit, limit)
    lo, hi = sorted((draw(code), draw(code)))
    near = st.sampled_from([lo, lo + 1, hi - 1, hi, lo - 1, hi + 1])
    return kind, lo, hi, draw(st.lists(code | near, min_size=1, max_size=10))


@settings(max_examples=40, deadline=None)
@given(wide())
def test_wide_domains_at_their_edges(case):
    kind, lo, hi, codes = case
    layout = layout_of(kind, lo, hi)
    inside = np.array([c for c in codes if lo <= c <= hi] + [lo, hi])
    assert accepted(layout, layout.places.encode(inside)).all()
    random = np.random.default_rng(0)
    symbols = np.stack([random.integers(0, n, 300) for n in layout.sizes], axis=1)
    cells = layout.decode(symbols)
    wanted = ~cells.malformed & (cells.codes >= lo) & (cells.codes <= hi)
    np.testing.assert_array_equal(accepted(layout, symbols), wanted)


def text_layout(pattern, texts, length=8, optional=False):
    column = Column("t", TextType(length, pattern), optional)
    pool = np.array(texts, dtype=object)
    batch = Batch(("t",), np.arange(len(pool))[:, None], np.zeros((len(pool), 1), bool), pool)
    return make_layout([column], ["t"], {}, batch).columns[0]


@pytest.mark.parametrize("optional", [False, True])
@pytest.mark.parametrize("pattern", ["[AB]{2}[0-2]{1,2}", "(AB)+", "A?(0[12])?", None])
def test_texts_follow_their_pattern_and_end_where_it_may(pattern, optional):
    layout = text_layout(pattern, ["AB01", "BA2"], optional=optional)
    random = np.random.default_rng(1)
    symbols = np.stack([random.integers(0, n, 4000) for n in layout.sizes], axis=1)
    cells = layout.decode(symbols)
    wanted = ~cells.malformed
    if pattern is not None:
        fits = np.array([re.fullmatch(pattern, text) is not None for text in cells.texts])
        wanted &= fits | cells.nulls
    np.testing.assert_array_equal(accepted(layout, symbols), wanted)


def test_a_pattern_longer_than_what_was_seen_gets_the_places_it_needs():
    layout = text_layout("[A-Z]{2}-[0-9]{4}", [], length=10)
    assert isinstance(layout.places, Texts)
    assert len(layout.sizes) == 7
    encoded = layout.places.encode(np.array(["XY-1234", "XY-123"], dtype=object))
    assert accepted(layout, encoded).tolist() == [True, False]


def test_the_regular_expressions_are_of_values_as_they_are_read():
    number = layout_regex(layout_of(IntegerType(), -5, 1200))
    assert re.fullmatch(number, "0017")
    assert re.fullmatch(number, "-0005")
    assert not re.fullmatch(number, "1201")
    time = layout_regex(layout_of(DatetimeType(60), 0, 10**6))
    assert re.fullmatch(time, "1970-02-28T23:59:00")
