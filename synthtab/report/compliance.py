"""The section on rules: how many rows of each side keep each of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from synthtab.assess.assessment import Assessment, Rules, RuleScore
from synthtab.report import text
from synthtab.report.markup import Content, tag
from synthtab.report.section import (
    Place,
    Section,
    absent,
    bracketed,
    code,
    mark,
    not_assessed,
    paragraph,
    quiet,
)
from synthtab.report.tables import Cell, Head, table

EXAMPLES, UNFOLDED = 3, 9
"""Of each rule so many rows that break it are shown; a table of more rows than that unfolds."""
HEADS = (
    Head("Rule"),
    Head("Kept"),
    Head("Real rows that keep it", number=True),
    Head("Synthetic rows that keep it", number=True),
    Head("Synthetic rows that break it", number=True),
)


def rules(found: Assessment, place: Place) -> Section:
    """Return the rules, broken ones first, and what could not be judged."""
    if found.rules is None:
        missing = not_assessed("The rules were not judged.", found.left, "rules")
        return place.section("rules", "Rules", missing)
    if not found.rules.rules and not found.rules.unchecked:
        how = (
            "Every synthetic row is of the declared types and ranges; no rule beyond that was "
            "given. ",
            code("rulecheck infer"),
            " drafts rules from real rows, for you to review.",
        )
        return place.section("rules", "Rules", absent("There are no rules.", how))
    body: list[Content] = [_summary(found.rules, found.confidence)]
    ordered = sorted(found.rules.rules, key=lambda r: (r.kept, -r.violated))
    if ordered:
        body.append(
            table(
                place.ident("rules-table"),
                "Rules and declarations",
                HEADS,
                [_row(rule) for rule in ordered],
                tools=True,
                foot=_foot(found.rules),
            )
        )
    body += _examples(ordered, place)
    if found.rules.unchecked:
        body += [
            tag("h3", "Not judged"),
            tag(
                "ul",
                (tag("li", code(name), f": {reason}") for name, reason in found.rules.unchecked),
            ),
        ]
    return place.section("rules", "Rules", body)


def _summary(rules: Rules, confidence: float) -> Content:
    total = len(rules.rules)
    if not total:
        return paragraph("No rule could be judged.")
    kept = sum(r.kept for r in rules.rules)
    return (
        paragraph(
            f"{kept:,} of {text.count(total, 'rule')} {'is' if kept == 1 else 'are'} kept. ",
            "All synthetic rows keep every hard rule and declaration."
            if not rules.violated
            else f"{text.count(rules.violated, 'synthetic row')} "
            f"{'breaks' if rules.violated == 1 else 'break'} a hard rule or a declaration.",
        ),
        quiet(
            "A rule is kept where no row breaks it, or few enough break one that asks for a share "
            "of rows only. In brackets: the share among all rows that such a generator draws, at "
            f"{confidence:.0%} confidence."
        ),
    )


def _row(rule: RuleScore) -> list[Cell | Content]:
    return [
        (
            code(rule.name),
            (" ", rule.description) if rule.description else None,
            tag("code", _written(rule), class_="rule") if rule.text else None,
            tag("small", _asks(rule)),
        ),
        Cell(mark("good", "kept") if rule.kept else mark("bad", "broken"), float(rule.kept)),
        Cell(text.percent(rule.real), rule.real),
        Cell(bracketed(rule.synthetic, rule.interval, "percent"), rule.synthetic),
        Cell(f"{rule.violated:,}", rule.violated),
    ]


def _examples(rules: Sequence[RuleScore], place: Place) -> list[Content]:
    rows = [
        (
            code(rule.name),
            Cell(f"{example.row:,}", example.row),
            (
                ((", " if at else ""), name, " = ", code(value))
                for at, (name, value) in enumerate(example.values)
            ),
        )
        for rule in rules
        for example in rule.examples[:EXAMPLES]
    ]
    if not rows:
        return []
    heads = (Head("Rule"), Head("Row", number=True), Head("What it holds", plain=True))
    caption = "The first synthetic rows that break each rule"
    made = table(place.ident("examples"), caption, heads, rows, tools=True)
    if len(rows) <= UNFOLDED:
        return [made]
    return [tag("details", tag("summary", caption), made)]


def _foot(rules: Rules) -> list[Cell | Content]:
    return [
        "All hard rules and declarations",
        "",
        text.percent(rules.real),
        bracketed(rules.synthetic, rules.interval, "percent"),
        f"{rules.violated:,}",
    ]


def _written(rule: RuleScore) -> str:
    """Return a rule without what stands beside it: its name. Lines end where they have room."""
    return re.sub(r"\n\s+", " ", rule.text).removeprefix(f"rule {rule.name}:").strip()


def _asks(rule: RuleScore) -> str:
    kind = text.KINDS.get(rule.kind, rule.kind)
    if rule.required is None:
        return kind
    return f"{kind}; asked of {text.percent(rule.required)} of rows"
