"""The smallest set of rules that no row within the ranges can satisfy together."""

from __future__ import annotations

import z3

from synthtab.backends.smt import SmtBackend
from synthtab.solver.components import Component
from synthtab.solver.eliminate import Deadline

# Each question's share of the time, in milliseconds.
LEAST_MS, MOST_MS = 50, 2_000


def smallest_conflict(
    backend: SmtBackend, component: Component, deadline: Deadline
) -> tuple[str, ...]:
    """Return rules of an unsatisfiable component, none of which can be spared.

    Where the solver does not decide in the time left (at least a moment for each rule), a rule is
    kept, so that the set may then be larger. Deletion
    from an unsatisfiable core: Chinneck, Feasibility and Infeasibility in Optimization, section 2.
    """
    solver = z3.Solver(ctx=backend.context)
    solver.add(*component.background(backend))
    marks = {}
    for rule in backend.table.row_rules:
        if rule.name in component.rules:
            marks[rule.name] = z3.Bool(f"rule {rule.name}", backend.context)
            solver.add(z3.Implies(marks[rule.name], backend.holds(rule)))
    kept = list(marks)
    for name in marks:
        others = [marks[n] for n in kept if n != name]
        solver.set("timeout", max(LEAST_MS, min(MOST_MS, deadline.left_ms())))
        if solver.check(*others) == z3.unsat:
            kept.remove(name)
    return tuple(kept)
