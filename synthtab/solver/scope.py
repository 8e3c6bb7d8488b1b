"""Which rules ``rulecheck check`` looks at, which only in part, and which not, with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from synthtab.ir import nodes
from synthtab.solver.beyond import examined_rules

BOUNDED = "mistakes are proved with what is known of other rows; that there are none is not"


def unexamined(tables: Sequence[nodes.Table]) -> Iterator[tuple[str, str]]:
    """Yield each rule, as ``table.rule``, that no finding can be about, and why."""
    for table in tables:
        known = examined_rules(table)
        for rule in table.rules:
            reason = None if rule in known else _reason(rule)
            if reason is not None:
                yield f"{table.name}.{rule.name}", reason


def in_part(tables: Sequence[nodes.Table]) -> list[str]:
    """Return the rules, as ``table.rule``, that take figures from other rows: known by bounds."""
    return [
        f"{table.name}.{rule.name}"
        for table in tables
        for rule in examined_rules(table)
        if rule not in table.row_rules
    ]


def _reason(rule: nodes.Rule) -> str | None:
    if rule.share is not None:
        return "a share of the rows may break it"
    match rule:
        case nodes.RowRule():
            return "an average is not only compared"
        case nodes.UniqueRule(where=where) if where is not None:
            return "it is about some of the rows only"
        case nodes.DeterminesRule() | nodes.NoOverlapRule() | nodes.PairRule():
            return "it compares rows with each other"
    return None
