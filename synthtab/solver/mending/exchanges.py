"""Offers to exchange two cells of a row: a start that stands where the end should."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from synthtab.ir import nodes
from synthtab.schema import TextType
from synthtab.solver.mending import offers as o
from synthtab.solver.mending.likeness import is_ordered
from synthtab.solver.mending.scene import Case, Scene

MOST_COLUMNS = 8


def offer_exchanges(scene: Scene) -> None:
    """Offer to exchange columns of one type that a broken row rule reads."""
    for case in scene.of(nodes.RowRule):
        if case.law.table in scene.frozen:
            continue
        declared = scene.table(case)
        names = [n for n in case.law.reads[declared.name] if n in case.law.places[0].columns]
        for first, second in combinations(names[:MOST_COLUMNS], 2):
            one, two = declared.column(first), declared.column(second)
            if type(one.type) is type(two.type) and (
                is_ordered(one.type) or isinstance(one.type, TextType)
            ):
                _offer(scene, case, first, second, len(names) == 2)


def _offer(scene: Scene, case: Case, first: str, second: str, about: bool) -> None:
    """Offer an exchange; ``about`` says that the rule is about these two columns and no other."""
    table = case.law.table
    names = scene.table(case).column_names
    (a, no_a), (b, no_b) = (scene.cells(table, name) for name in (first, second))
    both = ~no_a & ~no_b
    typical = np.sort((b - a)[both & ~scene.suspects[table]].astype(float))
    low, high = np.quantile(typical, [0.01, 0.99]) if len(typical) else (-np.inf, np.inf)
    for row, owner in zip(case.rows.tolist(), case.owners.tolist(), strict=True):
        if not both[row] or a[row] == b[row]:
            continue
        likely = low <= float(a[row]) - float(b[row]) <= high
        hint = o.DETERMINED if about and likely else o.LIKELY if likely else o.ANY
        edits = [
            (table, row, names.index(first), int(b[row]), False),
            (table, row, names.index(second), int(a[row]), False),
        ]
        scene.offers.many(owner, edits, hint)
