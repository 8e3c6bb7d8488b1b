"""The whole page: one HTML document that needs nothing else and asks the network for nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from synthtab.assess.assessment import Assessment, Assessments
from synthtab.assess.verdict import WORST_FIRST, Verdict
from synthtab.report import theme
from synthtab.report.columns import columns
from synthtab.report.compliance import rules
from synthtab.report.likeness import likeness, relations
from synthtab.report.markup import Content, Markup, tag
from synthtab.report.method import method
from synthtab.report.opening import Compared, verdict
from synthtab.report.opening import compared as what_was_compared
from synthtab.report.pairs import pairs
from synthtab.report.privacy import ledger, privacy
from synthtab.report.section import Place, Section, mark
from synthtab.report.usefulness import usefulness

UNFOLDED = 4
"""With more tables than this, the contents of each unfold."""


def page(found: Assessments, files: Mapping[str, Compared]) -> str:
    """Return an assessment as an HTML document.

    ``files`` names, table by table, what was compared. Raises ValueError where there is no table.
    """
    if not found.tables:
        raise ValueError("a report is about one table at least")
    several = len(found.tables) > 1
    sections = _overall(found) if several else []
    for at, table in enumerate(found.tables, start=1):
        place = Place(f"t{at}-", table.table) if several else Place()
        sections += _of_table(table, files[table.table], place)
    if several and found.relations:
        first = found.tables[0]
        sections.insert(1, relations(found.relations, Place(), first.confidence))
    names = ", ".join(t.table for t in found.tables)
    return _document(f"Synthetic rows of {names}", _head(found, files), sections)


def _overall(found: Assessments) -> list[Section]:
    judged = [(table, table.verdict()) for table in found.tables]

    def worst(item: tuple[int, tuple[Assessment, Verdict]]) -> int:
        return WORST_FIRST.index(item[1][1].level)

    level = min((v.level for _, v in judged), key=WORST_FIRST.index)
    items = [
        tag(
            *("li", mark(v.level), tag("p", tag("span", t.table, class_="name"), ": ", v.headline)),
            tag("small", tag("a", f"See {t.table}", href=f"#t{at}-verdict")),
        )
        for at, (t, v) in sorted(enumerate(judged, start=1), key=worst)
    ]
    words = {
        "good": "Nothing in the synthetic rows of these tables stands out against real ones.",
        "look": "The synthetic rows of these tables differ from real ones in places that deserve "
        "a look.",
        "bad": "The synthetic rows of these tables should not be used before what is bad in them "
        "is looked into.",
    }[level]
    body = (tag("p", words, class_="sentence"), tag("ul", items, class_="findings"))
    return [Section("verdict", "Verdict", body, level=level)]


def _of_table(found: Assessment, names: Compared, place: Place) -> list[Section]:
    return [
        verdict(found, place),
        what_was_compared(found, names, place),
        rules(found, place),
        likeness(found, place),
        columns(found, place),
        pairs(found, place),
        usefulness(found, place),
        privacy(found, place),
        ledger(found, place),
        method(found, place),
    ]


def _head(found: Assessments, files: Mapping[str, Compared]) -> Markup:
    shown = ", ".join(t.table for t in found.tables)
    first = found.tables[0]
    if len(found.tables) == 1:
        names = files[first.table]
        what = f"{names.synthetic} assessed against {names.real}"
    else:
        what = f"{len(found.tables)} tables, assessed against the real ones"
    return tag(
        "header",
        tag(
            "div",
            tag("h1", "Synthetic rows of ", tag("span", shown, class_="name")),
            tag("p", what, f", {first.date}" if first.date else None),
        ),
        tag(
            "button",
            "Dark colours",
            type="button",
            id="theme",
            class_="switch",
            aria_pressed="false",
            hidden=True,
        ),
        class_="top",
    )


def _contents(sections: Sequence[Section]) -> Markup:
    made: list[Content] = []
    many = len({s.table for s in sections}) > UNFOLDED
    for table, group in groupby(sections, key=lambda s: s.table):
        links = tag("ol", (_link(s) for s in group))
        if table is None:
            made.append(links)
        elif many:
            made.append(tag("details", tag("summary", table, class_="name"), links))
        else:
            made += [tag("h3", table, class_="name"), links]
    return tag(
        "nav", tag("h2", "Contents", id="contents-title"), made, aria_labelledby="contents-title"
    )


def _link(section: Section) -> Markup:
    return tag("li", tag("a", section.title, href=f"#{section.ident}"))


def _document(title: str, header: Markup, sections: Sequence[Section]) -> str:
    style, script = theme.style(), theme.script()
    # Nothing may be fetched, and no script but this one may run, whatever the data holds.
    policy = (
        f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    first, rest = sections[0], sections[1:]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="generator", content="SynthTab"),
        tag("link", rel="icon", href="data:,"),
        tag("title", title),
        tag("style", Markup(style)),
    )
    body = tag(
        "body",
        tag("a", "Skip to the verdict", href="#verdict", class_="skip"),
        header,
        tag("main", first.render(), _contents(sections), (s.render() for s in rest), id="content"),
        tag(
            "footer",
            "Made by SynthTab. This page is complete in itself: it loads nothing over the network.",
        ),
        tag("script", Markup(script)),
    )
    return f"<!DOCTYPE html>\n{tag('html', _lines([head, body]), lang='en')}\n"


def _lines(parts: Iterable[Markup]) -> Markup:
    return Markup("\n".join(part.text for part in parts))


def _digest(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
