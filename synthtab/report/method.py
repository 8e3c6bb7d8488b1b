"""The section on method: what each figure means, how intervals were had, with which versions."""

from __future__ import annotations

from synthtab.assess.assessment import Assessment, Score
from synthtab.report import text
from synthtab.report.markup import tag
from synthtab.report.section import Place, Section, paragraph
from synthtab.report.tables import facts


def method(found: Assessment, place: Place) -> Section:
    """Return definitions, versions and seed."""
    return place.section(
        "method",
        "How it was measured",
        paragraph(
            f"Intervals hold at {found.confidence:.0%} confidence each. What was drawn at random "
            f"(halves of the real rows, resamples, samples for slow parts) was drawn with seed "
            f"{found.seed}, so that the same rows and versions give the same report."
        ),
        tag("h3", "Definitions"),
        facts([(text.title(s), s.definition) for s in _scores(found)]),
        tag("h3", "Versions"),
        facts([(package, version) for package, version in found.versions]),
    )


def _scores(found: Assessment) -> list[Score]:
    """Return one score of each name: the table's, then those of columns alone."""
    every = [*found.overall, *(s for c in found.columns for s in c.scores)]
    by_name: dict[str, Score] = {}
    for score in every:
        by_name.setdefault(score.name, score)
    return list(by_name.values())
