"""Plots that a section can ask for by plain JSON: ``Section(..., data={"plots": [plot, ...]})``.

The rest of ``data`` is the section's own (raw values that somebody may want to count with), and
all of it goes into the section's record. A plot is a dict with a ``kind`` and a ``title``; its
drawing lies in docs/plots/ and is shown in docs/results.md below the section's tables. ``None``
stands for a value that there is not. The kinds, by example (``?`` marks what may be left out):

``bars``: values by group, side by side, with what they spread (half the length of the whisker)::

    {"kind": "bars", "title": "Shape error by contender", "unit"?: "%",
     "groups": ["adult", "heloc"],
     "series": [{"name": "ours", "values": [0.009, 0.012], "spread"?: [0.001, None]},
                {"name": "peer", "values": [0.097, None]}],
     "marks"?: [{"name": "noise floor", "value": 0.008}], "log"?: False}

``lines``: values over a growing size, by default both axes logarithmic; a growth in proportion to
the size is then a line of slope 1::

    {"kind": "lines", "title": "Time to fit", "x": "rows", "y": "seconds", "unit"?: "",
     "log"?: ["x", "y"], "series": [{"name": "10 columns", "points": [[1000, 2.5], [4000, 9.0]]}]}

``points``: one dot per series and pair of values, each with a label, on linear axes unless ``log``
names some::

    {"kind": "points", "title": "Speed and validity", "x": "rows a second", "y": "share valid",
     "unit"?: "%", "log"?: ["x"],
     "series": [{"name": "adult", "points": [[9031, 1.0]], "labels": ["solver"]}]}

``heat``: a value for each row and column, the darker the larger::

    {"kind": "heat", "title": "Pair error", "unit"?: "%", "columns": ["heloc", "adult"],
     "rows": ["free", "solver"], "values": [[0.03, 0.031], [0.029, None]]}

A ``unit`` is written behind values; with ``"%"`` values are shares of 1, shown as percentages (of
``lines`` and ``points`` it is the y axis's). :func:`from_grid` makes bars of a table's cells.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.report import Grid
from bench.svg import WIDTH, Canvas, Scale, colour, shown, wide
from synthtab.errors import SynthTabError

Plot = Mapping[str, Any]
LEFT, RIGHT, TOP = 16.0, 32.0, 44.0
BAR, GAP = 15.0, 12.0
AREA = 300.0
WIDEST_LABEL = 280.0


class PlotError(SynthTabError):
    """A plot's JSON is not as its kind is described."""


def svg(plot: Plot) -> str:
    """Return a plot as the text of an SVG file; PlotError names what is missing or wrong."""
    title = plot.get("title") if isinstance(plot, Mapping) else None
    if not isinstance(title, str) or not title:
        raise PlotError(f"a plot needs a `title` that is not empty, and there is none in {plot!r}")
    kind = plot.get("kind")
    if kind not in KINDS:
        raise PlotError(f"plot {title!r}: its kind is {kind!r}; there are {', '.join(KINDS)}")
    try:
        return KINDS[kind](plot)
    except KeyError as error:
        raise PlotError(
            f"plot {title!r}: a plot of kind {kind!r} needs `{error.args[0]}`"
        ) from None
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        raise PlotError(f"plot {title!r} of kind {kind!r} is not as described: {error}") from None


def from_grid(grid: Grid, title: str, columns: Sequence[str], unit: str = "") -> dict[str, Any]:
    """Return bars of some columns of a table: a group per row, a series per column.

    Cells are read as they are written: "1,234", "12.5%" (with ``unit`` "%" a share), or
    "0.68% ± 0.06%" with its spread; a cell that is no number is a value that there is not.
    """
    series = []
    for column in columns:
        at = grid.columns.index(column)
        read = [_read(row[at], unit) for row in grid.rows]
        one: dict[str, Any] = {"name": column, "values": [value for value, _ in read]}
        if any(spread is not None for _, spread in read):
            one["spread"] = [spread for _, spread in read]
        series.append(one)
    groups = [row[0] for row in grid.rows]
    return {"kind": "bars", "title": title, "unit": unit, "groups": groups, "series": series}


