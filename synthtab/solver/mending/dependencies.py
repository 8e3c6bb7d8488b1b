"""Offers for torn dependencies: what most of the group says, or the group that a row belongs to."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.groups import Groups, Ids, factorize, together
from synthtab.ir import nodes
from synthtab.solver.mending import offers as o
from synthtab.solver.mending.scene import Case, Scene


def offer_dependencies(scene: Scene) -> None:
    """Offer for each torn group the majority's values, and other determinants for the minority."""
    for case in scene.of(nodes.DeterminesRule):
        if case.law.table not in scene.frozen:
            assert isinstance(case.law.rule, nodes.DeterminesRule)
            _offer(scene, case, case.law.rule)


def _offer(scene: Scene, case: Case, rule: nodes.DeterminesRule) -> None:
    table = case.law.table
    names = scene.sheets.tables[table].column_names
    groups = scene.context.groups(scene.sheets.tables[table].name, rule.determinants)
    every = np.arange(scene.sheets.rows(table))
    values = _numbered(scene, table, rule.dependents, every)
    homes = _homes(groups.ids, values, case.rows)
    ids = groups.ids[case.rows]
    order = np.argsort(ids, kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(ids[order])) + 1):
        rows, owners = case.rows[part], case.owners[part]
        found, counts = np.unique(values[rows], return_counts=True)
        most = counts.max()
        for candidate in found[counts == most][:3]:
            model = int(rows[values[rows] == candidate][0])
            wrong = rows[values[rows] != candidate]
            edits = [
                (table, int(row), names.index(name), *_cell(scene, table, name, model))
                for row in wrong
                for name in rule.dependents
                if _cell(scene, table, name, int(row)) != _cell(scene, table, name, model)
            ]
            _give(scene, int(owners[0]), edits, o.NAMED)
            moved: list[tuple[int, int, int, int, bool]] = []
            for row in wrong:
                home = _other_home(homes, values, groups.ids, int(row))
                if home < 0:
                    break
                moved += [
                    (table, int(row), names.index(name), *_cell(scene, table, name, home))
                    for name in rule.determinants
                    if _cell(scene, table, name, int(row)) != _cell(scene, table, name, home)
                ]
            else:
                _give(scene, int(owners[0]), moved, o.LIKELY)


def _give(
    scene: Scene, owner: int, edits: list[tuple[int, int, int, int, bool]], hint: float
) -> None:
    if len(edits) == 1:
        table, row, column, code, null = edits[0]
        scene.offers.cell(owner, table, row, column, code, hint, null)
    elif edits:
        scene.offers.many(owner, edits, hint)


def _cell(scene: Scene, table: int, name: str, row: int) -> tuple[int, bool]:
    codes, nulls = scene.cells(table, name)
    return int(codes[row]), bool(nulls[row])


def _numbered(scene: Scene, table: int, columns: tuple[str, ...], rows: Ids) -> Ids:
    """Number the rows by what they hold in some columns; NULL is a value of its own."""
    parts = []
    for name in columns:
        codes, nulls = scene.cells(table, name)
        part = factorize(codes[rows], nulls[rows])
        parts.append(Groups(np.where(part.ids < 0, part.count, part.ids), part.count + 1))
    return together(parts, len(rows)).ids


Homes = dict[int, list[tuple[int, int]]]


def _homes(ids: Ids, values: Ids, rows: Ids) -> Homes:
    """Return the groups that hold what the given rows hold, with a row of each, largest first."""
    keep = np.flatnonzero((ids >= 0) & np.isin(values, values[rows]))
    keys: NDArray[Any] = values[keep] * (np.int64(ids.max(initial=0)) + 1) + ids[keep]
    _, first, counts = np.unique(keys, return_index=True, return_counts=True)
    made: Homes = {}
    for place in keep[first][np.lexsort([keep[first], -counts])].tolist():
        kept = made.setdefault(int(values[place]), [])
        if len(kept) < 4:
            kept.append((int(ids[place]), place))
    return made


def _other_home(homes: Homes, values: Ids, ids: Ids, row: int) -> int:
    """Return a row of another group that holds the same dependents; -1 where there is none."""
    for group, place in homes.get(int(values[row]), []):
        if group != int(ids[row]):
            return place
    return -1
