"""Offers for rows that refer to nothing: a parent one slip away, the neighbours', one that lacks.

A parent that breaks a rule of its own may do so because this row is missing from it: judging the
offer shows it. Where the key of the parent itself was mistyped, all its rows refer to nothing, and
one cell of the parent mends them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.groups import Ids
from synthtab.ir import nodes
from synthtab.schema import TextType
from synthtab.solver.mending import offers as o
from synthtab.solver.mending.likeness import alike, is_ordered, slip, variants
from synthtab.solver.mending.scene import Case, Scene
from synthtab.solver.mending.spelling import Spellings

MOST_NEAR = 8
MOST_TEXTS = 2_000


def offer_parents(scene: Scene) -> None:
    """Offer other values for the columns of rows that refer to no row."""
    for case in scene.of(nodes.ReferenceRule):
        assert isinstance(case.law.rule, nodes.ReferenceRule)
        for at in range(len(case.law.rule.columns)):
            _offer(scene, case, case.law.rule, at)


def _offer(scene: Scene, case: Case, rule: nodes.ReferenceRule, which: int) -> None:
    table, parent = case.law.table, scene.sheets.number[rule.parent]
    own, other = rule.columns[which], rule.parent_columns[which]
    child, up = scene.table(case), scene.sheets.tables[parent]
    at = child.column_names.index(own)
    codes = scene.cells(table, own)[0]
    keys, absent = scene.cells(parent, other)
    old = codes[case.rows]
    if table not in scene.frozen:
        if child.column(own).optional:
            scene.offers.cell(case.owners, table, case.rows, at, 0, o.EMPTY, null=True)
        offer_neighbours(scene, case, own)
        drawn = scene.drawn(table, at, (3, len(case.rows)))
        for new in () if drawn is None else drawn:
            scene.offers.cell(case.owners, table, case.rows, at, new, o.ANY)
    if not alike(child.column(own).type, up.column(other).type):
        return
    present = np.unique(keys[~absent])
    if table not in scene.frozen:
        doubt: float | NDArray[np.float64] = o.NAMED
        if isinstance(child.column(own).type, TextType):
            owners, found, doubt = _like(scene, case, codes, present)
        elif is_ordered(child.column(own).type):
            place, slips = variants(old)
            hit = np.isin(slips, present) & (slips != old[place])
            owners, found = place[hit], slips[hit]
        else:
            owners = np.repeat(np.arange(len(old)), len(present))
            found = np.tile(present, len(old))
        scene.offers.cell(case.owners[owners], table, case.rows[owners], at, found, doubt)
        _wanting(scene, case, rule, which, at)
        if len(rule.columns) > 1:
            _matching(scene, case, rule, which, at)
    if parent not in scene.frozen:
        _mistyped(scene, case, rule, which)


def offer_neighbours(scene: Scene, case: Case, own: str) -> None:
    """Offer what the rows beside hold: rows of one parent, or of one group, often lie together."""
    codes, nulls = scene.cells(case.law.table, own)
    at = scene.table(case).column_names.index(own)
    kind = scene.table(case).column(own).type
    last = len(codes) - 1
    before = np.clip(case.rows - 1, 0, last)
    after = np.clip(case.rows + 1, 0, last)
    agree = (codes[before] == codes[after]) & ~nulls[before] & ~nulls[after]
    for beside in (before, after):
        new = codes[beside]
        near = slip(kind, codes[case.rows], new) if is_ordered(kind) else np.zeros(len(new), bool)
        hint = np.where(agree & near, o.DETERMINED, np.where(agree, o.NAMED, o.LIKELY))
        fine = ~nulls[beside]
        scene.offers.cell(
            case.owners[fine], case.law.table, case.rows[fine], at, new[fine], hint[fine]
        )


def _like(
    scene: Scene, case: Case, codes: Ids, present: Ids
) -> tuple[Ids, Ids, NDArray[np.float64]]:
    """Return texts of the parent spelt almost like the row's: position, text, and doubt."""
    words = Spellings([str(scene.sheets.pool[c]) for c in present.tolist()])
    owners: list[int] = []
    found: list[int] = []
    doubt: list[float] = []
    for k, row in enumerate(case.rows[:MOST_TEXTS].tolist()):
        near = words.near(str(scene.sheets.pool[codes[row]]))[:MOST_NEAR]
        owners += [k] * len(near)
        found += [int(present[place]) for _, place in near]
        doubt += [o.NAMED + distance - 1 for distance, _ in near]
    return np.array(owners, np.int64), np.array(found, np.int64), np.array(doubt)


