"""Drawings as SVG text: a card that is readable on light and dark pages, and scales for its axes.

The same drawing is the same text on every machine: lengths are rounded to a tenth of a pixel, no
font is embedded, and nothing says when it was made.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

WIDTH = 760
CHARACTER = 6.6
"""About how wide a letter of 12 pixels is: a sans-serif font is not measured, only allowed for."""

COLOURS = 6
STYLE = """
.card{fill:#ffffff;stroke:#d0d7de}
text{font:12px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2328}
.title{font-weight:600;font-size:14px}
.faint{fill:#59636e;font-size:11px}
.grid{stroke:#d0d7de;stroke-width:1}
.mark{stroke:#59636e;stroke-width:1.5;stroke-dasharray:5 3}
.spread{stroke:#1f2328;stroke-width:1.2}
.c0{--c:#0969da}.c1{--c:#bc4c00}.c2{--c:#1a7f37}.c3{--c:#8250df}.c4{--c:#bf3989}.c5{--c:#6e7781}
.fill{fill:var(--c)}.path{stroke:var(--c);stroke-width:2;fill:none}
@media (prefers-color-scheme:dark){
.card{fill:#161b22;stroke:#3d444d}
text{fill:#e6edf3}.faint{fill:#9198a1}.grid{stroke:#30363d}.mark{stroke:#9198a1}
.spread{stroke:#e6edf3}
.c0{--c:#4493f8}.c1{--c:#f0883e}.c2{--c:#3fb950}.c3{--c:#ab7df8}.c4{--c:#f778ba}.c5{--c:#9198a1}
}
"""


class Canvas:
    """What has been drawn so far; lengths are pixels from the upper left corner."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def text(self, x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> None:
        """Write words whose base line begins, is centred ("middle") or ends ("end") at x, y."""
        marked = f' class="{kind}"' if kind else ""
        where = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self._parts.append(f'<text x="{_n(x)}" y="{_n(y)}"{where}{marked}>{escape(words)}</text>')

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        """Draw a straight line."""
        ends = f'x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}"'
        self._parts.append(f'<line {ends} class="{kind}"/>')

    def box(
        self, x: float, y: float, width: float, height: float, kind: str, opacity: float = 1
    ) -> None:
        """Fill a rectangle."""
        size = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
        faint = "" if opacity == 1 else f' fill-opacity="{opacity:.2f}"'
        self._parts.append(f'<rect {size} class="{kind}"{faint}/>')

    def path(self, points: Sequence[tuple[float, float]], kind: str) -> None:
        """Join points by straight lines."""
        joined = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        self._parts.append(f'<polyline points="{joined}" class="{kind}"/>')

    def dot(self, x: float, y: float, kind: str) -> None:
        """Draw a dot of 4 pixels' radius."""
        self._parts.append(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="4" class="{kind}"/>')

    def done(self, title: str, height: float) -> str:
        """Return the drawing, on a card with its title."""
        size = f"{WIDTH} {_n(height)}"
        card = f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{_n(height - 1)}" rx="6"'
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{_n(height)}" '
            f'viewBox="0 0 {size}" role="img" aria-label={quoteattr(title)}>',
            f"<style>{STYLE}</style>",
            f'{card} class="card"/>',
            f'<text x="16" y="26" class="title">{escape(title)}</text>',
            *self._parts,
            "</svg>",
        ]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Scale:
    """An axis: values from ``low`` to ``high`` lie between the pixels ``start`` and ``end``."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    @classmethod
    def around(
        cls, values: Sequence[float], start: float, end: float, log: bool, zero: bool = False
    ) -> Scale:
        """Return a scale that shows all values (``log``: above 0), with 0 if ``zero`` says so."""
        if log:
            below = max(r for r in _round_numbers(min(values)) if r <= min(values) * (1 + 1e-9))
            least = max(values) * (1 - 1e-9)
            above = min(r for r in _round_numbers(max(values)) if r >= least and r > below)
            return cls(below, above, start, end, True)
        low, high = min(values), max(values)
        if zero:
            low, high = min(low, 0.0), max(high, 0.0)
        step = _step(high - low)
        low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
        return cls(low, high if high > low else low + step, start, end)

    def at(self, value: float) -> float:
        """Return the pixel of a value; what lies beyond an end is drawn at it."""
        low, high, now = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, now = math.log10(low), math.log10(high), math.log10(now)
        return self.start + (self.end - self.start) * (now - low) / (high - low)

    def ticks(self) -> list[float]:
        """Return the values to be written at the axis."""
        if self.log:
            found = sorted({*_round_numbers(self.low), *_round_numbers(self.high)})
            found = [f for f in found if self.low * (1 - 1e-9) <= f <= self.high * (1 + 1e-9)]
            if self.high / self.low > 1e3:
                first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
                found = [10.0**p for p in range(first, last + 1, 1 + (last - first) // 8)]
            return found
        step = _step(self.high - self.low)
        first = round(self.low / step)
        return [step * k for k in range(first, round(self.high / step) + 1)]


def shown(value: float, unit: str = "") -> str:
    """Return a value as words: with "%" as unit a share of 1 as a percentage."""
    scaled = 100 * value if unit == "%" else value
    if scaled == 0 or 1e-3 <= abs(scaled) < 1e9:
        words = f"{scaled:,.0f}" if abs(scaled) >= 1000 else f"{scaled:.3g}"
    else:
        words = f"{scaled:.1e}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")
    return f"{words}%" if unit == "%" else f"{words} {unit}".strip()


def wide(words: str) -> float:
    """Return about how many pixels words take."""
    return CHARACTER * len(words)


def colour(at: int) -> str:
    """Return the class of the colour of a series."""
    return f"c{at % COLOURS}"


def _step(span: float) -> float:
    """Return a round step that divides a span into four to eight parts."""
    if span <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(span / 4))
    return next(m * power for m in (1, 2, 5, 10) if span / (m * power) <= 8)


def _round_numbers(value: float) -> list[float]:
    """Return numbers of one digit, 1, 2 or 5, from below a value to above it."""
    power = math.floor(math.log10(value))
    return [float(f"{m}e{p}") for p in range(power - 1, power + 3) for m in (1, 2, 5)]


def _n(value: float) -> str:
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text
