"""The errors of all pairs of columns, as a triangle of cells."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from synthtab.assess.assessment import PairScore
from synthtab.report import text
from synthtab.report.markup import Content, Markup, tag
from synthtab.report.svg import picture
from synthtab.report.theme import HEAT_LEVELS

STEPS = (0.01, 0.02, 0.04, 0.07, 0.12, 0.20)
"""Where the levels end. They are the same in every report, so that reports can be compared."""
assert len(STEPS) == HEAT_LEVELS - 1
MOST_WIDE, ROOM = 720.0, 120.0
"""How wide the map may be, and how much of that names of columns may take."""
SMALLEST, LARGEST, READABLE = 9.0, 46.0, 30.0
"""Sides of a cell; in one that is smaller than readable no number is written."""


def level(error: float) -> int:
    """Return which step of the scale an error falls into, from 0."""
    return bisect_right(STEPS, error)


def heat_map(names: Sequence[str], pairs: Sequence[PairScore], label: str) -> Markup:
    """Draw a cell for each pair of columns, each named by what a pointer rests on."""
    found = {frozenset((p.one, p.other)): p for p in pairs}
    side = min(max((MOST_WIDE - ROOM) / max(len(names) - 1, 1), SMALLEST), LARGEST)
    wide = 5.4 if side < 14 else 6.4
    letters = int((ROOM - 10) / wide)
    room = 10 + wide * min(max(map(len, names), default=0), letters)
    end = {"text_anchor": "end"}
    small = "tiny" if side < 14 else None
    width = room + side * (len(names) - 1)
    height = width
    drawn: list[Content] = []
    for row, one in enumerate(names[1:], start=1):
        y = (row - 1) * side
        middle = y + side / 2 + 3.5
        drawn.append(
            tag("text", text.short(one, letters), class_=small, x=room - 6, y=middle, **end)
        )
        for at, other in enumerate(names[:row]):
            pair = found.get(frozenset((one, other)))
            if pair is not None:
                drawn += _cell(pair, room + at * side, y, side)
    for at, other in enumerate(names[:-1]):
        x, y = room + (at + 0.5) * side + 3.5, (len(names) - 1) * side + 6
        turned = f"translate({x:.1f} {y:.1f}) rotate(-90)"
        drawn.append(tag("text", text.short(other, letters), class_=small, transform=turned, **end))
    return picture(width, height, label, drawn, "heat")


def scale() -> list[tuple[int, str]]:
    """Return (level, what it stands for) of the whole scale."""
    ends = [f"{step:.0%}" for step in STEPS]
    between = [f"{low} to {high}" for low, high in pairwise(ends)]
    return list(enumerate([f"below {ends[0]}", *between, f"{ends[-1]} and more"]))


def _cell(pair: PairScore, x: float, y: float, side: float) -> list[Content]:
    step = level(pair.value)
    beside = "" if pair.floor is None else f" (between real rows {text.percent(pair.floor)})"
    title = f"{pair.one} and {pair.other}: {text.percent(pair.value)}{beside}"
    drawn: list[Content] = [
        tag("rect", tag("title", title), class_=f"h{step}", x=x, y=y, width=side, height=side)
    ]
    if side >= READABLE:
        ink = "ink-high" if step >= HEAT_LEVELS - 3 else "ink-low"
        shown, x, y = f"{100 * pair.value:.1f}", x + side / 2, y + side / 2 + 4
        drawn.append(tag("text", shown, class_=ink, x=x, y=y, text_anchor="middle"))
    return drawn
