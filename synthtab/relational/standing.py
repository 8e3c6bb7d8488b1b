"""What is kept of rows that go by each other while they are written: the one before, sums so far.

It is kept of each group of siblings, and of each row that a strand goes by.
"""

from __future__ import annotations

import numpy as np

from synthtab.batch import Batch
from synthtab.relational.hidden import Before, SoFar
from synthtab.relational.page import Cells, value_of
from synthtab.relational.reading import Rows
from synthtab.relational.view import View


class Standing:
    """The values of the hidden columns that the rows before decide.

    There are so many ``groups`` of siblings, and so many ``parents`` that strands go by. Of rows
    it is asked for the numbers of both, (rows,) int64.
    """

    def __init__(self, view: View, groups: int, parents: int) -> None:
        self._view = view
        self._turns = np.zeros(parents, dtype=np.int64)
        self._values: dict[str, Cells] = {}
        for name, what in view.hidden.items():
            if isinstance(what, Before | SoFar):
                many = parents if isinstance(what, Before) and what.strand else groups
                empty = not (isinstance(what, SoFar) and what.function == "sum")
                self._values[name] = np.zeros(many, dtype=np.int64), np.full(many, empty)

    def of(self, name: str, group: Rows, parent: Rows) -> Cells:
        """Return a hidden column's cells (rows,) for rows of some groups and strands."""
        codes, nulls = self._values[name]
        what = self._view.hidden[name]
        at = parent if isinstance(what, Before) and what.strand else group
        return codes[at], nulls[at]

    def turn(self, parent: Rows) -> Rows:
        """Return the number, from 1, that rows would have in their strands."""
        return np.asarray(self._turns[parent] + 1)

    def remember(self, whole: Batch, group: Rows, parent: Rows) -> None:
        """Take in rows that are written: at most one of each group where rows have an order."""
        if len(self._turns):
            np.add.at(self._turns, parent, 1)
        for name, (codes, nulls) in self._values.items():
            what = self._view.hidden[name]
            assert isinstance(what, Before | SoFar)
            new, missing = value_of(what.term, self._view.table, whole)
            if isinstance(what, Before):
                at = parent if what.strand else group
                codes[at], nulls[at] = new, missing
            elif what.function == "sum":
                codes[group] += np.where(missing, 0, new)
            else:
                least = np.minimum if what.function == "min" else np.maximum
                old, none = codes[group], nulls[group]
                both = np.where(none, new, np.where(missing, old, least(old, new)))
                codes[group], nulls[group] = both, none & missing
