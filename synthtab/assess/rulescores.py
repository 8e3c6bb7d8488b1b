"""Compliance of real and synthetic rows side by side."""

from __future__ import annotations

from dataclasses import replace

from synthtab.assess.assessment import Example, Rules, RuleScore
from synthtab.assess.compliance import Compliance, RuleCompliance
from synthtab.ir.nodes import Table
from synthtab.lang.format import format_rule
from synthtab.privacy.audit.membership import share_interval


def rule_scores(
    real: Compliance, synthetic: Compliance, confidence: float = 0.95, table: Table | None = None
) -> Rules:
    """Pair the two sides' rules by name; a declaration that one side alone breaks is shown too.

    Intervals are Clopper and Pearson's. The rules are written out as ``table`` has them.
    """
    texts = (
        {r.name: format_rule(replace(r, description=None)) for r in table.rules} if table else {}
    )
    sides = [{r.name: r for r in side.rules} for side in (real, synthetic)]
    found = []
    for name in dict.fromkeys([*sides[0], *sides[1]]):
        one, two = (side.get(name) for side in sides)
        some = two or one
        assert some is not None
        violated = two.violated if two is not None else 0
        found.append(
            RuleScore(
                name,
                some.kind,
                some.description,
                1.0 if one is None else one.share,
                1.0 if two is None else two.share,
                _interval(synthetic.rows - violated, synthetic.rows, confidence),
                violated,
                None if some.required is None else float(some.required),
                two is None or two.kept,
                texts.get(name, ""),
                _examples(two),
            )
        )
    return Rules(
        real.share,
        synthetic.share,
        _interval(synthetic.valid, synthetic.rows, confidence),
        synthetic.rows - synthetic.valid,
        tuple(found),
        tuple((u.name, u.reason) for u in synthetic.unchecked),
    )


def _examples(found: RuleCompliance | None) -> tuple[Example, ...]:
    if found is None:
        return ()
    return tuple(
        Example(row, tuple((k, "NULL" if v is None else str(v)) for k, v in values.items()))
        for row, values in zip(found.examples, found.values, strict=True)
    )


def _interval(kept: int, rows: int, confidence: float) -> tuple[float, float]:
    return share_interval(kept, rows, confidence) if rows else (0.0, 1.0)
