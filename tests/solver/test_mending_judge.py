"""What a candidate is said to mend and to break is what a look at all rows finds."""

from __future__ import annotations

import random

import numpy as np
import pytest
from random_models import make_model

from synthtab.solver.mending.judge import judge
from synthtab.solver.mending.offers import listed
from synthtab.solver.mending.sheets import Sheets, judge_all, laws_of, write

Edit = tuple[int, int, int, int, bool]


def some_edits(rng: random.Random, sheets: Sheets) -> list[Edit]:
    """Return one to three cells with what other rows hold there, or NULL."""
    made: dict[tuple[int, int, int], Edit] = {}
    for _ in range(rng.choice([1, 1, 2, 3])):
        table = rng.randrange(len(sheets.tables))
        rows, columns = sheets.codes[table].shape
        if rows:
            row, other, at = rng.randrange(rows), rng.randrange(rows), rng.randrange(columns)
            null = bool(sheets.nulls[table][other, at]) or rng.random() < 0.1
            code = 0 if null else int(sheets.codes[table][other, at])
            made[table, row, at] = (table, row, at, code, null)
    return list(made.values())


@pytest.mark.parametrize("block", range(4))
def test_worlds_agree_with_a_look_at_all_rows(block):
    changed = 0
    for seed in range(block * 20, block * 20 + 20):
        case = make_model(seed + 700, rules=5)
        sheets = Sheets(case.tables, case.batches)
        laws = laws_of(sheets)
        before = judge_all(sheets, laws)
        rng = random.Random(seed)
        sets = [edits for _ in range(12) if (edits := some_edits(rng, sheets))]
        if not sets:
            continue
        candidates = listed(sets)
        verdict = judge(sheets, laws, before, candidates)
        for k in range(candidates.count):
            back = write(sheets, candidates.of(np.array([k])))
            after = judge_all(sheets, laws)
            write(sheets, back)
            removed = sum(
                int((b & ~a).sum()) for a, b in zip(after.masks, before.masks, strict=True)
            )
            added = sum(int((a & ~b).sum()) for a, b in zip(after.masks, before.masks, strict=True))
            assert not verdict.wide[k]
            assert (verdict.removed[k], verdict.added[k]) == (removed, added), (seed, k, sets[k])
            changed += removed + added > 0
    assert changed > 30
