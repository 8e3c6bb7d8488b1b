"""References that every row must follow, and that lead back to where they began.

If each row of a table needs another row of it, which needs another one, then some rows refer to
themselves or stand in a circle: there are only finitely many. Where the rules make a column grow
from the row referred to to the row that refers to it, there is no circle either, and no table but
the empty one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from synthtab.diagnostics import Diagnostic, Label, Source
from synthtab.ir import core, nodes
from synthtab.ir.context import Definition
from synthtab.ir.references import Tables, references
from synthtab.lang.quoting import write_name
from synthtab.schema import BooleanType, TextType
from synthtab.solver import reach
from synthtab.solver.eliminate import Deadline
from synthtab.solver.inquiry import Claim, Inquiry, rule_claims
from synthtab.solver.report import listed
from synthtab.solver.steps import step_of

LONGEST = 5
MOST = 20


@dataclass(frozen=True)
class Round:
    """References, each from the table the one before leads to, the last to the first's table."""

    tables: tuple[str, ...]
    steps: tuple[nodes.ReferenceRule, ...]

    def turned(self) -> Iterator[Round]:
        """Yield the same round from each of its tables."""
        for at in range(len(self.steps)):
            yield Round(self.tables[at:] + self.tables[:at], self.steps[at:] + self.steps[:at])

    def path(self, tables: Tables) -> tuple[str, ...] | None:
        """Return the words that follow the round; None where one of them cannot be told."""
        words = [step_of(s, tables[t]) for t, s in zip(self.tables, self.steps, strict=True)]
        known = tuple(w for w in words if w is not None)
        return known if len(known) == len(words) else None


def circles(tables: Sequence[nodes.Table], deadline: Deadline) -> list[Round]:
    """Return the rounds of references that no row can leave out, each once, the shortest first.

    They are of at most LONGEST tables, and at most MOST.
    """
    order = {t.name: at for at, t in enumerate(tables)}
    steps = {
        t.name: [r for r in references(t) if r.share is None and r.parent in order] for t in tables
    }
    found: list[Round] = []

    def walk(names: tuple[str, ...], taken: tuple[nodes.ReferenceRule, ...]) -> None:
        for step in steps[names[-1]]:
            if step.parent == names[0]:
                found.append(Round(names, (*taken, step)))
            elif (
                len(names) < LONGEST
                and step.parent not in names
                and order[step.parent] > order[names[0]]
            ):
                walk((*names, step.parent), (*taken, step))

    for name in order:
        if len(found) < 10 * MOST:
            walk((name,), ())
    known: dict[tuple[str, str], bool] = {}

    def needed(table: str, step: nodes.ReferenceRule) -> bool:
        if (table, step.name) not in known:
            known[table, step.name] = _never_null(tables[order[table]], step, deadline)
        return known[table, step.name]

    kept = [r for r in found if all(map(needed, r.tables, r.steps))]
    return sorted(kept, key=lambda r: len(r.steps))[:MOST]


def _never_null(table: nodes.Table, step: nodes.ReferenceRule, deadline: Deadline) -> bool:
    optional = [c for c in step.columns if table.column(c).optional]
    if not optional:
        return True
    inquiry = Inquiry(table, rule_claims(table, table.row_rules), deadline)
    return all(inquiry.can(reach.is_null(c)).verdict == "no" for c in optional)


def round_terms(table: nodes.Table, rounds: Sequence[Round], tables: Tables) -> list[Definition]:
    """Return the context terms a table needs for :func:`circular`: its own key, once around."""
    found: list[Definition] = []
    for one in rounds:
        for turned in one.turned():
            path = turned.path(tables) if turned.tables[0] == table.name else None
            if path is not None:
                found += [nodes.ParentRef(path, c) for c in turned.steps[-1].parent_columns]
    return found


def circular(
    rounds: Sequence[Round],
    tables: Tables,
    inquiries: Mapping[str, Sequence[Inquiry]],
    terms: Mapping[str, Mapping[Definition, str]],
    source: Source | None,
) -> list[Diagnostic]:
    """Return a finding for each round: E305 where no table can exist, else W312 or W313.

    ``inquiries`` and ``terms`` are those of the wider tables (solver/beyond.py).
    """
    found = []
    for one in rounds:
        for turned in one.turned():
            name = turned.tables[0]
            endless = _endless(turned, tables, inquiries[name], terms[name], source)
            if endless is not None:
                found.append(endless)
                break
        else:
            if len(one.steps) > 1:
                found.append(_mutual(one, source))
            else:
                name = one.tables[0]
                found.append(_self(one, tables, inquiries[name], terms[name], source))
    return found


