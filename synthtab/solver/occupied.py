"""Which cells of a product of columns any row can lie in, by the rules about single rows.

A cell that the rules leave empty is a structural zero: what counts rows need not look there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import z3
from numpy.typing import NDArray

from synthtab.backends.smt import SmtBackend
from synthtab.ir import nodes
from synthtab.solver.components import Component, components
from synthtab.solver.eliminate import Deadline

CHECK_MS = 200
Occupied = NDArray[np.bool_]


@dataclass(frozen=True)
class Cells:
    """A column's cells: stretches of codes, both ends included, and one for NULL, the last."""

    lo: tuple[int, ...]
    hi: tuple[int, ...]
    null: bool

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.lo) + self.null


def related(table: nodes.Table) -> list[frozenset[str]]:
    """Return the sets of columns that hard rules tie to each other, directly or through others."""
    return [c.columns for c in components(SmtBackend(table))]


def occupied(
    table: nodes.Table,
    cells: Mapping[str, Cells],
    cliques: Sequence[tuple[str, ...]],
    budget_s: float = 20.0,
) -> dict[tuple[str, ...], Occupied]:
    """Say of each cell of each clique of columns whether a row can lie in it.

    ``cells`` has the columns' cells; the answer for a clique has their sizes as its shape. A False
    is a proof; where Z3 cannot tell, or the time is up, the answer is True. A clique is looked at
    as a whole where all of its columns are tied by rules; else it is the product of its parts.
    """
    backend = SmtBackend(table)
    deadline = Deadline(budget_s)
    out = {c: np.ones([cells[n].size for n in c], dtype=bool) for c in cliques}
    for component in components(backend):
        inside = {c: tuple(n for n in c if n in component.columns) for c in cliques}
        asked = sorted({part for part in inside.values() if part}, key=lambda p: (len(p), p))
        found = _Search(backend, component, cells, deadline).settle(asked)
        for clique, part in inside.items():
            if part:
                shape = [cells[n].size if n in part else 1 for n in clique]
                order = np.argsort([part.index(n) for n in clique if n in part])
                mask = found[part].transpose(np.argsort(order))
                out[clique] &= mask.reshape(shape)
    return out


class _Search:
    """One component's cells: a persistent solver, and an assumption for each cell of a column."""

    def __init__(
        self,
        backend: SmtBackend,
        component: Component,
        cells: Mapping[str, Cells],
        deadline: Deadline,
    ) -> None:
        self._backend, self._deadline = backend, deadline
        self._cells = {n: c for n, c in cells.items() if n in component.columns}
        self._solver = z3.SolverFor("QF_LIA", ctx=backend.context)
        self._solver.set("timeout", CHECK_MS)
        self._solver.add(*component.conjuncts, *component.background(backend))
        self._marks: dict[str, list[z3.BoolRef]] = {}
        for name, mine in self._cells.items():
            value, absent = backend.value(name), backend.null(name)
            marks = []
            for k in range(mine.size):
                mark = z3.Bool(f"\x03{name} in {k}", backend.context)
                if k == len(mine.lo):
                    here = absent
                else:
                    ends = value >= mine.lo[k], value <= mine.hi[k]
                    here = z3.And(z3.Not(absent), *ends)
                self._solver.add(z3.Implies(mark, here))
                marks.append(mark)
            self._marks[name] = marks

    def settle(self, cliques: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], Occupied]:
        """Return the occupied cells of cliques, smaller ones first: they narrow the larger."""
        known: dict[tuple[str, ...], Occupied] = {}
        seen = {c: np.zeros([self._cells[n].size for n in c], dtype=bool) for c in cliques}
        for clique in cliques:
            open_ = ~seen[clique]
            for smaller, mask in known.items():
                if set(smaller) < set(clique):
                    shape = [self._cells[n].size if n in smaller else 1 for n in clique]
                    order = [smaller.index(n) for n in clique if n in smaller]
                    open_ &= mask.transpose(order).reshape(shape)
            for cell in np.argwhere(open_):
                at = tuple(int(k) for k in cell)
                if seen[clique][at]:
                    continue
                model = self._row(clique, at)
                if model is None:
                    open_[at] = False
                else:
                    seen[clique][at] = True
                    self._mark(model, seen)
            known[clique] = seen[clique]
        return known

    def _row(self, clique: tuple[str, ...], cell: tuple[int, ...]) -> dict[str, int] | None:
        """Return the cells of a row in this cell; {} where Z3 cannot tell, None where none is."""
        if self._deadline.spent():
            return {}
        marks = [self._marks[n][k] for n, k in zip(clique, cell, strict=True)]
        verdict = self._solver.check(*marks)
        if verdict == z3.unsat:
            return None
        if verdict != z3.sat:
            return {}
        model = self._solver.model()
        return {name: self._cell(model, name) for name in self._cells}

    def _cell(self, model: z3.ModelRef, name: str) -> int:
        mine = self._cells[name]
        absent = model.eval(self._backend.null(name), model_completion=True)
        if z3.is_true(absent):
            return len(mine.lo)
        value = model.eval(self._backend.value(name), model_completion=True).as_long()
        return int(np.clip(np.searchsorted(mine.lo, value, side="right") - 1, 0, len(mine.lo) - 1))

    @staticmethod
    def _mark(row: Mapping[str, int], seen: Mapping[tuple[str, ...], Occupied]) -> None:
        for clique, mask in seen.items():
            if all(n in row for n in clique):
                mask[tuple(row[n] for n in clique)] = True
