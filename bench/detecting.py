"""Which errors break a rule at all: an error that no rule sees cannot be found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.planting import Fault, Planted
from synthtab.backends.tables import Checks
from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch, Mask
from synthtab.ir import nodes
from synthtab.ir.reads import Reads, reads


def detectable(tables: Sequence[nodes.Table], planted: Planted) -> Mask:
    """Say of each error, (errors,) bool, whether it alone, in the clean tables, breaks a hard rule.

    Rules of a row and column declarations are judged for all errors at once, the others one error
    at a time.
    """
    seen = np.zeros(len(planted.faults), bool)
    by_name = {t.name: t for t in tables}
    for table in tables:
        mine = [k for k, f in enumerate(planted.faults) if f.cells[0].table == table.name]
        rows = planted.clean[table.name].take(
            np.array([planted.faults[k].cells[0].row for k in mine], np.int64)
        )
        for at, k in enumerate(mine):
            for cell in planted.faults[k].cells:
                rows.codes[at, rows.index(cell.column)] = cell.wrong
        backend = VectorBackend(table)
        alone = backend.violated(rows).any(axis=1) | backend.out_of_domain(rows).any(axis=1)
        seen[mine] = alone
    beyond: list[tuple[str, nodes.Rule, Reads]] = [
        (t.name, rule, reads(rule, t, by_name))
        for t in tables
        for rule in t.rules
        if rule.share is None and rule not in t.row_rules
    ]
    work = {
        name: Batch(b.columns, b.codes.copy(), b.nulls, b.pool) for name, b in planted.clean.items()
    }
    for k in np.flatnonzero(~seen):
        fault = planted.faults[k]
        _write(work, fault, wrong=True)
        seen[k] = any(
            _reads(fault, read) and _is_broken(tables, work, home, rule, read)
            for home, rule, read in beyond
        )
        _write(work, fault, wrong=False)
    return seen


def _reads(fault: Fault, read: Reads) -> bool:
    return any(cell.column in read.get(cell.table, {}) for cell in fault.cells)


def _is_broken(
    tables: Sequence[nodes.Table],
    batches: dict[str, Batch],
    home: str,
    rule: nodes.Rule,
    read: Reads,
) -> bool:
    needed = {name: batches[name] for name in read}
    return bool(Checks(tables, needed).violated(home, rule).any())


def _write(batches: dict[str, Batch], fault: Fault, *, wrong: bool) -> None:
    for cell in fault.cells:
        batch = batches[cell.table]
        batch.codes[cell.row, batch.index(cell.column)] = cell.wrong if wrong else cell.truth
