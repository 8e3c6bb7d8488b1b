"""Offers to move rows between groups that both break one rule: what one lacks the other has."""

from __future__ import annotations

import numpy as np

from synthtab.ir import nodes
from synthtab.solver.mending import offers as o
from synthtab.solver.mending.likeness import alike
from synthtab.solver.mending.places import Down, Group
from synthtab.solver.mending.scene import Case, Scene
from synthtab.solver.mending.worlds import Pairs

MOST_GROUPS = 40
MOST_ROWS = 8


def offer_moves(scene: Scene) -> None:
    """Offer each group that breaks a rule the rows of the others that break it."""
    for case in scene.of(nodes.RowRule):
        if len(case.rows) > MOST_GROUPS * MOST_ROWS:
            continue
        for name, _, link, pairs in scene.seen_from(case):
            table = scene.sheets.number[name]
            if table not in scene.frozen and isinstance(link, Down | Group):
                _offer(scene, case, link, table, pairs)


def _bring(scene: Scene, table: int, at: int, groups: dict[int, int]) -> None:
    """Offer to a row that nobody refers to the rows that refer to its nearest neighbours."""
    own, none = scene.sheets.codes[table][:, at], scene.sheets.nulls[table][:, at]
    filled = np.flatnonzero(~none)
    ranked = filled[np.argsort(own[filled], kind="stable")]
    for key, owner in groups.items():
        place = int(np.searchsorted(own[ranked], key))
        if place < len(ranked) and own[ranked[place]] == key:
            continue
        rows = ranked[max(place - 2, 0) : place + 2]
        scene.offers.cell(owner, table, rows, at, key, o.ANY)


def _offer(scene: Scene, case: Case, link: Down | Group, table: int, pairs: Pairs) -> None:
    if isinstance(link, Down):
        ours, theirs = link.rule.parent_columns, link.rule.columns
    else:
        ours = theirs = link.per
    if len(ours) != 1:
        return
    kind = scene.sheets.tables[table].column(theirs[0]).type
    if not alike(scene.table(case).column(ours[0]).type, kind):
        return
    keys, absent = scene.cells(case.law.table, ours[0])
    own, none = scene.cells(table, theirs[0])
    at = scene.sheets.tables[table].column_names.index(theirs[0])
    groups: dict[int, int] = {}
    for owner, row in zip(case.owners.tolist(), case.rows.tolist(), strict=True):
        if not absent[row]:
            groups.setdefault(int(keys[row]), owner)
    if isinstance(link, Down):
        _bring(scene, table, at, groups)
    if not 1 < len(groups) <= MOST_GROUPS:
        return
    members: dict[int, list[int]] = {}
    for row in pairs.row.tolist():
        held = members.setdefault(int(own[row]), [])
        if not none[row] and len(held) < MOST_ROWS and row not in held:
            held.append(row)
    for key, owner in groups.items():
        for home, rows in members.items():
            if home != key:
                scene.offers.cell(owner, table, rows, at, key, o.LIKELY)
