"""The Plan: what each column may hold once the earlier ones are known, answered by numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.smt import NULL_SUFFIX, Hidden
from synthtab.batch import Codes, Mask
from synthtab.ir import nodes
from synthtab.solver.explain import explain
from synthtab.solver.feasible import Feasible
from synthtab.solver.formula import TRUE, Formula, variables
from synthtab.solver.space import Known, Space

MAX_KEY = 2**62


@dataclass(frozen=True)
class Step:
    """What is known at compile time about one column.

    ``formula`` is over the column, earlier ones, NULL flags and hidden terms; ``hidden`` are the
    terms that become known with this column; ``rules`` are those that name it; ``inexact`` says
    why the formula allows more than the rules do (None: it is exact); ``determined``: one value at
    most is left by the earlier columns.
    """

    column: str
    formula: Formula = TRUE
    hidden: tuple[Hidden, ...] = ()
    rules: tuple[str, ...] = ()
    inexact: str | None = None
    determined: bool = False


@dataclass(frozen=True)
class Plan:
    """Row rules compiled for decoding column by column; made by :func:`compile_plan`.

    ``before`` is what the columns that are known beforehand have to satisfy.
    """

    table: nodes.Table
    order: tuple[str, ...]
    steps: tuple[Step, ...]
    space: Space
    before: tuple[Formula, ...] = ()

    @property
    def domains(self) -> Mapping[str, tuple[int, int]]:
        """The codes, (lo, hi) inclusive, each column was compiled for."""
        return self.space.domains

    @cached_property
    def _by_column(self) -> dict[str, Step]:
        return {s.column: s for s in self.steps}

    def step(self, column: str) -> Step:
        """Return the step of a column; KeyError where there is none."""
        return self._by_column[column]

    @property
    def exact(self) -> bool:
        """Whether every step is exact: rows decoded under the Plan then satisfy all row rules."""
        return all(s.inexact is None for s in self.steps)

    def constrained(self, column: str) -> bool:
        """Say whether earlier columns or rules narrow the column below its declared domain."""
        return self._by_column[column].formula != TRUE

    def depends(self, column: str) -> tuple[str, ...]:
        """Return the earlier columns that the column's feasible set depends on, in plan order."""
        return self._depends[column]

    @cached_property
    def _depends(self) -> dict[str, tuple[str, ...]]:
        return {step.column: self._inputs(step) for step in self.steps}

    def _inputs(self, step: Step) -> tuple[str, ...]:
        used = self._columns(step.formula)
        return tuple(c for c in self.order if c in used and c != step.column)

    def _columns(self, formula: Formula) -> set[str]:
        """Return the columns that a formula's value depends on."""
        used: set[str] = set()
        for name in variables(formula):
            if name in self.space.hidden:
                used |= set(self.space.hidden[name].inputs)
            else:
                used.add(name.removesuffix(NULL_SUFFIX) if name not in self.domains else name)
        return used

    def describe(self) -> list[dict[str, object]]:
        """Return, per column in order, what ``rulecheck plan`` prints.

        ``how`` is ``free`` (its own domain only), ``masked`` (narrowed by rules) or ``computed``
        (one value is left); ``given`` the earlier columns that decide it; ``allowed`` the condition
        in words; ``exact`` with ``reason`` where it is not; ``rules`` those that name it.
        """
        return [
            {
                "position": at + 1,
                "column": step.column,
                "how": "computed"
                if step.determined
                else "masked"
                if step.formula != TRUE
                else "free",
                "given": list(self.depends(step.column)),
                "allowed": "" if step.formula == TRUE else explain(step.formula, self.table),
                "exact": step.inexact is None,
                "reason": step.inexact,
                "rules": list(step.rules),
            }
            for at, step in enumerate(self.steps)
        ]

    def feasible(
        self, column: str, known: Known, pool: NDArray[np.object_] | None = None
    ) -> Feasible:
        """Return what ``column`` may hold in each of R rows.

        ``known`` gives (codes, nulls), (R,) each, of at least the columns it depends on; ``pool``
        the strings of text columns among them. Rows that agree on those columns are solved once.
        """
        step = self._by_column[column]
        rows = len(next(iter(known.values()))[0]) if known else 1
        optional = self.table.column(column).optional
        if step.formula == TRUE:
            return self._whole(column, rows, optional)
        inputs = self.depends(column)
        unique, inverse = _distinct([known[c] for c in inputs], rows)
        small = {c: (known[c][0][unique], known[c][1][unique]) for c in inputs}
        solved = self.space.solve(
            step.formula, column, optional, step.hidden, small, pool, len(unique)
        )
        return solved if inverse is None else solved.take(inverse)

    def completable(self, known: Known, pool: NDArray[np.object_] | None = None) -> Mask:
        """Say which of R rows can be completed, by the columns that are known beforehand.

        ``known`` gives (codes, nulls), (R,) each, of those that the rules speak of.
        """
        fine = np.ones(len(next(iter(known.values()))[0]) if known else 1, dtype=bool)
        for formula in self.before:
            used = {c: known[c] for c in self._columns(formula)}
            fine &= self.space.holds(formula, used, pool)
        return fine

    def _whole(self, column: str, rows: int, optional: bool) -> Feasible:
        lo, hi = self.domains[column]
        return Feasible(
            np.full(rows, optional),
            np.full((rows, 1), lo, dtype=np.int64),
            np.full((rows, 1), hi, dtype=np.int64),
        )


def _distinct(
    columns: list[tuple[Codes, Mask]], rows: int
) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """Return one row of each distinct combination, and which each row is (None: each its own)."""
    key = np.zeros(rows, dtype=np.int64)
    size = 1
    for codes, nulls in columns:
        low = int(codes.min(initial=0))
        span = int(codes.max(initial=0)) - low + 2
        size *= span
        if size > MAX_KEY:
            return np.arange(rows), None
        key = key * span + np.where(nulls, 0, codes - low + 1)
    if not columns:
        return np.zeros(min(rows, 1), dtype=np.int64), np.zeros(rows, dtype=np.int64)
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    return first, inverse
