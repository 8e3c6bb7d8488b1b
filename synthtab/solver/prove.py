"""Everything ``rulecheck check`` proves about the row rules of a model, within one time budget.

Rules that share columns, directly or through others, are looked at together (a group), with a
solver of their own. All groups go through one stage after the other, so that where time runs out
every group has had its most important questions answered; what was not decided is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from synthtab.diagnostics import Diagnostic, Source, Span
from synthtab.ir import core, nodes
from synthtab.ir.walk import columns_of
from synthtab.lang.quoting import write_name
from synthtab.schema import Column, EnumType, TextType, domain, type_domain
from synthtab.solver import reach, report
from synthtab.solver.components import groups
from synthtab.solver.conditions import Part, parts
from synthtab.solver.eliminate import Deadline
from synthtab.solver.inquiry import Answer, Claim, Inquiry, broken, rule_claims
from synthtab.solver.rowcount import room_for

MAX_CONFLICTS = 10
# No single check may take more than this share of the budget from the others.
SHARE = 0.2


@dataclass
class Examined:
    """One group of a table: its rules, the inquiry about them, and what came out so far.

    ``opened`` are the questions without an answer, as (what was asked, where); ``dead`` the rules
    with a condition that never holds; ``told`` the columns nothing is left to be said about.
    """

    table: nodes.Table
    rules: tuple[nodes.RowRule, ...]
    inquiry: Inquiry
    source: Source | None
    found: list[Diagnostic] = field(default_factory=list)
    opened: list[tuple[str, Span | None]] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)
    alive: bool = True
    undecided: bool = False

    def leave(self, what: str, span: Span | None, reason: str) -> None:
        """Note a question that stays open, with the reason."""
        self.opened.append((f"{what} ({reason})", span))


def examine(
    tables: Sequence[nodes.Table],
    source: Source | None = None,
    *,
    budget_s: float = 10.0,
    rows: int | None = None,
) -> list[Diagnostic]:
    """Return all findings about the tables' row rules, ordered by place.

    ``budget_s`` is the time for everything together, in seconds. ``rows`` asks besides whether each
    table can have that many rows.
    """
    deadline = Deadline(budget_s)
    found: list[Diagnostic] = []
    whole = [examine_table(t, source, deadline, budget_s) for t in tables]
    everything = [group for some in whole for group in some]
    for stage in (satisfiable, conditions, redundant, columns, ranges):
        for group in everything:
            if group.alive:
                stage(group)
    for table, some in zip(tables, whole, strict=True):
        found += [d for group in some for d in group.found]
        if any(group.undecided for group in some):
            found.append(report.rules_undecided(table, budget_s, source))
        opened = [o for group in some for o in group.opened]
        if rows is not None:
            short = _too_few(table, some, rows, deadline, source, opened)
            found += [] if short is None else [short]
        if opened:
            found.append(report.undecided(table, opened, budget_s, source))
    return sorted(found, key=_place)


def examine_table(
    table: nodes.Table, source: Source | None, deadline: Deadline, budget_s: float
) -> list[Examined]:
    """Return the groups of a table that have rules."""
    spoken = [columns_of(r.condition) for r in table.row_rules]
    made = []
    for group in groups(table.column_names, spoken):
        if group.rules:
            rules = tuple(table.row_rules[k] for k in group.rules)
            part = nodes.Table(table.name, tuple(table.column(c) for c in group.columns))
            inquiry = Inquiry(
                part,
                rule_claims(part, rules),
                deadline,
                slice_ms=max(1, int(1000 * budget_s * SHARE)),
            )
            made.append(Examined(part, rules, inquiry, source))
    return made


def satisfiable(group: Examined) -> None:
    """Find the smallest sets of rules and ranges that no row can keep together.

    Sets found later do not share a rule with all earlier ones.
    """
    without: set[int] = set()
    inquiry = group.inquiry
    while len(group.found) < MAX_CONFLICTS:
        answer = inquiry.can(without=without)
        if answer.verdict != "no":
            break
        group.alive = False
        reasons = inquiry.because()
        group.found.append(report.conflict(group.table, reasons, group.source))
        blamed = [r for r in reasons if r.is_rule]
        if not blamed:
            break
        without.add(inquiry.claims.index(blamed[-1]))
    if answer.verdict == "open":
        group.alive = False
        group.undecided = True


def conditions(group: Examined) -> None:
    """Find premises, branches and sides of `or` that no row makes TRUE."""
    for rule in group.rules:
        for part in parts(rule.condition, group.table):
            _condition(group, rule, part)


def _condition(group: Examined, rule: nodes.RowRule, part: Part) -> None:
    answer = group.inquiry.can(part.wanted)
    if answer.verdict == "no":
        group.dead.add(rule.name)
        reasons = group.inquiry.because(part.wanted)
        group.found.append(report.never_holds(rule, part, reasons, group.source))
        return
    if answer.verdict == "open":
        what = f"whether {part.title} in rule {rule.name} can hold"
        group.leave(what, part.node.span or rule.span, answer.reason)
    for inner in part.inner:
        _condition(group, rule, inner)


def redundant(group: Examined) -> None:
    """Find rules that others imply; all that are found can be left out together.

    The later of two rules that imply each other is the one that is found. Rules that say nothing
    because a condition of theirs never holds are not looked at: that was said already.
    """
    without: set[int] = set()
    for k in range(len(group.rules) - 1, -1, -1):
        rule = group.rules[k]
        if rule.name in group.dead:
            continue
        wanted = broken(group.inquiry.claims[k].condition)
        answer = group.inquiry.can(wanted, {*without, k})
        if answer.verdict == "no":
            reasons = group.inquiry.because(wanted)
            # A smallest set need not be the simplest: perhaps no rule is needed at all.
            if group.inquiry.can(wanted, range(len(group.rules))).verdict == "no":
                reasons = group.inquiry.because(wanted)
            group.found.append(report.implied(rule, reasons, group.source))
            without.add(k)
        elif answer.verdict == "open":
            group.leave(f"whether others imply rule {rule.name}", rule.span, answer.reason)


def columns(group: Examined) -> None:
    """Find columns that hold one value only, or always or never NULL, and dead enum values."""
    for column in group.table.columns:
        name = write_name(column.name)
        if column.optional:
            filled = _ask(group, column, reach.is_filled(column.name), f"{name} is always NULL")
            if filled.verdict == "no":
                reasons = group.inquiry.because(reach.is_filled(column.name))
                group.told.add(column.name)
                group.found.append(report.always_null(column, reasons, group.source))
                continue
            empty = _ask(group, column, reach.is_null(column.name), f"{name} is never NULL")
            if empty.verdict == "no":
                reasons = group.inquiry.because(reach.is_null(column.name))
                group.found.append(report.never_null(column, reasons, group.source))
        if isinstance(column.type, TextType):
            _forced_text(group, column)
        elif not _forced(group, column) and isinstance(column.type, EnumType):
            _dead_values(group, column, column.type)


def _ask(group: Examined, column: Column, wanted: core.Cond, what: str) -> Answer:
    answer = group.inquiry.can(wanted)
    if answer.verdict == "open":
        group.leave(f"whether {what}", column.span, answer.reason)
    return answer


def _forced(group: Examined, column: Column) -> bool:
    """Report a column that can hold one value only, though its range has more."""
    lo, hi = domain(column)
    if lo == hi:
        return False
    seen = group.inquiry.seen(column.name)
    if not len(seen):
        _ask(group, column, reach.is_filled(column.name), f"{write_name(column.name)} has a value")
        seen = group.inquiry.seen(column.name)
    if not len(seen) or (seen != seen[0]).any():
        return False
    value = int(seen[0])
    other = reach.differs(column.name, value)
    what = f"{write_name(column.name)} can hold more than one value"
    if _ask(group, column, other, what).verdict != "no":
        return False
    reasons = group.inquiry.because(other)
    group.told.add(column.name)
    group.found.append(report.forced(column, value, reasons, group.source))
    return True


def _forced_text(group: Examined, column: Column) -> None:
    """Report a text column that has to be one of the strings its rules name."""
    for text in group.inquiry.strings_of(column.name):
        is_it = core.TextIs(core.Var(column.name), text)
        if group.inquiry.can(is_it).verdict != "yes":
            continue
        other = core.Not(is_it)
        what = f"{write_name(column.name)} can hold more than one value"
        if _ask(group, column, other, what).verdict == "no":
            reasons = group.inquiry.because(other)
            group.found.append(report.forced(column, text, reasons, group.source))
        return


def _dead_values(group: Examined, column: Column, kind: EnumType) -> None:
    dead: list[int] = []
    reasons: dict[Claim, None] = {}
    for code, value in enumerate(kind.values):
        wanted = reach.equals(column.name, code)
        answer = _ask(group, column, wanted, f"{write_name(column.name)} can be {value!r}")
        if answer.verdict == "no":
            dead.append(code)
            reasons |= dict.fromkeys(group.inquiry.because(wanted))
    if dead:
        group.found.append(report.dead_values(column, dead, list(reasons), group.source))


def ranges(group: Examined) -> None:
    """Find declared ranges whose ends no row reaches."""
    for column in group.table.columns:
        if column.name in group.told:
            continue
        declared_lo, declared_hi = domain(column)
        if declared_lo == declared_hi:
            continue
        ends = [_end(group, column, low=True), _end(group, column, low=False)]
        lo = declared_lo if ends[0] is None else ends[0]
        hi = declared_hi if ends[1] is None else ends[1]
        if (lo, hi) != (declared_lo, declared_hi):
            causes: dict[Claim, None] = {}
            if lo != declared_lo:
                causes |= dict.fromkeys(group.inquiry.because(reach.at_most(column.name, lo - 1)))
            if hi != declared_hi:
                causes |= dict.fromkeys(group.inquiry.because(reach.at_least(column.name, hi + 1)))
            group.found.append(report.tighter(column, lo, hi, list(causes), group.source))


def _end(group: Examined, column: Column, *, low: bool) -> int | None:
    """Return an end in effect of a declared range; None where none is declared or decided."""
    if (column.lo if low else column.hi) is None:
        return None
    kinds = type_domain(column.type)
    if domain(column)[0 if low else 1] != (column.lo if low else column.hi):
        return kinds[0 if low else 1]
    found = (reach.least if low else reach.greatest)(group.inquiry, column.name)
    if isinstance(found, reach.End) and found.decided:
        return found.sure
    if not (isinstance(found, Answer) and found.verdict == "no"):
        word = "least" if low else "greatest"
        what = f"the {word} value of {write_name(column.name)}"
        group.leave(what, column.span, found.reason)
    return None


def _too_few(
    table: nodes.Table,
    examined: Sequence[Examined],
    rows: int,
    deadline: Deadline,
    source: Source | None,
    opened: list[tuple[str, Span | None]],
) -> Diagnostic | None:
    """Return E304 where ``rows`` rows cannot exist for want of keys; note where that is open."""
    if any(group.found and not group.alive for group in examined):
        return None  # no row can exist, which was said
    question = f"whether {rows:,} rows can exist", table.span
    if any(group.undecided for group in examined):
        opened.append(question)
        return None
    room = room_for(table, rows, [g.inquiry for g in examined], deadline)
    if room.enough is None:
        opened.append(question)
    if room.rule is None:
        return None
    return report.too_few_rows(table, room.rule, room.most, rows, source)


def _place(finding: Diagnostic) -> tuple[int, int, str]:
    span = finding.span
    return (span.line, span.column, finding.code) if span else (0, 0, finding.code)
