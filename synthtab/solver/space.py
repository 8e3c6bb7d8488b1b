"""The numbers a table's formulas speak of: ranges, hidden terms, and how to put known cells in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.smt import NULL_SUFFIX, Hidden, SmtBackend
from synthtab.backends.vector import Evaluator
from synthtab.batch import Codes, Mask
from synthtab.ir import core
from synthtab.solver.feasible import EMPTY_HI, EMPTY_LO, Feasible
from synthtab.solver.formula import Formula, evaluate, variables
from synthtab.solver.pieces import solve

Known = Mapping[str, tuple[Codes, Mask]]
Pool = NDArray[np.object_]


@dataclass(frozen=True)
class Space:
    """Where a table's formulas are evaluated.

    ``domains``: (lo, hi) codes per column; ``hidden``: the opaque terms by name; ``big``: sums may
    leave int64, so that Python integers are used.
    """

    domains: Mapping[str, tuple[int, int]]
    hidden: Mapping[str, Hidden]
    big: bool = False

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type sums are computed in."""
        return np.dtype(object) if self.big else np.dtype(np.int64)

    def environment(
        self,
        formula: Formula,
        known: Known,
        pool: Pool | None,
        without: Iterable[str] = (),
    ) -> dict[str, NDArray[Any]]:
        """Return the values, (R,) each, of a formula's variables, less hidden ones in ``without``.

        No rule looks at the code of a NULL cell, so it gets the least one of its column, which
        keeps every sum within its range.
        """
        env: dict[str, NDArray[Any]] = {}
        for name, (codes, nulls) in known.items():
            env[name] = np.where(nulls, self.domains[name][0], codes).astype(self.dtype)
            env[name + NULL_SUFFIX] = nulls.astype(np.int64)
        skipped = set(without)
        needed = [
            self.hidden[n] for n in variables(formula) if n in self.hidden and n not in skipped
        ]
        if needed:
            evaluator = Evaluator(dict(known), pool)
            rows = len(next(iter(known.values()))[0])
            for hidden in needed:
                env[hidden.name] = np.broadcast_to(self._value(evaluator, hidden), (rows,))
        return env

    def holds(self, formula: Formula, known: Known, pool: Pool | None) -> Mask:
        """Return the formula's truth (R,) for rows all of whose cells are known."""
        rows = len(next(iter(known.values()))[0])
        return np.broadcast_to(evaluate(formula, self.environment(formula, known, pool)), (rows,))

    def solve(
        self,
        formula: Formula,
        column: str,
        optional: bool,
        completed: Iterable[Hidden],
        known: Known,
        pool: Pool | None,
        rows: int,
    ) -> Feasible:
        """Return what ``column`` may hold in each of ``rows`` rows so that the formula is true.

        ``completed`` are the hidden terms that are computed from the column; ``known`` holds every
        other column the formula speaks of.
        """
        mine = {h.name: h for h in completed}
        env = self.environment(formula, known, pool, without=mine)
        domain = self.domains[column]
        flag = column + NULL_SUFFIX
        if domain[0] > domain[1]:
            nothing = np.full((rows, 1), EMPTY_LO, np.int64), np.full((rows, 1), EMPTY_HI, np.int64)
            found = Feasible(np.zeros(rows, bool), *nothing)
        else:
            present = {**env, flag: np.zeros(rows, np.int64)}
            found = solve(formula, column, present, domain, mine, rows)
        if not optional:
            return found
        absent = {h.name: np.full(rows, _stand_in(h), self.dtype) for h in mine.values()}
        at_null = {
            **env,
            **absent,
            flag: np.ones(rows, np.int64),
            column: np.full(rows, domain[0], self.dtype),
        }
        null = np.broadcast_to(evaluate(formula, at_null), (rows,)).copy()
        return Feasible(null, found.lo, found.hi, found.stride)

    def value(self, hidden: str, known: Known, pool: Pool | None) -> NDArray[Any]:
        """Return a hidden term's value in each row, one within its range where the term is NULL."""
        return np.atleast_1d(self._value(Evaluator(dict(known), pool), self.hidden[hidden]))

    def _value(self, evaluator: Evaluator, hidden: Hidden) -> NDArray[Any]:
        if isinstance(hidden.term, core.TextIs | core.TextMatch):
            return evaluator.truth(hidden.term)[0].astype(np.int64)
        value, nulls = evaluator.value(hidden.term)
        value = np.asarray(value)
        # Of a NULL term no rule looks at the value either.
        return (value if nulls is None else np.where(nulls, _stand_in(hidden), value)).astype(
            self.dtype
        )


def _stand_in(hidden: Hidden) -> int:
    """Return the value a term that is NULL gets: the least of its range need not fit an int64."""
    return min(max(0, hidden.lo), hidden.hi)


def all_ranges(backend: SmtBackend) -> dict[str, tuple[int, int]]:
    """Return the range of every variable a formula of this backend may mention."""
    ranges = dict(backend.ranges)
    ranges |= {c + NULL_SUFFIX: (0, 1) for c in backend.ranges}
    ranges |= {h.name: (h.lo, h.hi) for h in backend.hidden}
    return ranges
