"""Patterns of other tools fit the same texts after translation."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthtab.exchange.foreign_patterns import Fit, InexpressibleError, escaped, translated

PIECES = st.sampled_from(
    ["a", "b", ".", r"\d", r"\w", r"\W", r"\S", "[ab]", "[^a]", r"[\d-]", "(?:ab|1)", "(a)", "a*",
     "b?", "(?P<x>b)", r"\.", r"\-", "-", "a{1,2}", r"\u0061", "|", "^", "$", "é"]
)  # fmt: skip
TEXT = st.text(alphabet="ab1-. \né", max_size=5)


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=4).map("".join), st.lists(TEXT, min_size=4), st.sampled_from(Fit))
def test_the_same_texts_fit(pattern: str, texts: list[str], fit: Fit) -> None:
    try:
        made = translated(pattern, fit)
    except InexpressibleError:
        return
    if pattern.count("(?P<x>") > 1:
        pattern = pattern.replace("(?P<x>", "(")
    # Elsewhere `$` is the very end; in Python it is `\Z`.
    judge = re.compile(pattern.replace("$", r"\Z"), re.ASCII)
    for text in texts:
        theirs = {Fit.SOMEWHERE: judge.search, Fit.START: judge.match, Fit.WHOLE: judge.fullmatch}
        assert bool(re.fullmatch(made, text)) == bool(theirs[fit](text)), (made, text)


@pytest.mark.parametrize(
    ("pattern", "made"),
    [
        ("^[A-Z]{2}$", "[A-Z]{2}"),
        ("^a|b$", r"a(?:.|\n)*|(?:.|\n)*b"),
        (r"^\d+$", "[0-9]+"),
        (r"^a\$$", r"a\$"),
        (r"^(?P<year>\d{4})$", "(?:[0-9]{4})"),
        (r"^[[&&]$", r"[\[\&&]"),
    ],
)
def test_examples(pattern: str, made: str) -> None:
    assert translated(pattern, Fit.SOMEWHERE) == made


@pytest.mark.parametrize(
    "pattern", ["(?=a)", r"\bx", r"(a)\1", "(?i)a", "(^a)b", "(", "[]a]", "a++"]
)
def test_what_has_no_equal(pattern: str) -> None:
    with pytest.raises(InexpressibleError):
        translated(pattern, Fit.SOMEWHERE)


@given(st.text(max_size=6))
def test_an_escaped_text_fits_itself(text: str) -> None:
    assert re.fullmatch(escaped(text), text)
