"""What single cells may hold with the others of their row kept; and a solver for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import z3

from synthtab.backends.smt import Hidden, SmtBackend
from synthtab.batch import Mask
from synthtab.ir import nodes
from synthtab.schema import TextType
from synthtab.solver.components import Component, components
from synthtab.solver.feasible import Feasible
from synthtab.solver.formula import TRUE, Formula, conjoin, fits_int64, from_z3, under_ranges
from synthtab.solver.pieces import solvable
from synthtab.solver.space import Known, Pool, Space, all_ranges


@dataclass(frozen=True)
class ComponentRules:
    """One component's rules, as a formula for numpy and as a persistent Z3 solver for hard rows."""

    table: nodes.Table
    backend: SmtBackend
    component: Component
    formula: Formula
    space: Space

    @property
    def columns(self) -> tuple[str, ...]:
        """The component's columns in the table's order."""
        return tuple(c for c in self.table.column_names if c in self.component.columns)

    @property
    def hidden(self) -> tuple[Hidden, ...]:
        """The component's hidden terms."""
        return self.component.hidden

    @cached_property
    def movable(self) -> tuple[str, ...]:
        """The columns that can be solved for with all others kept: text cannot."""
        return tuple(
            c
            for c in self.columns
            if not isinstance(self.table.column(c).type, TextType)
            and solvable(self.formula, c, self._completed(c), self._size(c))
        )

    def satisfied(self, known: Known, pool: Pool | None) -> Mask:
        """Say of each row (R,) whether it breaks none of the component's rules."""
        return self.space.holds(self.formula, known, pool)

    def alone(self, column: str, known: Known, pool: Pool | None) -> Feasible:
        """Return what ``column`` may hold in each row with every other cell kept."""
        rows = len(next(iter(known.values()))[0])
        others = {c: v for c, v in known.items() if c != column}
        return self.space.solve(
            self.formula,
            column,
            self.table.column(column).optional,
            self._completed(column).values(),
            others,
            pool,
            rows,
        )

    @cached_property
    def solver(self) -> z3.Solver:
        """A solver that holds the rules and ranges; callers push, and pop what they pushed."""
        solver = z3.SolverFor("QF_LIA", ctx=self.backend.context)
        solver.add(*self.component.conjuncts, *self.component.background(self.backend))
        return solver

    def _completed(self, column: str) -> Mapping[str, Hidden]:
        return {h.name: h for h in self.hidden if column in h.inputs}

    def _size(self, column: str) -> int:
        lo, hi = self.space.domains[column]
        return hi - lo + 1


def component_rules(
    table: nodes.Table, domains: Mapping[str, tuple[int, int]] | None = None
) -> list[ComponentRules]:
    """Return the components of a table's row rules, ready for repair."""
    backend = SmtBackend(table, dict(domains or {}))
    parts = components(backend)
    ranges = all_ranges(backend)
    out = []
    for part in parts:
        formula = under_ranges(conjoin(map(from_z3, part.conjuncts)), ranges)
        # Without columns it is a constant that no row keeps: nothing to mend there.
        if formula != TRUE and part.columns:
            hidden = {h.name: h for h in part.hidden}
            space = Space(backend.ranges, hidden, not fits_int64(formula, ranges))
            out.append(ComponentRules(table, backend, part, formula, space))
    return out
