"""The Plan as the generator is guided by it: relative columns are shifted by what they go by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthtab.generate.guide import Known
from synthtab.ir.context import PREFIX
from synthtab.solver.feasible import Feasible
from synthtab.solver.plan import Plan


def base_name(column: str) -> str:
    """Return the name under which it is known what a relative column is counted from."""
    return f"{PREFIX}base {column}"


@dataclass(frozen=True)
class RelativeGuide:
    """A Plan over absolute values for a generator that writes some columns as distances."""

    plan: Plan
    relative: frozenset[str]

    def constrained(self, column: str) -> bool:
        """See :class:`synthtab.generate.guide.Guide`; a distance has to lead into the domain."""
        return column in self.relative or self.plan.constrained(column)

    def feasible(self, column: str, known: Known, pool: NDArray[np.object_]) -> Feasible:
        """See :class:`synthtab.generate.guide.Guide`."""
        found = self.plan.feasible(column, self._absolute(known), pool)
        if column not in self.relative:
            return found
        base = known[base_name(column)][0][:, None]
        return Feasible(found.null, found.lo - base, found.hi - base, found.stride)

    def _absolute(self, known: Known) -> Known:
        made: dict[str, tuple[NDArray[np.int64], NDArray[np.bool_]]] = dict(known)
        for column in self.relative & known.keys():
            codes, nulls = known[column]
            made[column] = np.where(nulls, 0, codes + known[base_name(column)][0]), nulls
        return made


def absolute(
    values: Mapping[str, tuple[NDArray[np.int64], NDArray[np.bool_]]],
    column: str,
    base: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return a relative column's cells as the table has them."""
    codes, nulls = values[column]
    return np.where(nulls, 0, codes + base), nulls
