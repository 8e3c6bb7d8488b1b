"""A figure with its interval beside the floor, on one short axis."""

from __future__ import annotations

from collections.abc import Iterable

from synthtab.assess.assessment import Interval
from synthtab.report.markup import Content, Markup, tag
from synthtab.report.svg import ceiling, picture

WIDTH, HEIGHT = 180.0, 26.0
Range = tuple[float, float]


def span(values: Iterable[float | None], start: float | None = 0.0) -> Range:
    """Return the ends of an axis for all these values, so that rows of a table share it.

    It begins at ``start``, or at a round number below the lowest value where that is lower.
    """
    known = [v for v in values if v is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    if start is not None and low >= start:
        low = start
    if high <= low:
        return low, low + 1.0
    return low, low + ceiling(high - low)


def dots(
    value: float | None,
    interval: Interval | None,
    floor: float | None,
    floor_interval: Interval | None,
    axis: Range,
) -> Markup | None:
    """Draw a dot with whiskers over the floor's band and tick; None where there is no figure.

    It is hidden from screen readers: the same figures stand beside it as text.
    """
    if value is None:
        return None
    low, high = axis
    middle = HEIGHT / 2

    def at(x: float) -> float:
        return 6 + (WIDTH - 12) * min(max((x - low) / (high - low), 0.0), 1.0)

    drawn: list[Content] = [
        tag("line", class_="gridline", x1=at(low), x2=at(high), y1=middle, y2=middle)
    ]
    if floor is not None:
        if floor_interval is not None:
            x, end = at(floor_interval[0]), at(floor_interval[1])
            drawn.append(
                tag("rect", class_="band", x=x, y=4, width=max(end - x, 1.0), height=HEIGHT - 8)
            )
        drawn.append(tag("line", class_="tick", x1=at(floor), x2=at(floor), y1=2, y2=HEIGHT - 2))
    if interval is not None:
        x, end = at(interval[0]), at(interval[1])
        drawn.append(tag("line", class_="whisker", x1=x, x2=end, y1=middle, y2=middle))
    drawn.append(tag("circle", class_="dot", cx=at(value), cy=middle, r=4.5))
    return picture(WIDTH, HEIGHT, None, drawn, "dots")
