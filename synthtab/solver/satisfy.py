"""Can the rules be satisfied at all? If not: which smallest set of them is in conflict."""

from __future__ import annotations

from collections.abc import Sequence

from synthtab.diagnostics import Diagnostic, Source
from synthtab.ir import nodes
from synthtab.solver import report
from synthtab.solver.eliminate import Deadline
from synthtab.solver.prove import SHARE, by_group, plainly, satisfiable


def contradictions(
    tables: Sequence[nodes.Table], source: Source | None = None, *, budget_s: float = 10.0
) -> list[Diagnostic]:
    """Return a finding for each minimal set of rules and ranges that no row can satisfy together.

    E301 names such a set, every member with its line; W303 says that the solver did not decide
    within ``budget_s`` seconds. Sets found later do not share a rule with all earlier ones. This is
    the first of the stages of :func:`synthtab.solver.prove.examine`, on its own.
    """
    deadline = Deadline(budget_s)
    slice_ms = max(1, int(1000 * budget_s * SHARE))
    found: list[Diagnostic] = []
    for table in tables:
        examined = by_group(plainly(table), source, deadline, slice_ms)
        for group in examined:
            satisfiable(group)
            found += group.found
        if any(group.undecided for group in examined):
            found.append(report.rules_undecided(table, budget_s, source))
    return found
