"""Where a range may begin and end that the rules do not give: public cells, public candidates."""

from __future__ import annotations

from datetime import date

from synthtab.privacy.grid import Axis
from synthtab.schema import DAY_SECONDS, EPOCH, Column, DatetimeType, DateType, domain

DECADE = 10
ENDS = 128


def coarse_axis(column: Column) -> Axis:
    """Return a column's cells for a first look: numbers by their length in bits, dates by decades.

    They cover the column's range, which is its type's on the sides that are not declared.
    """
    lo, hi = domain(column)
    if isinstance(column.type, DateType | DatetimeType):
        starts = _decades(column.type)
    else:
        starts = [0, *(2**k for k in range(63)), *(1 - 2**k for k in range(1, 64))]
    inside = sorted({lo, *(start for start in starts if lo < start <= hi)})
    ends = [start - 1 for start in inside[1:]] + [hi]
    return Axis(column.name, tuple(inside), tuple(ends), column.optional)


def ends_within(lo: int, hi: int) -> tuple[int, ...]:
    """Return up to ENDS codes from ``lo`` to ``hi``, evenly spaced, both among them."""
    steps = min(ENDS - 1, hi - lo)
    return tuple(lo + (hi - lo) * k // steps for k in range(steps + 1)) if steps else (lo,)


def _decades(kind: DateType | DatetimeType) -> list[int]:
    ticks = DAY_SECONDS // kind.resolution if isinstance(kind, DatetimeType) else 1
    return [(date(year, 1, 1) - EPOCH).days * ticks for year in range(DECADE, 10_000, DECADE)]
