"""What the charts share: a picture that a screen reader can name, scales, marks for levels.

Colours come from the page's style by class. Nothing is told by colour alone: real rows are filled
bars and synthetic ones outlines, and every value stands in a table as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from synthtab.report.markup import Attribute, Content, Markup, element, tag

_CHECK = ("M3 8.5 L6.5 12 L13 4.5",)
_EYE = ("M1.5 8 C4 3.8 12 3.8 14.5 8 C12 12.2 4 12.2 1.5 8 Z", "M8 7.9 V8.1")
_CROSS = ("M4 4 L12 12", "M12 4 L4 12")
_DASH = ("M4 8 H12",)
SIGNS = {"good": _CHECK, "look": _EYE, "bad": _CROSS, "open": _DASH}
"""Of each level of findings, the strokes of its sign."""


def picture(
    width: float, height: float, label: str | None, drawn: Sequence[Content], kind: str = ""
) -> Markup:
    """Return a drawing in its natural size; without a label it is hidden from screen readers."""
    attributes: dict[str, Attribute] = {
        "class": kind or None,
        "viewBox": f"0 0 {width:g} {height:g}",
        "width": width,
        "height": height,
        "role": "img" if label else None,
        "aria-label": label,
        "aria-hidden": None if label else "true",
    }
    return element("svg", attributes, drawn)


def sign(level: str) -> Markup:
    """Return the sign of a level of findings: a tick, an eye, a cross or a dash."""
    return picture(16, 16, None, [tag("path", d=stroke) for stroke in SIGNS[level]])


def key(kind: str) -> Markup:
    """Return a sample for a legend: ``real`` bars, a ``synthetic`` outline, ``dot``, ``floor``."""
    drawn: dict[str, list[Content]] = {
        "real": [tag("rect", class_="real", x=1, y=2, width=20, height=10)],
        "synthetic": [tag("path", class_="synthetic", d="M1 12V4H12V8H21V12")],
        "dot": [
            tag("line", class_="whisker", x1=1, x2=21, y1=7, y2=7),
            tag("circle", class_="dot", cx=11, cy=7, r=4.5),
        ],
        "floor": [
            tag("rect", class_="band", x=2, y=2, width=18, height=10),
            tag("line", class_="tick", x1=11, x2=11, y1=0, y2=14),
        ],
    }
    return picture(22, 14, None, drawn[kind])


def ceiling(value: float) -> float:
    """Return the next of 1, 2, 2.5, 5 times a power of ten, for the end of an axis; 1 at most."""
    if value < 1e-9:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    found = next(unit * step for step in (1, 2, 2.5, 5, 10) if unit * step >= value * (1 - 1e-9))
    return min(found, 1.0) if value <= 1 else found
