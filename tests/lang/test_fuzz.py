"""Whatever the text, the answer is findings, never a crash; `python -m bench fuzz` runs longer."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.fuzz import judge
from bench.fuzz_texts import HEAD, SOURCES
from synthtab.lang.parse import parse


@pytest.mark.parametrize("source", SOURCES)
@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_texts_made_up(source: str, seed: int) -> None:
    judge(SOURCES[source](random.Random(seed)))


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_any_text(text: str) -> None:
    judge(text)
    judge(f"{HEAD}rule r: {text}\n}}")


def test_some_texts_are_models() -> None:
    """Else nothing beyond the parser would be tried."""
    for source in SOURCES:
        some = (SOURCES[source](random.Random(seed)) for seed in range(300))
        assert source == "words in any order" or any(map(judge, some)), source


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("table b { d decimal(1, 0) w decimal(54775807, 975807) in 5 .. }", ["E220"]),
        ("table b { w decimal(18, 2) in 5 .. 1" + "0" * 60 + " }", ["E223"]),
        ("table b { w decimal(18, 2) in 0." + "0" * 60 + "1 .. }", ["E223"]),
    ],
)
def test_what_was_found_by_long_runs(text: str, codes: list[str]) -> None:
    judge(text)
    assert [d.code for d in parse(text).diagnostics] == codes
