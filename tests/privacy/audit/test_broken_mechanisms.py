"""Sound mechanisms stay below the epsilon they state, and broken ones are found every time.

Draws are from the system's randomness, so that every test here may fail by chance. A sound
mechanism passes its stated epsilon with a probability of 1e-6 at most (the bounds' confidence); a
broken one is missed with a probability below 1e-9, which is computed from its law.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from laws import discrete_gaussian, geometric
from misses import chance_of_a_miss
from rooms import batch_of
from scipy import stats

from synthtab.batch import Batch
from synthtab.privacy.audit.bounds import Bound, one_run_bound, repeated_runs_bound
from synthtab.privacy.grid import Axis, Grid
from synthtab.privacy.ledger import Ledger, Purse
from synthtab.privacy.mechanisms import (
    DiscreteGaussian,
    Exponential,
    Geometric,
    Snapping,
    count_noise,
)
from synthtab.privacy.readers import ChooseQuantile, CountCells, real_cells
from synthtab.privacy.settings import Neighbours
from synthtab.privacy.vault import Reader, Room, Vault

CONFIDENCE = 1 - 1e-6
MISS = 1e-9
RUNS = 6_000

AXIS = Axis("x", (0, 1), (0, 1), False)
GRID = Grid((AXIS,))
ONE, TWO = batch_of("x", [[0], [1], [1]]), batch_of("x", [[0], [1]])
"""Neighbours: a row with x = 1 more, or less."""


def bound(run: Callable[[Batch], float], delta: float = 0.0, runs: int = RUNS) -> Bound:
    return repeated_runs_bound(run, ONE, TWO, float, runs, delta, CONFIDENCE)


def released(
    reader: Callable[[Ledger], Reader[object]], ledger: Callable[[], Ledger]
) -> Callable[[Batch], float]:
    """Return a run that opens a ledger, puts rows behind it, and releases a reader's answer."""

    def run(rows: Batch) -> float:
        book = ledger()
        answer = Vault({"t": rows}, book).release(reader(book))
        assert book.spent()[0] <= book.epsilon * (1 + 1e-9)
        return float(np.ravel(answer)[-1])

    return run


def counts(epsilon: float, delta: float) -> Callable[[Batch], float]:
    def reader(book: Ledger) -> CountCells:
        return CountCells("t", GRID, ("x",), count_noise(book.purse(), book.neighbours), "why")

    return released(reader, lambda: Ledger(epsilon, delta))


@pytest.mark.parametrize("epsilon", [0.5, 2.0])
def test_geometric_counts_stay_below_their_epsilon(epsilon: float) -> None:
    found = bound(counts(epsilon, 0.0), runs=4_000)
    assert 0.4 * epsilon < found.epsilon <= epsilon


def test_discrete_gaussian_counts_stay_below_their_epsilon() -> None:
    delta = 1e-2
    sigma = count_noise(Ledger(2.0, delta).purse(), Neighbours()).spread
    found = repeated_runs_bound(
        lambda rows: DiscreteGaussian(sigma).add(GRID.count(GRID.cells(rows), "x"))[-1],
        *(ONE, TWO, float, 4_000, delta, CONFIDENCE),
    )
    assert 0.3 < found.epsilon <= 2.0


def test_snapped_numbers_stay_below_their_epsilon() -> None:
    noise = Snapping(2.0, 1.0, 0.0, 8.0)
    found = bound(lambda rows: noise.add(np.array([len(rows) + 1.0]))[0])
    assert 0.8 < found.epsilon <= 2.0


def test_choices_stay_below_their_epsilon() -> None:
    """Two scores that one row moves apart: one up, the other down."""
    made = Exponential(2.0)

    def run(rows: Batch) -> float:
        return made.choose(np.array([3.0 - len(rows), len(rows) - 3.0]))

    assert 0.8 < bound(run).epsilon <= 2.0


def test_quantiles_stay_below_their_epsilon() -> None:
    def reader(_book: Ledger) -> ChooseQuantile:
        return ChooseQuantile("t", "x", 1.0, (0, 1, 2), Exponential(3.0))

    found = bound(released(reader, lambda: Ledger(3.0, 0.0)), runs=4_000)
    assert 0.3 < found.epsilon <= 3.0


def test_many_canaries_of_one_release_stay_below_its_epsilon() -> None:
    """A histogram where each canary has a cell of its own: one release, 2,000 coins."""
    coins = np.random.default_rng().random(2_000) < 0.5
    noisy = count_noise(Purse(None, 1.0), Neighbours()).add(coins.astype(np.int64))
    found = one_run_bound(noisy, coins, 0.0, CONFIDENCE)
    # The two-sided geometric tells a coin right with the probability e/(1+e) at its ends.
    assert 0.3 < found.epsilon <= 1.0


# Broken mechanisms.


@dataclass(frozen=True)
class HalfGeometric(Geometric):
    """Charges for epsilon, and adds half of the noise that it would take."""

    def add(self, counts: np.ndarray) -> np.ndarray:
        return Geometric(2 * self.epsilon, self.l1).add(counts)


