"""What a new rule does to a model: is it possible beside the others, does it say anything new?

Rules about one row are proved, with a row they allow and one they refuse. Of rules across rows only
what is plain is said: that the same rule, or a stronger key, is there already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from synthtab.diagnostics import Diagnostic
from synthtab.ir import nodes
from synthtab.lang.amend import with_rule
from synthtab.lang.english import Reading
from synthtab.lang.model import Model
from synthtab.solver.eliminate import Deadline
from synthtab.solver.inquiry import broken
from synthtab.solver.prove import SHARE, Examined, by_group, plainly, satisfiable
from synthtab.solver.report import rules_undecided
from synthtab.solver.witness import Breaking, Values, both_sides, breaking


@dataclass(frozen=True)
class Review:
    """A rule seen beside the others of its model; ``known`` says that the model has it already.

    ``conflicts`` are minimal sets of rules that exclude each other; ``implied_by`` names what
    already says as much (None: nothing does). ``allowed`` is a row that shows the rule kept,
    ``refused`` one or two that break it alone. ``notes`` say what was not looked at, and why.
    """

    table: nodes.Table
    rule: nodes.Rule
    conflicts: tuple[Diagnostic, ...] = ()
    implied_by: tuple[str, ...] | None = None
    allowed: Values | None = None
    refused: tuple[Values, ...] = ()
    notes: tuple[str, ...] = ()
    known: bool = False


def review(model: Model, reading: Reading, *, budget_s: float = 10.0) -> Review:
    """Look at a rule beside the others of a model. Raises ModelError where it does not fit in."""
    before = model.table(reading.table)
    same = [r.name for r in before.rules if _bare(r) == _bare(reading.rule)]
    if same:
        notes = ("the file has it already",)
        implied = (f"rule {same[0]}",)
        return Review(before, reading.rule, implied_by=implied, notes=notes, known=True)
    table = with_rule(model, reading.table, reading.rule).table(reading.table)
    rule = table.rules[-1]
    if isinstance(rule, nodes.RowRule) and nodes.is_pure(rule.condition):
        return _row_rule(model, table, rule, budget_s)
    if isinstance(rule, nodes.UniqueRule) and rule in table.unique_rules:
        return _unique_rule(table, rule, budget_s)
    return Review(
        table,
        rule,
        implied_by=_known_dependency(table, rule),
        notes=("it is about several rows: type-checked, and not proved against the other rules",),
    )


def _row_rule(model: Model, table: nodes.Table, rule: nodes.RowRule, budget_s: float) -> Review:
    hard = replace(rule, share=None)
    whole = replace(table, rules=(*table.rules[:-1], hard))
    deadline = Deadline(budget_s)
    slice_ms = max(1, int(1000 * budget_s * SHARE))
    groups = by_group(plainly(whole), model.source, deadline, slice_ms)
    group = next(g for g in groups if hard in g.rules)
    satisfiable(group)
    notes: tuple[str, ...] = (
        () if rule.share is None else ("it is soft: rows may break it; shown as if it were hard",)
    )
    if group.found:
        if rule.share is None:
            return Review(table, rule, conflicts=tuple(group.found))
        return Review(table, rule, notes=(*notes, "no row can keep it beside the other rules"))
    if group.undecided:
        undecided = rules_undecided(table, budget_s, None)
        return Review(table, rule, notes=(*notes, undecided.message))
    implied = _implied_by(group, hard)
    if implied is not None:
        return Review(table, rule, implied_by=implied, notes=notes)
    allowed, refused = both_sides(whole, hard, budget_s=budget_s)
    notes += (
        () if refused.reason is None else (f"no row to show that it refuses: {refused.reason}",)
    )
    return Review(table, rule, (), None, allowed, refused.rows, notes)


def _implied_by(group: Examined, rule: nodes.RowRule) -> tuple[str, ...] | None:
    """Return the rules and ranges that already imply a rule; None where they do not."""
    own = group.rules.index(rule)
    wanted = broken(group.inquiry.claims[own].condition)
    if group.inquiry.can(wanted, {own}).verdict != "no":
        return None
    return tuple(claim.title for claim in group.inquiry.because(wanted))


def _unique_rule(table: nodes.Table, rule: nodes.UniqueRule, budget_s: float) -> Review:
    inside = [
        r.name for r in table.unique_rules if r != rule and set(r.columns) <= set(rule.columns)
    ]
    if inside:
        return Review(table, rule, implied_by=(f"rule {inside[0]}",))
    alone = replace(table, rules=(*table.row_rules, *table.unique_rules))
    found = _of(breaking(alone, budget_s=budget_s), rule.name)
    notes = () if found.reason is None else (f"no rows to show that it refuses: {found.reason}",)
    return Review(table, rule, refused=found.rows, notes=notes)


def _of(found: Sequence[Breaking], name: str) -> Breaking:
    return next(one for one in found if one.rule == name)


def _known_dependency(table: nodes.Table, rule: nodes.Rule) -> tuple[str, ...] | None:
    """Return the key that settles a dependency or a conditional uniqueness already."""
    match rule:
        case nodes.DeterminesRule(determinants=columns) | nodes.UniqueRule(columns=columns):
            for key in table.unique_rules:
                if key != rule and set(key.columns) <= set(columns):
                    return (f"rule {key.name}",)
    return None


def _bare(rule: nodes.Rule) -> nodes.Rule:
    return replace(rule, name="", description=None)
