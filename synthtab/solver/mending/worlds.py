"""The rows that have to be looked at to judge a change: a small world for each candidate.

A candidate changes a few cells. For one rule, following the rule's links upwards from these cells
gives the rows whose verdict may change; following them downwards from there gives all that these
verdicts depend on. That set of rows, with the cells changed, is the candidate's world, and the
worlds of thousands of candidates are judged in one go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from synthtab.backends.context import Context
from synthtab.backends.groups import Ids
from synthtab.batch import Batch, Mask
from synthtab.solver.mending.places import (
    Before,
    Down,
    Group,
    Link,
    Place,
    Up,
    far_columns,
    near_columns,
)
from synthtab.solver.mending.sheets import Edits, Law, Sheets

MOST_ROWS = 3_000
"""A candidate that needs more rows than this for one rule is judged with all others, at the end."""


@dataclass(frozen=True)
class Pairs:
    """Rows of one table by the candidate that needs them, (P,) each, sorted and distinct."""

    candidate: Ids
    row: Ids

    def __len__(self) -> int:
        return len(self.row)


def distinct(candidate: Ids, row: Ids, rows: int) -> Pairs:
    """Return pairs sorted, each once; ``rows`` is the number of rows of the table."""
    keys = np.sort(candidate * np.int64(max(rows, 1)) + row)
    keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if len(keys) else keys
    return Pairs(keys // max(rows, 1), keys % max(rows, 1))


def both(first: Pairs, second: Pairs, rows: int) -> Pairs:
    """Return the union of two sets of pairs."""
    if not len(second):
        return first
    return distinct(
        np.concatenate([first.candidate, second.candidate]),
        np.concatenate([first.row, second.row]),
        rows,
    )


@dataclass(frozen=True)
class World:
    """For one law: rows by table that are needed, and those of its table to be judged.

    ``wide`` (candidates,) bool marks candidates that would need too many rows: they have none.
    """

    rows: dict[str, Pairs]
    judged: Pairs
    wide: Mask


class Index:
    """Finds rows from rows by links, in the rows as they are and as candidates change them."""

    def __init__(self, sheets: Sheets, context: Context, edits: Edits) -> None:
        self.sheets, self.context, self.edits = sheets, context, edits
        self._base = [sheets.rows(k) for k in range(len(sheets.tables))]
        self._phantoms: dict[int, Pairs] = {}
        self._extended: Context | None = None
        self._ids: dict[tuple[str, Link], tuple[Ids, Ids]] = {}
        self._buckets: dict[tuple[str, Link, bool], tuple[Ids, Ids]] = {}
        self._steps: dict[tuple[str, Link], tuple[Ids, Ids]] = {}

    def phantoms(self, table: int) -> Pairs:
        """Return the rows of a table that candidates change."""
        if table not in self._phantoms:
            mine = self.edits.table == table
            rows = self._base[table]
            self._phantoms[table] = distinct(self.edits.candidate[mine], self.edits.row[mine], rows)
        return self._phantoms[table]

    def changed(self, table: int, pairs: Pairs) -> Batch:
        """Return rows with the cells changed that their candidates change."""
        batch = self.sheets.batch(table).take(pairs.row)
        mine = np.flatnonzero(self.edits.table == table)
        if not len(mine) or not len(pairs):
            return batch
        rows = np.int64(max(self._base[table], 1))
        keys = pairs.candidate * rows + pairs.row
        wanted = self.edits.candidate[mine] * rows + self.edits.row[mine]
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        hit = keys[at] == wanted
        where = at[hit], self.edits.column[mine[hit]]
        batch.codes[where] = np.where(self.edits.null[mine[hit]], 0, self.edits.code[mine[hit]])
        batch.nulls[where] = self.edits.null[mine[hit]]
        return batch

    def moves(self, table: int, columns: frozenset[str]) -> Mask:
        """Say of each candidate whether it changes one of the columns of a table."""
        names = self.sheets.tables[table].column_names
        wanted = np.array([n in columns for n in names])
        hit = (self.edits.table == table) & wanted[np.minimum(self.edits.column, len(names) - 1)]
        found = np.zeros(self.edits.count, bool)
        found[self.edits.candidate[hit]] = True
        return found

    def extended(self) -> Context:
        """Return a context of all rows, with the changed ones after them."""
        if self._extended is None:
            batches = {}
            for k, table in enumerate(self.sheets.tables):
                batch, more = self.sheets.batch(k), self.changed(k, self.phantoms(k))
                batches[table.name] = Batch(
                    batch.columns,
                    np.concatenate([batch.codes, more.codes]),
                    np.concatenate([batch.nulls, more.nulls]),
                    batch.pool,
                )
            self._extended = Context(self.sheets.tables, batches)
        return self._extended

    def ids(self, table: str, link: Link) -> tuple[Ids, Ids]:
        """Return the group numbers of a link's near and far rows, changed rows after the others.

        ``table`` is that of the near rows. Rows that a link brings together have one number.
        """
        key = (table, link)
        if key not in self._ids:
            near, far = self.sheets.number[table], self._far(table, link)
            moved = self.moves(near, near_columns(link)).any()
            moved = moved or self.moves(far, far_columns(link)).any()
            found = _grouped(self.extended() if moved else self.context, table, link)
            if not moved:
                found = (
                    np.concatenate([found[0], found[0][self.phantoms(near).row]]),
                    np.concatenate([found[1], found[1][self.phantoms(far).row]]),
                )
            self._ids[key] = found
        return self._ids[key]

    def down(self, table: str, link: Link, pairs: Pairs) -> tuple[Pairs, Mask]:
        """Return the rows that the given ones read, and which candidates need too many."""
        return self._follow(table, link, pairs, down=True)

    def up(self, table: str, link: Link, pairs: Pairs) -> tuple[Pairs, Mask]:
        """Return the rows (of ``table``) that read the given ones, and who needs too many."""
        return self._follow(table, link, pairs, down=False)

    def _far(self, table: str, link: Link) -> int:
        match link:
            case Up(_, rule):
                return self.sheets.number[rule.parent]
            case Down(child, _):
                return self.sheets.number[child]
        return self.sheets.number[table]

    def _follow(self, table: str, link: Link, pairs: Pairs, down: bool) -> tuple[Pairs, Mask]:
        near, far = self.sheets.number[table], self._far(table, link)
        start, end = (near, far) if down else (far, near)
        if not isinstance(link, Before):
            return self._joined(table, link, pairs, start, end, down)
        moving = self.moves(near, far_columns(link))[pairs.candidate]
        still = Pairs(pairs.candidate[~moving], pairs.row[~moving])
        step = self._neighbours(table, link)[0 if down else 1][still.row]
        there = step >= 0
        found = distinct(still.candidate[there], step[there], self._base[end])
        wide = np.zeros(self.edits.count, bool)
        if moving.any():
            others = Pairs(pairs.candidate[moving], pairs.row[moving])
            group = Group(link.per)
            more, wide = self._joined(table, group, others, start, end, down)
            found = both(found, more, self._base[end])
        return found, wide

    def _joined(
        self, table: str, link: Link, pairs: Pairs, start: int, end: int, down: bool
    ) -> tuple[Pairs, Mask]:
        ids = self.ids(table, link)
        own, other = (ids[0], ids[1]) if down else (ids[1], ids[0])
        rows = np.int64(max(self._base[start], 1))
        phantoms = self.phantoms(start)
        at = np.searchsorted(
            phantoms.candidate * rows + phantoms.row, pairs.candidate * rows + pairs.row
        )
        inside = at < len(phantoms)
        same = np.zeros(len(pairs), bool)
        hit = at[inside]
        same[inside] = (phantoms.candidate[hit] == pairs.candidate[inside]) & (
            phantoms.row[hit] == pairs.row[inside]
        )
        candidate = np.concatenate([pairs.candidate, pairs.candidate[same]])
        group = np.concatenate([own[pairs.row], own[self._base[start] + at[same]]])
        known = group >= 0
        asked = distinct(candidate[known], group[known], int(own.max(initial=0)) + 1)
        order, starts = self._bucket(table, link, down, other, end)
        first, last = starts[asked.row], starts[asked.row + 1]
        sizes = last - first
        total = np.bincount(asked.candidate, weights=sizes, minlength=self.edits.count)
        wide = total > MOST_ROWS
        keep = ~wide[asked.candidate]
        sizes, first = sizes[keep], first[keep]
        ends = np.cumsum(sizes)
        flat = np.arange(int(ends[-1]) if len(ends) else 0)
        flat += np.repeat(first - (ends - sizes), sizes)
        return distinct(np.repeat(asked.candidate[keep], sizes), order[flat], self._base[end]), wide

    def _bucket(self, table: str, link: Link, down: bool, ids: Ids, end: int) -> tuple[Ids, Ids]:
        """Return the rows as they are in the order of their groups, and where each group starts."""
        key = (table, link, down)
        if key not in self._buckets:
            present = ids[: self._base[end]]
            order = np.argsort(present, kind="stable")
            most = max(int(a.max(initial=-1)) for a in self._ids[(table, link)])
            starts = np.searchsorted(present[order], np.arange(most + 2))
            self._buckets[key] = order, starts
        return self._buckets[key]

    def _neighbours(self, table: str, link: Before) -> tuple[Ids, Ids]:
        """Return the row before and the row after each row as it is; -1 where there is none."""
        key = (table, link)
        if key not in self._steps:
            rows = self.context.ordered(table, link.per, link.order)
            ids = self.context.groups(table, link.per).ids[rows]
            same = ids[1:] == ids[:-1]
            count = self.context.rows(table)
            before, after = np.full(count, -1, np.int64), np.full(count, -1, np.int64)
            before[rows[1:][same]] = rows[:-1][same]
            after[rows[:-1][same]] = rows[1:][same]
            self._steps[key] = before, after
        return self._steps[key]


def _grouped(context: Context, table: str, link: Link) -> tuple[Ids, Ids]:
    match link:
        case Group(per):
            ids = context.groups(table, per).ids
            return ids, ids
        case Up(child, rule):
            near, far = context.shared_keys(child, rule)
            return near.ids, far.ids
        case Down(child, rule):
            far, near = context.shared_keys(child, rule)
            return near.ids, far.ids
    raise TypeError(f"{link!r} brings no rows together by value")


def world(index: Index, law: Law) -> World:
    """Return what is needed to judge a law for every candidate that bears on it."""
    edits, sheets = index.edits, index.sheets
    wide = np.zeros(edits.count, bool)
    rows_of = {t.name: sheets.rows(k) for k, t in enumerate(sheets.tables)}
    name = sheets.tables[law.table].name
    judged = _none()
    for at, place in enumerate(law.places):
        touched = _touched(index, law.places, at)
        while len(touched) and place.link is not None:
            reader = law.places[place.reader]
            touched, more = index.up(reader.table, place.link, touched)
            wide |= more
            place = reader
        judged = both(judged, touched, rows_of[name])
    needed: list[Pairs] = [judged]
    by_table: dict[str, Pairs] = {name: judged}
    for place in law.places[1:]:
        assert place.link is not None
        reader = law.places[place.reader]
        found, more = index.down(reader.table, place.link, needed[place.reader])
        wide |= more
        # Rows that a candidate changes may come to be read only by that.
        found = both(found, _edited(index, place.table, judged), rows_of[place.table])
        needed.append(found)
        known = by_table.get(place.table, _none())
        by_table[place.table] = both(known, found, rows_of[place.table])
    sizes = sum(
        (np.bincount(p.candidate, minlength=edits.count) for p in by_table.values()),
        np.zeros(edits.count, np.int64),
    )
    wide |= sizes > MOST_ROWS
    if wide.any():
        by_table = {k: _without(p, wide) for k, p in by_table.items()}
        judged = _without(judged, wide)
    return World(by_table, judged, wide)


def _none() -> Pairs:
    return Pairs(np.empty(0, np.int64), np.empty(0, np.int64))


def _without(pairs: Pairs, wide: Mask) -> Pairs:
    keep = ~wide[pairs.candidate]
    return Pairs(pairs.candidate[keep], pairs.row[keep])


def _edited(index: Index, table: str, judged: Pairs) -> Pairs:
    asked = np.zeros(index.edits.count, bool)
    asked[judged.candidate] = True
    pairs = index.phantoms(index.sheets.number[table])
    keep = asked[pairs.candidate]
    return Pairs(pairs.candidate[keep], pairs.row[keep])


def _touched(index: Index, places: tuple[Place, ...], at: int) -> Pairs:
    """Return the changed rows of a place's table, where a column that matters there changes."""
    place, edits, sheets = places[at], index.edits, index.sheets
    columns = set(place.columns)
    if place.link is not None:
        columns |= far_columns(place.link)
    for other in places:
        if other.reader == at and other.link is not None:
            columns |= near_columns(other.link)
    table = sheets.number[place.table]
    names = sheets.tables[table].column_names
    wanted = np.array([n in columns for n in names])
    mine = np.flatnonzero(edits.table == table)
    mine = mine[wanted[edits.column[mine]]]
    return distinct(edits.candidate[mine], edits.row[mine], sheets.rows(table))


def slices(sizes: Ids, most: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of positions whose sizes add up to at most ``most`` (or that are alone)."""
    start, total = 0, 0
    for k, size in enumerate(sizes.tolist()):
        if total + size > most and k > start:
            yield start, k
            start, total = k, 0
        total += size
    if start < len(sizes):
        yield start, len(sizes)
