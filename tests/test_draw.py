"""The decoding modes: what is said where rows cannot be had."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from synthtab.batch import Batch
from synthtab.draw import draw_rows
from synthtab.errors import InfeasibleError
from synthtab.generate.drawn import Drawn
from synthtab.lang.model import Model
from synthtab.schema import Column
from synthtab.solver.project import compile_plan

TABLE = Model.parse("table a {\n  x integer in 0 .. 9\n  rule high: x > 3\n}").table()


class Babbling:
    """A source none of whose rows is one."""

    columns: tuple[Column, ...] = TABLE.columns

    def draw(self, rows: int, **_: Any) -> Drawn:
        zeros, all_of_them = np.zeros((rows, 1), dtype=np.int64), np.ones(rows, dtype=bool)
        batch = Batch(("x",), zeros, zeros > 0, np.empty(0, dtype=object))
        return Drawn(batch, np.zeros(rows), all_of_them, all_of_them, ~all_of_them)


@pytest.mark.parametrize(
    ("mode", "way_out"),
    [
        ("reject", "take a mode that decodes under the grammar or the rules"),
        ("solver", "widen the domains"),
    ],
)
def test_free_writing_that_makes_no_rows_says_which_modes_do(mode: Any, way_out: str) -> None:
    plan = compile_plan(TABLE)
    with pytest.raises(InfeasibleError, match=way_out) as error:
        draw_rows(TABLE, Babbling(), plan, 3, mode=mode, seed=0)
    assert "asked for 3 rows of table 'a' and found only 0" in str(error.value)
