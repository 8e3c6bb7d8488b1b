"""Judging rows by an imported table, twice: in NumPy and by the slow evaluator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from batches import to_batch

from synthtab.backends.vector import VectorBackend
from synthtab.ir.evaluate import evaluate
from synthtab.ir.nodes import Table
from synthtab.schema import Value

Row = dict[str, Value | None]


def accepted(table: Table, rows: Sequence[Row]) -> list[bool]:
    """Return which rows the columns and row rules of a table allow."""
    batch = to_batch(table.columns, list(rows))
    backend = VectorBackend(table)
    outside = backend.out_of_domain(batch).any(axis=1)
    violated = backend.violated(batch)
    slow = [[evaluate(r.condition, row, table) is False for r in table.row_rules] for row in rows]
    assert np.array_equal(violated, np.array(slow, dtype=bool).reshape(violated.shape))
    return [bool(x) for x in ~(outside | violated.any(axis=1))]
