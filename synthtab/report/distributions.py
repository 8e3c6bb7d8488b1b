"""One column's distributions, real and synthetic, one drawn over the other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from synthtab.assess.assessment import Histogram
from synthtab.report import text
from synthtab.report.markup import Content, Markup, tag
from synthtab.report.svg import ceiling, picture

WIDTH, HEIGHT = 320.0, 136.0
SHOWN = 10
"""So many values of a category are drawn; the rarer ones are drawn as one."""
_AXIS, _TOP = HEIGHT - 22, 8.0


def distribution(found: Histogram, label: str) -> Markup:
    """Draw a column's distribution on both sides; ``label`` is what a screen reader says."""
    return _bars(found, label) if found.kind == "categories" else _steps(found, label)


def values(found: Histogram) -> list[tuple[str, float, float]]:
    """Return (label, real share, synthetic share) of every bar, missing values last if any."""
    rows = list(zip(found.labels, found.real, found.synthetic, strict=True))
    if found.real_null or found.synthetic_null:
        rows.append(("missing", found.real_null, found.synthetic_null))
    return rows


def commonest(found: Histogram) -> list[tuple[str, float, float]]:
    """Return (label, real share, synthetic share) of what is drawn: rarer values are one row."""
    rows = list(zip(found.labels, found.real, found.synthetic, strict=True))
    if len(rows) > SHOWN:
        order = sorted(range(len(rows)), key=lambda at: -max(rows[at][1], rows[at][2]))
        kept, rest = sorted(order[: SHOWN - 1]), order[SHOWN - 1 :]
        real, synthetic = sum(rows[at][1] for at in rest), sum(rows[at][2] for at in rest)
        # No number: a bar may itself be of several values.
        rows = [*(rows[at] for at in kept), ("rarer ones", real, synthetic)]
    if found.real_null or found.synthetic_null:
        rows.append(("missing", found.real_null, found.synthetic_null))
    return rows


def _bars(found: Histogram, label: str) -> Markup:
    """Draw a pair of lying bars for each value."""
    rows = commonest(found)
    left, right, step = 100.0, 76.0, 19.0
    head = 16.0
    height = head + step * len(rows) + 20
    axis = height - 18
    top = ceiling(max((max(r[1], r[2]) for r in rows), default=0.0))
    scale = (WIDTH - left - right) / top
    drawn: list[Content] = [
        tag("line", class_="gridline", x1=left + scale * x, x2=left + scale * x, y1=head, y2=axis)
        for x in (top / 2, top)
    ]
    for at, (name, real, synthetic) in enumerate(rows):
        y, both = head + at * step + 2, f"{100 * real:.1f} / {100 * synthetic:.1f}"
        drawn += [
            tag("text", text.short(name, 16), x=left - 6, y=y + 11, text_anchor="end"),
            tag("rect", class_="real", x=left, y=y, width=scale * real, height=8),
            tag("rect", class_="synthetic", x=left, y=y + 9, width=scale * synthetic, height=5),
            tag("text", both, x=WIDTH - 2, y=y + 11, text_anchor="end"),
        ]
    drawn += [
        tag("line", class_="axis", x1=left, x2=left, y1=head, y2=axis),
        tag("text", "0%", x=left, y=height - 5, text_anchor="middle"),
        tag("text", _tick(top), x=left + scale * top, y=height - 5, text_anchor="middle"),
        tag("text", "real / synthetic, %", x=WIDTH - 2, y=9, text_anchor="end"),
    ]
    return picture(WIDTH, height, label, drawn)


