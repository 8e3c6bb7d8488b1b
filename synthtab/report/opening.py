"""The page's beginning: the verdict with its findings, and what was compared with what."""

from __future__ import annotations

from dataclasses import dataclass

from synthtab.assess.assessment import Assessment
from synthtab.assess.verdict import About, Finding
from synthtab.report import text
from synthtab.report.markup import Content, Markup, tag
from synthtab.report.section import Place, Section, code, mark, note
from synthtab.report.tables import facts

WHERE: dict[About, tuple[str, str]] = {
    "rules": ("rules", "the rules, one by one"),
    "fidelity": ("likeness", "likeness to the real rows"),
    "utility": ("usefulness", "usefulness"),
    "disclosure": ("privacy", "privacy"),
}
"""For what a finding is about, the section that has its figures, and what a link to it says."""


@dataclass(frozen=True)
class Compared:
    """The names of the files or databases that the rows came from."""

    real: str
    synthetic: str
    holdout: str | None = None
    rules: str | None = None


def verdict(found: Assessment, place: Place) -> Section:
    """Return the verdict in a sentence, its findings, and what was not assessed."""
    judged = found.verdict()
    items = [_finding(f, place) for f in judged.findings]
    items += [
        _item("open", text.sentence(f"{text.part(left.part)}: {left.reason}"), None)
        for left in found.left
    ]
    return place.section(
        "verdict",
        "Verdict",
        tag("p", judged.headline, class_="sentence"),
        tag("ul", items, class_="findings") if items else None,
        level=judged.level,
    )


def compared(found: Assessment, names: Compared, place: Place) -> Section:
    """Return which rows were compared, and how many of them each part looked at."""
    rows = found.rows
    looked = "; ".join(f"{text.part(of)}: {text.count(most)}" for of, most in rows.looked_at)
    items: list[tuple[str, Content]] = [
        ("Table", code(found.table)),
        ("Rules", None if names.rules is None else code(names.rules)),
        ("Real rows", (code(names.real), f", {text.count(rows.real)}")),
        ("Synthetic rows", (code(names.synthetic), f", {text.count(rows.synthetic)}")),
        ("Hold-out", _holdout(found, names)),
        ("Columns", f"{len(found.columns):,}"),
        ("Looked at, of each side at most", looked),
        ("Date", found.date),
    ]
    return place.section(
        "compared",
        "What was compared",
        facts(items),
        _notes(found),
        note(
            "This report shows distributions of the real rows. No privacy guarantee covers it, "
            "whatever covers the synthetic rows: it is for readers who may see the real ones."
        ),
    )


def _holdout(found: Assessment, names: Compared) -> Content:
    if found.rows.holdout is None:
        return (
            "none. With real rows that were not learned from (",
            code("--holdout"),
            ") the floors are sharper, models are tested on rows nobody has seen, and attacks on "
            "privacy can be tried",
        )
    shown = text.count(found.rows.holdout)
    return shown if names.holdout is None else (code(names.holdout), f", {shown}")


def _notes(found: Assessment) -> Content:
    return (
        tag("ul", (tag("li", text.sentence(line)) for line in found.notes)) if found.notes else None
    )


def _finding(found: Finding, place: Place) -> Markup:
    section, words = WHERE[found.about]
    link = tag("a", f"See {words}", href=f"#{place.ident(section)}")
    return _item(found.level, found.text, link)


def _item(level: str, words: str, link: Content) -> Markup:
    return tag(
        *("li", mark(level), tag("p", words)),
        tag("small", link) if link is not None else None,
    )