def number_of(text: str, unit: str = "") -> float | None:
    """Return the number that a cell or figure is, a percentage as a share; None if it is none."""
    found = re.fullmatch(r"(-?[\d,]*\.?\d+)\s*(%|s|)", text)
    if found is None:
        return None
    value = float(found[1].replace(",", ""))
    # Rounded to what was written, so that a record does not say 0.0068000000000000005.
    return round(value / 100, 12) if unit == "%" and found[2] == "%" else value


def _bars(plot: Plot) -> str:
    groups, series, unit = plot["groups"], plot["series"], plot.get("unit", "")
    marks, log = plot.get("marks", []), bool(plot.get("log", False))
    for one in series:
        _same_length(one["values"], groups, f"values of {one['name']!r}")
        _same_length(one.get("spread", groups), groups, f"spread of {one['name']!r}")
    spreads = [one.get("spread") or [None] * len(groups) for one in series]
    ends = [
        value + (spread or 0)
        for one, its in zip(series, spreads, strict=True)
        for value, spread in zip(one["values"], its, strict=True)
        if value is not None
    ]
    left = LEFT + min(WIDEST_LABEL, max(map(wide, groups))) + 8
    label = max((wide(shown(e, unit)) for e in ends), default=0) + 8
    scale = _scale(
        [*ends, *(m["value"] for m in marks)], left, WIDTH - RIGHT - label, log, zero=True
    )
    canvas = Canvas()
    top = _legend(canvas, [one["name"] for one in series])
    bottom = top + len(groups) * (len(series) * BAR + GAP)
    _across(canvas, scale, top, bottom, unit)
    y = top + GAP / 2
    for at, group in enumerate(groups):
        words = _short(group, WIDEST_LABEL)
        canvas.text(left - 8, y + len(series) * BAR / 2 + 4, words, anchor="end")
        for which, (one, its) in enumerate(zip(series, spreads, strict=True)):
            value = one["values"][at]
            if value is None:
                canvas.text(left + 4, y + BAR - 4, "none", "faint")
            else:
                base, end = scale.at(scale.low if log else 0.0), scale.at(value)
                canvas.box(min(base, end), y + 1, abs(end - base), BAR - 2, f"fill {colour(which)}")
                reach = end
                if its[at] is not None:
                    low, reach = scale.at(value - its[at]), scale.at(value + its[at])
                    canvas.line(low, y + BAR / 2, reach, y + BAR / 2, "spread")
                canvas.text(max(base, reach) + 5, y + BAR - 4, shown(value, unit), "faint")
            y += BAR
        y += GAP
    for at, mark in enumerate(marks):
        x = scale.at(mark["value"])
        canvas.line(x, top, x, bottom, "mark")
        said = f"- - {mark['name']}: {shown(mark['value'], unit)}"
        canvas.text(left, bottom + 36 + 16 * at, said, "faint")
    return canvas.done(plot["title"], bottom + 32 + 16 * len(marks))


def _lines(plot: Plot) -> str:
    return _plane(plot, plot.get("log", ["x", "y"]), joined=True)


def _points(plot: Plot) -> str:
    return _plane(plot, plot.get("log", []), joined=False)


def _plane(plot: Plot, log: Sequence[str], *, joined: bool) -> str:
    series, unit = plot["series"], plot.get("unit", "")
    pairs = [(x, y) for one in series for x, y in one["points"] if y is not None]
    canvas = Canvas()
    top = _legend(canvas, [one["name"] for one in series]) + 14
    bottom = top + AREA
    up = _scale([y for _, y in pairs], bottom, top, "y" in log)
    left = LEFT + max(wide(shown(t, unit)) for t in up.ticks()) + 8
    over = _scale([x for x, _ in pairs], left, WIDTH - RIGHT, "x" in log)
    _across(canvas, over, top, bottom, "")
    for tick in up.ticks():
        canvas.line(left, up.at(tick), WIDTH - RIGHT, up.at(tick), "grid")
        canvas.text(left - 6, up.at(tick) + 4, shown(tick, unit), "faint", "end")
    canvas.text(LEFT, top - 8, plot["y"], "faint")
    canvas.text(WIDTH - RIGHT, bottom + 34, plot["x"], "faint", "end")
    for which, one in enumerate(series):
        kind = colour(which)
        at = [(over.at(x), up.at(y)) for x, y in one["points"] if y is not None]
        if joined and len(at) > 1:
            canvas.path(at, f"path {kind}")
        for x, y in at:
            canvas.dot(x, y, f"fill {kind}")
        if not joined:
            _same_length(one["labels"], one["points"], f"labels of {one['name']!r}")
            named = [
                n for n, p in zip(one["labels"], one["points"], strict=True) if p[1] is not None
            ]
            for (x, y), words in zip(at, named, strict=True):
                right = x + 8 + wide(words) > WIDTH - RIGHT
                canvas.text(
                    x - 8 if right else x + 8, y - 6, words, "", "end" if right else "start"
                )
    return canvas.done(plot["title"], bottom + 46)


