"""The Plan as the generator is guided by it, whatever the way a column is written.

Relative columns are shifted by what they go by, listed ones have their place in the list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Codes, Mask
from synthtab.generate.guide import Known
from synthtab.ir.context import PREFIX
from synthtab.relational.listing import Listing
from synthtab.relational.reading import Relative
from synthtab.solver.feasible import EMPTY_HI, EMPTY_LO, Feasible
from synthtab.solver.plan import Plan


def base_name(column: str) -> str:
    """Return the name under which it is known what a relative column is counted from."""
    return f"{PREFIX}base {column}"


def fixed_name(column: str) -> str:
    """Return the name under which it is known what a number of children has to be."""
    return f"{PREFIX}fixed {column}"


@dataclass(frozen=True)
class WrittenGuide:
    """A Plan over values for a generator that writes some columns as distances or list places.

    ``fixed`` columns are numbers that may not be others than are known of each row.
    """

    plan: Plan
    relative: Mapping[str, Relative]
    listed: Mapping[str, Listing]
    fixed: frozenset[str] = frozenset()

    def base(self, column: str, values: Known) -> Codes:
        """Return what a relative column is counted from, where the values before it are known."""
        base = values[base_name(column)][0]
        own = self.relative[column].own
        if own is None:
            return base
        codes, nulls = values[own]
        return np.where(nulls, base, codes)

    def constrained(self, column: str) -> bool:
        """See :class:`synthtab.generate.guide.Guide`; a distance has to lead into the domain."""
        return column in self.relative or column in self.fixed or self.plan.constrained(column)

    def feasible(self, column: str, known: Known, pool: NDArray[np.object_]) -> Feasible:
        """See :class:`synthtab.generate.guide.Guide`."""
        values, pool = self._values(known, pool)
        found = self.plan.feasible(column, values, pool)
        if column in self.fixed:
            number = values[fixed_name(column)][0]
            lawful = found.contains(number, np.zeros(len(number), dtype=bool))
            lo, hi = np.where(lawful, number, EMPTY_LO), np.where(lawful, number, EMPTY_HI)
            return Feasible(np.zeros(len(number), dtype=bool), lo[:, None], hi[:, None])
        if column in self.relative:
            base = self.base(column, values)[:, None]
            return Feasible(found.null, found.lo - base, found.hi - base, found.stride)
        if column in self.listed and self.listed[column].codes:
            return self.listed[column].among(found)
        return found

    def _values(self, known: Known, pool: NDArray[np.object_]) -> tuple[Known, NDArray[np.object_]]:
        """Return what is known in codes, and the strings that those of text columns index."""
        made: dict[str, tuple[Codes, Mask]] = dict(known)
        for column in self.relative:
            if column in known:
                codes, nulls = known[column]
                made[column] = np.where(nulls, 0, codes + self.base(column, made)), nulls
        for column in self.listed.keys() & known.keys():
            codes, nulls = known[column]
            listing = self.listed[column]
            values = listing.values(codes)
            if listing.words:
                values = values + len(pool)
                pool = np.concatenate([pool, listing.strings])
            made[column] = np.where(nulls, 0, values), nulls
        return made, pool
