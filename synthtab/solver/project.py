"""Compile row rules into a Plan: an order of columns, and what each may hold given the earlier.

Z3 removes the later columns from the rules one at a time, last first, which leaves for each column
the formula over it and the earlier ones that says exactly which values can still be completed to a
row (quantifier elimination as in docs/architecture.md, "the Plan"). Decoding then needs no solver.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import z3

from synthtab.backends.smt import NULL_SUFFIX, Hidden, SmtBackend
from synthtab.errors import InfeasibleError
from synthtab.ir import nodes
from synthtab.ir.corewalk import show
from synthtab.ir.walk import columns_of
from synthtab.schema import TextType
from synthtab.solver.components import Component, components
from synthtab.solver.conflict import smallest_conflict
from synthtab.solver.eliminate import (
    Deadline,
    Eliminated,
    eliminate_flag,
    eliminate_int,
    flatten,
    names_in,
)
from synthtab.solver.formula import (
    FALSE,
    TRUE,
    Formula,
    NotLinearError,
    conjoin,
    fits_int64,
    from_z3,
    under_ranges,
    variables,
)
from synthtab.solver.order import column_order
from synthtab.solver.pieces import maskable, solvable
from synthtab.solver.plan import Plan, Step
from synthtab.solver.space import Space, all_ranges

CHECK_MS = 500
EXACT_TEXT = "no mask reaches into text"


def compile_plan(
    table: nodes.Table,
    *,
    domains: Mapping[str, tuple[int, int]] | None = None,
    order: Sequence[str] | None = None,
    sizes: Mapping[str, int] | None = None,
    given: Sequence[str] = (),
    last: Sequence[str] = (),
    budget_s: float = 10.0,
) -> Plan:
    """Compile the row rules of ``table``.

    ``domains`` narrows columns' ranges (codes, inclusive); ``order`` fixes the order of decoding
    (all columns, once each), otherwise it is chosen, with ``sizes`` (distinct values per column) if
    given; ``budget_s`` is the solver's time for each connected component of rules, in seconds.
    The columns in ``given`` are known beforehand and come first: of them it is only known which
    can be gone on with (:meth:`Plan.completable`). Those in ``last`` are never decoded: some value
    of theirs has to be left.

    Where the solver gives up, the Plan says so for the columns concerned and allows more than the
    rules do there, never less. Raises InfeasibleError when no row at all satisfies the rules.
    """
    backend = SmtBackend(table, dict(domains or {}))
    parts = components(backend)
    chosen = tuple(order) if order is not None else column_order(table, backend, sizes)
    ends = {*given, *last}
    chosen = (*given, *(c for c in chosen if c not in ends), *last)
    if sorted(chosen) != sorted(table.column_names):
        raise ValueError(f"order {chosen} is not a permutation of {table.column_names}")
    steps: dict[str, Step] = {}
    before: list[Formula] = []
    for component in parts:
        made, left = _project(table, backend, component, chosen, len(given), Deadline(budget_s))
        steps |= made
        before += [] if left == TRUE else [left]
    ranges = all_ranges(backend)
    formulas = [*(s.formula for s in steps.values()), *before]
    big = any(not fits_int64(formula, ranges) for formula in formulas)
    return Plan(
        table=table,
        order=chosen,
        steps=tuple(steps.get(c, Step(c)) for c in chosen),
        space=Space(dict(backend.ranges), {h.name: h for h in backend.hidden}, big),
        before=tuple(before),
    )


def _project(
    table: nodes.Table,
    backend: SmtBackend,
    component: Component,
    order: Sequence[str],
    given: int,
    deadline: Deadline,
) -> tuple[dict[str, Step], Formula]:
    """Return the steps of a component's columns, and what the given ones have to satisfy."""
    columns = [c for c in order if c in component.columns]
    first = sum(c in component.columns for c in order[:given])
    ready = {h.name: max(columns.index(c) for c in h.inputs) for h in component.hidden}
    current = flatten([*component.conjuncts, *component.background(backend)])
    reason: str | None = None
    steps: dict[str, Step] = {}
    for at in range(len(columns) - 1, first - 1, -1):
        column = columns[at]
        known_now = [h for h in component.hidden if ready[h.name] == at]
        steps[column] = _step(table, backend, column, current, known_now, reason, deadline)
        # Latest first: a hidden term may be made of others.
        for hidden in reversed(known_now):
            free = not _mentioned_beyond(hidden, current, backend)
            done = eliminate_int(current, backend.value(hidden.name), deadline)
            current = done.conjuncts
            if done.inexact or not (hidden.exact or free):
                reason = done.inexact or f"{show(hidden.term)} is only bounded before {column}"
        done = _without(column, current, backend, deadline)
        current, reason = done.conjuncts, done.inexact or reason
    if any(z3.is_false(c) for c in current) or FALSE in {s.formula for s in steps.values()}:
        raise InfeasibleError(_conflict(backend, component, deadline))
    return steps, _asked(backend, columns[:first], current) if first else TRUE


