"""Offers for rows that must not meet: intervals that overlap, and pairs that are forbidden."""

from __future__ import annotations

import numpy as np

from synthtab.ir import nodes
from synthtab.solver.mending import offers as o
from synthtab.solver.mending.likeness import is_ordered
from synthtab.solver.mending.scene import Case, Scene
from synthtab.solver.mending.worlds import Pairs

MOST_PARTNERS = 8


def offer_meetings(scene: Scene) -> None:
    """Offer ends that keep intervals apart, and values that tell the rows of pairs apart."""
    for case in scene.of(nodes.NoOverlapRule, nodes.PairRule):
        if case.law.table in scene.frozen:
            continue
        for _, columns, _, pairs in scene.seen_from(case):
            rule = case.law.rule
            if isinstance(rule, nodes.NoOverlapRule):
                _apart(scene, case, rule, pairs)
            else:
                _different(scene, case, sorted(columns), pairs)
            break


def _apart(scene: Scene, case: Case, rule: nodes.NoOverlapRule, pairs: Pairs) -> None:
    """Offer to end when the other begins, and to begin when the other ends."""
    table = case.law.table
    names = scene.table(case).column_names
    first, last = names.index(rule.start), names.index(rule.end)
    if scene.table(case).column(rule.start).type != scene.table(case).column(rule.end).type:
        return
    codes, nulls = scene.sheets.codes[table], scene.sheets.nulls[table]
    own = np.full(scene.violations, -1, np.int64)
    own[case.owners] = case.rows
    row, other = own[pairs.candidate], pairs.row
    meet = (row != other) & ~nulls[row][:, [first, last]].any(axis=1)
    meet &= ~nulls[other][:, [first, last]].any(axis=1)
    meet &= (codes[row, first] < codes[other, last]) & (codes[other, first] < codes[row, last])
    row, other, owner = row[meet], other[meet], pairs.candidate[meet]
    earlier = codes[row, first] <= codes[other, first]
    scene.offers.cell(
        owner[earlier], table, row[earlier], last, codes[other[earlier], first], o.LIKELY
    )
    later = codes[row, last] >= codes[other, last]
    scene.offers.cell(owner[later], table, row[later], first, codes[other[later], last], o.LIKELY)


def _different(scene: Scene, case: Case, columns: list[str], pairs: Pairs) -> None:
    """Offer values of the other rows, and those beside them."""
    table = case.law.table
    own = np.full(scene.violations, -1, np.int64)
    own[case.owners] = case.rows
    starts = np.searchsorted(pairs.candidate, pairs.candidate)
    near = np.arange(len(pairs)) - starts < MOST_PARTNERS
    owner, other = pairs.candidate[near], pairs.row[near]
    row = own[owner]
    for name in columns:
        column = scene.table(case).column(name)
        if not is_ordered(column.type):
            continue
        at = scene.table(case).column_names.index(name)
        codes, nulls = scene.cells(table, name)
        keep = (row != other) & ~nulls[other]
        for step in (0, 1, -1):
            scene.offers.cell(owner[keep], table, row[keep], at, codes[other[keep]] + step, o.ANY)
