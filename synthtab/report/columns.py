"""The section on single columns: both distributions of each, the worst column first."""

from __future__ import annotations

from synthtab.assess.assessment import Assessment, ColumnScores, Histogram, Score
from synthtab.report import text
from synthtab.report.distributions import distribution, values
from synthtab.report.likeness import beyond
from synthtab.report.markup import Content, Markup, tag
from synthtab.report.section import Place, Section, code, not_assessed, paragraph
from synthtab.report.svg import key
from synthtab.report.tables import Head, plain_table

FIRST = 12
"""So many columns are shown at once; the others unfold."""


def columns(found: Assessment, place: Place) -> Section:
    """Return every column's distributions, the worst first."""
    if not found.columns:
        missing = not_assessed("No column was compared.", found.left, "columns")
        return place.section("columns", "Columns", missing)
    ordered = sorted(found.columns, key=lambda c: -_error(c))
    first, rest = ordered[:FIRST], ordered[FIRST:]
    more = (
        tag(
            "details",
            tag("summary", f"{text.count(len(rest), 'more column')}, nearer to the real ones"),
            tag("div", (_figure(c) for c in rest), class_="columns"),
        )
        if rest
        else None
    )
    return place.section(
        "columns",
        "Columns",
        paragraph(
            "The distribution of each column in the real and in the synthetic rows, the worst "
            "column first. Bars are shares of all rows of a side; where few values lie far out, "
            "one bar behind a dotted line holds them. The error is the largest difference between "
            "the two: for numbers and dates that of the shares of rows up to any value, for "
            "categories the share that would have to be moved."
        ),
        tag(
            "ul",
            tag("li", key("real"), "real rows"),
            tag("li", key("synthetic"), "synthetic rows"),
            class_="key",
        ),
        tag("div", (_figure(c) for c in first), class_="columns"),
        more,
    )


def summary(found: ColumnScores) -> str:
    """Return what a column's picture shows, in a sentence."""
    shape = found.score("shape")
    error = "" if shape is None else f"; error {text.figure(shape.value, shape.form)}"
    widest = max(values(found.histogram), key=lambda row: abs(row[1] - row[2]), default=None)
    if widest is None or widest[1] == widest[2]:
        where = "the same on both sides"
    else:
        where = (
            f"most apart at {widest[0]}: real {text.percent(widest[1])}, synthetic "
            f"{text.percent(widest[2])}"
        )
    return f"Distribution of {found.name}: {where}{error}."


def _figure(found: ColumnScores) -> Markup:
    shape = found.score("shape")
    return tag(
        "figure",
        tag(
            "figcaption",
            tag("h3", code(found.name)),
            tag("p", found.type),
            tag("p", _said(shape)) if shape is not None else None,
        ),
        distribution(found.histogram, summary(found)),
        tag(
            *("details", tag("summary", "Figures")),
            _scores(found),
            _table(found.name, found.histogram),
            class_="bulk",
        ),
    )


def _said(shape: Score) -> Content:
    floor = "" if shape.floor is None else f", floor {text.figure(shape.floor, shape.form)}"
    return (
        tag("span", f"error {text.figure(shape.value, shape.form)}{floor}"),
        " ",
        beyond(shape),
    )


def _scores(found: ColumnScores) -> Content:
    rows = [
        (
            text.name(s),
            text.with_interval(s.value, s.interval, s.form),
            text.with_interval(s.floor, s.floor_interval, s.form),
        )
        for s in found.scores
        if s.value is not None
    ]
    heads = (Head("Measure"), Head("Synthetic", number=True), Head("Floor", number=True))
    return plain_table(f"Measures of {found.name}", heads, rows) if rows else None


def _table(name: str, found: Histogram) -> Markup:
    rows = [
        (label, text.percent(real), text.percent(synth)) for label, real, synth in values(found)
    ]
    heads = (Head("Value"), Head("Real", number=True), Head("Synthetic", number=True))
    return plain_table(f"Shares of the values of {name}", heads, rows)


def _error(found: ColumnScores) -> float:
    shape = found.score("shape")
    return -1.0 if shape is None or shape.value is None else shape.value
