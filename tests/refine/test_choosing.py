"""Goals, weights and choices: what is algebraic about them, on random tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthtab.errors import UsageError
from synthtab.refine.choosing import exchange, systematic
from synthtab.refine.goals import Goal, set_goals
from synthtab.refine.levels import Levels
from synthtab.refine.raking import bounded, gap, rake
from synthtab.refine.targets import Targets, expected_errors, pair_errors

seeds = st.integers(0, 2**32 - 1)


def levels(random: np.random.Generator, rows: int, tilt: float = 0.0) -> Levels:
    """Three columns, the second like the first, with more of the high values where tilted."""
    first = np.minimum((random.random(rows) ** (1 + tilt) * 4).astype(int), 3)
    second = np.where(random.random(rows) < 0.6, first % 3, random.integers(0, 3, rows))
    third = random.integers(0, 2, rows)
    at = np.stack([first, second, third]).astype(np.int32)
    return Levels(("a", "b", "c"), (4, 3, 2), at)


def aimed_at(known: Levels) -> Targets:
    return Targets(known, known.pairs, lambda _batch: known)


def shares(*numbers: float) -> Goal:
    wanted = np.array(numbers) / sum(numbers)
    return Goal((0,), wanted, np.ones(len(wanted)), 1.0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=40),
    st.floats(0.01, 1.0),
    st.floats(1.0, 50.0),
)
def test_bounded_weights_lie_between_the_bounds_and_have_the_mean_one(
    weights: list[float], least: float, most: float
) -> None:
    before = np.array(weights)
    after = bounded(before, least, most)
    assert (after >= least).all()
    assert (after <= most).all()
    assert after.mean() == pytest.approx(1.0, rel=1e-6)
    assert (np.diff(after[np.argsort(before)]) >= 0).all()


@settings(max_examples=30, deadline=None)
@given(seeds, st.floats(0.0, 1.5))
def test_raking_moves_marginals_towards_the_goals_within_bounds(seed: int, tilt: float) -> None:
    random = np.random.default_rng(seed)
    pool, targets = levels(random, 600, tilt), aimed_at(levels(random, 4_000))
    goals = set_goals(targets, pool, 200)
    raked = rake(pool, goals)
    assert raked.weights.sum() == pytest.approx(len(pool))
    assert raked.weights.min() >= 1 / 5
    assert raked.weights.max() <= 5
    assert 1 <= raked.effective <= len(pool) * (1 + 1e-9)
    assert raked.after == pytest.approx(gap(pool, goals, raked.weights))
    assert raked.after <= raked.before
    if tilt > 0.5:
        assert raked.after < 0.3 * raked.before
        assert pair_errors(targets, pool, raked.weights).mean < pair_errors(targets, pool).mean


def test_raking_one_marginal_is_poststratification() -> None:
    pool = Levels(("a",), (2,), np.array([[0] * 30 + [1] * 10], dtype=np.int32))
    raked = rake(pool, [shares(0.5, 0.5)])
    assert pool.shares((0,), raked.weights) == pytest.approx([0.5, 0.5], abs=0.02)
    assert np.ptp(raked.weights[:30]) == 0


def test_weights_without_room_stay_as_they_are() -> None:
    pool = levels(np.random.default_rng(0), 50)
    raked = rake(pool, [shares(1, 1, 1, 5)], least=0.2, most=1.0)
    assert (raked.weights == 1).all()
    with pytest.raises(UsageError, match=r"between 0\.2 and 0\.9"):
        rake(pool, [], most=0.9)
    with pytest.raises(UsageError, match="without rows"):
        rake(pool.take(np.empty(0, dtype=np.int64)), [])


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(1, 60), st.integers(0, 60))
def test_systematic_choices_are_different_rows_and_as_many_as_asked(
    seed: int, rows: int, more: int
) -> None:
    random = np.random.default_rng(seed)
    weights = random.lognormal(0, 2, rows + more)
    found = systematic(weights, rows, random)
    assert len(np.unique(found)) == len(found) == rows
    assert found.min() >= 0
    assert found.max() < rows + more


def test_systematic_choices_come_as_often_as_weights_say() -> None:
    random = np.random.default_rng(3)
    weights = np.array([0.5, 1.0, 1.0, 1.5, 9.0])
    times = np.zeros(5)
    for _ in range(4_000):
        times[systematic(weights, 3, random)] += 1
    # The last is in for certain; the others share the two places that are left.
    assert times / 4_000 == pytest.approx([0.25, 0.5, 0.5, 0.75, 1.0], abs=0.03)


def test_more_rows_than_there_are_cannot_be_chosen() -> None:
    with pytest.raises(UsageError, match="cannot choose 4 of 3 rows"):
        systematic(np.ones(3), 4, np.random.default_rng(0))


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(1, 400))
def test_exchanges_keep_the_number_and_never_lead_away_from_the_goals(seed: int, rows: int) -> None:
    random = np.random.default_rng(seed)
    pool, targets = levels(random, 400, 0.7), aimed_at(levels(random, 3_000))
    goals = set_goals(targets, pool, rows)
    chosen = np.sort(random.permutation(400)[:rows])
    after = exchange(pool, goals, chosen, random)
    assert len(np.unique(after)) == len(after) == rows
    assert gap(pool.take(after), goals) <= gap(pool.take(chosen), goals) + 1e-12


def test_exchanged_rows_are_nearer_than_chance_would_have_them() -> None:
    random = np.random.default_rng(5)
    pool, targets = levels(random, 2_000), aimed_at(levels(random, 50_000))
    goals = set_goals(targets, pool, 500)
    after = exchange(pool, goals, np.arange(500), random)
    error = pair_errors(targets, pool.take(after)).mean
    assert error < 0.5 * expected_errors(targets, 500).mean


@settings(max_examples=30, deadline=None)
@given(seeds, st.floats(0.0, 2.0))
def test_goals_are_shares_between_pool_and_target(seed: int, tilt: float) -> None:
    random = np.random.default_rng(seed)
    pool, targets = levels(random, 500, tilt), aimed_at(levels(random, 500))
    goals = set_goals(targets, pool, 500)
    assert [g.axes for g in goals] == [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]
    for goal in goals:
        assert goal.shares.sum() == pytest.approx(1.0)
        assert (goal.shares >= 0).all()
        assert 0 <= goal.trust <= 1
        # What the pool lacks is no goal: it could not be met.
        assert (goal.shares[pool.shares(goal.axes) == 0] == 0).all()


def test_a_pool_that_cannot_be_told_from_the_targets_is_hardly_moved() -> None:
    """Squared distances that chance explains are no reason to move; those that are large are."""
    near, far = [], []
    for seed in range(30):
        random = np.random.default_rng(seed)
        targets = aimed_at(levels(random, 400))
        for tilt, trusts in ((0.0, near), (1.5, far)):
            goals = set_goals(targets, levels(random, 40_000, tilt), 400)
            trusts.append(goals[3].trust if tilt == 0 else goals[0].trust)
    assert np.mean(near) < 0.25
    assert np.mean(far) > 0.9


def test_of_many_pairs_those_that_are_off_most_are_goals() -> None:
    random = np.random.default_rng(1)
    known = levels(random, 2_000)
    other = known.at.copy()
    other[1] = random.permutation(other[1])  # b is no longer like a
    goals = set_goals(aimed_at(known), Levels(known.columns, known.sizes, other), 500, most_pairs=1)
    assert [g.axes for g in goals] == [(0,), (1,), (2,), (0, 1)]


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_the_expected_error_is_what_perfect_rows_have(seed: int) -> None:
    random = np.random.default_rng(seed)
    found, said = [], []
    for _ in range(12):
        targets = aimed_at(levels(random, 900))
        found.append(pair_errors(targets, levels(random, 700)).mean)
        said.append(expected_errors(targets, 700).mean)
    assert np.mean(said) == pytest.approx(np.mean(found), rel=0.25)
