"""Offers of whole rows mended by the row step: where several cells of a row have to change."""

from __future__ import annotations

import numpy as np

from synthtab.errors import InfeasibleError
from synthtab.solver.mending import offers as o
from synthtab.solver.mending.scene import Scene
from synthtab.solver.repair import repair


def offer_rows(scene: Scene, weights: dict[str, dict[str, float]]) -> None:
    """Offer for rows that break a rule about one row what the row step makes of them."""
    for k, table in enumerate(scene.sheets.tables):
        pure = {id(r) for r in table.row_rules}
        cases = [
            c
            for c in scene.cases
            if c.law.table == k and (c.law.rule is None or id(c.law.rule) in pure)
        ]
        if not cases or k in scene.frozen:
            continue
        rows = np.unique(np.concatenate([c.rows for c in cases]))
        owner = np.zeros(scene.sheets.rows(k), np.int64)
        for case in cases:
            owner[case.rows] = case.owners
        batch = scene.sheets.batch(k)
        donors = batch.take(~scene.suspects[k])
        own = weights.get(table.name)
        try:
            mended = repair(table, batch.take(rows), rng=scene.rng, weights=own, donors=donors)
        except InfeasibleError:
            continue  # no row at all can keep these rules
        for place in np.flatnonzero(mended.changed.any(axis=1) & ~mended.failed).tolist():
            columns = np.flatnonzero(mended.changed[place]).tolist()
            row = int(rows[place])
            edits = [
                (
                    k,
                    row,
                    c,
                    int(mended.batch.codes[place, c]),
                    bool(mended.batch.nulls[place, c]),
                )
                for c in columns
            ]
            if len(edits) == 1:
                _, _, column, code, null = edits[0]
                scene.offers.cell(int(owner[row]), k, row, column, code, o.LIKELY, null)
            else:
                scene.offers.many(int(owner[row]), edits, o.LIKELY)