def _heat(plot: Plot) -> str:
    columns, rows, values, unit = (
        plot["columns"],
        plot["rows"],
        plot["values"],
        plot.get("unit", ""),
    )
    _same_length(values, rows, "values")
    for name, line in zip(rows, values, strict=True):
        _same_length(line, columns, f"values of row {name!r}")
    known = [v for line in values for v in line if v is not None]
    left = LEFT + min(WIDEST_LABEL, max(map(wide, rows))) + 8
    across = min(120.0, (WIDTH - RIGHT - left) / len(columns))
    scale = _scale(known, 0.08, 0.75, False)
    canvas = Canvas()
    # Names that do not fit side by side take turns on lines of their own.
    turns = min(4, math.ceil(max(map(wide, columns)) / across))
    top = TOP + 16 * turns
    for at, name in enumerate(columns):
        x, y = left + across * (at + 0.5), top - 8 - 16 * (at % turns)
        canvas.text(x, y, _short(name, turns * across), "faint", "middle")
    for down, (name, line) in enumerate(zip(rows, values, strict=True)):
        y = top + 26 * down
        canvas.text(left - 8, y + 17, _short(name, WIDEST_LABEL), anchor="end")
        for at, value in enumerate(line):
            x = left + across * at
            if value is not None:
                canvas.box(x + 1, y + 1, across - 2, 24, "fill c0", scale.at(value))
            words = "-" if value is None else shown(value, unit)
            canvas.text(x + across / 2, y + 17, words, "", "middle")
    return canvas.done(plot["title"], top + 26 * len(rows) + 16)


KINDS: dict[str, Callable[[Plot], str]] = {
    "bars": _bars,
    "lines": _lines,
    "points": _points,
    "heat": _heat,
}


def _legend(canvas: Canvas, names: Sequence[str]) -> float:
    """Write the names of the series beside their colours; return where what follows may begin."""
    if len(names) < 2:
        return TOP
    x, y = LEFT, TOP + 8
    for at, name in enumerate(names):
        if x > LEFT and x + wide(name) + 16 > WIDTH - RIGHT:
            x, y = LEFT, y + 18
        canvas.box(x, y - 9, 10, 10, f"fill {colour(at)}")
        canvas.text(x + 15, y, name)
        x += wide(name) + 34
    return y + 14


def _across(canvas: Canvas, scale: Scale, top: float, bottom: float, unit: str) -> None:
    for tick in scale.ticks():
        canvas.line(scale.at(tick), top, scale.at(tick), bottom, "grid")
        canvas.text(scale.at(tick), bottom + 16, shown(tick, unit), "faint", "middle")


def _scale(values: Sequence[Any], start: float, end: float, log: bool, zero: bool = False) -> Scale:
    if not values:
        raise ValueError("there is no value to draw")
    if not all(isinstance(v, int | float) and math.isfinite(v) for v in values):
        raise ValueError("a value is not a finite number; write None where there is none")
    if log and min(values) <= 0:
        raise ValueError(f"a logarithmic axis cannot show {min(values)}")
    return Scale.around(values, start, end, log, zero)


def _same_length(these: Sequence[Any], those: Sequence[Any], what: str) -> None:
    if len(these) != len(those):
        raise ValueError(f"there are {len(these)} {what}, for {len(those)}")


def _short(words: str, room: float) -> str:
    """Return words that fit into so many pixels."""
    return words if wide(words) <= room else words[: int(room / wide("x")) - 1] + "…"


def _read(cell: str, unit: str) -> tuple[float | None, float | None]:
    parts = [number_of(part.strip(), unit) for part in cell.split("±")]
    return parts[0], parts[1] if len(parts) > 1 else None
