"""What tables that are written break: hard rules and declarations, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from synthtab.backends.tables import TablesBackend
from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch, Mask
from synthtab.ir import nodes
from synthtab.relational.reading import Rows
from synthtab.schema import TextType, decode_value

Broken = Mapping[str, Mapping[str, Mask]]
"""By table, the hard rules and columns that rows break, and which rows."""

SHOWN = 5


def broken_rules(
    tables: Sequence[nodes.Table], batches: Mapping[str, Batch]
) -> dict[str, dict[str, Mask]]:
    """Return what rows break; a column's declaration is named ``column NAME``."""
    found: dict[str, dict[str, Mask]] = {}
    violated = TablesBackend(tuple(tables)).violated(batches)
    for table in tables:
        mine = {
            rule.name: violated[table.name, rule.name]
            for rule in table.rules
            if rule.share is None and violated[table.name, rule.name].any()
        }
        outside = VectorBackend(table).out_of_domain(batches[table.name])
        for at, column in enumerate(table.columns):
            if outside[:, at].any():
                mine[f"column {column.name}"] = outside[:, at]
        if mine:
            found[table.name] = mine
    return found


def times_broken(broken: Broken) -> int:
    """Return how many times rows break something."""
    return sum(int(mask.sum()) for rules in broken.values() for mask in rules.values())


def breaches(broken: Broken, table: str, rows: int) -> Rows:
    """Return how often each of a table's rows breaks something, (rows,) int64."""
    found = np.zeros(rows, dtype=np.int64)
    for mask in broken.get(table, {}).values():
        found += mask
    return found


def named_rows(table: nodes.Table, batch: Batch, mask: Mask) -> str:
    """Return the first few rows of a mask by their keys, or by their numbers where none has one."""
    rows = np.flatnonzero(mask)
    key = next((r.columns for r in table.unique_rules if r.share is None and not r.where), ())
    shown = [_row(table, batch, key, row) for row in rows[:SHOWN].tolist()]
    return "; ".join(shown) + ("; ..." if len(rows) > SHOWN else "")


def _row(table: nodes.Table, batch: Batch, key: Sequence[str], row: int) -> str:
    if not key:
        return f"row {row + 1}"
    values = []
    for name in key:
        codes, nulls = batch.column(name)
        kind = table.column(name).type
        if nulls[row]:
            values.append(f"{name} null")
        elif isinstance(kind, TextType):
            values.append(f"{name} {batch.pool[codes[row]]!r}")
        else:
            values.append(f"{name} {decode_value(kind, int(codes[row]))}")
    return ", ".join(values)