@dataclass(frozen=True)
class HalfGaussian(DiscreteGaussian):
    def add(self, counts: np.ndarray) -> np.ndarray:
        return DiscreteGaussian(self.sigma / 2, self.l2).add(counts)


def missed(
    law: tuple[np.ndarray, np.ndarray], least: tuple[int, int], runs: int, budget: Ledger
) -> float:
    """Bound the chance of a miss where the statistic is whether an answer is large.

    It is if the noise, of this law, is ``least`` or more on the left and on the right.
    """
    points, shares = law
    sides = [np.array([shares[points < t].sum(), shares[points >= t].sum()]) for t in least]
    return chance_of_a_miss(*sides, runs, budget.epsilon, budget.delta, CONFIDENCE)


def test_halved_geometric_noise_is_found() -> None:
    ledger = Ledger(1.0, 0.0)
    assert missed(geometric(2.0, 30), (0, 1), RUNS, ledger) < MISS
    noise = HalfGeometric(1.0)
    run = released(lambda _b: CountCells("t", GRID, ("x",), noise, "why"), lambda: Ledger(1, 0))
    assert bound(lambda rows: run(rows) >= 2).refutes(1.0)


def test_halved_gaussian_noise_is_found() -> None:
    ledger, runs = Ledger(2.0, 1e-2), 16_000
    whole = count_noise(ledger.purse(), ledger.neighbours)
    assert isinstance(whole, DiscreteGaussian)
    assert missed(discrete_gaussian(whole.sigma / 2, 12), (1, 2), runs, ledger) < MISS
    noise = HalfGaussian(whole.sigma, whole.l2)
    assert noise.cost == whole.cost
    found = bound(lambda rows: noise.add(GRID.count(GRID.cells(rows), "x"))[1] >= 3, 1e-2, runs)
    assert found.refutes(2.0)


def test_halved_noise_is_found_by_canaries_of_a_single_release() -> None:
    """2,000 coins; a guess is right with a probability of 0.8 and more, e/(1+e) is 0.73."""
    coins = np.random.default_rng().random(2_000) < 0.5
    noisy = HalfGeometric(1.0).add(coins.astype(np.int64))
    found = one_run_bound(noisy, coins, 0.0, CONFIDENCE)
    points, law = geometric(2.0, 200)
    # All 2,000 are guessed, ties at random or better, at a bound of 1/8 of the error.
    right = law[points >= 1].sum() + law[points == 0].sum()  # noise that does not mislead
    worst = int(stats.binom.ppf(MISS, 2_000, right))
    assert stats.binom.sf(worst - 1, 2_000, math.e / (1 + math.e)) < (1 - CONFIDENCE) / 8
    assert found.refutes(1.0)


class ThriceForOnce(CountCells):
    """Charges once, counts three times and gives the sum: most of the answer is not paid for."""

    def read(self, room: Room) -> np.ndarray:
        return super().read(room) + super().read(room) + super().read(room)


class PastTheLedger(CountCells):
    """Remembers the real counts, once let in, and hands them out."""

    def read(self, room: Room) -> np.ndarray:
        return GRID.count(real_cells(room, self.table, self.grid), self.columns)


def sums(times: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the law of a sum of geometric noises of epsilon 1."""
    points, law = geometric(1.0, 40)
    total = law
    for _ in range(times - 1):
        total = np.convolve(total, law)
    return np.arange(times * points[0], times * points[-1] + 1), total


def test_a_reader_that_counts_thrice_for_one_charge_is_found() -> None:
    assert missed(sums(3), (1, 4), RUNS, Ledger(1.0, 0.0)) < MISS
    noise = Geometric(1.0)
    run = released(
        lambda _b: ThriceForOnce("t", GRID, ("x",), noise, "why"), lambda: Ledger(1.0, 0.0)
    )
    assert bound(lambda rows: run(rows) >= 7).refutes(1.0)


def test_a_reader_that_adds_no_noise_is_found() -> None:
    """It is sure to be: the answers never agree, and 3,000 runs tell 1 from 0 at e^5."""
    noise = Geometric(1.0)
    run = released(
        lambda _b: PastTheLedger("t", GRID, ("x",), noise, "why"), lambda: Ledger(1.0, 0.0)
    )
    assert bound(run).epsilon > 5


def test_rows_that_come_out_beside_the_ledger_are_found() -> None:
    """A sound release, and then an answer made of the rows themselves, which nobody paid for."""
    assert missed(sums(2), (0, 3), RUNS, Ledger(1.0, 0.0)) < MISS
    noise = Geometric(1.0)

    def run(rows: Batch) -> float:
        ledger = Ledger(1.0, 0.0)
        reader = CountCells("t", GRID, ("x",), noise, "why")
        paid = Vault({"t": rows}, ledger).release(reader)[-1]
        assert ledger.spent() == (1.0, 0.0)
        return float(paid + noise.add(np.array([2 * len(rows)]))[0])

    assert bound(lambda rows: run(rows) >= 8).refutes(1.0)
