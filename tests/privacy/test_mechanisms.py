"""Each mechanism's noise against its law, on neighbouring inputs, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from laws import FALSE_ALARM, discrete_gaussian, geometric, largest_ratio, snapping, surprise
from scipy.stats import chi2

from synthtab.errors import BudgetError, UsageError
from synthtab.privacy.costs import Gaussian
from synthtab.privacy.ledger import Charge, Ledger, Purse
from synthtab.privacy.mechanisms import (
    MOST_NOISE,
    DiscreteGaussian,
    Exponential,
    Geometric,
    Snapping,
    count_noise,
    refuse_seed,
    selection,
)
from synthtab.privacy.settings import Neighbours

COUNT = 8_000


@pytest.mark.parametrize("sigma", [0.4, 1.0, 3.7, 25.5])
@pytest.mark.parametrize("value", [0, 1])
def test_discrete_gaussian_noise_follows_its_law(sigma: float, value: int) -> None:
    drawn = DiscreteGaussian(sigma).add(np.full(COUNT, value))
    assert drawn.dtype == np.int64
    points, shares = discrete_gaussian(sigma, 400)
    assert surprise(drawn - value, points, shares) > FALSE_ALARM


def test_large_discrete_gaussian_noise_takes_no_longer() -> None:
    """A noise of a million is drawn in as many steps as one of ten; its spread is right.

    The sum of squares of n draws over sigma^2 is chi-squared with n degrees.
    """
    sigma = 1e6
    drawn = DiscreteGaussian(sigma).add(np.zeros(1_000, dtype=np.int64)).astype(float)
    total = float((drawn**2).sum() / sigma**2)
    assert chi2.isf(1 - FALSE_ALARM, 1_000) < total < chi2.isf(FALSE_ALARM, 1_000)


@pytest.mark.parametrize(("epsilon", "l1"), [(0.1, 1), (1.0, 1), (1.0, 2), (3.0, 5)])
@pytest.mark.parametrize("value", [0, 1])
def test_geometric_noise_follows_its_law(epsilon: float, l1: int, value: int) -> None:
    drawn = Geometric(epsilon, l1).add(np.full(COUNT, value))
    points, shares = geometric(epsilon / l1, 600)
    assert surprise(drawn - value, points, shares) > FALSE_ALARM
    spread = Geometric(epsilon, l1).spread
    assert spread == pytest.approx(math.sqrt((points**2 * shares).sum()), rel=1e-6)


@pytest.mark.parametrize("measured", [False, True])
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_choices_follow_their_law(measured: bool, shift: float) -> None:
    scores = np.array([0.0, -2.0, -1.0 - shift, -5.0])
    measure = np.array([1.0, 3.0, 0.5, 2.0])
    made = Exponential(1.5, 1.0)
    drawn = np.array([made.choose(scores, measure if measured else None) for _ in range(COUNT)])
    weights = np.exp(1.5 * scores / 2) * (measure if measured else 1)
    assert surprise(drawn, np.arange(4), weights / weights.sum()) > FALSE_ALARM


@pytest.mark.parametrize("value", [3.0, 4.0, 19.5, 1e9])
@pytest.mark.parametrize(("epsilon", "sensitivity"), [(1.0, 1.0), (0.3, 2.5)])
def test_snapped_noise_follows_its_law(value: float, epsilon: float, sensitivity: float) -> None:
    drawn = Snapping(epsilon, sensitivity, 0.0, 20.0).add(np.full(COUNT, value))
    points, shares = snapping(epsilon, sensitivity, 0.0, 20.0, value)
    assert drawn.min() >= 0
    assert drawn.max() <= 20
    assert surprise(drawn, points, shares) > FALSE_ALARM


def test_laws_of_neighbours_differ_by_what_is_charged() -> None:
    """The laws above are those that draws follow; between neighbours they keep to the cost."""
    _, shares = geometric(0.7, 200)
    assert largest_ratio(shares[1:], shares[:-1]) == pytest.approx(Geometric(0.7).cost.epsilon)
    for value in (0.0, 3.3, 10.0, 19.0):
        one, two = (snapping(0.7, 1.0, 0.0, 20.0, v) for v in (value, value + 1))
        assert (one[0] == two[0]).all()
        assert largest_ratio(one[1], two[1]) <= Snapping(0.7, 1.0, 0, 20).cost.epsilon + 1e-9
    scores = np.array([0.0, -2.0, -1.0])
    laws = []
    for change in (np.zeros(3), np.array([1.0, -1.0, 1.0])):
        weights = np.exp(0.7 / 2 * (scores + change))
        laws.append(weights / weights.sum())
    assert largest_ratio(laws[0], laws[1]) <= Exponential(0.7).cost.epsilon + 1e-9
    # Rényi divergence of two discrete Gaussians one apart, at the orders that are accounted for.
    law = np.log(discrete_gaussian(2.0, 60)[1])
    for order in (2.0, 4.0, 16.0):
        power = np.logaddexp.reduce(order * law[1:] + (1 - order) * law[:-1])
        assert power / (order - 1) <= order / (2 * 2.0**2) + 1e-9


@pytest.mark.parametrize("kind", ["add-remove", "replace"])
@pytest.mark.parametrize("most", [1, 7])
def test_count_noise_is_worth_the_purse(kind: str, most: int) -> None:
    near = Neighbours(kind, "parent", most)
    noise = count_noise(Purse(0.02, math.nan), near, most)
    assert isinstance(noise, DiscreteGaussian)
    assert noise.l2 == pytest.approx(most * (1 if kind == "add-remove" else math.sqrt(2)))
    assert isinstance(noise.cost, Gaussian)
    assert 1 / (2 * noise.cost.noise**2) == pytest.approx(0.02)
    pure = count_noise(Purse(None, 0.5), near, most)
    assert isinstance(pure, Geometric)
    assert (pure.cost.epsilon, pure.l1) == (0.5, most * (1 if kind == "add-remove" else 2))
    assert selection(Purse(0.02, math.nan), 1.0).epsilon == pytest.approx(0.4)
    assert selection(Purse(None, 0.5), 1.0).epsilon == 0.5


@pytest.mark.parametrize(
    "purse",
    [Purse(0.0, math.nan), Purse(1e-15, math.nan), Purse(None, 0.0), Purse(None, 1e-8)],
    ids=str,
)
def test_a_purse_too_small_for_any_answer_is_an_error(purse: Purse) -> None:
    with pytest.raises(BudgetError, match="too small for any answer"):
        count_noise(purse, Neighbours())
    with pytest.raises(BudgetError, match="too small for any answer"):
        selection(purse, 1.0)


def test_the_largest_noise_is_still_drawn() -> None:
    noise = count_noise(Purse(0.5 / (MOST_NOISE / 2) ** 2, math.nan), Neighbours())
    assert noise.add(np.array([5])).shape == (1,)


def test_an_emptied_ledger_buys_no_answer() -> None:
    for delta in (0.0, 1e-6):
        ledger = Ledger(1.0, delta)
        purse = ledger.purse()
        noise = count_noise(purse, Neighbours())
        ledger.spend(Charge("all", noise.cost, (), "all of it"))
        with pytest.raises(BudgetError):
            count_noise(ledger.purse(), Neighbours())


def test_a_seed_is_refused() -> None:
    refuse_seed(None)
    for seed in (0, 7):
        with pytest.raises(UsageError, match=f"seed={seed}.*no seed"):
            refuse_seed(seed)


def test_no_draw_repeats_under_a_seeded_process() -> None:
    """Seeding numpy's and Python's generators changes nothing: noise is the system's."""
    import random

    seen = []
    for _ in range(2):
        np.random.seed(1)
        random.seed(1)
        seen.append(DiscreteGaussian(1e5).add(np.zeros(8, dtype=np.int64)).tolist())
    assert seen[0] != seen[1]
