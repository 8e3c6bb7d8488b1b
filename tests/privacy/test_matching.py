"""Cells for rows some of whose columns are known."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from synthtab.privacy.grid import Axis, Grid
from synthtab.privacy.matching import coarse, matched


def grid_of(*sizes: int) -> Grid:
    axes = []
    for k, size in enumerate(sizes):
        codes = tuple(range(size))
        axes.append(Axis(f"c{k}", codes, codes, False))
    return Grid(tuple(axes))


SIZES = grid_of(3, 4, 5)


def test_rows_follow_the_pool_given_what_is_known() -> None:
    rng = np.random.default_rng(5)
    known = rng.integers(0, 3, 60_000)
    own = np.where(rng.random(60_000) < 0.8, known, rng.integers(0, 5, 60_000))
    pool = np.stack([known, rng.integers(0, 4, 60_000), own], axis=1)
    wanted = np.repeat(np.arange(3), 400)[:, None]
    got = matched(pool, [0], wanted, SIZES, rng)
    assert (got[:, :1] == wanted).all()
    for value in range(3):
        mine, there = got[got[:, 0] == value, 2], pool[known == value, 2]
        shares = np.bincount(mine, minlength=5) / 400
        # Evenly spread over the pool's order, so that only rounding is left of chance.
        assert np.abs(shares - np.bincount(there, minlength=5) / len(there)).max() < 0.03


def test_what_tells_least_is_let_go_first() -> None:
    rng = np.random.default_rng(6)
    telling = rng.integers(0, 3, 3_000)
    pool = np.stack([telling, np.zeros(3_000, dtype=np.int64), telling], axis=1)
    # No row of the pool has a 3 in the second column, which tells nothing.
    wanted = np.array([[k, 3] for k in range(3)])
    got = matched(pool, [0, 1], wanted, SIZES, rng)
    assert got.tolist() == [[0, 3, 0], [1, 3, 1], [2, 3, 2]]


@settings(max_examples=40, deadline=None)
@given(
    arrays(np.int64, st.tuples(st.integers(1, 60), st.just(3)), elements=st.integers(0, 2)),
    arrays(np.int64, st.tuples(st.integers(0, 9), st.just(2)), elements=st.integers(0, 2)),
)
def test_every_wanted_row_gets_cells_there_are(pool: np.ndarray, wanted: np.ndarray) -> None:
    got = matched(pool, [0, 1], wanted, SIZES, np.random.default_rng(0))
    assert (got[:, :2] == wanted).all()
    assert set(got[:, 2]) <= set(pool[:, 2])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 400), min_size=1, max_size=40), st.booleans(), st.integers(1, 12))
def test_coarse_cells_cover_the_same_codes(counts: list[int], null: bool, most: int) -> None:
    n = len(counts)
    axis = Axis("x", tuple(range(0, 10 * n, 10)), tuple(range(9, 10 * n, 10)), null)
    cells = np.repeat(np.arange(n), counts)
    made = coarse(axis, cells, most)
    assert len(made.lo) <= max(most, 1)
    assert made.null is null
    assert (made.lo[0], made.hi[-1]) == (axis.lo[0], axis.hi[-1])
    assert all(hi + 1 == lo for hi, lo in zip(made.hi, made.lo[1:], strict=False))
    assert set(made.lo) <= set(axis.lo)


def test_coarse_cells_hold_about_as_many_rows_each() -> None:
    axis = Axis("x", tuple(range(100)), tuple(range(100)), False)
    cells = np.random.default_rng(1).integers(0, 100, 50_000)
    held = np.bincount(coarse(axis, cells, 10).cells(cells, np.zeros(50_000, dtype=bool)))
    assert len(held) == 10
    assert held.min() > 3_500