def _endless(
    one: Round,
    tables: Tables,
    inquiries: Sequence[Inquiry],
    terms: Mapping[Definition, str],
    source: Source | None,
) -> Diagnostic | None:
    """Return E305 where some column grows, or shrinks, with every time around."""
    table, path = tables[one.tables[0]], one.path(tables)
    if path is None:
        return None
    for column in table.columns:
        there = terms.get(nodes.ParentRef(path, column.name))
        inquiry = next((i for i in inquiries if there in i.table.column_names), None)
        if there is None or inquiry is None or isinstance(column.type, TextType | BooleanType):
            continue
        if column.name not in inquiry.table.column_names:
            continue
        mine, other = core.Var(column.name), core.Var(there)
        for less, more, word in ((other, mine, "more"), (mine, other, "less")):
            no_step = core.Not(core.IsTrue(core.Cmp("<", less, more)))
            if inquiry.can(no_step).verdict == "no":
                return _report(
                    one, column.name, word, inquiry.because(no_step), table, path, source
                )
    return None


def _report(
    one: Round,
    column: str,
    word: str,
    reasons: Sequence[Claim],
    table: nodes.Table,
    path: Sequence[str],
    source: Source | None,
) -> Diagnostic:
    rules = [r for r in reasons if r.is_rule and r.span is not None]
    why = f" (because of {listed([r.title for r in rules])})" if rules else ""
    name = write_name(column)
    step = one.steps[0]
    return Diagnostic(
        "E305",
        f"table {table.name!r} has no rows, or endlessly many: {name} is {word} in each row than "
        f"in the row of {'.'.join(map(write_name, path))}, which every row has{why}",
        step.span,
        f"make {_columns(step)} optional, for the rows to begin with, or loosen a rule",
        source,
        "error",
        tuple(Label(r.span, r.title) for r in rules if r.span is not None),
    )


def _self(
    one: Round,
    tables: Tables,
    inquiries: Sequence[Inquiry],
    terms: Mapping[Definition, str],
    source: Source | None,
) -> Diagnostic:
    """W312: the first row has to refer to itself, or to one that is not there yet."""
    step, table = one.steps[0], tables[one.tables[0]]
    own = [core.Var(c) for c in step.columns]
    theirs = [core.Var(c) for c in step.parent_columns]
    same = core.And(
        (core.Truth(True), *(core.Cmp("=", a, b) for a, b in zip(own, theirs, strict=True)))
    )
    names = {*step.columns, *step.parent_columns}
    inquiry = next((i for i in inquiries if names <= set(i.table.column_names)), None)
    apart = inquiry is not None and inquiry.can(same).verdict == "no"
    only = (
        "some refer to each other in a circle"
        if apart
        else ("some refer to themselves, or to each other in a circle")
    )
    return Diagnostic(
        "W312",
        f"every row of table {table.name!r} must refer to a row of it by {_columns(step)}: {only}",
        step.span,
        f"make {_columns(step)} optional, so that there can be a first row",
        source,
        "warning",
    )


def _mutual(one: Round, source: Source | None) -> Diagnostic:
    """W313: no table can have the first row."""
    names = [repr(t) for t in one.tables]
    steps = [f"{write_name(t)}.{_columns(s)}" for t, s in zip(one.tables, one.steps, strict=True)]
    return Diagnostic(
        "W313",
        f"rows of {listed(names)} need each other: {listed(steps)} lead around and are never NULL",
        one.steps[0].span,
        "make one of them optional; else rows must be inserted in one transaction with deferred "
        "constraints",
        source,
        "warning",
        tuple(
            Label(s.span, f"the reference {s.name}") for s in one.steps[1:] if s.span is not None
        ),
    )


def _columns(step: nodes.ReferenceRule) -> str:
    names = ", ".join(map(write_name, step.columns))
    return f"({names})" if len(step.columns) > 1 else names
