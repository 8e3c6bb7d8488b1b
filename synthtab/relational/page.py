"""A table while it is written: cells that come in bit by bit, and strings with numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.vector import Evaluator
from synthtab.batch import Batch, Codes, Mask
from synthtab.ir import core, nodes, strings
from synthtab.ir.lowered import Lowered
from synthtab.ir.normalise import lower_term
from synthtab.ir.strings import StringTerm
from synthtab.relational.reading import Rows
from synthtab.schema import TextType

Cells = tuple[Codes, Mask]


class Pool:
    """Strings with numbers, for text that comes in bit by bit."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._array: NDArray[np.object_] = np.empty(0, dtype=object)

    def codes(self, texts: NDArray[np.object_]) -> Codes:
        """Return the number of each string, a new one for a new string."""
        numbers = self._numbers
        found = [numbers.setdefault(text, len(numbers)) for text in texts]
        return np.array(found, dtype=np.int64)

    @property
    def array(self) -> NDArray[np.object_]:
        """The strings by number; one at least, so that any code may be looked up."""
        if len(self._array) != max(1, len(self._numbers)):
            self._array = np.array([*(self._numbers or [""]), None], dtype=object)[:-1]
        return self._array


class Page:
    """The cells of a table's rows; what is not written yet is 0."""

    def __init__(self, table: nodes.Table, rows: int) -> None:
        self.pool = Pool()
        self._names = table.column_names
        self._codes = np.zeros((rows, len(self._names)), dtype=np.int64)
        self._nulls = np.zeros((rows, len(self._names)), dtype=bool)
        self._texts = {c.name for c in table.columns if isinstance(c.type, TextType)}

    @property
    def batch(self) -> Batch:
        """All rows. The cells are shared: what is written later shows."""
        return Batch(self._names, self._codes, self._nulls, self.pool.array)

    def is_text(self, column: str) -> bool:
        """Say whether a column's codes number strings."""
        return column in self._texts

    def adopted(self, batch: Batch) -> Batch:
        """Return other rows of the table, their text by the numbers that it has here."""
        codes = batch.codes.copy()
        for at, name in enumerate(batch.columns):
            if name in self._texts:
                some = ~batch.nulls[:, at]
                codes[some, at] = self.pool.codes(batch.pool[codes[some, at]])
        return Batch(batch.columns, codes, batch.nulls, self.pool.array)

    def cells(self, rows: Rows) -> Cells:
        """Return copies of all cells of some rows, codes and nulls (rows, columns)."""
        return self._codes[rows], self._nulls[rows]

    def put(self, rows: Rows, codes: Codes, nulls: Mask) -> None:
        """Put cells back that :meth:`cells` returned."""
        self._codes[rows], self._nulls[rows] = codes, nulls

    def set(self, rows: Rows, column: str, values: Cells, pool: NDArray[np.object_]) -> None:
        """Put cells of a column in place; codes of text index ``pool``."""
        codes, nulls = values
        if column in self._texts:
            some = ~nulls
            taken = np.zeros(len(codes), dtype=np.int64)
            taken[some] = self.pool.codes(pool[codes[some]])
            codes = taken
        at = self._names.index(column)
        self._codes[rows, at] = np.where(nulls, 0, codes)
        self._nulls[rows, at] = nulls


def pooled(batch: Batch) -> Batch:
    """Return the batch with a pool of one string at least, so that any code may be looked up."""
    if len(batch.pool):
        return batch
    return Batch(batch.columns, batch.codes, batch.nulls, np.array([""], dtype=object))


def symbols_batch(columns: Mapping[str, Codes], rows: int) -> Batch:
    """Return columns of symbols as a batch of ``rows`` rows; there may be no column."""
    codes = np.stack(list(columns.values()), axis=1) if columns else np.zeros((rows, 0), np.int64)
    return Batch(tuple(columns), codes, np.zeros(codes.shape, bool), np.empty(0, dtype=object))


def copied(batch: Batch, column: str, rows: Rows) -> Cells:
    """Return some rows' cells of a column."""
    codes, nulls = batch.column(column)
    return codes[rows], nulls[rows]


def value_of(term: nodes.Term, table: nodes.Table, batch: Batch) -> Cells:
    """Return a term's value in each row, in the unit its hidden column has."""
    lowered: Lowered = lower_term(term, table)
    if isinstance(lowered, StringTerm):
        what = lowered.cases[0][1]
        assert not isinstance(what, strings.Constant)
        inner: core.Term = what.var
    else:
        inner = lowered.term
    env = {name: batch.column(name) for name in batch.columns}
    codes, nulls = Evaluator(env, batch.pool).value(inner)
    shape = (len(batch),)
    missing = np.zeros(shape, bool) if nulls is None else np.broadcast_to(nulls, shape)
    return np.broadcast_to(np.asarray(codes, dtype=np.int64), shape), missing
