"""Whatever the text, the answer is findings, never a crash."""

import random
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from synthtab.lang.comments import format_with_comments
from synthtab.lang.parse import parse

TEXT = """
table rule const unique key optional matching in integer decimal date datetime boolean enum text at
least determines no overlap forbid pair when then iff and or not between is null like case else end
true false count sum avg min max abs coalesce length previous increasing non_decreasing gap_free per
ordered by of via where distinct years days a b t u id x.y t.a 3 98% 0.5 2020-01-01 'x' "d" `q r`
/[a-z]/ { } ( ) : , .. -> . + - * / = != < <= > >= # \n
"""
WORDS = [*TEXT.split(), "\n"]
HEAD = "const c = 3\ntable t { id integer key a integer -> t.id b date x text(3)\n"
ITEMS = st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join)
RULES = [
    path.read_text("utf-8")
    for path in sorted((Path(__file__).parents[2] / "rules").glob("*.rules"))
]


def check(text: str) -> None:
    parsed = parse(text)
    for finding in parsed.diagnostics:
        assert finding.render()
    if not any(d.severity == "error" for d in parsed.diagnostics):
        made = format_with_comments(parsed.tables, parsed.constants, parsed.source)
        assert parse(made).tables == parsed.tables


@settings(max_examples=400, deadline=None)
@given(ITEMS)
def test_words_in_any_order(words: str) -> None:
    check(words)
    check(f"{HEAD}rule r: {words}\n}}")
    check(f"{HEAD}{words}\n}}")


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_any_text(text: str) -> None:
    check(text)
    check(f"{HEAD}rule r: {text}\n}}")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(RULES))
def test_shipped_rules_with_words_changed(seed: int, text: str) -> None:
    rng = random.Random(seed)
    lines = text.split("\n")
    start = rng.randrange(len(lines))
    for at in range(start, min(start + 3, len(lines))):
        words = lines[at].split(" ")
        words[rng.randrange(len(words))] = rng.choice(WORDS)
        lines[at] = " ".join(words)
    parsed = parse("\n".join(lines))
    assert all(d.render() for d in parsed.diagnostics)
