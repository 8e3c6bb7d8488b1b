"""Mend one row that no single cell can mend: keep cells greedily under a persistent Z3 solver."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import z3

from synthtab.batch import Batch, Codes, Mask
from synthtab.solver.cells import ComponentRules
from synthtab.solver.feasible import Feasible

TRIES = 6
CHECK_MS = 1_000


def mend_row(
    rules: ComponentRules,
    batch: Batch,
    row: int,
    cost: Mapping[str, float],
    some: Callable[[str, int], tuple[Codes, Mask]],
    inside: Callable[[str, Feasible], tuple[Codes, Mask]],
) -> bool:
    """Change cells of a row in place so that it breaks none of ``rules``; say if it worked.

    ``some(column, n)`` draws candidate cells, ``inside(column, set)`` one that lies in a set. The
    cells to change are a minimal set (none of them could be kept beside the kept ones), found by
    dropping the cheapest cell of each unsatisfiable core, then taking back what fits after all.
    """
    attempt = _Attempt(rules, batch, row)
    with attempt:
        dropped = attempt.drop(cost)
        if dropped is None:
            return False
        # What opaque terms are computed from is drawn first, so that their values can be told.
        feeds = {c for h in rules.hidden for c in h.inputs}
        queue = sorted(dropped, key=lambda c: (c not in feeds, rules.columns.index(c)))
        for column in queue[:-1]:
            if not attempt.draw(column, some(column, TRIES)):
                return False
        attempt.store(queue[:-1])
    last = queue[-1]
    known = {c: tuple(a[row : row + 1] for a in batch.column(c)) for c in rules.columns}
    allowed = rules.alone(last, known, batch.pool)  # type: ignore[arg-type]
    if not allowed.any()[0]:
        return False
    codes, nulls = inside(last, allowed)
    at = batch.index(last)
    batch.codes[row, at], batch.nulls[row, at] = codes[0], nulls[0]
    return True


class _Attempt:
    """The solver's view of one row; leaving the ``with`` block restores the solver."""

    def __init__(self, rules: ComponentRules, batch: Batch, row: int) -> None:
        self._rules, self._batch, self._row = rules, batch, row
        self._solver = rules.solver
        self._solver.set("timeout", CHECK_MS)
        self._depth = 0
        self._cells: dict[str, tuple[int, bool]] = {
            c: (int(batch.codes[row, batch.index(c)]), bool(batch.nulls[row, batch.index(c)]))
            for c in rules.columns
        }
        self._kept: list[str] = []

    def __enter__(self) -> _Attempt:
        self._push()
        return self

    def __exit__(self, *_: object) -> None:
        self._solver.pop(self._depth)

    def drop(self, cost: Mapping[str, float]) -> list[str] | None:
        """Return the cells to change, at least one; None where no choice of them mends the row."""
        marks = {c: z3.Bool(f"keep {c}", self._rules.backend.context) for c in self._cells}
        for column, mark in marks.items():
            self._solver.add(z3.Implies(mark, self._is(column, *self._cells[column])))
        for hidden in self._rules.hidden:
            value = self._rules.backend.value(hidden.name) == self._compute(hidden.name)
            self._solver.add(z3.Implies(z3.And([marks[c] for c in hidden.inputs]), value))
        kept = list(marks)
        dropped: list[str] = []
        while self._solver.check(*(marks[c] for c in kept)) != z3.sat:
            core = {m.decl().name() for m in self._solver.unsat_core()}
            loose = [c for c in kept if f"keep {c}" in core and c in self._rules.movable]
            if not loose:
                return None
            cheapest = min(loose, key=lambda c: (cost[c], c))
            kept.remove(cheapest)
            dropped.append(cheapest)
        for column in sorted(dropped, key=lambda c: -cost[c]):
            if self._solver.check(*(marks[c] for c in [*kept, column])) == z3.sat:
                kept.append(column)
                dropped.remove(column)
        self._kept = kept
        self._solver.add(*(marks[c] for c in kept))
        return dropped or None

    def draw(self, column: str, candidates: tuple[Codes, Mask]) -> bool:
        """Fix a cell at the first candidate that leaves a way on, else where the solver puts it."""
        for code, null in zip(*candidates, strict=True):
            if self._try(column, int(code), bool(null)):
                return True
        self._solver.check()
        try:
            model = self._solver.model()
        except z3.Z3Exception:
            return False
        backend = self._rules.backend
        null = z3.is_true(model.eval(backend.null(column), model_completion=True))
        code = model.eval(backend.value(column), model_completion=True).as_long()
        return self._try(column, 0 if null else code, null)

    def store(self, columns: Sequence[str]) -> None:
        """Write the drawn cells into the batch."""
        for column in columns:
            at = self._batch.index(column)
            self._batch.codes[self._row, at], self._batch.nulls[self._row, at] = self._cells[column]

    def _try(self, column: str, code: int, null: bool) -> bool:
        self._push()
        before = self._cells[column]
        self._cells[column] = (code, null)
        self._solver.add(self._is(column, code, null))
        settled = {*self._kept, column}
        for hidden in self._rules.hidden:
            if set(hidden.inputs) <= settled:
                value = self._rules.backend.value(hidden.name)
                self._solver.add(value == self._compute(hidden.name))
        if self._solver.check() == z3.sat:
            self._kept.append(column)
            return True
        self._cells[column] = before
        self._solver.pop()
        self._depth -= 1
        return False

    def _is(self, column: str, code: int, null: bool) -> z3.BoolRef:
        backend = self._rules.backend
        flag = backend.null(column)
        if null:
            return flag
        return z3.And(z3.Not(flag), backend.value(column) == code)

    def _compute(self, hidden: str) -> int:
        known = {
            c: (np.array([code], np.int64), np.array([null]))
            for c, (code, null) in self._cells.items()
        }
        space = self._rules.space
        return int(space.value(hidden, known, self._batch.pool)[0])

    def _push(self) -> None:
        self._solver.push()
        self._depth += 1
