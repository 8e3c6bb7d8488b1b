"""The rows being mended, the rules they are to keep, and which rows break which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.groups import Ids, one_pool
from synthtab.backends.tables import Checks
from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch, Codes, Mask
from synthtab.ir import nodes
from synthtab.ir.reads import Reads, reads
from synthtab.solver.mending.places import Place, places

Cell = tuple[int, int, int]
"""The numbers of a cell's table, row and column."""


@dataclass(frozen=True)
class Law:
    """A hard rule of a table, or (``rule`` None) what a column's declaration allows.

    ``reads`` names the columns it is judged by, ``places`` where rows that it looks at are found.
    """

    table: int
    name: str
    rule: nodes.Rule | None
    column: int
    reads: Reads
    places: tuple[Place, ...]

    @property
    def is_declaration(self) -> bool:
        """Whether it speaks of one cell."""
        return self.rule is None


class Sheets:
    """All tables with their rows in codes, one pool of strings for all; cells are written here."""

    def __init__(self, tables: Sequence[nodes.Table], batches: Mapping[str, Batch]) -> None:
        self.tables = tuple(t for t in tables if t.name in batches)
        self.number = {t.name: k for k, t in enumerate(self.tables)}
        known = {t.name: t for t in self.tables}
        chosen = {t.name: batches[t.name].select(t.column_names) for t in self.tables}
        pooled = one_pool(known, chosen)
        self.codes: list[Codes] = [pooled[t.name].codes.copy() for t in self.tables]
        self.nulls: list[Mask] = [pooled[t.name].nulls.copy() for t in self.tables]
        first = next(iter(pooled.values()), None)
        self.pool: NDArray[np.object_] = np.empty(0, object) if first is None else first.pool
        self.backends = [VectorBackend(t) for t in self.tables]
        self.by_name = known
        self._strings: dict[str, int] | None = None

    def batch(self, table: int) -> Batch:
        """Return a table's rows as they are now, not copied."""
        names = self.tables[table].column_names
        return Batch(names, self.codes[table], self.nulls[table], self.pool)

    def batches(self) -> dict[str, Batch]:
        """Return all tables' rows as they are now, not copied."""
        return {t.name: self.batch(k) for k, t in enumerate(self.tables)}

    def rows(self, table: int) -> int:
        """Return the number of a table's rows."""
        return len(self.codes[table])

    def text(self, string: str) -> int:
        """Return a string's code, after adding it to the pool where it is new."""
        if self._strings is None:
            self._strings = {str(s): k for k, s in enumerate(self.pool)}
        if string not in self._strings:
            self._strings[string] = len(self.pool)
            self.pool = np.concatenate([self.pool, np.array([string, None], object)[:1]])
        return self._strings[string]


def laws_of(sheets: Sheets) -> tuple[Law, ...]:
    """Return the hard rules whose tables are all given, and every column's declaration."""
    known = sheets.by_name
    made: list[Law] = []
    for at, table in enumerate(sheets.tables):
        for position, column in enumerate(table.columns):
            own: Reads = {table.name: {column.name: None}}
            root = Place(table.name, frozenset([column.name]), None, -1)
            made.append(Law(at, f"{column.name}: declaration", None, position, own, (root,)))
        for rule in table.rules:
            if rule.share is not None:
                continue
            try:
                read = reads(rule, table, known)
            except (LookupError, KeyError):
                continue  # it speaks of a table that is not given
            if set(read) <= set(known):
                made.append(Law(at, rule.name, rule, -1, read, places(rule, table, known)))
    return tuple(made)


@dataclass(frozen=True)
class Broken:
    """Which rows break which law: ``masks`` (rows of the law's table,) bool, law by law."""

    masks: tuple[Mask, ...]
    checks: Checks

    def total(self) -> int:
        """Return the number of violations."""
        return sum(int(m.sum()) for m in self.masks)

    def anything(self, laws: Sequence[Law], sheets: Sheets) -> list[Mask]:
        """Say of each row of each table whether it breaks anything."""
        found = [np.zeros(sheets.rows(k), bool) for k in range(len(sheets.tables))]
        for law, mask in zip(laws, self.masks, strict=True):
            found[law.table] |= mask
        return found


def judge_all(sheets: Sheets, laws: Sequence[Law], only: Iterable[int] | None = None) -> Broken:
    """Return what every law, or those of ``only``, says of all rows; the others keep no row."""
    checks = Checks(sheets.tables, sheets.batches())
    asked = set(range(len(laws)) if only is None else only)
    outside: dict[int, Mask] = {}
    masks = []
    for k, law in enumerate(laws):
        if k not in asked:
            masks.append(np.zeros(sheets.rows(law.table), bool))
        elif law.rule is None:
            if law.table not in outside:
                backend = sheets.backends[law.table]
                outside[law.table] = backend.out_of_domain(sheets.batch(law.table))
            masks.append(outside[law.table][:, law.column].copy())
        else:
            masks.append(np.array(checks.violated(sheets.tables[law.table].name, law.rule)))
    return Broken(tuple(masks), checks)


@dataclass(frozen=True)
class Edits:
    """Cells to be written, (E,) each, by the candidate each belongs to (sorted)."""

    candidate: Ids
    table: Ids
    row: Ids
    column: Ids
    code: Codes
    null: Mask
    count: int

    def __len__(self) -> int:
        return len(self.candidate)

    def of(self, chosen: Ids) -> Edits:
        """Return the edits of some candidates (sorted), which are numbered anew in that order."""
        place = np.full(self.count, -1, np.int64)
        place[chosen] = np.arange(len(chosen))
        keep = place[self.candidate] >= 0
        return Edits(
            place[self.candidate[keep]],
            self.table[keep],
            self.row[keep],
            self.column[keep],
            self.code[keep],
            self.null[keep],
            len(chosen),
        )

    def sizes(self) -> Ids:
        """Return the number of cells of each candidate."""
        return np.bincount(self.candidate, minlength=self.count).astype(np.int64)


def write(sheets: Sheets, edits: Edits) -> Edits:
    """Write the cells; return the edits that put back what was there."""
    code, null = current(sheets, edits.table, edits.row, edits.column)
    for k in range(len(sheets.tables)):
        mine = edits.table == k
        if mine.any():
            at = edits.row[mine], edits.column[mine]
            sheets.codes[k][at] = np.where(edits.null[mine], 0, edits.code[mine])
            sheets.nulls[k][at] = edits.null[mine]
    return Edits(edits.candidate, edits.table, edits.row, edits.column, code, null, edits.count)


def current(sheets: Sheets, table: Ids, row: Ids, column: Ids) -> tuple[Codes, Mask]:
    """Return what stands in the cells named by three arrays of one length."""
    code, null = np.zeros(len(row), np.int64), np.zeros(len(row), bool)
    for k in range(len(sheets.tables)):
        mine = table == k
        if mine.any():
            code[mine] = sheets.codes[k][row[mine], column[mine]]
            null[mine] = sheets.nulls[k][row[mine], column[mine]]
    return code, null
