"""Strings drawn from patterns match them, in every length there is."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthtab.ir.normalise import like_pattern
from synthtab.solver.strings import SLACK, Strings

PATTERNS = [
    r"[A-Z]{2}[0-9]{6}",
    r"(ab|c)*d?",
    r"[^a-z]+",
    r"a.{3,}b",
    r"(?:x|yy|[0-9]{3})+-z?",
    r"[0-9]{1,3}(\.[0-9]{1,3}){3}",
    r"(a*)*b",
    r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9.\-]+\.[A-Za-z]{2,}",
    r"[^ -~]",
    r"\x41\t?",
    r"a+?b*?",
    r"",
    like_pattern("%abc_"),
    like_pattern("50\\%.*"),
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_what_is_drawn_matches(pattern: str) -> None:
    rng = np.random.default_rng(0)
    source = Strings(pattern, 60)
    for _ in range(40):
        text = source.draw(rng)
        assert text is not None
        assert re.fullmatch(pattern, text)
        assert source.has(text)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_length_there_is_can_be_asked_for(pattern: str) -> None:
    rng = np.random.default_rng(1)
    source = Strings(pattern, 40)
    lengths = source.lengths()
    assert lengths
    for length in range(30):
        text = source.draw(rng, length)
        if length in lengths:
            assert text is not None
            assert len(text) == length
        if text is not None:
            assert re.fullmatch(pattern, text)


def brute_lengths(pattern: str, most: int) -> set[int]:
    found = set()
    words = [""]
    for length in range(most + 1):
        if any(re.fullmatch(pattern, w) for w in words):
            found.add(length)
        words = [w + c for w in words for c in "ab"]
    return found


pieces = st.recursive(
    st.sampled_from(["a", "b", "[ab]", "aa"]),
    lambda inner: st.one_of(
        st.builds("({}|{})".format, inner, inner),
        st.builds("{}{}".format, inner, inner),
        st.builds(
            "({}){}".format,
            inner,
            st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{0,3}", "{2,}"]),
        ),
    ),
    max_leaves=5,
)


@given(pieces)
def test_lengths_are_those_of_brute_force(pattern: str) -> None:
    most = 6
    expected = brute_lengths(pattern, most)
    assert {n for n in Strings(pattern, most).lengths() if n <= most} == {
        n for n in expected if n <= (min(expected) if expected else 0) + SLACK
    }


def test_too_short_a_column_has_no_strings() -> None:
    rng = np.random.default_rng(0)
    assert Strings("[A-Z]{4}", 3).draw(rng) is None
    assert Strings("[A-Z]{4}", 4).draw(rng, 5) is None
    assert Strings("[A-Z]{4}", 9).draw(rng, 5) is None


def test_without_a_pattern_words_are_drawn() -> None:
    rng = np.random.default_rng(0)
    assert all(re.fullmatch("[A-Za-z0-9]{0,5}", Strings(None, 5).draw(rng)) for _ in range(30))