def _asked(backend: SmtBackend, given: Sequence[str], current: Sequence[z3.BoolRef]) -> Formula:
    """Return what is asked of given columns beyond their ranges, as far as it is linear."""
    ranges = {e.get_id() for c in given for e in flatten([backend.range_formula(c)])}
    axioms = {
        e.get_id()
        for h in backend.hidden
        for e in flatten(
            [backend.value(h.name) >= h.lo, backend.value(h.name) <= h.hi, *backend.axioms(h)]
        )
    }
    parts: list[Formula] = []
    for conjunct in current:
        if conjunct.get_id() not in ranges | axioms:
            with suppress(NotLinearError):
                parts.append(from_z3(conjunct))
    return under_ranges(conjoin(parts), all_ranges(backend))


def _conflict(backend: SmtBackend, component: Component, deadline: Deadline) -> str:
    rules = smallest_conflict(backend, component, deadline)
    named = " and ".join(f"rule {name}" for name in rules)
    verb = "contradicts" if len(rules) == 1 else "contradict"
    against = "the ranges of its columns" if len(rules) == 1 else "each other"
    return (
        f"{named} {verb} {against}: no row of table {backend.table.name!r} within its ranges can "
        f"satisfy {'it' if len(rules) == 1 else 'them together'}"
    )


def _without(
    column: str, current: Sequence[z3.BoolRef], backend: SmtBackend, deadline: Deadline
) -> Eliminated:
    flag = backend.null(column)
    conjuncts: Sequence[z3.BoolRef] = current
    if not z3.is_false(flag):
        conjuncts = eliminate_flag(current, flag).conjuncts
    return eliminate_int(conjuncts, backend.value(column), deadline)


def _mentioned_beyond(hidden: Hidden, current: Iterable[z3.BoolRef], backend: SmtBackend) -> bool:
    """Say whether a formula besides the term's own axioms and range still speaks of it."""
    value = backend.value(hidden.name)
    own = {
        e.get_id()
        for e in flatten([value >= hidden.lo, value <= hidden.hi, *backend.axioms(hidden)])
    }
    return any(hidden.name in names_in(c) and c.get_id() not in own for c in current)


def _step(
    table: nodes.Table,
    backend: SmtBackend,
    column: str,
    current: Sequence[z3.BoolRef],
    known_now: Sequence[Hidden],
    reason: str | None,
    deadline: Deadline,
) -> Step:
    rules = tuple(r.name for r in table.row_rules if column in columns_of(r.condition))
    mine = {column, column + NULL_SUFFIX} | {h.name for h in known_now}
    own_range = {e.get_id() for e in flatten([backend.range_formula(column)])}
    axioms = {e.get_id() for h in known_now for e in flatten(backend.axioms(h))}
    ranges = all_ranges(backend)
    parts: list[Formula] = []
    for conjunct in current:
        if mine & names_in(conjunct) and conjunct.get_id() not in own_range | axioms:
            try:
                parts.append(from_z3(conjunct))
            except NotLinearError:
                reason = reason or "a projection is not linear"
    formula = under_ranges(conjoin(parts), ranges)
    if formula != TRUE and _implied(backend, current, mine, deadline):
        formula = TRUE
    hidden = {h.name: h for h in known_now if h.name in variables(formula)}
    lo, hi = backend.ranges[column]
    if isinstance(table.column(column).type, TextType):
        touched = formula != TRUE
        return Step(column, rules=rules if touched else (), inexact=EXACT_TEXT if touched else None)
    if not solvable(formula, column, hidden, hi - lo + 1):
        less, unsolved = maskable(formula, column, hidden, hi - lo + 1)
        named = variables(less)
        texts = [show(hidden[n].term) for n in unsolved or hidden]
        return Step(
            column,
            formula=less if solvable(less, column, hidden, hi - lo + 1) else TRUE,
            hidden=tuple(h for n, h in hidden.items() if n in named),
            rules=rules,
            inexact=f"cannot be solved for: {', '.join(texts)}",
        )
    return Step(
        column,
        formula=formula,
        hidden=tuple(hidden.values()),
        rules=rules if formula != TRUE else (),
        inexact=reason,
        determined=formula != TRUE
        and not table.column(column).optional
        and _determined(backend, column, current, known_now, deadline),
    )


def _implied(
    backend: SmtBackend, current: Sequence[z3.BoolRef], mine: set[str], deadline: Deadline
) -> bool:
    """Say whether what is asked of ``mine`` holds anyway, given the rest (False if undecided)."""
    own = [c for c in current if mine & names_in(c)]
    ranges = {e.get_id() for name in backend.ranges for e in flatten([backend.range_formula(name)])}
    asked = [c for c in own if c.get_id() not in ranges]
    solver = z3.SolverFor("QF_LIA", ctx=backend.context)
    solver.set("timeout", min(CHECK_MS, deadline.left_ms()))
    solver.add(*(c for c in current if c.get_id() not in {a.get_id() for a in asked}))
    solver.add(z3.Not(z3.And(asked)))
    return bool(solver.check() == z3.unsat)


def _determined(
    backend: SmtBackend,
    column: str,
    current: Sequence[z3.BoolRef],
    known_now: Sequence[Hidden],
    deadline: Deadline,
) -> bool:
    """Say whether the earlier columns leave at most one value (False where undecided)."""
    if known_now:
        return False
    solver = z3.SolverFor("QF_LIA", ctx=backend.context)
    solver.set("timeout", min(CHECK_MS, deadline.left_ms()))
    value, other = backend.value(column), z3.Int(column + "'", backend.context)
    solver.add(*current, *(z3.substitute(c, (value, other)) for c in current), value != other)
    return bool(solver.check() == z3.unsat)
