"""Offers for groups of rows that only several cells together mend: the solver's share."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Batch
from synthtab.errors import UsageError
from synthtab.ir import nodes
from synthtab.schema import TextType, decode_value
from synthtab.solver.mending import offers as o
from synthtab.solver.mending.flatten import CellName, Flattener, TooMuchError, cell_name
from synthtab.solver.mending.places import far_columns, near_columns
from synthtab.solver.mending.scene import Scene
from synthtab.solver.mending.sheets import Edits
from synthtab.solver.mending.wide import FIXED, Wide, solve
from synthtab.solver.mending.worlds import Index, world

MOST_ROWS = 60
MOST_GROUPS = 400
WORTH_A_POOL = 12
_COLUMNS_HELD = 500


def offer_groups(
    scene: Scene,
    costs: Sequence[NDArray[np.float64]],
    *,
    deadline: float | None = None,
    processes: int = 1,
) -> None:
    """Offer for groups around what is still broken what the solver makes of them.

    ``deadline`` is a time.monotonic() value: no group is begun after it.
    """
    prepared = []
    for owner, wide, cells in _wides(scene, costs):
        if deadline is not None and time.monotonic() > deadline:
            break
        prepared.append((owner, wide, cells))
    for (owner, _, cells), found in zip(
        prepared, _solved([w for _, w, _ in prepared], deadline, processes), strict=True
    ):
        edits = [(*cells[name], code, null) for name, code, null in found or ()]
        if len(edits) == 1:
            table, row, column, code, null = edits[0]
            scene.offers.cell(owner, table, row, column, code, o.LIKELY, null)
        elif edits:
            scene.offers.many(owner, edits, o.LIKELY)


def _solved(
    wides: list[Wide], deadline: float | None, processes: int
) -> Iterator[list[tuple[str, int, bool]] | None]:
    if processes > 1 and len(wides) >= WORTH_A_POOL:
        # Processes, not threads: a Z3 context belongs to one thread.
        with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
            yield from pool.map(solve, wides, chunksize=4)
        return
    for wide in wides:
        late = deadline is not None and time.monotonic() > deadline
        yield None if late else solve(wide)


def _wides(
    scene: Scene, costs: Sequence[NDArray[np.float64]]
) -> Iterator[tuple[int, Wide, dict[str, tuple[int, int, int]]]]:
    """Yield, for each group, who asks for it, the wide row, and the cell behind each column."""
    owners, members = _members(scene)
    linked = _linked(scene)
    # What rests on the cells of a group may have to change with them.
    for rows, asked in zip(members, _judged(scene, members, linked), strict=True):
        more = {(scene.laws[k].table, row) for k, row in asked}
        if len(rows | more) <= MOST_ROWS:
            rows |= more
    shared: dict[tuple[str, str, Any], dict[int, list[int]]] = {}
    for group, asked in enumerate(_judged(scene, members, linked)):
        made = _wide(scene, costs, members[group], linked, asked, shared)
        if made is not None:
            yield (owners[group], *made)


def _judged(
    scene: Scene, members: list[set[tuple[int, int]]], linked: set[tuple[int, int]]
) -> list[list[tuple[int, int]]]:
    """Return for each group the laws, with the row, whose verdict its free cells may change."""
    judged: list[list[tuple[int, int]]] = [[] for _ in members]
    flat = [
        (group, table, row, column)
        for group, rows in enumerate(members)
        for table, row in sorted(rows)
        for column in range(len(scene.sheets.tables[table].columns))
        if (table, column) not in linked
    ]
    if not flat:
        return judged
    at = np.array(flat, np.int64)
    same = np.zeros(len(at), np.int64)
    touched = Edits(at[:, 0], at[:, 1], at[:, 2], at[:, 3], same, same != 0, len(members))
    index = Index(scene.sheets, scene.context, touched)
    for k, law in enumerate(scene.laws):
        if law.rule is not None:
            pairs = world(index, law).judged
            for group, row in zip(pairs.candidate.tolist(), pairs.row.tolist(), strict=True):
                judged[group].append((k, row))
    return judged


def _members(scene: Scene) -> tuple[list[int], list[set[tuple[int, int]]]]:
    """Return the rows around each violation, those of violations that share rows together."""
    owners: list[int] = []
    found: list[set[tuple[int, int]]] = []
    for case in scene.cases:
        around: dict[int, set[tuple[int, int]]] = {
            owner: {(case.law.table, row)}
            for owner, row in zip(case.owners.tolist(), case.rows.tolist(), strict=True)
        }
        for name, _, _, pairs in scene.seen_from(case):
            table = scene.sheets.number[name]
            for owner, row in zip(pairs.candidate.tolist(), pairs.row.tolist(), strict=True):
                around[owner].add((table, row))
        for owner, rows in around.items():
            if len(rows) > MOST_ROWS:
                continue
            for k, other in enumerate(found):
                if rows & other and len(rows | other) <= MOST_ROWS:
                    found[k] = rows | other
                    break
            else:
                if len(found) < MOST_GROUPS:
                    owners.append(owner)
                    found.append(rows)
    return owners, found


def _linked(scene: Scene) -> set[tuple[int, int]]:
    """Return the columns (table, column) that say who belongs together, and in what order."""
    made: set[tuple[int, int]] = set()
    for law in scene.laws:
        for place in law.places[1:]:
            assert place.link is not None
            reader = law.places[place.reader]
            for table, columns in (
                (reader.table, near_columns(place.link)),
                (place.table, far_columns(place.link)),
            ):
                number = scene.sheets.number[table]
                names = scene.sheets.tables[number].column_names
                made.update((number, names.index(c)) for c in columns)
    return made


def _wide(
    scene: Scene,
    costs: Sequence[NDArray[np.float64]],
    members: set[tuple[int, int]],
    linked: set[tuple[int, int]],
    asked: list[tuple[int, int]],
    shared: dict[tuple[str, str, Any], dict[int, list[int]]],
) -> tuple[Wide, dict[str, tuple[int, int, int]]] | None:
    flattener = Flattener(scene.context, shared)
    rules: list[nodes.RowRule] = []
    for k, row in asked:
        law = scene.laws[k]
        assert law.rule is not None
        name = scene.sheets.tables[law.table].name
        try:
            conditions = flattener.rule(name, law.rule, row)
        except (TooMuchError, UsageError):
            continue  # judging the offer will tell whether it does harm there
        rules += [nodes.RowRule(f"{law.name} {row} {n}", c) for n, c in enumerate(conditions)]
    cells: dict[str, tuple[int, int, int]] = {}
    columns, weights, donors = [], {}, {}
    codes, nulls = [], []
    # Few strings of the pool are needed, and each is looked at.
    strings: dict[str, int] = {}
    for cell, column in flattener.cells.items():
        at = _numbers(scene, cell)
        table, row, place = at
        null = bool(scene.sheets.nulls[table][row, place])
        code = int(scene.sheets.codes[table][row, place])
        free = (
            (table, row) in members
            and (table, place) not in linked
            and table not in scene.frozen
            and not isinstance(column.type, TextType)
        )
        name = cell_name(cell)
        cells[name] = at
        columns.append(column)
        weights[name] = float(np.sqrt(costs[table][place])) if free else FIXED
        if isinstance(column.type, TextType) and not null:
            code = strings.setdefault(str(scene.sheets.pool[code]), len(strings))
        codes.append(code)
        nulls.append(null)
        if free:
            held = scene.columns.values(table, place)
            donors[name] = held[:: max(len(held) // _COLUMNS_HELD, 1)]
        elif not isinstance(column.type, TextType):
            rules.append(_stays(name, null, column.name, at, scene))
    if not donors or not rules:
        return None
    table_ = nodes.Table("group", tuple(columns), tuple(rules))
    batch = Batch(
        tuple(c.name for c in columns),
        np.array([codes], np.int64),
        np.array([nulls], bool),
        np.array([*strings, None], object)[:-1],
    )
    return Wide(table_, batch, weights, donors, int(scene.rng.integers(1 << 62))), cells


def _stays(
    name: str, null: bool, column: str, at: tuple[int, int, int], scene: Scene
) -> nodes.RowRule:
    """Return the rule that a cell keeps what it holds."""
    ref = nodes.ColumnRef(column)
    table, row, place = at
    if null:
        return nodes.RowRule(f"{name} stays", nodes.IsNull(ref))
    kind = scene.sheets.tables[table].columns[place].type
    value = decode_value(kind, int(scene.sheets.codes[table][row, place]))
    held = nodes.Compare("=", ref, nodes.Literal(value))
    return nodes.RowRule(f"{name} stays", nodes.And((nodes.Not(nodes.IsNull(ref)), held)))


def _numbers(scene: Scene, cell: CellName) -> tuple[int, int, int]:
    table = scene.sheets.number[cell[0]]
    return table, cell[1], scene.sheets.tables[table].column_names.index(cell[2])
