"""Both sides' distributions of a column in bins that a reader can name."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from synthtab.assess.assessment import Histogram
from synthtab.assess.fidelity import values
from synthtab.batch import Batch
from synthtab.schema import (
    DAY_SECONDS,
    EPOCH,
    MAX_DAY,
    MIN_DAY,
    BooleanType,
    Column,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    TextType,
)

Floats = NDArray[np.float64]

BARS = 24
"""About so many bars are shown of numbers and dates, and so many categories at most."""
_TAIL = 0.01
"""Numbers beyond this share on either side are one bar where they stretch the rest too far."""
_STRETCH = 4
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 6000, 12_000)
_DAYS = (1, 2, 7, 14)


def histogram(column: Column, real: Batch, synthetic: Batch) -> Histogram:
    """Return a column's shares on both sides, bin by bin."""
    if isinstance(column.type, EnumType | BooleanType):
        return _categories(column, real, synthetic)
    sides = [values(column, rows) for rows in (real, synthetic)]
    known = [_natural(column, codes[~nulls]) for codes, nulls in sides]
    absent = [float(nulls.mean()) if len(nulls) else 0.0 for _, nulls in sides]
    everything = np.concatenate(known)
    kind = _kind(column)
    if not len(everything):
        return Histogram(kind, (), (), (), (), absent[0], absent[1])
    whole = not isinstance(column.type, DecimalType) and kind != "dates"
    edges = _date_edges(everything) if kind == "dates" else _edges(everything, whole)
    shares = [
        np.histogram(some, edges)[0] / max(len(nulls), 1)
        for some, (_, nulls) in zip(known, sides, strict=True)
    ]
    labels = _date_labels(edges) if kind == "dates" else _labels(edges, whole)
    return Histogram(
        kind,
        tuple(labels),
        tuple(float(e) for e in edges),
        tuple(float(s) for s in shares[0]),
        tuple(float(s) for s in shares[1]),
        absent[0],
        absent[1],
    )


def _kind(column: Column) -> Literal["numbers", "dates", "lengths"]:
    if isinstance(column.type, TextType):
        return "lengths"
    return "dates" if isinstance(column.type, DateType | DatetimeType) else "numbers"


def _categories(column: Column, real: Batch, synthetic: Batch) -> Histogram:
    names = column.type.values if isinstance(column.type, EnumType) else ("false", "true")
    shares, absent = [], []
    for rows in (real, synthetic):
        codes, nulls = rows.column(column.name)
        counts = np.bincount(codes[~nulls], minlength=len(names))
        shares.append(counts / max(len(codes), 1))
        absent.append(float(nulls.mean()) if len(nulls) else 0.0)
    shown = np.arange(len(names))
    labels = list(names)
    if len(names) > BARS:
        # The most common of both sides, in their declared order, and the rest together.
        order = np.argsort(-(shares[0] + shares[1]), kind="stable")
        shown, rest = np.sort(order[: BARS - 1]), order[BARS - 1 :]
        labels = [names[at] for at in shown] + [f"{len(rest):,} others"]
        shares = [np.append(side[shown], side[rest].sum()) for side in shares]
    return Histogram(
        "categories",
        tuple(labels),
        (),
        tuple(float(s) for s in shares[0]),
        tuple(float(s) for s in shares[1]),
        absent[0],
        absent[1],
    )


def _natural(column: Column, codes: NDArray[np.int64]) -> Floats:
    """Return numbers in their own units, dates and datetimes in days."""
    match column.type:
        case DecimalType(_, scale):
            return np.asarray(codes / 10.0**scale)
        case DatetimeType(resolution):
            return np.asarray(codes * (resolution / DAY_SECONDS))
    return codes.astype(np.float64)


def _edges(known: Floats, whole: bool) -> Floats:
    """Return rising ends of bins of a round width; of long tails the ends are far away."""
    low, high = float(known.min()), float(known.max())
    inner_low, inner_high = (float(q) for q in np.quantile(known, [_TAIL, 1 - _TAIL]))
    if whole and high - low < BARS:
        return np.arange(low, high + 2)
    stretched = inner_high > inner_low and high - low > _STRETCH * (inner_high - inner_low)
    start, end = (inner_low, inner_high) if stretched else (low, high)
    steps = (1.0, 2.0, 5.0, 10.0) if whole else (1.0, 2.0, 2.5, 5.0, 10.0)
    width = _round_width((end - start) / BARS or abs(start) or 1.0, steps)
    width = max(width, 1.0) if whole else width
    first = np.floor(start / width) * width
    count = int(np.floor((end - first) / width)) + 1
    edges = first + width * np.arange(count + 1)
    edges[np.abs(edges) < width * 1e-9] = 0.0
    # A bin's end is no part of it, but for the last one's.
    before = [low] if low < edges[0] else []
    after = [high + (1.0 if whole else 0.0)] if high > edges[-1] else []
    return np.concatenate([before, edges, after])


def _round_width(wanted: float, steps: tuple[float, ...]) -> float:
    power = 10.0 ** np.floor(np.log10(wanted))
    return float(next(step * power for step in steps if step * power >= wanted * 0.9))


def _labels(edges: Floats, whole: bool) -> list[str]:
    if whole and np.all(np.diff(edges) == 1):
        return [f"{edge:,.0f}" for edge in edges[:-1]]
    last = 1 if whole else 0
    ends = [(a, b - last if whole else b) for a, b in pairwise(edges)]
    return [f"{_number(a)} to {_number(b)}" if a != b else _number(a) for a, b in ends]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.6g}"


def _date_edges(known: Floats) -> Floats:
    """Return the ends of bins of whole days, weeks, months or years; of hours within few days."""
    low, high = float(known.min()), float(known.max())
    days = high - low
    if days < 2 and (known != np.floor(known)).any():
        hours = np.arange(np.floor(low * 24), np.floor(high * 24) + 2)
        return np.asarray(hours / 24)
    for step in _DAYS:
        if days / step <= BARS * 1.3:
            steps = np.arange(np.floor(low / step), np.floor(high / step) + 2)
            return _within_calendar(steps * step)
    start, end = (_month(np.floor(v)) for v in (low, high))
    step = next((s for s in _MONTHS if (end - start) / s <= BARS * 1.3), _MONTHS[-1])
    months = np.arange(start // step * step, end + step + 1, step) - EPOCH.year * 12
    edges = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.float64)
    last = int(np.searchsorted(edges, high, side="right"))
    return _within_calendar(edges[: last + 1])


def _within_calendar(edges: Floats) -> Floats:
    return np.unique(np.clip(edges, MIN_DAY, MAX_DAY + 1))


def _month(day: float) -> int:
    """Return a day's month, counted from the year 0."""
    when = EPOCH + timedelta(days=int(day))
    return when.year * 12 + when.month - 1


def _date_labels(edges: Floats) -> list[str]:
    if np.any(edges != np.floor(edges)):
        return [f"{_day(edge)} {round(edge * 24) % 24:02}:00" for edge in edges[:-1]]
    firsts = [_day(edge) for edge in edges[:-1]]
    if np.all(np.diff(edges) == 1):
        return [str(first) for first in firsts]
    lasts = [_day(edge - 1) for edge in edges[1:]]
    return [f"{first} to {last}" for first, last in zip(firsts, lasts, strict=True)]


def _day(value: float) -> date:
    return EPOCH + timedelta(days=int(np.floor(value + 1e-9)))
