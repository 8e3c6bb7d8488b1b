"""Offers of values that the data hold: for cells that have few values, are empty, or name a group.

These are no more than guesses, and count as such; what they mend is found by judging them.
"""

from __future__ import annotations

import numpy as np

from synthtab.backends.groups import Ids
from synthtab.ir import nodes
from synthtab.schema import BooleanType, Column, EnumType, domain
from synthtab.solver.mending import offers as o
from synthtab.solver.mending.parents import offer_neighbours
from synthtab.solver.mending.places import Down, far_columns, near_columns
from synthtab.solver.mending.scene import Scene

FEW = 16
DRAWS = 3
MOST_OTHERS = 60
MOST_MOVED = 12


def offer_choices(scene: Scene, thorough: bool = False) -> None:
    """Offer other values for the cells that broken rules read.

    ``thorough`` tries every value of columns that have few, and more of the others.
    """
    for case in scene.of(nodes.RowRule, nodes.UniqueRule, nodes.PairRule, nodes.NoOverlapRule):
        table = case.law.table
        declared = scene.sheets.tables[table]
        linked = {
            c for p in case.law.places if p.reader == 0 and p.link for c in near_columns(p.link)
        }
        for name in case.law.reads[declared.name]:
            if name in case.law.places[0].columns or name in linked:
                _offer(scene, case.owners, table, case.rows, name, thorough, name in linked)
            if name in linked and table not in scene.frozen:
                offer_neighbours(scene, case, name)
        for name, columns, link, pairs in scene.seen_from(case):
            keep = _first(pairs.candidate, MOST_OTHERS)
            owner, row = pairs.candidate[keep], pairs.row[keep]
            number = scene.sheets.number[name]
            # Slopes speak of the amounts of other rows already.
            for column in sorted(columns | far_columns(link) if thorough else columns):
                kind = scene.sheets.by_name[name].column(column)
                if thorough or _few(kind) is not None:
                    _offer(scene, owner, number, row, column, thorough, False)
            if isinstance(link, Down):
                # What is counted or summed may belong to another.
                keep = _first(owner, MOST_MOVED)
                for column in link.rule.columns:
                    _offer(scene, owner[keep], number, row[keep], column, thorough, True)


def offer_declared(scene: Scene) -> None:
    """Offer values for cells that their column's declaration does not allow."""
    for case in scene.cases:
        law = case.law
        if law.rule is not None or law.table in scene.frozen:
            continue
        column = scene.sheets.tables[law.table].columns[law.column]
        _offer(scene, case.owners, law.table, case.rows, column.name, True, False)
        codes, nulls = scene.cells(law.table, column.name)
        old = codes[case.rows]
        lo, hi = domain(column)
        filled = ~nulls[case.rows] & (np.abs(old) < 1 << 61)
        for new, hint in (
            (np.clip(old, lo, hi), o.EDGE),
            *((v, o.LIKELY) for v in (old // 10, old // 100, -old)),
        ):
            fine = filled & (new >= lo) & (new <= hi)
            scene.offers.cell(
                case.owners[fine], law.table, case.rows[fine], law.column, new[fine], hint
            )


def _few(column: Column) -> range | None:
    """Return the codes of a column that has few."""
    if isinstance(column.type, EnumType | BooleanType):
        return range(len(column.type.values) if isinstance(column.type, EnumType) else 2)
    lo, hi = domain(column)
    return range(lo, hi + 1) if hi - lo < FEW else None


def _offer(
    scene: Scene, owner: Ids, table: int, row: Ids, name: str, thorough: bool, linked: bool
) -> None:
    if table in scene.frozen or not len(row):
        return
    declared = scene.sheets.tables[table]
    at = declared.column_names.index(name)
    column = declared.columns[at]
    codes = _few(column)
    if codes is not None and len(codes) <= (64 if thorough else FEW):
        for code in codes:
            scene.offers.cell(owner, table, row, at, code, o.ANY)
    else:
        count = DRAWS * (4 if thorough else 1)
        drawn = scene.drawn(table, at, (count, len(row)))
        if drawn is not None:
            for new in drawn:
                scene.offers.cell(owner, table, row, at, new, o.ANY + 0.5 * linked)
    if column.optional:
        scene.offers.cell(owner, table, row, at, 0, o.EMPTY, null=True)


def _first(group: Ids, most: int) -> Ids:
    """Return the positions of at most so many of each group, in an array sorted by group."""
    if not len(group):
        return group
    starts = np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]]))
    sizes = np.diff([*starts, len(group)])
    return np.flatnonzero(np.arange(len(group)) - np.repeat(starts, sizes) < most)
