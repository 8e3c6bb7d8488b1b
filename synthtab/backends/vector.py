"""Validation of whole batches in NumPy: rules, domains and keys."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.arrays import Env, Evaluator, TextPool, truth
from synthtab.backends.lookup import Lookup, lookup
from synthtab.backends.support import Exact, Supports, answers, beyond_a_row
from synthtab.batch import Batch, Mask
from synthtab.ir import nodes
from synthtab.ir.corewalk import variables
from synthtab.ir.normalise import lower
from synthtab.schema import Column, TextType, domain

__all__ = ["Env", "Evaluator", "TextPool", "VectorBackend", "truth"]

# Rows judged at a time: few enough that a column's codes stay in the processor's cache.
_CHUNK = 16_384


class VectorBackend:
    """One table's rules, lowered once, for any number of batches with the table's columns."""

    supports: ClassVar[Supports] = answers(
        Exact(), beyond_a_row("it is judged for whole tables, not row by row")
    )

    def __init__(self, table: nodes.Table) -> None:
        self.table = table
        self._conditions = [lower(r.condition, table) for r in table.row_rules]
        self._variables = [v for c in self._conditions for v in variables(c)]
        self._columns = {c.name: c for c in table.columns}
        self._lookups: list[Lookup | None] | None = None

    def violated(self, batch: Batch) -> Mask:
        """Return which row breaks which row rule, (rows, rules) bool, rules as in ``row_rules``."""
        broken = np.zeros((len(batch), len(self._conditions)), dtype=bool, order="F")
        places = {name: batch.index(name) for name in self._variables}
        pool = TextPool(batch.pool)
        lookups = self._looked_up(len(batch))
        for start in range(0, len(batch), _CHUNK):
            rows = slice(start, start + _CHUNK)
            env = {name: _column(batch, rows, at) for name, at in places.items()}
            evaluator = Evaluator(env, pool)
            for k, condition in enumerate(self._conditions):
                table = lookups[k]
                false = None if table is None else table.false(env)
                broken[rows, k] = evaluator.truth(condition)[1] if false is None else false
        return broken

    def _looked_up(self, rows: int) -> list[Lookup | None]:
        """Return the rules' tables of verdicts, made when there are rows enough to repay them."""
        if self._lookups is None:
            if rows < _CHUNK:
                return [None] * len(self._conditions)
            self._lookups = [lookup(c, self._columns) for c in self._conditions]
        return self._lookups

    def out_of_domain(self, batch: Batch) -> Mask:
        """Return which cells their columns may not hold, (rows, columns of the table) bool.

        That is a NULL in a column that is not optional, a code outside the column's range, a text
        that is too long or does not match its pattern.
        """
        outside = np.zeros((len(batch), len(self.table.columns)), dtype=bool, order="F")
        pool = TextPool(batch.pool)
        places = [batch.index(c.name) for c in self.table.columns]
        bad = [
            _bad_texts(c, c.type, pool) if isinstance(c.type, TextType) else None
            for c in self.table.columns
        ]
        for start in range(0, len(batch), _CHUNK):
            rows = slice(start, start + _CHUNK)
            for k, column in enumerate(self.table.columns):
                codes, nulls = _column(batch, rows, places[k])
                wrong_texts = bad[k]
                if wrong_texts is not None:
                    wrong = wrong_texts[codes]
                else:
                    lo, hi = domain(column)
                    if nulls is None and codes.min() >= lo and codes.max() <= hi:
                        continue  # as nearly always
                    wrong = (codes < lo) | (codes > hi)
                if nulls is not None:
                    wrong = np.where(nulls, not column.optional, wrong)
                outside[rows, k] = wrong
        return outside

    def duplicates(self, batch: Batch, rule: nodes.UniqueRule) -> Mask:
        """Return the rows, (rows,) bool, whose key an earlier row has; NULL keys never repeat."""
        places = [batch.index(name) for name in rule.columns]
        repeated = np.zeros(len(batch), dtype=bool)
        whole = np.flatnonzero(~batch.nulls[:, places].any(axis=1))
        keys = batch.codes[whole][:, places]
        order = np.lexsort(keys.T[::-1])  # stable: of equal keys the earliest row comes first
        ordered = keys[order]
        same = (ordered[1:] == ordered[:-1]).all(axis=1)
        repeated[whole[order[1:][same]]] = True
        return repeated


def _column(
    batch: Batch, rows: slice, at: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_] | None]:
    nulls = batch.nulls[rows, at]
    return np.ascontiguousarray(batch.codes[rows, at]), nulls.copy() if nulls.any() else None


def _bad_texts(column: Column, kind: TextType, pool: TextPool) -> Mask:
    bad = pool.lengths() > kind.max_length
    return bad if kind.pattern is None else bad | ~pool.match(kind.pattern)
