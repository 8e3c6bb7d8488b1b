"""What is kept of each group of siblings while they are written: the one before, figures so far."""

from __future__ import annotations

import numpy as np

from synthtab.batch import Batch
from synthtab.relational.hidden import Before, SoFar
from synthtab.relational.page import Cells, value_of
from synthtab.relational.reading import Rows
from synthtab.relational.view import View


class Standing:
    """The values, per group, of the hidden columns that siblings before decide."""

    def __init__(self, view: View, groups: int) -> None:
        self._view = view
        self._values: dict[str, Cells] = {}
        for name, what in view.hidden.items():
            if isinstance(what, Before | SoFar):
                empty = not (isinstance(what, SoFar) and what.function == "sum")
                self._values[name] = np.zeros(groups, dtype=np.int64), np.full(groups, empty)

    def of(self, name: str, group: Rows) -> Cells:
        """Return a hidden column's cells (rows,) for rows of some groups."""
        codes, nulls = self._values[name]
        return codes[group], nulls[group]

    def remember(self, whole: Batch, group: Rows) -> None:
        """Take in rows that are written: at most one of each group where siblings have an order."""
        for name, (codes, nulls) in self._values.items():
            what = self._view.hidden[name]
            assert isinstance(what, Before | SoFar)
            new, missing = value_of(what.term, self._view.table, whole)
            if isinstance(what, Before):
                codes[group], nulls[group] = new, missing
            elif what.function == "sum":
                codes[group] += np.where(missing, 0, new)
            else:
                least = np.minimum if what.function == "min" else np.maximum
                old, none = codes[group], nulls[group]
                both = np.where(none, new, np.where(missing, old, least(old, new)))
                codes[group], nulls[group] = both, none & missing