def _steps(found: Histogram, label: str) -> Markup:
    """Draw filled bars of the real rows and, over them, the outline of the synthetic ones.

    All bins are equally wide on the page; one that spans more than the others, a long tail, is set
    off by a dotted line. Missing values stand apart, at left.
    """
    shares = [*found.real, *found.synthetic, found.real_null, found.synthetic_null]
    top = ceiling(max(shares))
    scale = (_AXIS - _TOP) / top
    left, end = 40.0, WIDTH - 4
    missing = bool(found.real_null or found.synthetic_null)
    first = left + (58.0 if missing else 0.0)
    drawn: list[Content] = []
    for share in (top / 2, top):
        y = _AXIS - scale * share
        drawn += [
            tag("line", class_="gridline", x1=left, x2=end, y1=y, y2=y),
            tag("text", _tick(share), x=left - 5, y=y + 4, text_anchor="end"),
        ]
    if missing:
        for kind, share, x, width in (
            ("real", found.real_null, left + 6, 26.0),
            ("synthetic", found.synthetic_null, left + 11, 16.0),
        ):
            high = scale * share
            drawn.append(tag("rect", class_=kind, x=x, y=_AXIS - high, width=width, height=high))
        drawn.append(tag("text", "missing", x=left + 19, y=HEIGHT - 7, text_anchor="middle"))
    if found.real:
        wide = (end - first) / len(found.real)
        path = f"M{first:.1f} {_AXIS:.1f}"
        for at, (real, synthetic) in enumerate(zip(found.real, found.synthetic, strict=True)):
            x, high = first + at * wide, scale * real
            drawn.append(tag("rect", class_="real", x=x, y=_AXIS - high, width=wide, height=high))
            path += f"V{_AXIS - scale * synthetic:.1f}H{x + wide:.1f}"
        drawn.append(tag("path", class_="synthetic", d=f"{path}V{_AXIS:.1f}"))
        drawn += _ticks(found, first, end)
    drawn.append(tag("line", class_="axis", x1=left, x2=end, y1=_AXIS, y2=_AXIS))
    return picture(WIDTH, HEIGHT, label, drawn)


def _ticks(found: Histogram, first: float, end: float) -> list[Content]:
    """Name the ends of the axis, its middle where there is room, and set off long tails."""
    edges, bins = found.edges, len(found.real)
    wide = (end - first) / bins
    y = HEIGHT - 7
    if _single(found):
        if bins <= 12 and max(map(len, found.labels)) * 7 <= wide:
            return [
                tag("text", label, x=first + (at + 0.5) * wide, y=y, text_anchor="middle")
                for at, label in enumerate(found.labels)
            ]
        return [
            tag("text", text.short(found.labels[0], 20), x=first, y=y, text_anchor="start"),
            tag("text", text.short(found.labels[-1], 20), x=end, y=y, text_anchor="end"),
        ]
    before, after = _tails(edges)
    inner = edges[int(before) : len(edges) - int(after)]
    span = inner[-1] - inner[0]
    shown = [text.edge(edge, found.kind, span) for edge in edges]
    low = f"{shown[0]} to {shown[1]}" if before else shown[0]
    high = f"{shown[-2]} to {shown[-1]}" if after else shown[-1]
    drawn: list[Content] = [
        tag("text", low, x=first, y=y, text_anchor="start"),
        tag("text", high, x=end, y=y, text_anchor="end"),
    ]
    middle = len(edges) // 2
    x = first + middle * wide
    if bins > 3 and 6.5 * (len(low) + len(high) + len(shown[middle]) + 4) < end - first:
        drawn.append(tag("text", shown[middle], x=x, y=y, text_anchor="middle"))
    for tail, at in ((before, first + wide), (after, end - wide)):
        if tail:
            drawn.append(tag("line", class_="break", x1=at, x2=at, y1=_TOP, y2=_AXIS + 4))
    return drawn


def _single(found: Histogram) -> bool:
    """Whether each bin is one value, or the bins have no ends."""
    edges = found.edges
    if len(edges) < 2:
        return True
    steps = {after - before for before, after in pairwise(edges)}
    return steps == {1.0} and " to " not in found.labels[0]


def _tails(edges: Sequence[float]) -> tuple[bool, bool]:
    """Whether the first and the last bin span more than the others do."""
    if len(edges) < 4:
        return False, False
    most = 2.5 * (edges[2] - edges[1])
    return edges[1] - edges[0] > most, edges[-1] - edges[-2] > most


def _tick(share: float) -> str:
    return f"{100 * share:.3g}%"
