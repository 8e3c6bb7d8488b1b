"""Everything ``rulecheck check`` proves about the row rules of a model, within one time budget.

Rules that share columns, directly or through others, are looked at together (a group), with a
solver of their own. All groups go through one stage after the other, so that where time runs out
every group has had its most important questions answered; what was not decided is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from synthtab.diagnostics import Diagnostic, Source, Span
from synthtab.ir import core, nodes
from synthtab.ir.lowered import Lowered
from synthtab.ir.walk import columns_of
from synthtab.lang.quoting import write_name
from synthtab.schema import Column, EnumType, TextType, domain, type_domain
from synthtab.solver import reach, report
from synthtab.solver.beyond import Widened, is_hidden, widen
from synthtab.solver.cardinality import counted, links, misfits
from synthtab.solver.circles import circles, circular, round_terms
from synthtab.solver.components import groups
from synthtab.solver.conditions import Part, parts
from synthtab.solver.eliminate import Deadline
from synthtab.solver.inquiry import Answer, Claim, Inquiry, broken
from synthtab.solver.rowcount import room_for

MAX_CONFLICTS = 10
# No single check may take more than this share of the budget from the others.
SHARE = 0.2


@dataclass
class Examined:
    """One group of a table: its rules, the inquiry about them, and what came out so far.

    ``table`` has the group's columns, hidden ones among them (solver/beyond.py). The first claims
    of the inquiry are ``rules``, the others facts; questions are about the rules in ``asked``.
    ``opened`` are the questions without an answer, as (what was asked, where); ``dead`` the rules
    with a condition that never holds; ``told`` the columns nothing is left to be said about.
    """

    table: nodes.Table
    rules: tuple[nodes.RowRule, ...]
    asked: frozenset[str]
    inquiry: Inquiry
    source: Source | None
    known: Mapping[str, Lowered] = field(default_factory=dict)
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
    rows: int | Mapping[str, int] | None = None,
) -> list[Diagnostic]:
    """Return all findings about the tables' rules, ordered by place.

    Rules that look beyond a row are examined with what is known of the figures they take from other
    rows (solver/beyond.py). ``budget_s`` is the time for everything together, in seconds. ``rows``
    asks besides whether each table can have that many rows, taken alone; numbers by table ask
    whether these tables can have them together.
    """
    deadline = Deadline(budget_s)
    slice_ms = max(1, int(1000 * budget_s * SHARE))
    by_name = {t.name: t for t in tables}
    plain = {t.name: by_group(plainly(t), source, deadline, slice_ms) for t in tables}
    for stage in (satisfiable, conditions, redundant, columns, ranges):
        for group in _living(plain):
            stage(group)
    rounds = circles(tables, deadline)
    together = links(by_name) if isinstance(rows, Mapping) else []
    wide = {
        t.name: widen(t, by_name, [*round_terms(t, rounds, by_name), *counted(t, together)])
        for t in tables
    }
    beyond = {
        name: by_group(w, source, deadline, slice_ms, plain[name]) for name, w in wide.items()
    }
    for stage in (satisfiable, conditions, redundant):
        for group in _living(beyond):
            stage(group)
    inquiries = {name: [g.inquiry for g in some if g.alive] for name, some in beyond.items()}
    terms = {name: w.terms for name, w in wide.items()}
    found = circular(rounds, by_name, inquiries, terms, source)
    if rows is not None:
        asked = rows if isinstance(rows, Mapping) else dict.fromkeys(by_name, rows)
        found += misfits(asked, by_name, together, inquiries, terms, source)
    for table in tables:
        some = plain[table.name] + beyond[table.name]
        found += [d for group in some for d in group.found]
        if any(group.undecided for group in some):
            found.append(report.rules_undecided(table, budget_s, source))
        opened = [o for group in some for o in group.opened]
        wanted = rows.get(table.name) if isinstance(rows, Mapping) else rows
        if wanted is not None:
            short = _too_few(table, plain[table.name], wanted, deadline, source, opened)
            found += [] if short is None else [short]
        if opened:
            found.append(report.undecided(table, opened, budget_s, source))
    return sorted(found, key=_place)


def plainly(table: nodes.Table) -> Widened:
    """Return a table with the rules that a row alone decides, and nothing besides."""
    return Widened(nodes.Table(table.name, table.columns, span=table.span), table.row_rules)


def by_group(
    wide: Widened,
    source: Source | None,
    deadline: Deadline,
    slice_ms: int,
    before: Sequence[Examined] | None = None,
) -> list[Examined]:
    """Return the groups of a table that have rules.

    With ``before``, what was found out without looking beyond the row, only those groups count that
    look beyond it and where that alone left rows, and only rules that do are asked about.
    """
    if before is not None and not wide.terms:
        return []
    claims = wide.claims()
    conditions_ = [r.condition for r in wide.rules] + [f.condition for f in wide.facts]
    spoken = [columns_of(c) for c in conditions_]
    lost = {c for g in before or () if not g.alive for c in g.table.column_names}
    made = []
    for group in groups(wide.table.column_names, spoken):
        if not group.rules or lost & set(group.columns):
            continue
        if before is not None and not any(map(is_hidden, group.columns)):
            continue
        rules = tuple(wide.rules[k] for k in group.rules if k < len(wide.rules))
        part = nodes.Table(wide.table.name, tuple(wide.table.column(c) for c in group.columns))
        said = [claims[k] for k in group.rules]
        inquiry = Inquiry(part, said, deadline, slice_ms=slice_ms)
        asked = frozenset(
            r.name for r in rules if before is None or any(map(is_hidden, columns_of(r.condition)))
        )
        made.append(Examined(part, rules, asked, inquiry, source, wide.known))
    return made


def _living(some: Mapping[str, Sequence[Examined]]) -> list[Examined]:
    return [g for groups_ in some.values() for g in groups_ if g.alive and g.rules]


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
        blamed = [r for r in reasons if r.is_rule]
        # What the rows of another table cannot keep is said of that table.
        if not blamed or any(r in inquiry.claims[: len(group.rules)] for r in blamed):
            group.found.append(report.conflict(group.table, reasons, group.source))
        if not blamed:
            break
        without.add(inquiry.claims.index(blamed[-1]))
    if answer.verdict == "open":
        group.alive = False
        group.undecided = True


def conditions(group: Examined) -> None:
    """Find premises, branches and sides of `or` that no row makes TRUE."""
    for rule in group.rules:
        for part in (
            () if rule.name not in group.asked else parts(rule.condition, group.table, group.known)
        ):
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
        if rule.name in group.dead or rule.name not in group.asked:
            continue
        wanted = broken(group.inquiry.claims[k].condition)
        answer = group.inquiry.can(wanted, {*without, k})
        if answer.verdict == "no":
            reasons = group.inquiry.because(wanted)
            # A smallest set need not be the simplest: perhaps no rule is needed at all.
            every = [at for at, c in enumerate(group.inquiry.claims) if c.is_rule]
            if group.inquiry.can(wanted, every).verdict == "no":
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
