"""Offers for numberings with a gap: numbers there too often become those that are missing."""

from __future__ import annotations

from typing import Any

import numpy as np

from synthtab.backends.groups import Ids
from synthtab.ir import nodes
from synthtab.ir.walk import descendants
from synthtab.schema import DecimalType
from synthtab.solver.mending import offers as o
from synthtab.solver.mending.scene import Case, Scene

MOST_STRAYS = 8


def offer_numberings(scene: Scene) -> None:
    """Offer numbers for groups whose rule asks for a numbering without a gap."""
    for case in scene.of(nodes.RowRule):
        rule: Any = case.law.rule
        if case.law.table in scene.frozen:
            continue
        for node in descendants(rule.condition):
            if isinstance(node, nodes.GapFree) and isinstance(node.operand, nodes.ColumnRef):
                _offer(scene, case, node, node.operand.name)


def _offer(scene: Scene, case: Case, node: nodes.GapFree, name: str) -> None:
    table = case.law.table
    declared = scene.sheets.tables[table]
    at = declared.column_names.index(name)
    kind = declared.column(name).type
    unit = 10**kind.scale if isinstance(kind, DecimalType) else 1
    codes, nulls = scene.cells(table, name)
    ids = scene.context.groups(declared.name, node.per).ids
    order = np.argsort(ids, kind="stable")
    starts = np.searchsorted(ids[order], np.arange(int(ids.max(initial=-1)) + 2))
    for group, owner in _groups(ids, case):
        rows = order[starts[group] : starts[group + 1]]
        rows = rows[~nulls[rows]]
        expected = (node.start + np.arange(len(rows))) * unit
        missing = np.setdiff1d(expected, codes[rows])
        by_number = rows[np.argsort(codes[rows], kind="stable")]
        values = codes[by_number]
        again = np.zeros(len(rows), bool)
        again[1:] = values[1:] == values[:-1]
        _strays(scene, case, node, owner, group, at, rows, missing)
        surplus = by_number[again | ~np.isin(values, expected)]
        others = by_number[np.concatenate([again[1:], [False]])] if len(rows) else surplus
        pairs = [(surplus, missing)]
        if len(surplus) == 1 and len(others) == 1:
            pairs.append((others, missing))
        for which, new in pairs:
            _give(scene, owner, table, at, which, new, o.NAMED)
        if len(surplus) == 1:
            # In the order of the table, a row whose number is out of its place.
            odd = rows[codes[rows] != expected]
            if len(odd) == 1:
                _give(scene, owner, table, at, odd, missing, o.DETERMINED)
        wrong = values != expected
        _give(scene, owner, table, at, by_number[wrong], expected[wrong], o.LIKELY)


def _strays(
    scene: Scene,
    case: Case,
    node: nodes.GapFree,
    owner: int,
    group: int,
    at: int,
    rows: Ids,
    missing: Ids,
) -> None:
    """Offer to bring in rows with a missing number that break something where they are now."""
    table = case.law.table
    if not len(rows) or not len(missing) or not node.per:
        return
    codes = scene.sheets.codes[table]
    ids = scene.context.groups(scene.sheets.tables[table].name, node.per).ids
    last = codes[rows, at].max()
    # A row that left took its number along: the group's own count of rows is one too low.
    wanted = np.setdiff1d(np.arange(codes[rows, at].min(), last), codes[rows, at])
    wanted = np.union1d(wanted, missing)
    suspects = np.flatnonzero(scene.suspects[table])
    suspects = suspects[(ids[suspects] != group) & np.isin(codes[suspects, at], wanted)]
    names = scene.sheets.tables[table].column_names
    for row in suspects[:MOST_STRAYS].tolist():
        edits = [
            (table, row, names.index(c), int(codes[rows[0], names.index(c)]), False)
            for c in node.per
            if codes[row, names.index(c)] != codes[rows[0], names.index(c)]
        ]
        if len(edits) == 1:
            _, _, column, code, _ = edits[0]
            scene.offers.cell(owner, table, row, column, code, o.NAMED)
        elif edits:
            scene.offers.many(owner, edits, o.NAMED)


def _groups(ids: Ids, case: Case) -> list[tuple[int, int]]:
    """Return the groups with broken rows, each with the first of them."""
    found, first = np.unique(ids[case.rows], return_index=True)
    pairs = zip(found.tolist(), case.owners[first].tolist(), strict=True)
    return [(group, owner) for group, owner in pairs if group >= 0]


def _give(scene: Scene, owner: int, table: int, at: int, rows: Ids, new: Ids, hint: float) -> None:
    if not len(rows) or len(rows) != len(new):
        return
    if len(rows) == 1:
        scene.offers.cell(owner, table, rows, at, new, hint)
        return
    edits = [
        (table, row, at, code, False) for row, code in zip(rows.tolist(), new.tolist(), strict=True)
    ]
    scene.offers.many(owner, edits, hint)
