"""Pieces of texts: nothing is lost, nothing is too long, overlaps are as asked for."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthtab.errors import UsageError
from synthtab.generate.retrieval.chunking import pieces, sections, spans

TEXTS = st.text(st.sampled_from("ab .\n\t,é"), max_size=200) | st.text(max_size=80)


@given(TEXTS, st.integers(1, 40), st.data())
def test_pieces_cover_the_text_within_their_sizes(
    text: str, size: int, data: st.DataObject
) -> None:
    overlap = data.draw(st.integers(0, size // 2))
    found = spans(text, size, overlap)
    if not text:
        assert found == ()
        return
    assert found[0][0] == 0
    assert found[-1][1] == len(text)
    assert all(0 < end - start <= size for start, end in found)
    for (_, end), (start, after) in pairwise(found):
        assert end - overlap <= start <= end < after
    again = "".join(
        text[max(start, done) : end]
        for (start, end), done in zip(found, [0, *(end for _, end in found)], strict=False)
    )
    assert again == text


def test_texts_are_cut_where_a_reader_pauses() -> None:
    assert pieces("One two. Three four.\n\nFive six.", 22, 0) == (
        "One two. Three four.",
        "Five six.",
    )
    assert pieces("One two three. Four five six", 20, 0) == ("One two three.", "Four five six")
    assert pieces("alpha beta gamma delta", 12, 6) == ("alpha beta", "beta gamma", "gamma delta")
    assert pieces("  \n \n ", 3, 0) == ()


def test_markdown_falls_into_sections_but_not_within_code() -> None:
    text = "Lead.\n\n# One #\nText\n```\n# no heading\n```\n## Two\nMore\n"
    assert sections(text) == (
        ("", "Lead.\n\n"),
        ("One", "# One #\nText\n```\n# no heading\n```\n"),
        ("Two", "## Two\nMore\n"),
    )


@given(TEXTS)
def test_sections_lose_nothing_but_blanks(text: str) -> None:
    joined = "".join(section for _, section in sections("# A\n" + text))
    assert joined.split() == ("# A\n" + text).split()


@pytest.mark.parametrize(("size", "overlap"), [(0, 0), (-5, 0), (10, 6), (10, -1)])
def test_sizes_that_do_not_fit_are_refused(size: int, overlap: int) -> None:
    with pytest.raises(UsageError, match=r"size=|overlap="):
        spans("text", size, overlap)
