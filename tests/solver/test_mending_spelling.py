"""Near spellings, compared with an edit distance computed the slow way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from synthtab.solver.mending.spelling import Spellings

WORDS = st.lists(st.text("abc", max_size=5), unique=True, max_size=12)


def one_more(short: str, long: str) -> bool:
    return any(long[:k] + long[k + 1 :] == short for k in range(len(long)))


@given(WORDS, st.text("abc", max_size=5))
def test_near_words_are_those_that_differ_little(words: list[str], text: str) -> None:
    expected = set()
    for k, word in enumerate(words):
        if len(word) == len(text):
            differ = sum(a != b for a, b in zip(word, text, strict=True))
            if 0 < differ <= min(2, len(text) - 1):
                expected.add(k)
        elif word and abs(len(word) - len(text)) == 1:
            short, long = sorted((word, text), key=len)
            if one_more(short, long):
                expected.add(k)
    assert {k for _, k in Spellings(words).near(text)} == expected
