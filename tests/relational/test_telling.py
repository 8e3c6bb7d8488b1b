"""Features are chosen by what they tell beyond chance and beyond one another."""

import numpy as np

from synthtab.relational.telling import telling


def test_what_tells_something_is_found_and_noise_is_not():
    rng = np.random.default_rng(0)
    target = rng.integers(0, 4, 2_000)
    other = rng.integers(0, 3, 2_000)
    noise = rng.integers(0, 4, 2_000)
    weak = np.where(rng.random(2_000) < 0.4, other, noise % 3)
    assert telling([noise, weak, target], [target, other]) == [2, 1]


def test_what_another_feature_tells_is_not_told_twice():
    rng = np.random.default_rng(0)
    target = rng.integers(0, 4, 2_000)
    part = target // 2
    assert telling([part, target, target], [target]) == [1]
    assert telling([part, target], [target], most=0) == []


def test_two_features_that_only_together_tell_all_are_both_found():
    rng = np.random.default_rng(0)
    one, two = rng.integers(0, 3, (2, 3_000))
    assert sorted(telling([one, two], [one + 3 * two])) == [0, 1]


def test_a_feature_that_only_names_the_parent_tells_nothing():
    rng = np.random.default_rng(0)
    parents = np.repeat(np.arange(50), 40)
    # Children of one parent are alike; what the parent looks like has no part in it.
    habit = rng.integers(0, 3, 50)
    target = np.where(rng.random(2_000) < 0.8, habit[parents], rng.integers(0, 3, 2_000))
    looks = rng.integers(0, 30, 50)
    assert telling([looks[parents]], [target], sources=[parents]) == []
    assert telling([habit[parents], looks[parents]], [target], sources=[parents] * 2) == [0]


def test_no_rows_or_no_targets_tell_nothing():
    empty = np.zeros(0, dtype=np.int64)
    assert telling([empty], [empty]) == []
    assert telling([np.arange(5)], []) == []
    assert telling([], [np.arange(5)]) == []
