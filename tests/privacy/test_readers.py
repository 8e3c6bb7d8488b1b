"""What readers count, and that one unit changes it by no more than is charged."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rooms import NoNoise, batch_of

from synthtab.batch import Batch
from synthtab.privacy.bins import axes, levels_of
from synthtab.privacy.costs import Pure
from synthtab.privacy.grid import Axis, Grid
from synthtab.privacy.ledger import Ledger, Purse
from synthtab.privacy.mechanisms import Exponential, count_noise
from synthtab.privacy.readers import ChooseQuantile, CountCells
from synthtab.privacy.settings import Neighbours
from synthtab.privacy.vault import Room, Vault
from synthtab.schema import Column, IntegerType

GRID = Grid((Axis("x", (0, 3, 5), (2, 4, 9), True), Axis("y", (0, 1), (0, 1), False)))
FREE = NoNoise(Pure(0.0))

cells = st.tuples(st.one_of(st.none(), st.integers(-2, 12)), st.integers(0, 1))
tables = st.lists(cells, max_size=12)
units = st.lists(cells, min_size=1, max_size=4)
kinds = st.sampled_from(["add-remove", "replace"])


def pair(kind: str, rest: list, unit: list, other: list) -> tuple[Batch, Batch]:
    """Return neighbours: a unit's rows added, or exchanged for another unit's."""
    return batch_of("xy", rest + unit), batch_of("xy", rest + (other if kind == "replace" else []))


@given(kinds, tables, units, units, st.sampled_from([("x",), ("y",), ("x", "y"), ("y", "x")]))
@settings(max_examples=300, deadline=None)
def test_counts_change_by_no_more_than_the_noise_is_made_for(
    kind: str, rest: list, unit: list, other: list, columns: tuple[str, ...]
) -> None:
    most = max(len(unit), len(other))
    left, right = (
        CountCells("t", GRID, columns, FREE, "why").read(Room({"t": b})).ravel()
        for b in pair(kind, rest, unit, other)
    )
    near = Neighbours(kind, "parent", most)
    change = (left - right).astype(float)
    assert np.abs(change).sum() <= count_noise(Purse(None, 1.0), near, most).l1
    assert math.sqrt((change**2).sum()) <= count_noise(Purse(1.0, 0.0), near, most).l2 + 1e-9


def test_the_sensitivity_of_counts_is_reached() -> None:
    """It is no looser than need be: all of one unit's rows in a cell, then all in another."""
    for kind, l1, l2 in (("add-remove", 4, 4.0), ("replace", 8, math.sqrt(32))):
        left, right = (
            CountCells("t", GRID, ("x", "y"), FREE, "why").read(Room({"t": b})).ravel()
            for b in pair(kind, [(1, 1)], [(0, 0)] * 4, [(9, 1)] * 4)
        )
        near = Neighbours(kind, "parent", 4)
        assert np.abs(left - right).sum() == l1 == count_noise(Purse(None, 1.0), near, 4).l1
        assert np.linalg.norm(left - right) == pytest.approx(l2)
        assert count_noise(Purse(1.0, 0.0), near, 4).l2 == pytest.approx(l2)


@given(kinds, tables, units, units, st.floats(0.0, 1.0))
@settings(max_examples=300, deadline=None)
def test_scores_of_quantiles_change_by_no_more_than_one_a_row(
    kind: str, rest: list, unit: list, other: list, quantile: float
) -> None:
    seen: list[np.ndarray] = []

    class Spy(Exponential):
        def choose(self, scores: np.ndarray, measure: np.ndarray | None = None) -> int:
            seen.append(scores)
            return 0

    candidates = tuple(range(-3, 14))
    for batch in pair(kind, rest, unit, other):
        reader = ChooseQuantile("t", "x", quantile, candidates, Spy(1.0))
        assert reader.read(Room({"t": batch})) == -3
    most = max(len(unit), len(other))
    assert np.abs(seen[0] - seen[1]).max() <= most + 1e-9


def test_quantiles_without_much_noise_are_quantiles() -> None:
    batch = batch_of("xy", [(v, 0) for v in range(100)])
    vault = Vault({"t": batch}, Ledger(1e6, 0.0))
    for quantile, low, high in (
        (0, -50, 3),
        (0.25, 22, 28),
        (0.5, 47, 53),
        (0.9, 87, 93),
        (1, 97, 149),
    ):
        # Off by three candidates with a probability below 200 e^-60.
        reader = ChooseQuantile("t", "x", quantile, tuple(range(-50, 150)), Exponential(40.0))
        assert low <= vault.release(reader) <= high
    assert vault.ledger.spent()[0] == pytest.approx(200.0)


@given(tables)
def test_parts_count_their_own_rows(rows: list) -> None:
    """Readers of the cells of one column are charged side by side, and see disjoint rows."""
    ledger = Ledger(10.0, 0.0)
    vault = Vault({"t": batch_of("xy", rows)}, ledger)
    noise = NoNoise(Pure(0.5))
    found = [
        vault.release(CountCells("t", GRID, ("x",), noise, "why", within=("y", cell)))
        for cell in (0, 1)
    ]
    assert ledger.spent() == (0.5, 0.0)
    assert (np.stack(found, axis=1) == GRID.count(GRID.cells(batch_of("xy", rows)), "xy")).all()