def _wanting(scene: Scene, case: Case, rule: nodes.ReferenceRule, which: int, at: int) -> None:
    """Offer parents that break a rule which looks at the rows that refer to them."""
    parent = scene.sheets.number[rule.parent]
    wanting = np.zeros(scene.sheets.rows(parent), bool)
    child = scene.table(case).name
    for k, law in enumerate(scene.laws):
        if law.table == parent and child in law.reads and law.rule is not None:
            wanting |= scene.broken.masks[k]
    keys, absent = scene.cells(parent, rule.parent_columns[which])
    rows = np.flatnonzero(wanting & ~absent)[:MOST_NEAR]
    for key in keys[rows].tolist():
        scene.offers.cell(case.owners, case.law.table, case.rows, at, key, o.LIKELY)


def _matching(scene: Scene, case: Case, rule: nodes.ReferenceRule, which: int, at: int) -> None:
    """Offer the keys of parents that agree on all other columns of the reference."""
    parent = scene.sheets.number[rule.parent]
    by_rest: dict[tuple[int, ...], list[int]] = {}
    ours = [c for k, c in enumerate(rule.columns) if k != which]
    theirs = [c for k, c in enumerate(rule.parent_columns) if k != which]
    kinds = [
        (scene.table(case).column(a).type, scene.sheets.tables[parent].column(b).type)
        for a, b in zip(ours, theirs, strict=True)
    ]
    if not all(alike(a, b) for a, b in kinds):
        return
    keys, absent = scene.cells(parent, rule.parent_columns[which])
    rest = _matrix(scene, parent, theirs)
    for row in np.flatnonzero(~absent).tolist():
        found = by_rest.setdefault(tuple(rest[row].tolist()), [])
        if len(found) < MOST_NEAR:
            found.append(int(keys[row]))
    mine = _matrix(scene, case.law.table, ours)
    for owner, row in zip(case.owners.tolist(), case.rows.tolist(), strict=True):
        for key in by_rest.get(tuple(mine[row].tolist()), []):
            scene.offers.cell(owner, case.law.table, row, at, key, o.NAMED)


def _matrix(scene: Scene, table: int, columns: list[str]) -> NDArray[np.int64]:
    names = scene.sheets.tables[table].column_names
    return scene.sheets.codes[table][:, [names.index(c) for c in columns]]


def _mistyped(scene: Scene, case: Case, rule: nodes.ReferenceRule, which: int) -> None:
    """Offer to parents that nobody refers to the values that rows refer by in vain."""
    parent = scene.sheets.number[rule.parent]
    column = scene.sheets.tables[parent].column(rule.parent_columns[which])
    if not is_ordered(column.type):
        return
    places = scene.context.referred(scene.table(case).name, rule)
    idle = np.ones(scene.sheets.rows(parent), bool)
    idle[places[places >= 0]] = False
    keys, absent = scene.cells(parent, rule.parent_columns[which])
    rows = np.flatnonzero(idle & ~absent)
    if not len(rows):
        return
    codes, _ = scene.cells(case.law.table, rule.columns[which])
    place, slips = variants(codes[case.rows])
    order = np.argsort(keys[rows], kind="stable")
    ranked = keys[rows][order]
    spot = np.minimum(np.searchsorted(ranked, slips), len(ranked) - 1)
    hit = np.flatnonzero(ranked[spot] == slips)
    at = scene.sheets.tables[parent].column_names.index(column.name)
    wanted = codes[case.rows][place[hit]]
    # One row in vain may be wrong itself; several that agree point to the parent.
    count = np.unique(codes[case.rows], return_counts=True)[1]
    group = np.searchsorted(np.unique(codes[case.rows]), wanted)
    scene.offers.cell(
        case.owners[place[hit]],
        parent,
        rows[order[spot[hit]]],
        at,
        wanted,
        np.where(count[group] > 1, o.CERTAIN, o.NAMED),
    )
