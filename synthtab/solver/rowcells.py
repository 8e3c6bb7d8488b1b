"""Rows as the solver speaks of them, cell by cell, taken from batches and made into batches."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from synthtab.batch import Batch
from synthtab.ir import nodes
from synthtab.schema import (
    Column,
    IntegerType,
    TextType,
    Value,
    encode_value,
    type_domain,
    type_name,
)
from synthtab.solver.inquiry import Cell, Row


def cells_of(table: nodes.Table, batch: Batch, row: int) -> dict[str, Cell]:
    """Return the cells (codes, strings, None for NULL) of a row of a batch, by its number from 0.

    They are those of the table's columns, which the batch may have among others.
    """
    out: dict[str, Cell] = {}
    for column in table.columns:
        codes, nulls = batch.column(column.name)
        text = isinstance(column.type, TextType)
        code = int(codes[row])
        out[column.name] = None if nulls[row] else str(batch.pool[code]) if text else code
    return out


def batch_of(table: nodes.Table, rows: Sequence[Row]) -> Batch:
    """Return rows of cells as a batch of the table's columns; the rows may have others too."""
    shape = (len(rows), len(table.columns))
    codes, nulls = np.zeros(shape, np.int64), np.zeros(shape, bool)
    pool: dict[str, int] = {}
    for i, row in enumerate(rows):
        for j, name in enumerate(table.column_names):
            cell = row[name]
            nulls[i, j] = cell is None
            if isinstance(cell, str):
                codes[i, j] = pool.setdefault(cell, len(pool))
            elif cell is not None:
                codes[i, j] = cell
    return Batch(table.column_names, codes, nulls, np.array(list(pool), dtype=object))


def cell_of(column: Column, value: Value | None) -> Cell:
    """Return a value as a cell; it may have more digits than the column's type allows.

    Raises ValueError, saying what is accepted, where it is of another type, or beyond all codes.
    """
    if value is None or (isinstance(column.type, TextType) and isinstance(value, str)):
        return value
    if isinstance(value, Decimal) and not value.is_finite():
        raise ValueError(f"{value} is no {type_name(column.type)}")
    code = encode_value(column.type, value)
    lo, hi = type_domain(IntegerType())
    if not lo <= code <= hi:
        raise ValueError(f"{value} is no {type_name(column.type)}")
    return code
