"""Cells of columns: every code in one cell, draws within their cells, counts that add up."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from synthtab.batch import Batch
from synthtab.privacy.grid import Axis, Grid


@st.composite
def axes(draw: st.DrawFn) -> Axis:
    edges = sorted(draw(st.sets(st.integers(-50, 50), min_size=2, max_size=8)))
    lo, hi = tuple(edges[:-1]), tuple(e - 1 for e in edges[1:])
    return Axis("x", lo, hi, draw(st.booleans()))


@given(axes(), st.integers(0, 2**32 - 1))
def test_a_drawn_value_lies_in_its_cell(axis: Axis, seed: int) -> None:
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, axis.size, 40)
    assert (axis.cells(*axis.draw(cells, rng)) == cells).all()


@given(axes())
def test_every_code_of_the_range_has_one_cell(axis: Axis) -> None:
    codes = np.arange(axis.lo[0], axis.hi[-1] + 1)
    cells = axis.cells(codes, np.zeros(len(codes), dtype=bool))
    lo, hi, absent = axis.ends(cells)
    assert ((lo <= codes) & (codes <= hi)).all()
    assert not absent.any()


def test_what_lies_outside_is_in_the_first_or_last_cell() -> None:
    axis = Axis("x", (0, 10), (9, 19), True)
    codes, nulls = np.array([-5, 25, 0]), np.array([False, False, True])
    assert axis.cells(codes, nulls).tolist() == [0, 1, 2]


def test_pieces_say_where_in_a_cell_values_lie() -> None:
    axis = Axis("x", (0,), (99,), False, ((0, 9, 1.0, 0), (90, 99, 3.0, 0)))
    codes = axis.draw(np.zeros(4_000, dtype=np.int64), np.random.default_rng(1))[0]
    assert set(np.unique(codes // 10)) == {0, 9}
    assert abs((codes >= 90).mean() - 0.75) < 0.05


@given(st.integers(0, 2**32 - 1))
def test_counts_of_cells_are_those_of_a_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grid = Grid((Axis("a", (0, 2), (1, 3), False), Axis("b", (0, 1, 2), (0, 1, 2), True)))
    codes = np.stack([rng.integers(0, 4, 30), rng.integers(0, 3, 30)], axis=1)
    nulls = np.stack([np.zeros(30, dtype=bool), rng.random(30) < 0.3], axis=1)
    batch = Batch(("a", "b"), codes, nulls, np.empty(0, dtype=object))
    counted = grid.count(grid.cells(batch), ("b", "a"))
    expected = np.zeros((4, 2), dtype=int)
    for (a, b), (_, gone) in zip(codes, nulls, strict=True):
        expected[3 if gone else b, a // 2] += 1
    assert (counted == expected).all()
    assert grid.size(("a", "b")) == 8
