"""Tables with a caption, headings with a scope, and what the script sorts by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synthtab.report.markup import Content, Markup, tag


@dataclass(frozen=True)
class Head:
    """A column's heading; ``number`` sets it to the right, ``plain`` columns cannot be sorted."""

    text: str
    number: bool = False
    plain: bool = False


@dataclass(frozen=True)
class Cell:
    """A cell that is sorted by ``key`` rather than by its text."""

    shown: Content
    key: float | None


Row = Sequence["Cell | Content"]


def table(
    ident: str,
    caption: Content,
    heads: Sequence[Head],
    rows: Sequence[Row],
    *,
    tools: bool = False,
    foot: Row | None = None,
) -> Markup:
    """Return a table that scrolls sideways by itself where it is too wide.

    A row's first cell is its heading. ``tools`` lets the script offer sorting and, for many rows, a
    filter.
    """
    head = tag(
        "tr",
        (
            tag(
                *("th", h.text),
                scope="col",
                class_="number" if h.number else None,
                data_plain=h.plain,
            )
            for h in heads
        ),
    )
    body = tag("tbody", (tag("tr", _cells(heads, row)) for row in rows))
    made = tag(
        *("table", tag("caption", caption, id=f"{ident}-caption"), tag("thead", head), body),
        tag("tfoot", tag("tr", _cells(heads, foot))) if foot is not None else None,
        id=ident,
        data_tools=tools,
    )
    return tag(
        *("div", made),
        class_="scroll",
        tabindex=0,
        role="group",
        aria_labelledby=f"{ident}-caption",
    )


def plain_table(caption: str, heads: Sequence[Head], rows: Sequence[Row]) -> Markup:
    """Return a narrow table without tools, whose caption is for screen readers alone."""
    head = (tag("th", h.text, scope="col", class_="number" if h.number else None) for h in heads)
    return tag(
        "table",
        tag("caption", caption, class_="hidden"),
        tag("thead", tag("tr", head)),
        tag("tbody", (tag("tr", _cells(heads, row)) for row in rows)),
    )


def facts(items: Sequence[tuple[str, Content]]) -> Markup:
    """Return a list of names and what they stand for; those without content are left out."""
    return tag(
        "dl",
        ((tag("dt", name), tag("dd", what)) for name, what in items if what not in (None, "")),
    )


def _cells(heads: Sequence[Head], row: Row) -> list[Content]:
    made: list[Content] = []
    for at, (head, cell) in enumerate(zip(heads, row, strict=True)):
        shown, key = (cell.shown, cell.key) if isinstance(cell, Cell) else (cell, None)
        kind = "number" if head.number else None
        sort = None if key is None else repr(key)
        if at == 0:
            made.append(tag("th", shown, scope="row", class_=kind, data_sort=sort))
        else:
            made.append(tag("td", shown, class_=kind, data_sort=sort))
    return made
