"""What rules say of cells: empty ones, columns that follow from others."""

from __future__ import annotations

import numpy as np

from synthtab.lang.model import Model
from synthtab.privacy.bins import plain_axis
from synthtab.privacy.grid import Grid
from synthtab.privacy.zeros import follow, structural_zeros

TABLE = Model.parse(
    "table t { grade enum('low', 'mid', 'top')  number integer in 1 .. 3  bonus integer in 0 .. 9 "
    " other integer in 0 .. 4 "
    " rule same: number = case when grade = 'low' then 1 when grade = 'mid' then 2 "
    "   when grade = 'top' then 3 end "
    " rule none: when grade = 'low' then bonus = 0 }"
).table()
GRID = Grid(tuple(a for c in TABLE.columns for a in [plain_axis(c)] if a is not None))


def test_a_column_that_another_fixes_follows() -> None:
    made = structural_zeros(TABLE, GRID)
    (fixed,) = made.fixed
    assert {fixed.column, fixed.by} == {"grade", "number"}
    cells = np.array([[0, 0, 5, 1], [2, 2, 5, 1]])
    codes = follow(fixed, GRID, cells)
    assert codes.tolist() == ([1, 3] if fixed.column == "number" else [0, 2])


def test_empty_cells_are_told_of_what_is_left() -> None:
    made = structural_zeros(TABLE, GRID)
    gone = {f.column for f in made.fixed}
    assert all(not gone & set(clique) for clique in made.occupied)
    (pair,) = (c for c in made.occupied if "bonus" in c and len(c) == 2)
    mask = made.occupied[pair] if pair[0] != "bonus" else made.occupied[pair].T
    assert mask[0].tolist() == [True] + [False] * 9
    assert mask[1:].all()
    assert all("other" not in c for c in made.occupied)
