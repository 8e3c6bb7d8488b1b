"""The section on pairs of columns: a heat map, the worst pairs, and all of them to look up."""

from __future__ import annotations

from collections.abc import Sequence

from synthtab.assess.assessment import Assessment, PairScore
from synthtab.report import text
from synthtab.report.heat import heat_map, scale
from synthtab.report.markup import Content, Markup, tag
from synthtab.report.section import Place, Section, code, not_assessed, paragraph, quiet
from synthtab.report.svg import picture
from synthtab.report.tables import Cell, Head, Row, table

WORST, MOST = 10, 4_000
"""So many pairs are shown at once, and so many at most can be looked up in the page."""


def pairs(found: Assessment, place: Place) -> Section:
    """Return the errors of all pairs of columns."""
    if not found.pairs:
        missing = not_assessed("No pair of columns was compared.", found.left, "pairs")
        return place.section("pairs", "Pairs of columns", missing)
    involved = {n for p in found.pairs for n in (p.one, p.other)}
    names = [c.name for c in found.columns if c.name in involved]
    names += sorted(involved - set(names))
    ordered = sorted(found.pairs, key=lambda p: -p.value)
    body: list[Content] = [
        paragraph(
            "For each pair of columns, how far the table of their joint shares is from the real "
            "one: the share of rows that would have to be moved. Numbers and dates are put into "
            "twenty ranges first. Many rare combinations make a large error by chance alone, "
            "which is why the floor stands beside it."
        ),
        _legend(),
        tag(
            "figure",
            heat_map(names, found.pairs, _label(names, ordered)),
            class_="scroll",
            tabindex=0,
            role="group",
            aria_label="Heat map of pair errors",
        ),
        table(
            place.ident("worst-pairs"),
            f"The worst {text.count(min(WORST, len(ordered)), 'pair')}"
            if len(ordered) > WORST
            else "All pairs",
            _heads("Error"),
            [_row(p) for p in ordered[:WORST]],
        ),
    ]
    if len(ordered) > WORST:
        body.append(_all(ordered, place))
    body += _correlations(found.correlations, place)
    return place.section("pairs", "Pairs of columns", body)


def _legend() -> Markup:
    return tag(
        "ul",
        (
            tag(
                "li",
                picture(
                    16, 14, None, [tag("rect", class_=f"h{at}", x=1, y=1, width=14, height=12)]
                ),
                words,
            )
            for at, words in scale()
        ),
        class_="key",
        aria_label="Levels of error",
    )


def _label(names: Sequence[str], ordered: Sequence[PairScore]) -> str:
    worst, best = ordered[0], ordered[-1]
    return (
        f"Heat map of the errors of {text.count(len(ordered), 'pair')} of {len(names)} columns, "
        f"from {text.percent(best.value)} to {text.percent(worst.value)}; the worst is "
        f"{worst.one} and {worst.other}. The tables below hold the values."
    )


def _heads(value: str) -> tuple[Head, ...]:
    return (
        *(Head("Column"), Head("With"), Head(value, number=True)),
        *(Head("Floor", number=True), Head("Times the floor", number=True)),
    )


def _row(pair: PairScore) -> Row:
    times = pair.value / pair.floor if pair.floor else None
    return (
        code(pair.one),
        code(pair.other),
        Cell(text.percent(pair.value), pair.value),
        Cell(text.figure(pair.floor, "percent"), pair.floor),
        Cell(text.EM_DASH if times is None else f"{times:.1f}", times),
    )


def _all(ordered: Sequence[PairScore], place: Place) -> Markup:
    shown = ordered[:MOST]
    rest = len(ordered) - len(shown)
    return tag(
        "details",
        tag("summary", f"All {len(ordered):,} pairs" if not rest else f"The worst {MOST:,} pairs"),
        table(
            place.ident("all-pairs"), "Pairs", _heads("Error"), [_row(p) for p in shown], tools=True
        ),
        quiet(f"{rest:,} pairs of smaller error are left out here; ", code("--json"), " has all.")
        if rest
        else None,
        class_="bulk",
    )


def _correlations(found: Sequence[PairScore], place: Place) -> list[Content]:
    if not found:
        return []
    ordered = sorted(found, key=lambda p: -p.value)
    heads = (
        *(Head("Column"), Head("With"), Head("Real", number=True)),
        *(Head("Synthetic", number=True), Head("Difference", number=True)),
        Head("Floor", number=True),
    )
    rows: list[Row] = [
        (
            code(p.one),
            code(p.other),
            *(Cell(text.figure(v), v) for v in (p.real, p.synthetic, p.value, p.floor)),
        )
        for p in ordered
    ]
    caption = "Correlations, the largest difference first"
    shown = table(place.ident("correlations"), caption, heads, rows[:WORST])
    made: list[Content] = [tag("h3", "Correlations"), shown]
    if len(rows) > WORST:
        made.append(
            tag(
                "details",
                tag("summary", f"All {len(rows):,} correlations"),
                table(
                    place.ident("all-correlations"), "Correlations", heads, rows[:MOST], tools=True
                ),
                class_="bulk",
            )
        )
    return made
