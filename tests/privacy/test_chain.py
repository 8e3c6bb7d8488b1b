"""Rows drawn a column at a time: their cells have the shares of the chain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthtab.privacy.chain import Chain, Link
from synthtab.privacy.grid import Axis, Grid

GRID = Grid((Axis("a", (0, 1), (0, 1), False), Axis("b", (0, 1, 2), (0, 1, 2), False)))


def chain(rng: np.random.Generator) -> Chain:
    first = rng.dirichlet(np.ones(2))
    given_a = rng.dirichlet(np.ones(3), size=2)
    return Chain(GRID, (Link("a", (), first), Link("b", ("a",), given_a)))


@given(st.integers(0, 2**32 - 1), st.integers(1, 400))
def test_shares_are_kept_but_for_rounding(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    made = chain(rng)
    cells = made.draw(rows, rng)
    ones = np.bincount(cells[:, 0], minlength=2)
    assert (np.abs(ones - rows * made.links[0].shares) <= 1 + 1e-9).all()
    for a in (0, 1):
        twos = np.bincount(cells[cells[:, 0] == a, 1], minlength=3)
        assert (np.abs(twos - ones[a] * made.links[1].shares[a]) <= 2).all()


def test_a_cell_without_a_share_is_never_drawn() -> None:
    made = Chain(GRID, (Link("a", (), np.array([0.0, 1.0])), Link("b", (), np.array([1.0, 0, 0]))))
    cells = made.draw(500, np.random.default_rng(0))
    assert (cells == [1, 0]).all()


def test_columns_given_the_same_are_independent() -> None:
    even = Link("a", (), np.array([0.5, 0.5]))
    made = Chain(GRID, (even, Link("b", (), np.full(3, 1 / 3))))
    table = GRID.count(made.draw(60_000, np.random.default_rng(3)), ("a", "b"))
    # Six cells of 10,000 rows each: five standard deviations are less than 500.
    assert (np.abs(table - 10_000) < 500).all()


def test_log_shares_are_those_of_the_product_of_links() -> None:
    second = np.array([[0.5, 0.5, 0.0], [0.1, 0.2, 0.7]])
    made = Chain(GRID, (Link("a", (), np.array([0.25, 0.75])), Link("b", ("a",), second)))
    every = np.array([[a, b] for a in range(2) for b in range(3)])
    found = np.exp(made.log_shares(every))
    assert found == pytest.approx([0.125, 0.125, 0.0, 0.075, 0.15, 0.525])
