from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthtab.report.markup import Markup, element, join, tag


class Reader(HTMLParser):
    """What a browser sees: the tags, their attributes, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


PRINTED = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf", "Cn", "Co"]))


@given(PRINTED)
def test_text_is_read_as_it_was_written(words: str) -> None:
    seen = Reader(tag("p", words, title=words).text)
    assert seen.tags == [("p", {"title": words})]
    assert seen.text == words


@given(st.text())
def test_no_text_makes_a_tag_or_hides_in_the_page(words: str) -> None:
    made = tag("p", words, title=words).text
    made.encode()  # lone surrogates would not
    assert [name for name, _ in Reader(made).tags] == ["p"]
    assert not set(made) & {"\x00", "\u202e", "\u2066", "\ufffe"}


@given(st.lists(PRINTED))
def test_content_is_joined_in_order_at_any_depth(parts: list[str]) -> None:
    nested = [[part, None, [Markup("<br>")]] for part in parts]
    assert Reader(join(nested).text).text == "".join(parts)


def test_attributes_are_named_as_html_names_them() -> None:
    made = tag("label", "x", for_="y", aria_label="z", hidden=True, title=None, data_no=False)
    assert made.text == '<label for="y" aria-label="z" hidden>x</label>'
    assert element("svg", {"viewBox": "0 0 1 1", "width": 2.5, "height": 3.0}).text == (
        '<svg viewBox="0 0 1 1" width="2.5" height="3"></svg>'
    )


def test_elements_without_content_refuse_it() -> None:
    assert tag("br").text == "<br>"
    with pytest.raises(ValueError, match="holds nothing"):
        tag("br", "words")


@pytest.mark.parametrize("name", ["", "a b", "p onclick=x", "<p", "p>"])
def test_names_are_names(name: str) -> None:
    with pytest.raises(ValueError, match="is no name"):
        tag(name)
    with pytest.raises(ValueError, match="is no name"):
        element("p", {name: "x"})
