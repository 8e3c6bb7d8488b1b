"""Bounds on epsilon: below the truth at their confidence, and near it where there are many runs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from synthtab.errors import UsageError
from synthtab.privacy.audit.bounds import (
    Bound,
    chance_of_guesses,
    one_run_bound,
    paired_bound,
    repeated_runs_bound,
)


def responses(
    rng: np.random.Generator, epsilon: float, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Randomised response on every canary: the mechanism that leaks as much as epsilon allows."""
    coins = rng.random(count) < 0.5
    honest = rng.random(count) < 1 / (1 + math.exp(-epsilon))
    return np.where(honest, coins, ~coins).astype(float), coins


@pytest.mark.parametrize("epsilon", [0.0, 0.5, 1.0, 3.0])
def test_one_run_bounds_are_below_the_truth_and_near_it(epsilon: float) -> None:
    rng = np.random.default_rng(int(epsilon * 10))
    bounds = [one_run_bound(*responses(rng, epsilon, 2_000), 0.0, 0.95).epsilon for _ in range(60)]
    # 5% may be above; more than 13 of 60 would be so with a probability of 1e-6.
    assert sum(b > epsilon for b in bounds) <= 13
    assert np.median(bounds) >= 0.7 * epsilon


def test_what_is_told_without_noise_has_no_small_epsilon() -> None:
    coins = np.arange(1_000) % 2 == 0
    assert one_run_bound(coins.astype(float), coins, 0.0).epsilon > 5
    assert one_run_bound(coins.astype(float), coins, 1e-6).epsilon > 4


def test_equal_scores_say_nothing_whatever_their_order() -> None:
    """Members listed first must not be taken for members because of that."""
    for coins in (np.arange(1_000) < 500, np.arange(1_000) >= 500):
        assert one_run_bound(np.zeros(1_000), coins, 0.0).epsilon < 0.3


@given(
    st.integers(1, 40).flatmap(lambda r: st.tuples(st.just(r), st.integers(0, r))),
    st.floats(0.0, 4.0),
    st.sampled_from([0.0, 1e-6, 1e-3, 0.1]),
)
@settings(max_examples=200, deadline=None)
def test_the_chance_of_guesses_is_that_of_the_theorem(
    numbers: tuple[int, int], epsilon: float, delta: float
) -> None:
    """Against the sum spelled out term by term."""
    guesses, right = numbers
    canaries = guesses + 5
    q = math.exp(epsilon) / (math.exp(epsilon) + 1)

    def exactly(k: int) -> float:
        return math.comb(guesses, k) * q**k * (1 - q) ** (guesses - k)

    beyond = sum(exactly(k) for k in range(right, guesses + 1))
    worst = max(
        (sum(exactly(right - k) for k in range(1, i + 1)) / i for i in range(1, right + 1)),
        default=0.0,
    )
    expected = min(1.0, beyond + 2 * canaries * delta * worst)
    assert chance_of_guesses(canaries, guesses, right, epsilon, delta) == pytest.approx(expected)


def test_a_delta_costs_the_bound_something() -> None:
    scores, coins = responses(np.random.default_rng(3), 2.0, 2_000)
    found = [one_run_bound(scores, coins, d).epsilon for d in (0.0, 1e-6, 1e-3, 0.5)]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[2] > found[3] == 0.0


def gaussian_delta(epsilon: float, sigma: float) -> float:
    """Return the exact delta of Gaussian noise at sensitivity 1 (Balle and Wang, theorem 8)."""
    return float(
        stats.norm.cdf(0.5 / sigma - epsilon * sigma)
        - math.exp(epsilon) * stats.norm.cdf(-0.5 / sigma - epsilon * sigma)
    )


@pytest.mark.parametrize(("sigma", "epsilon"), [(1.0, 2.0), (0.7, 3.0), (2.0, 0.7)])
def test_repeated_runs_are_below_the_truth_of_gaussian_noise_and_near_it(
    sigma: float, epsilon: float
) -> None:
    rng = np.random.default_rng(5)
    delta = gaussian_delta(epsilon, sigma)
    bounds = [
        paired_bound(rng.normal(1, sigma, 4_000), rng.normal(0, sigma, 4_000), delta, 0.95).epsilon
        for _ in range(60)
    ]
    # 5% may be above; more than 13 of 60 would be so with a probability of 1e-6.
    assert sum(b > epsilon for b in bounds) <= 13
    assert np.median(bounds) >= 0.5 * epsilon


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 2.0])
def test_repeated_runs_are_below_the_truth_of_laplace_noise_and_near_it(epsilon: float) -> None:
    rng = np.random.default_rng(6)
    found = repeated_runs_bound(
        lambda centre: rng.laplace(centre, 1 / epsilon), 1.0, 0.0, float, 8_000, 0.0, 0.999
    )
    assert 0.5 * epsilon <= found.epsilon <= epsilon
    assert found.trials == 16_000
    assert "of 4,000 runs" in found.event


def test_no_difference_gives_no_bound() -> None:
    rng = np.random.default_rng(7)
    bounds = [
        paired_bound(rng.normal(size=500), rng.normal(size=500), 0.0, 0.95).epsilon
        for _ in range(100)
    ]
    # More than 17 of 100 at 5% each: probability 1e-5.
    assert sum(b > 0 for b in bounds) <= 17


def test_the_best_of_several_statistics_is_found() -> None:
    rng = np.random.default_rng(8)
    left, right = rng.normal(size=(4_000, 5)), rng.normal(size=(4_000, 5))
    right[:, 3] -= 3  # likelier low on the right
    found = paired_bound(left, right, 0.0)
    assert "statistic 4" in found.event
    assert found.epsilon > 2.5


def test_bounds_refute_what_they_pass() -> None:
    bound = Bound(1.2, 0.0, 0.95, 10, "x")
    assert bound.refutes(1.0)
    assert not bound.refutes(1.2)


@pytest.mark.parametrize(
    "call",
    [
        lambda: one_run_bound([], [], 0.0),
        lambda: one_run_bound([1.0], [True, False], 0.0),
        lambda: one_run_bound([1.0, 2.0], [1, 0], 0.0),
        lambda: one_run_bound([math.nan, 1.0], [True, False], 0.0),
        lambda: one_run_bound([1.0], [True], -0.1),
        lambda: one_run_bound([1.0], [True], 1.0),
        lambda: one_run_bound([1.0], [True], 0.0, 1.0),
        lambda: one_run_bound([1.0], [True], 0.0, guesses=[2]),
        lambda: one_run_bound([1.0], [True], 0.0, guesses=[]),
        lambda: paired_bound([1.0] * 3, [1.0] * 9, 0.0),
        lambda: paired_bound([[1.0, 2.0]] * 9, [[1.0]] * 9, 0.0),
        lambda: paired_bound([math.nan] * 9, [1.0] * 9, 0.0),
        lambda: repeated_runs_bound(float, 0, 1, float, 3, 0.0),
    ],
)
def test_bad_input_is_refused(call: object) -> None:
    with pytest.raises(UsageError):
        call()
