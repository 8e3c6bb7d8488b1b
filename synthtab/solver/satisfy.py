"""Can the rules be satisfied at all? If not: which smallest set of them is in conflict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import z3

from synthtab.backends.smt import SmtBackend
from synthtab.diagnostics import Diagnostic, Label, Source, Span
from synthtab.ir import nodes

MAX_CONFLICTS = 10


@dataclass(frozen=True)
class _Claim:
    """Something a table declares: a rule, or a column's range."""

    title: str
    span: Span | None
    formula: z3.BoolRef
    is_rule: bool


def contradictions(
    tables: Sequence[nodes.Table], source: Source | None = None, *, budget_s: float = 10.0
) -> list[Diagnostic]:
    """Return a finding for each minimal set of rules and ranges that no row can satisfy together.

    E301 names such a set, every member with its line; W303 says that the solver did not decide
    within ``budget_s`` seconds a table. Sets found later do not share a rule with all earlier ones.
    """
    found: list[Diagnostic] = []
    for table in tables:
        backend = SmtBackend(table)
        claims = _claims(table, backend)
        excluded: set[int] = set()
        while len(found) < MAX_CONFLICTS:
            left = [c for i, c in enumerate(claims) if i not in excluded]
            core = _conflict(backend, left, budget_s)
            if core is None:
                found.append(
                    Diagnostic(
                        "W303",
                        f"could not decide within {budget_s:g} s whether the rules of table "
                        f"{table.name!r} can be satisfied together",
                        table.span,
                        "raise the time budget, or declare narrower ranges",
                        source,
                        "warning",
                    )
                )
                break
            if not core:
                break
            found.append(_report(table, core, source))
            rules = [c for c in core if c.is_rule] or core
            excluded.add(next(i for i, c in enumerate(claims) if c is rules[-1]))
    return found


def _claims(table: nodes.Table, backend: SmtBackend) -> list[_Claim]:
    rules = [_Claim(f"rule {r.name}", r.span, backend.holds(r), True) for r in table.row_rules]
    ranges = [
        _Claim(f"the range of {c.name}", c.span, backend.range_formula(c.name), False)
        for c in table.columns
    ]
    return rules + ranges


def _conflict(
    backend: SmtBackend, claims: Sequence[_Claim], budget_s: float
) -> list[_Claim] | None:
    """Return a minimal unsatisfiable subset, [] if all can hold, None if that was not decided."""
    solver = z3.Solver(ctx=backend.context)
    solver.set("timeout", int(1000 * budget_s))
    for hidden in backend.hidden:
        value = backend.value(hidden.name)
        solver.add(value >= hidden.lo, value <= hidden.hi, *backend.axioms(hidden))
    marks = [z3.Bool(f"claim {i}", backend.context) for i in range(len(claims))]
    for mark, claim in zip(marks, claims, strict=True):
        solver.add(z3.Implies(mark, claim.formula))
    verdict = solver.check(*marks)
    if verdict == z3.unknown:
        return None
    if verdict == z3.sat:
        return []
    core = list(solver.unsat_core())
    # Deletion: whatever can be spared is left out, ranges first, so that rules explain the
    # conflict.
    names = {m.decl().name(): c for m, c in zip(marks, claims, strict=True)}
    for mark in sorted(core, key=lambda m: names[m.decl().name()].is_rule):
        without = [m for m in core if not m.eq(mark)]
        if len(without) < len(core) and solver.check(*without) == z3.unsat:
            core = without
    kept = {m.decl().name() for m in core}
    return [c for m, c in zip(marks, claims, strict=True) if m.decl().name() in kept]


def _report(table: nodes.Table, core: Sequence[_Claim], source: Source | None) -> Diagnostic:
    names = " and ".join(c.title for c in core)
    verb = "contradicts itself" if len(core) == 1 else "contradict each other"
    return Diagnostic(
        "E301",
        f"{names} {verb}: no row of table {table.name!r} can satisfy "
        f"{'it' if len(core) == 1 else 'them together'}",
        core[0].span,
        "change or drop one of them; without any one of them the rest can be satisfied",
        source,
        "error",
        tuple(Label(c.span, c.title) for c in core[1:] if c.span is not None),
    )
