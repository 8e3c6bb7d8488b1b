"""What candidates would do: the violations each takes away, and those it would bring."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from synthtab.backends.groups import Ids
from synthtab.backends.tables import Checks
from synthtab.batch import Batch, Mask
from synthtab.schema import TextType, domain
from synthtab.solver.mending.sheets import Broken, Edits, Law, Sheets
from synthtab.solver.mending.worlds import Index, world

AT_ONCE = 4_000
"""Candidates judged together: their worlds are held in memory."""


@dataclass(frozen=True)
class Verdict:
    """For each candidate: how many violations it takes away (``removed``) and brings (``added``).

    ``wide`` marks those that bear on a rule which only a look at all rows can judge. The arrays
    ``by``, ``law``, ``row`` list the rows that candidates bear on, with ``change`` -1 where one
    comes to keep the law, 1 where it comes to break it, 0 where all stays as it is.
    """

    removed: Ids
    added: Ids
    wide: Mask
    by: Ids
    law: Ids
    row: Ids
    change: Ids


def judge(
    sheets: Sheets,
    laws: Sequence[Law],
    broken: Broken,
    edits: Edits,
    *,
    go_on: Callable[[], bool] = lambda: True,
) -> Verdict:
    """Judge every candidate by itself, in the rows as they are now.

    ``go_on`` is asked now and then whether there is time; candidates that there is none for are
    said to bring a violation, so that nobody takes them.
    """
    parts: list[tuple[int, Verdict]] = []
    for start in range(0, max(edits.count, 1), AT_ONCE):
        chosen = np.arange(start, min(start + AT_ONCE, edits.count))
        if start and not go_on():
            parts.append((start, _unjudged(edits.count - start)))
            break
        parts.append((start, _judge(sheets, laws, broken, edits.of(chosen))))
    return Verdict(
        np.concatenate([p.removed for _, p in parts]),
        np.concatenate([p.added for _, p in parts]),
        np.concatenate([p.wide for _, p in parts]),
        np.concatenate([p.by + start for start, p in parts]),
        np.concatenate([p.law for _, p in parts]),
        np.concatenate([p.row for _, p in parts]),
        np.concatenate([p.change for _, p in parts]),
    )


def _unjudged(number: int) -> Verdict:
    """Return what is said of candidates that nobody looked at."""
    none = np.empty(0, np.int64)
    nothing = np.zeros(number, np.int64)
    return Verdict(nothing, nothing + 1, np.zeros(number, bool), none, none, none, none)


def _judge(sheets: Sheets, laws: Sequence[Law], broken: Broken, edits: Edits) -> Verdict:
    index = Index(sheets, broken.checks.context, edits)
    wide = np.zeros(edits.count, bool)
    found: list[tuple[Ids, int, Ids, Ids]] = []
    touched = [_columns(edits, sheets, k) for k in range(len(sheets.tables))]
    for k, law in enumerate(laws):
        if law.is_declaration:
            if touched[law.table][law.column]:
                found.append(_declared(sheets, law, k, broken.masks[k], edits))
            continue
        if not any(
            touched[sheets.number[name]][sheets.tables[sheets.number[name]].column_names.index(c)]
            for name, columns in law.reads.items()
            for c in columns
        ):
            continue
        needed = world(index, law)
        wide |= needed.wide
        if not len(needed.judged):
            continue
        assert law.rule is not None
        batches: dict[str, Batch] = {}
        worlds: dict[str, Ids] = {}
        tables = []
        for name in law.reads:
            number = sheets.number[name]
            pairs = needed.rows.get(name)
            tables.append(sheets.tables[number])
            if pairs is None:
                batches[name] = sheets.batch(number).take(np.empty(0, np.int64))
                worlds[name] = np.empty(0, np.int64)
            else:
                batches[name], worlds[name] = index.changed(number, pairs), pairs.candidate
        own = sheets.tables[law.table].name
        # Judged rows are rows of the table, which come in the order of candidate and row.
        after = Checks(sheets.tables, batches, worlds).violated(own, law.rule)
        rows = np.int64(max(sheets.rows(law.table), 1))
        pairs = needed.rows[own]
        at = np.searchsorted(
            pairs.candidate * rows + pairs.row,
            needed.judged.candidate * rows + needed.judged.row,
        )
        before = broken.masks[k][needed.judged.row]
        change = np.asarray(after)[at].astype(np.int64) - before
        found.append((needed.judged.candidate, k, needed.judged.row, change))
    by = _joined([f[0] for f in found])
    row = _joined([f[2] for f in found])
    change = _joined([f[3] for f in found])
    law_of = _joined([np.full(len(f[0]), f[1], np.int64) for f in found])
    removed = np.bincount(by[change < 0], minlength=edits.count).astype(np.int64)
    added = np.bincount(by[change > 0], minlength=edits.count).astype(np.int64)
    return Verdict(removed, added, wide, by, law_of, row, change)


def _joined(parts: list[Ids]) -> Ids:
    return np.concatenate([np.empty(0, np.int64), *parts])


def _columns(edits: Edits, sheets: Sheets, table: int) -> Mask:
    """Say of each column of a table whether it is written to."""
    found = np.zeros(len(sheets.tables[table].columns), bool)
    found[edits.column[edits.table == table]] = True
    return found


def _declared(
    sheets: Sheets, law: Law, number: int, before: Mask, edits: Edits
) -> tuple[Ids, int, Ids, Ids]:
    mine = np.flatnonzero((edits.table == law.table) & (edits.column == law.column))
    after = outside(sheets, law, edits.code[mine], edits.null[mine])
    rows = edits.row[mine]
    return edits.candidate[mine], number, rows, after.astype(np.int64) - before[rows]


def outside(sheets: Sheets, law: Law, codes: Ids, nulls: Mask) -> Mask:
    """Say which cells a column's declaration does not allow, (cells,) bool."""
    column = sheets.tables[law.table].columns[law.column]
    if isinstance(column.type, TextType):
        names = sheets.tables[law.table].column_names
        shape = (len(codes), len(names))
        filled = np.zeros(shape, np.int64)
        filled[:, law.column] = np.where(nulls, 0, codes)
        empty = np.zeros(shape, bool)
        empty[:, law.column] = nulls
        backend = sheets.backends[law.table]
        # Only this column's verdict is used; a code 0 needs a string that it stands for.
        pool = sheets.pool if len(sheets.pool) else np.array([""], object)
        return backend.out_of_domain(Batch(names, filled, empty, pool))[:, law.column]
    lo, hi = domain(column)
    return np.where(nulls, not column.optional, (codes < lo) | (codes > hi))
