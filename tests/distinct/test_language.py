"""Strings of patterns are numbered without gaps or repeats: compared with trying all strings."""

from __future__ import annotations

import re
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthtab.distinct.automaton import TooLargeError
from synthtab.distinct.language import MOST, language, readable
from synthtab.schema import TextType

LETTERS = "ab\n"
# Everything the patterns below can match is made of these; others stand for all other characters.
ATOMS = st.sampled_from(["a", "b", "[ab]", "\\n", "(?:ab|a)", "(?:a|b|ab)"])


def repeated(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    repeats = st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "{1,3}", "{2,}", "??", "*?"])
    return st.one_of(
        st.tuples(inner, repeats).map(lambda p: f"(?:{p[0]}){p[1]}"),
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda p: f"(?:{p[0]}|{p[1]})"),
    )


PATTERNS = st.recursive(ATOMS, repeated, max_leaves=6)


def brute(pattern: str, longest: int) -> set[str]:
    strings = ("".join(s) for n in range(longest + 1) for s in product(LETTERS, repeat=n))
    return {s for s in strings if re.fullmatch(pattern, s)}


@given(PATTERNS, st.integers(1, 5))
def test_every_string_has_one_number(pattern: str, longest: int) -> None:
    found = language(TextType(longest, pattern))
    wanted = brute(pattern, longest)
    one_by_one = [found.one(k) for k in range(found.size)]
    assert found.size == len(wanted)
    assert set(one_by_one) == wanted
    assert one_by_one == sorted(wanted, key=lambda s: (len(s), s))
    numbers = np.arange(found.size)[::-1].copy()
    assert list(found.many(numbers)) == one_by_one[::-1]


@given(PATTERNS)
def test_drawn_strings_match(pattern: str) -> None:
    found = language(TextType(12, pattern))
    if found.size:
        for by_length in (False, True):
            drawn = found.draw(20, np.random.default_rng(0), by_length=by_length)
            assert all(re.fullmatch(pattern, s) and len(s) <= 12 for s in drawn)


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        (TextType(8, "[A-Z]{2}[0-9]{6}"), 26**2 * 10**6),
        (TextType(3, "."), 0x110000 - 0x800 - 1),
        (TextType(1), 0x110000 - 0x800 + 1),
        (TextType(2, "[^a]"), 0x110000 - 0x800 - 1),
        (TextType(3, "(?:a|ab)(?:c|bc)"), 2),
        (TextType(1, "ab"), 0),
        (TextType(4, "a{0,1000}"), 5),
        (TextType(40, "[a-z]{1,1000}"), sum(26**n for n in range(1, 41))),
        (TextType(5, "[\\x00-\\x02]"), 3),
        (TextType(1, "(?s:.)"), 0x110000 - 0x800),
    ],
)
def test_sizes(kind: TextType, size: int) -> None:
    assert language(kind).size == size


def test_drawing_is_uniform() -> None:
    found = language(TextType(3, "a?b?c?|[d-f]{3}"))
    drawn = found.draw(40_000, np.random.default_rng(1))
    _, seen = np.unique(drawn.astype(str), return_counts=True)
    assert len(seen) == found.size == 8 + 27
    expected = 40_000 / 35
    assert ((seen - expected) ** 2 / expected).sum() < 75  # chi-squared of 34, one in 10,000


def test_lengths_first() -> None:
    drawn = readable(TextType(30, "[a-z]{1,4}")).draw(
        4_000, np.random.default_rng(0), by_length=True
    )
    lengths = np.bincount([len(s) for s in drawn])[1:]
    assert (abs(lengths - 1_000) < 150).all()


def test_what_is_open_is_readable() -> None:
    drawn = readable(TextType(200, "x.{3}[^y]+")).draw(200, np.random.default_rng(0))
    assert all(c.isascii() and c.isprintable() for s in drawn for c in s)
    # Where nothing printable is left, the rest serves.
    assert readable(TextType(1, "[^ -~]")).size == 0x110000 - 0x800 - 95
    words = readable(TextType(60)).draw(200, np.random.default_rng(0), by_length=True)
    assert all(3 <= len(w) <= 10 and w.isalpha() for w in words)


def test_strings_with_a_nul_at_the_end() -> None:
    found = language(TextType(2, "[\\x00a]{2}"))
    assert list(found.many(np.arange(4))) == ["\0\0", "\0a", "a\0", "aa"]


def test_more_strings_than_anyone_counts() -> None:
    assert MOST <= language(TextType(100_000)).size < MOST**2
    with pytest.raises(TooLargeError, match="cannot be counted"):
        language(TextType(100_000, "(?:[a-z]{1,1000},){1,1000}"))
