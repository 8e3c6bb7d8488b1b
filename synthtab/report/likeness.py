"""The section on likeness: the table's figures beside their floors, each explained."""

from __future__ import annotations

from collections.abc import Sequence

from synthtab.assess.assessment import Assessment, Relation, Score
from synthtab.assess.verdict import by_chance
from synthtab.report import text
from synthtab.report.dots import Range, dots, span
from synthtab.report.markup import Content, Markup, tag
from synthtab.report.section import Place, Section, mark, not_assessed, paragraph
from synthtab.report.svg import key
from synthtab.report.tables import Cell, Head, Row, table

HEADS = (
    Head("Measure"),
    Head("Synthetic", number=True),
    Head("Floor", number=True),
    Head("Beside each other", plain=True),
    Head("Verdict"),
)


def likeness(found: Assessment, place: Place) -> Section:
    """Return the table's figures, each beside its floor, with its meaning."""
    known = [s for s in found.overall if s.value is not None]
    if not known:
        parts = ("columns", "pairs", "twosample", "precision", "copies")
        missing = not_assessed("Nothing was measured.", found.left, *parts)
        return place.section("likeness", "Likeness", missing)
    return place.section(
        "likeness",
        "Likeness",
        explained(found.confidence),
        legend(),
        scores_table(place.ident("scores"), "The whole table", known),
    )


def relations(found: Sequence[Relation], place: Place, confidence: float) -> Section:
    """Return the figures of what links the rows of several tables."""
    body: list[Content] = [explained(confidence), legend()]
    for at, relation in enumerate(found):
        known = [s for s in relation.scores if s.value is not None]
        if known:
            body.append(scores_table(place.ident(f"relation-{at}"), relation.name, known))
    return place.section("relations", "What links the rows", body)


def explained(confidence: float) -> Markup:
    """Say what a floor and an interval are."""
    return paragraph(
        "Two samples of the same rows differ by chance. The ",
        tag("em", "floor"),
        " is what a figure comes to between real rows and other real rows: synthetic rows that "
        "reach it are, by that measure, as good as real ones, and none can be expected to do "
        f"better. Brackets hold the range of chance, at {confidence:.0%} confidence.",
    )


def legend(real: str = "the floor, with its range") -> Markup:
    """Return the key to the figures beside their floors."""
    return tag(
        "ul",
        tag("li", key("dot"), "synthetic rows, with the range of chance"),
        tag("li", key("floor"), real),
        class_="key",
    )


def scores_table(ident: str, caption: str, scores: Sequence[Score]) -> Markup:
    """Return figures beside their floors, those of one form and direction on one axis."""
    axes = {group: _axis(scores, group) for group in {_group(s) for s in scores}}
    return table(ident, caption, HEADS, [_row(s, axes[_group(s)]) for s in scores])


def beyond(score: Score) -> Markup | str:
    """Return whether chance explains a figure, as a badge; a dash where there is no floor."""
    if score.floor is None:
        return mark("open", "no floor")
    return mark("good", "as real rows") if by_chance(score) else mark("look", "beyond chance")


def _row(score: Score, axis: Range) -> Row:
    better = "lower is better" if score.better == "lower" else "higher is better"
    return (
        (text.name(score), tag("br"), tag("small", f"{score.definition} ({better})")),
        Cell(_figure(score.value, score.interval, score), score.value),
        Cell(_figure(score.floor, score.floor_interval, score), score.floor),
        dots(score.value, score.interval, score.floor, score.floor_interval, axis),
        beyond(score),
    )


def _figure(value: float | None, interval: tuple[float, float] | None, score: Score) -> Content:
    shown = text.figure(value, score.form)
    if interval is None:
        return shown
    return (shown, tag("br"), tag("small", f"({text.interval(interval, score.form)})"))


def _group(score: Score) -> tuple[str, str]:
    return score.form, score.better


def _axis(scores: Sequence[Score], group: tuple[str, str]) -> Range:
    mine = [s for s in scores if _group(s) == group]
    every = [
        v for s in mine for v in (s.value, s.floor, *(s.interval or ()), *(s.floor_interval or ()))
    ]
    return span(every)
