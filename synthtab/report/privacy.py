"""The sections on privacy: the guarantee, what attacks found, and the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from synthtab.assess.assessment import Assessment, Attack, Disclosure
from synthtab.report import text
from synthtab.report.dots import dots, span
from synthtab.report.markup import Content, tag
from synthtab.report.section import (
    Place,
    Section,
    absent,
    bracketed,
    code,
    mark,
    paragraph,
    quiet,
)
from synthtab.report.tables import Cell, Head, Row, facts, table

HEADS = (
    Head("Attack"),
    Head("Measure"),
    Head("Synthetic rows", number=True),
    Head("Other real rows", number=True),
    Head("By chance", number=True),
    Head("Compared", plain=True),
    Head("Verdict"),
)


def privacy(found: Assessment, place: Place) -> Section:
    """Return the guarantee, if there is one, and what attacks achieved, if they were tried."""
    return place.section(
        "privacy",
        "Privacy",
        tag("h3", "The guarantee"),
        _guarantee(found),
        tag("h3", "Attacks"),
        _attacks(found.disclosure, place) if found.disclosure is not None else _untried(found),
    )


def ledger(found: Assessment, place: Place) -> Section:
    """Return every kind of look at real rows that the guarantee is made of."""
    title = "Privacy ledger"
    if found.guarantee is None:
        return place.section("ledger", title, absent("There is no ledger.", _how_to_guarantee()))
    rows = found.guarantee.ledger
    if len(rows) < 2:
        why = "No access to real rows was booked."
        return place.section("ledger", title, absent("The ledger is empty.", why))
    heads = tuple(Head(name, number="epsilon" in name) for name in rows[0])
    caption = (
        f"Looks at real rows: epsilon {found.guarantee.epsilon:.4g} at delta "
        f"{found.guarantee.delta:.3g} in all"
    )
    return place.section(
        "ledger",
        title,
        quiet(
            "Every access to the real rows was booked before it took place. The epsilons of single "
            "lines do not add up to the whole: noise of several looks is accounted for together."
        ),
        table(place.ident("ledger-table"), caption, heads, rows[1:], tools=True),
    )


def _guarantee(found: Assessment) -> Content:
    if found.guarantee is None:
        return absent("No guarantee is claimed.", _how_to_guarantee())
    return (
        tag(
            "p",
            tag("strong", f"ε = {found.guarantee.epsilon:.4g}, δ = {found.guarantee.delta:.3g}"),
        ),
        paragraph(found.guarantee.statement),
    )


def _how_to_guarantee() -> Content:
    return (
        "These rows were not drawn from a model that is known to have been made under a privacy "
        "budget. Learn it with ",
        code("synthtab fit --epsilon"),
        " and name its directory here (",
        code("--model DIR"),
        ").",
    )


def _untried(found: Assessment) -> Content:
    reason = text.reason(found.left, "disclosure")
    return absent(
        "No attack was tried.",
        (
            f"{reason} " if reason else None,
            "Attacks need real rows of the same source that the model did not learn from (",
            code("--holdout"),
            ").",
        ),
    )


def _attacks(found: Disclosure, place: Place) -> Content:
    return (
        paragraph(
            f"Attackers were given {text.count(found.synthetic_rows, 'synthetic row')} and set on "
            f"{text.count(found.train_rows, 'row')} that were learned from and "
            f"{found.holdout_rows:,} that were not. What they achieve on the latter is what they "
            "would know anyway."
        ),
        tag("ul", (tag("li", line) for line in found.verdict)),
        table(
            place.ident("attacks"),
            f"Attacks, with {found.confidence:.0%} confidence in all of them together",
            HEADS,
            [_row(a) for a in sorted(found.attacks, key=lambda a: not a.found)],
        )
        if found.attacks
        else None,
        tag(
            "details",
            tag("summary", "What each attack does"),
            facts(_definitions(found.attacks)),
        )
        if found.attacks
        else None,
        tag("ul", (tag("li", f"Not tried: {line}") for line in found.skipped))
        if found.skipped
        else None,
    )


def _definitions(attacks: Sequence[Attack]) -> list[tuple[str, Content]]:
    """Return what attacks do, each definition once, with the names of all that it is of."""
    names: dict[str, list[str]] = {}
    for attack in attacks:
        names.setdefault(attack.definition, []).append(f"{attack.name}, {attack.measure}")
    return [("; ".join(of), definition) for definition, of in names.items()]


def _row(found: Attack) -> Row:
    own = (found.value, found.floor, found.ideal, *(found.interval or ()))
    axis = span(own)
    anyway = found.floor if found.floor is not None else found.ideal
    return (
        found.name,
        found.measure,
        Cell(bracketed(found.value, found.interval, found.form), found.value),
        Cell(text.figure(found.floor, found.form), found.floor),
        Cell(text.figure(found.ideal, found.form), found.ideal),
        dots(found.value, found.interval, anyway, None, axis),
        mark("bad", "leak") if found.found else mark("good", "nothing found"),
    )
