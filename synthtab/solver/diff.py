"""What a change of a model means: which rows are allowed now that were not, and the other way.

For every rule and declaration of one version the solver looks for a row that breaks it and is
allowed by the other version. A row found is checked by evaluating both versions on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from synthtab.ir import core, nodes
from synthtab.ir.corewalk import variables
from synthtab.schema import Value
from synthtab.solver.components import groups
from synthtab.solver.eliminate import Deadline
from synthtab.solver.inquiry import ANY_ROW, Answer, Claim, Inquiry, Row, broken
from synthtab.solver.merge import Merged, merge
from synthtab.solver.wording import decoded

Verdict = Literal["equivalent", "stricter", "looser", "neither", "undecided"]
# Witness rows looked for each way; further causes are named without one.
MAX_WITNESSES = 3
# Rows tried as the first of two that agree on the columns of a unique rule.
ATTEMPTS = 4


@dataclass(frozen=True)
class Cause:
    """A rule or declaration that one version has and the other does not imply.

    ``rows`` show it: one row (two for a key or unique rule) that the other version allows and this
    refuses; empty where other causes have shown enough.
    """

    title: str
    rows: tuple[Mapping[str, Value | None], ...] = ()


@dataclass(frozen=True)
class TableDiff:
    """How a table of NEW compares with the one of OLD.

    ``stricter``: causes in NEW (smallest set) that refuse rows OLD allows; ``looser``: causes in
    OLD whose loss lets rows in; ``changes``: of columns, in words; ``open``: what was not decided.
    """

    name: str
    verdict: Verdict
    changes: tuple[str, ...] = ()
    stricter: tuple[Cause, ...] = ()
    looser: tuple[Cause, ...] = ()
    open: tuple[str, ...] = ()


def diff(
    old: Sequence[nodes.Table], new: Sequence[nodes.Table], *, budget_s: float = 10.0
) -> list[TableDiff]:
    """Compare two models, table by table, tables by name, in the order of OLD then NEW.

    ``budget_s`` is the solver's time for everything together, in seconds.
    """
    deadline = Deadline(budget_s)
    before, after = ({t.name: t for t in tables} for tables in (old, new))
    out = []
    for name in dict.fromkeys((*before, *after)):
        if name not in after:
            out.append(TableDiff(name, "neither", ("the table is removed",)))
        elif name not in before:
            out.append(TableDiff(name, "neither", ("the table is added",)))
        else:
            out.append(diff_table(before[name], after[name], deadline))
    return out


def overall(found: Sequence[TableDiff]) -> Verdict:
    """Return the verdict on two models of the verdicts on their tables."""
    verdicts = {d.verdict for d in found} - {"equivalent"}
    if not verdicts:
        return "equivalent"
    if "neither" in verdicts or {"stricter", "looser"} <= verdicts:
        return "neither"
    if "undecided" in verdicts:
        return "undecided"
    return verdicts.pop()


def diff_table(old: nodes.Table, new: nodes.Table, deadline: Deadline) -> TableDiff:
    """Compare two versions of one table."""
    both = merge(old, new)
    opened = [f"{name} speaks of a column that only one version has" for name in both.skipped]
    opened += _across(old, new)
    directions = []
    for one, other in ((both.old, both.new), (both.new, both.old)):
        directions.append(_more(both.table, one, other, deadline, opened))
    stricter, looser = directions
    from_old, from_new = both.old, both.new
    stricter += _uniques(both, from_old, old.unique_rules, new.unique_rules, deadline, opened)
    looser += _uniques(both, from_new, new.unique_rules, old.unique_rules, deadline, opened)
    return TableDiff(
        new.name,
        _verdict(both, bool(stricter), bool(looser), bool(opened)),
        both.changes,
        tuple(stricter),
        tuple(looser),
        tuple(opened),
    )


def _verdict(both: Merged, stricter: bool, looser: bool, opened: bool) -> Verdict:
    if both.apart or (stricter and looser):
        return "neither"
    if opened:
        return "undecided"
    return "stricter" if stricter else "looser" if looser else "equivalent"


def _across(old: nodes.Table, new: nodes.Table) -> list[str]:
    """Name the rules the solver cannot compare, where the versions do not have the same."""
    sides = []
    for table in (old, new):
        compared = (*table.row_rules, *table.unique_rules)
        sides.append([r for r in table.rules if r not in compared])
    words = "is soft or about several rows, and was compared by its text only"
    return [
        f"rule {r.name}, {what} in NEW, {words}"
        for what, mine, its in (("not", sides[0], sides[1]), ("only", sides[1], sides[0]))
        for r in mine
        if r not in its
    ]


def _more(
    table: nodes.Table,
    allows: Sequence[Claim],
    refuses: Sequence[Claim],
    deadline: Deadline,
    opened: list[str],
) -> list[Cause]:
    """Return the smallest set of claims among ``refuses`` that ``allows`` lacks, with rows."""
    fresh = [c for c in refuses if c.condition not in {a.condition for a in allows}]
    known = [*allows, *fresh]
    spoken = [variables(c.condition) for c in known]
    parts = groups(table.column_names, spoken)
    inquiries = [
        Inquiry(
            nodes.Table(table.name, tuple(table.column(c) for c in part.columns)),
            [known[k] for k in part.rules],
            deadline,
        )
        for part in parts
    ]
    limit = len(allows)
    bases = [
        _base(inquiry, _fresh(part.rules, limit))
        for part, inquiry in zip(parts, inquiries, strict=True)
    ]
    if any(b.verdict == "no" for b in bases):
        return []  # no row is allowed at all, so none is refused
    if any(b.verdict == "open" for b in bases):
        opened.append("whether the rules of one version can be kept at all")
        return []
    # Where the other version allows nothing at all in one group, that alone is the reason.
    empty = [
        at for at, base in enumerate(bases) if base.row and inquiries[at].can().verdict == "no"
    ]
    causes: list[Cause] = []
    for at in empty[:1] or range(len(parts)):
        fresh_here = _fresh(parts[at].rules, limit)
        for claim, answer in _smallest(inquiries[at], fresh_here, bool(empty), opened):
            whole = _whole([*bases[:at], answer, *bases[at + 1 :]])
            show = len(causes) < MAX_WITNESSES
            causes.append(Cause(claim.title, (decoded(whole, table),) if show else ()))
    return causes


def _smallest(
    inquiry: Inquiry, fresh: set[int], empty: bool, opened: list[str]
) -> list[tuple[Claim, Answer]]:
    """Return a smallest set of ``fresh`` claims that implies all of them, beside the others.

    Each comes with a row that breaks it and no other of the set. ``empty``: all claims together
    allow no row, and the set is a smallest one of which that is true.
    """
    dropped: set[int] = set()
    needed: dict[int, Answer] = {}
    for own in sorted(fresh, reverse=True):
        claim = inquiry.claims[own]
        wanted = ANY_ROW if empty else broken(claim.condition)
        answer = inquiry.can(wanted, {own, *dropped})
        if answer.verdict == "open":
            opened.append(f"whether {claim.title} makes a difference ({answer.reason})")
        elif answer.verdict == "no":
            dropped.add(own)
        else:
            needed[own] = answer
    return [(inquiry.claims[own], needed[own]) for own in sorted(needed)]


def _fresh(rules: Sequence[int], limit: int) -> set[int]:
    """Return the positions within a group of the claims that only one version has."""
    return {place for place, k in enumerate(rules) if k >= limit}


def _base(inquiry: Inquiry, fresh: set[int]) -> Answer:
    """Find a row that the one version allows; if possible the other does as well."""
    plain = inquiry.can()
    return plain if plain.verdict == "yes" else inquiry.can(without=fresh)


def _whole(answers: Sequence[Answer]) -> Row:
    return {c: cell for a in answers if a.row is not None for c, cell in a.row.items()}


def _uniques(
    both: Merged,
    allows: Sequence[Claim],
    have: Sequence[nodes.UniqueRule],
    wanted: Sequence[nodes.UniqueRule],
    deadline: Deadline,
    opened: list[str],
) -> list[Cause]:
    """Return the keys and unique rules of one version that the other does not imply, with rows."""
    causes = []
    for rule in wanted:
        if any(set(u.columns) <= set(rule.columns) for u in have):
            continue
        if not set(rule.columns) <= set(both.table.column_names):
            continue  # a column that only one version has, which was said
        inquiry = Inquiry(both.table, allows, deadline)
        rows = twins(inquiry, rule, have)
        if isinstance(rows, Answer):
            if rows.verdict == "open":
                opened.append(f"whether rule {rule.name} makes a difference ({rows.reason})")
            continue
        causes.append(Cause(f"rule {rule.name}", tuple(decoded(r, both.table) for r in rows)))
    return causes


def twins(
    inquiry: Inquiry,
    rule: nodes.UniqueRule,
    others: Sequence[nodes.UniqueRule],
    vary: Callable[[Row, core.Cond], Row] = lambda row, _: row,
) -> tuple[Row, Row] | Answer:
    """Return two rows that break ``rule`` and none of ``others``; the solver's answer if none.

    ``vary`` may change a row found as long as it keeps the condition given. The answer is "no"
    only where no row has a value in all columns of the rule.
    """
    filled = core.And((ANY_ROW, *(core.Not(core.IsNull(core.Var(c))) for c in rule.columns)))
    first = inquiry.can(filled)
    if first.row is None:
        return first
    for attempt in range(ATTEMPTS):
        one = first.row if attempt + 1 == ATTEMPTS else vary(first.row, filled)
        wanted = beside(one, rule, others)
        second = inquiry.can(wanted)
        if second.row is not None:
            return one, vary(second.row, wanted)
    return Answer("open", reason=f"no two such rows were found in {ATTEMPTS} attempts")


def beside(row: Row, rule: nodes.UniqueRule, others: Sequence[nodes.UniqueRule]) -> core.Cond:
    """Return the condition that a row breaks ``rule`` together with ``row``, and none of others."""
    apart = (core.Or(tuple(core.Not(core.IsTrue(_is(c, row))) for c in u.columns)) for u in others)
    return core.And((ANY_ROW, *(_is(c, row) for c in rule.columns), *apart))


def _is(column: str, row: Row) -> core.Cond:
    cell = row[column]
    if cell is None:
        return core.Truth(None)
    if isinstance(cell, str):
        return core.TextIs(core.Var(column), cell)
    return core.InSet(core.Var(column), (cell,))
