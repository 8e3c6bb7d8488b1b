"""Whether a string exists is what trying all of them says."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthtab.solver.language import TooLargeError, shortest

MOST = 4
WORDS = ["".join(w) for n in range(MOST + 1) for w in product("ab-\n", repeat=n)]

pieces = st.recursive(
    st.sampled_from(["a", "b", "[ab]", "[^a]", "."]),
    lambda inner: st.one_of(
        st.builds("(?:{}|{})".format, inner, inner),
        st.builds("{}{}".format, inner, inner),
        st.builds(
            "(?:{}){}".format, inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{2,}"])
        ),
    ),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(pieces, st.booleans()), min_size=1, max_size=3),
    st.lists(st.tuples(st.sampled_from(["", "a", "ab", "bb"]), st.just(False)), max_size=2),
    st.one_of(st.none(), st.integers(0, MOST)),
)
def test_it_is_found_where_there_is_one(wanted, literals, length) -> None:
    def fits(word: str) -> bool:
        return (
            all((re.fullmatch(p, word) is not None) == yes for p, yes in wanted)
            and all((word == text) == yes for text, yes in literals)
            and (length is None or len(word) == length)
        )

    found = shortest(wanted, literals, MOST, length)
    # `-` stands for all other characters but the end of a line, which `.` leaves out.
    some = [w for w in WORDS if fits(w)]
    assert (found is None) == (not some)
    if found is not None:
        assert fits(found)
        assert len(found) == min(map(len, some))


def test_flags_of_like_patterns_are_read() -> None:
    assert shortest([("(?s:.)", True), (".", False)], [], 3) == "\n"
    assert shortest([(".", True), ("(?s:.)", False)], [], 3) is None


def test_a_literal_can_be_asked_for() -> None:
    assert shortest([("a*", True)], [("aa", True)], 5) == "aa"
    assert shortest([("b*", True)], [("aa", True)], 5) is None
    assert shortest([("a*", True)], [("", False), ("a", False)], 5) == "aa"
    assert shortest([("a*", True)], [], 3, length=4) is None


def test_giving_up_is_said() -> None:
    with pytest.raises(TooLargeError):
        shortest([("a*", True)], [("a" * 5000, False)], 9000)
    wanted = [("(a|b)*a(a|b){14}", True), ("(a|b)*b(a|b){13}", True)]
    with pytest.raises(TooLargeError):
        shortest(wanted, [], 100)
