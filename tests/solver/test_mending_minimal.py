"""Where one cell mends everything one cell changes: compared with a search of all changes."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from strategies import to_batch

from synthtab.lang.model import Model
from synthtab.solver.mend import mend
from synthtab.solver.mending.judge import judge
from synthtab.solver.mending.offers import listed
from synthtab.solver.mending.sheets import Sheets, judge_all, laws_of

RULES = (
    "rule below: x <= p.cap",
    "rule numbered: gap_free(n, 0) per pid",
    "rule climbs: non_decreasing(x) per pid ordered by n",
    "rule tied: x determines y",
    "rule apart: no overlap (x, y) per pid",
    "rule pairs: forbid pair (a, b): a.pid = b.pid and a.x = b.x and a.n != b.n",
    "rule twice: when n = 2 then x = y",
    "rule step: y <= (previous(y, 1) per pid ordered by n) + 1",
    "rule even: sum(y) per pid <= 4",
    "unique (pid, n)",
)
PARENT_RULES = (
    "rule holds: total = coalesce(sum(x of c), 0)",
    "rule some: count(of c where y > 0) <= cap",
    "rule top: max(x of c) <= cap",
)


def tiny(rng: random.Random) -> tuple[Model, dict[str, list[dict[str, Any]]]]:
    """Return a model of two tables with a few rules, and a handful of rows."""
    text = f"""
    table p {{
      id    integer in 0 .. 2 key
      cap   integer in 0 .. 3
      total integer in 0 .. 9
      {" ".join(rng.sample(PARENT_RULES, rng.randint(0, 1)))}
    }}
    table c {{
      pid integer in 0 .. 2 -> p.id
      n   integer in 0 .. 3
      x   integer in 0 .. 3
      y   integer in 0 .. 3 optional
      {" ".join(rng.sample(RULES, rng.randint(1, 2)))}
    }}
    """
    rows: dict[str, list[dict[str, Any]]] = {
        "p": [{"id": k, "cap": rng.randint(0, 3), "total": rng.randint(0, 6)} for k in range(2)],
        "c": [
            {
                "pid": rng.randint(0, 1),
                "n": rng.randint(0, 2),
                "x": rng.randint(0, 3),
                "y": rng.choice([None, 0, 1, 2, 3]),
            }
            for _ in range(rng.randint(1, 4))
        ],
    }
    return Model.parse(text), rows


def single_changes(sheets: Sheets) -> list[list[tuple[int, int, int, int, bool]]]:
    """Return every change of one cell to another value of its column, or to NULL."""
    made = []
    for k, table in enumerate(sheets.tables):
        for row in range(sheets.rows(k)):
            for at, column in enumerate(table.columns):
                assert column.lo is not None
                assert column.hi is not None
                made += [
                    [(k, row, at, code, False)]
                    for code in range(column.lo, column.hi + 1)
                    if sheets.nulls[k][row, at] or code != sheets.codes[k][row, at]
                ]
                if column.optional and not sheets.nulls[k][row, at]:
                    made.append([(k, row, at, 0, True)])
    return made


@pytest.mark.parametrize("block", range(4))
def test_one_cell_changes_where_one_is_enough(block):
    mended = 0
    for seed in range(block * 40, block * 40 + 40):
        model, rows = tiny(random.Random(seed))
        batches = {t.name: to_batch(t.columns, rows[t.name]) for t in model.tables}
        sheets = Sheets(model.tables, batches)
        laws = laws_of(sheets)
        before = judge_all(sheets, laws)
        if not before.total():
            continue
        verdict = judge(sheets, laws, before, listed(single_changes(sheets)))
        enough = ((verdict.removed == before.total()) & (verdict.added == 0)).any()
        out = mend(model.tables, batches, rng=np.random.default_rng(seed))
        if enough:
            assert not out.unmended, seed
            assert len(out.changes) == 1, (seed, out.changes)
            mended += 1
    assert mended >= 8