def test_cells_of_different_cuts_are_not_charged_side_by_side() -> None:
    ledger = Ledger(10.0, 0.0)
    vault = Vault({"t": batch_of("xy", [(1, 0)])}, ledger)
    finer = Grid((Axis("x", tuple(range(10)), tuple(range(10)), True), GRID.axes[1]))
    for grid, cell in ((GRID, 0), (finer, 1)):  # both have the rows with x = 1
        noise = NoNoise(Pure(0.5))
        assert vault.release(
            CountCells("t", grid, ("y",), noise, "why", within=("x", cell))
        ).tolist() == [1, 0]
    assert ledger.spent() == (1.0, 0.0)


@given(kinds, tables, units, units)
@settings(max_examples=60, deadline=None)
def test_each_level_of_a_tree_changes_by_no_more_than_the_noise_is_made_for(
    kind: str, rest: list, unit: list, other: list
) -> None:
    """For whatever cells the levels before gave, which public noise may have made of anything."""
    most = max(len(unit), len(other))
    near = Neighbours(kind, "parent", most)
    rng = np.random.default_rng(len(rest))
    for level in range(3):
        cuts = np.unique(np.append(rng.integers(-2, 13, size=4**level), -2))
        grid = Grid((Axis("x", tuple(cuts.tolist()), (*(cuts[1:] - 1).tolist(), 12), True),))
        left, right = (
            CountCells("t", grid, ("x",), FREE, "why").read(Room({"t": b}))
            for b in pair(kind, rest, unit, other)
        )
        change = (left - right).astype(float)
        assert np.abs(change).sum() <= count_noise(Purse(None, 1.0), near, most).l1
        assert np.linalg.norm(change) <= count_noise(Purse(1.0, 0.0), near, most).l2 + 1e-9


@pytest.mark.parametrize("delta", [0.0, 1e-6])
@pytest.mark.parametrize("kind", ["add-remove", "replace"])
def test_a_tree_spends_its_purse_and_no_more(delta: float, kind: str) -> None:
    columns = [
        Column("x", IntegerType(), True, 0, 99_999),
        Column("z", IntegerType(), False, 0, 5_000),
        Column("y", IntegerType(), False, 0, 3),
    ]
    rng = np.random.default_rng(1)
    data = batch_of("xzy", [(int(v) ** 2 % 90_000, int(v), 1) for v in rng.integers(0, 5000, 800)])
    ledger = Ledger(1.0, delta, Neighbours(kind))
    purse = ledger.purse().share(0.5)
    grid = axes(Vault({"t": data}, ledger), "t", columns, purse)
    assert grid.columns == ("x", "z", "y")
    assert len(ledger.charges) <= levels_of(0, 99_999) + levels_of(0, 5_000)
    if delta:
        spent = sum(1 / (2 * c.cost.noise**2) for c in ledger.charges)
        assert spent <= purse.rho * (1 + 1e-9)
    else:
        assert sum(c.cost.epsilon for c in ledger.charges) <= purse.epsilon * (1 + 1e-9)
    for axis in grid.axes:
        assert axis.lo[1:] == tuple(hi + 1 for hi in axis.hi[:-1])  # side by side, in order
    assert (grid.axes[0].lo[0], grid.axes[0].hi[-1]) == (0, 99_999)
    assert (grid.axes[2].lo, grid.axes[2].hi) == ((0, 1, 2, 3),) * 2
    everything = grid.cells(data)
    assert everything.min() >= 0
    assert (everything.max(axis=0) < [a.size for a in grid.axes]).all()


def test_a_tree_is_fine_where_rows_are() -> None:
    """With next to no noise nearly all cells lie where nearly all rows are."""
    column = Column("x", IntegerType(), False, 0, 999_999)
    rows = [(int(v),) for v in np.random.default_rng(2).integers(500_000, 501_000, 4_000)]
    ledger = Ledger(1e4, 0.0)
    grid = axes(Vault({"t": batch_of("x", rows)}, ledger), "t", [column], ledger.purse())
    inside = [lo for lo in grid.axes[0].lo if 499_900 <= lo <= 501_100]
    assert len(inside) >= 16
    assert len(grid.axes[0].lo) - len(inside) <= 4


@pytest.mark.parametrize("rows", [[], [(7, 0)]], ids=["no row", "one row"])
def test_few_rows_are_no_special_case(rows: list) -> None:
    """Noise goes on none and one as on any: the same shapes and charges come out."""
    column = Column("x", IntegerType(), False, 0, 9_999)
    ledger = Ledger(1.0, 1e-6)
    vault = Vault({"t": batch_of("xy", rows)}, ledger)
    grid = axes(vault, "t", [column], ledger.purse().share(0.5))
    assert (grid.axes[0].lo[0], grid.axes[0].hi[-1]) == (0, 9_999)
    noise = count_noise(ledger.purse(), ledger.neighbours)
    assert vault.release(CountCells("t", GRID, ("x", "y"), noise, "why")).shape == (4, 2)
    chosen = ChooseQuantile("t", "x", 0.5, (1, 2, 3), Exponential(0.1))
    assert chosen.read(Room({"t": batch_of("xy", rows)})) in (1, 2, 3)
