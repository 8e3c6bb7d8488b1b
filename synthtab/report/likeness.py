"""The section on likeness: the table's figures beside their floors, each explained."""

from __future__ import annotations

from collections.abc import Sequence

from synthtab.assess.assessment import Assessment, Relation, Score
from synthtab.assess.verdict import by_chance
from synthtab.report import text
from synthtab.report.dots import dots, span
from synthtab.report.markup import Content, Markup, tag
from synthtab.report.section import Place, Section, bracketed, mark, not_assessed, paragraph
from synthtab.report.svg import key
from synthtab.report.tables import Cell, Head, Row, table

HEADS = (
    Head("Measure"),
    Head("Synthetic", number=True),
    Head("Floor", number=True),
    Head("Compared", plain=True),
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
        f"better. Brackets hold the range of chance, at {confidence:.0%} confidence. Each line of "
        "the pictures has a scale of its own.",
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
    """Return figures beside their floors, each on an axis of its own."""
    return table(ident, caption, HEADS, [_row(s) for s in scores])


def beyond(score: Score) -> Markup | str:
    """Return whether chance explains a figure, as a badge; a dash where there is no floor."""
    if score.floor is None:
        return mark("open", "no floor")
    return mark("good", "within chance") if by_chance(score) else mark("look", "beyond chance")


def _row(score: Score) -> Row:
    own = (score.value, score.floor, *(score.interval or ()), *(score.floor_interval or ()))
    return (
        (
            text.name(score),
            tag("span", f" ({text.title(score)})", class_="quiet"),
            tag("small", text.plain(score)),
        ),
        Cell(bracketed(score.value, score.interval, score.form), score.value),
        Cell(bracketed(score.floor, score.floor_interval, score.form), score.floor),
        dots(score.value, score.interval, score.floor, score.floor_interval, span(own)),
        beyond(score),
    )
