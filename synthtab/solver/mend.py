"""Mend whole models: change as few cells as possible so that every hard rule is kept.

Rules about rows, groups of rows and several tables are all mended in one way (solver/mending/):
what rules and data say of single cells is offered, each offer is judged in a small world of the
rows it bears on, and those are taken that do away with most violations per cell and bring none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Batch
from synthtab.ir import nodes
from synthtab.schema import TextType, Value, decode_value
from synthtab.solver.mending.cover import Columns, costs_of
from synthtab.solver.mending.rounds import LAST_STAGE, Work, mend_round, put_back
from synthtab.solver.mending.sheets import Sheets, judge_all, laws_of

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Change:
    """A cell that was changed: ``row`` counts from 0; None is NULL.

    ``rules`` names the rules that caused it.
    """

    table: str
    row: int
    column: str
    old: Value | None
    new: Value | None
    rules: tuple[str, ...]


@dataclass(frozen=True)
class Mended:
    """The outcome: all rows in their order, the changed cells, and what is still broken.

    ``unmended`` gives by table and rule the rows that still break it, from 0; a rule that is not
    there is kept. A column's own declaration counts as a rule named ``NAME: declaration``.
    """

    batches: Mapping[str, Batch]
    changes: tuple[Change, ...]
    unmended: Mapping[tuple[str, str], NDArray[np.int64]]


def mend(
    tables: Sequence[nodes.Table],
    batches: Mapping[str, Batch],
    *,
    rng: np.random.Generator,
    weights: Mapping[str, Mapping[str, float]] | None = None,
    max_cells: int | None = None,
    budget_s: float | None = None,
    processes: int = 1,
    frozen: frozenset[str] = frozenset(),
    progress: Progress | None = None,
) -> Mended:
    """Change cells so that all hard rules are kept, as few as possible; touch no sound row.

    No row comes to break a rule that it kept. Soft rules, and rules that speak of a table without a
    batch, are let be. ``weights`` says by table and column how dear a cell is (default 1, keys 10);
    one of infinite weight is not changed. ``max_cells`` limits the number of changed cells: the
    smallest changes are made first. ``budget_s`` limits the time, in seconds; ``processes`` is how
    many share the work that needs a solver; tables in ``frozen`` are read and not written.
    ``progress(stage, share)`` is told how far the work is, as a share of the violations.
    """
    started = time.monotonic()
    sheets = Sheets(tables, batches)
    laws = laws_of(sheets)
    given = {name: dict(own) for name, own in (weights or {}).items()}
    broken = judge_all(sheets, laws)
    total = max(broken.total(), 1)

    def go_on() -> bool:
        """Tell how far the work is; say whether there is time left."""
        if progress is not None:
            progress("mending", 1.0 - work.broken.total() / total)
        return budget_s is None or time.monotonic() - started < budget_s

    work = Work(
        sheets,
        laws,
        broken,
        Columns(sheets),
        costs_of(sheets.tables, given),
        given,
        frozenset(sheets.number[name] for name in frozen if name in sheets.number),
        rng,
        max_cells,
        None if budget_s is None else started + budget_s,
        go_on,
        processes,
        [(c.copy(), n.copy()) for c, n in zip(sheets.codes, sheets.nulls, strict=True)],
    )
    stage = 0
    while stage <= LAST_STAGE and work.broken.total() and go_on():
        stage = 0 if mend_round(work, stage) else stage + 1
    put_back(work)
    if progress is not None:
        progress("done", 1.0 - work.broken.total() / total)
    return _outcome(work, batches)


def _outcome(work: Work, given: Mapping[str, Batch]) -> Mended:
    sheets = work.sheets
    made: dict[str, Batch] = dict(given)
    changes: list[Change] = []
    for k, table in enumerate(sheets.tables):
        batch = sheets.batch(k)
        made[table.name] = batch.select(given[table.name].columns)
        codes, nulls = work.first[k]
        differ = (codes != batch.codes) | (nulls != batch.nulls)
        for row, at in np.argwhere(differ).tolist():
            column = table.columns[at]
            rules = sorted(work.causes.get((k, row, at), set()))
            old = None if nulls[row, at] else _value(sheets, column.type, int(codes[row, at]))
            new_code = int(batch.codes[row, at])
            new = None if batch.nulls[row, at] else _value(sheets, column.type, new_code)
            changes.append(Change(table.name, row, column.name, old, new, tuple(rules)))
    unmended = {
        (sheets.tables[law.table].name, law.name): np.flatnonzero(mask)
        for law, mask in zip(work.laws, work.broken.masks, strict=True)
        if mask.any()
    }
    return Mended(made, tuple(changes), unmended)


def _value(sheets: Sheets, kind: object, code: int) -> Value:
    if isinstance(kind, TextType):
        return str(sheets.pool[code])
    return decode_value(kind, code)  # type: ignore[arg-type]
