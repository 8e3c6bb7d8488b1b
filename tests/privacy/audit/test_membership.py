"""Figures of attacks on membership: AUC, its interval, hits at one per cent of false alarms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score, roc_curve

from synthtab.errors import UsageError
from synthtab.privacy.audit.membership import auc, auc_interval, judge, share_interval

scores = st.lists(st.integers(0, 9).map(float), min_size=1, max_size=30)


@given(scores, scores)
@settings(max_examples=150, deadline=None)
def test_auc_is_the_chance_of_a_higher_score(members: list[float], others: list[float]) -> None:
    pairs = [(m > o) + (m == o) / 2 for m in members for o in others]
    found = auc(np.array(members), np.array(others))
    assert found == pytest.approx(np.mean(pairs))
    truth = [1] * len(members) + [0] * len(others)
    assert found == pytest.approx(roc_auc_score(truth, members + others))


def test_hits_are_those_of_a_threshold_that_one_per_cent_of_others_pass() -> None:
    rng = np.random.default_rng(1)
    for size in (50, 100, 1_000):
        members, others = np.round(rng.normal(2, 1, size), 1), np.round(rng.normal(0, 1, size), 1)
        found = judge("x", members, others)
        truth = [1] * size + [0] * size
        false, hits, _ = roc_curve(truth, np.r_[members, others], drop_intermediate=False)
        assert found.hits == pytest.approx(hits[false <= 0.01].max())


@pytest.mark.parametrize("distance", [0.0, 0.5, 2.0, 4.0])
def test_intervals_hold_the_truth_as_often_as_they_say(distance: float) -> None:
    rng = np.random.default_rng(int(2 * distance))
    truth = float(stats.norm.cdf(distance / np.sqrt(2)))
    held = 0
    for _ in range(400):
        members, others = rng.normal(distance, 1, 80), rng.normal(0, 1, 120)
        low, high = auc_interval(auc(members, others), 80, 120, 0.95)
        held += low <= truth <= high
    # Fewer than 362 of 400 at 95% each: probability 1e-4.
    assert held >= 362


def test_intervals_have_a_width_at_the_ends() -> None:
    low, high = auc_interval(1.0, 50, 50, 0.95)
    assert 0.8 < low < 1.0
    assert high == 1.0
    assert auc_interval(0.0, 50, 50, 0.95) == (0.0, pytest.approx(1 - low))
    assert share_interval(0, 20, 0.95) == (0.0, pytest.approx(1 - 0.025 ** (1 / 20)))
    assert share_interval(20, 20, 0.95)[1] == 1.0
    known = stats.binomtest(7, 20).proportion_ci(0.95)
    assert share_interval(7, 20, 0.95) == (pytest.approx(known.low), pytest.approx(known.high))


def test_what_is_found_is_found_and_chance_is_not() -> None:
    rng = np.random.default_rng(3)
    alarms = sum(
        judge("x", rng.normal(size=300), rng.normal(size=300), 0.99).found for _ in range(200)
    )
    # Two one-sided tests at half a per cent and about one: more than 15 of 200 is below 1e-5.
    assert alarms <= 15
    assert judge("x", rng.normal(1, 1, 300), rng.normal(0, 1, 300)).found
    few = np.r_[np.full(30, 9.0), rng.normal(size=270)]  # a tenth of the members stand out
    assert judge("x", few, rng.normal(size=300)).found


def test_plain_data_have_no_records() -> None:
    facts = judge("x", [1.0, 2.0], [0.0]).to_dict()
    assert facts["auc"] == 1.0
    assert facts["members"] == 2
    assert not any(isinstance(v, np.ndarray) for v in facts.values())


@pytest.mark.parametrize(
    ("members", "others"), [([], [1.0]), ([1.0], []), ([np.nan], [1.0]), ([[1.0]], [1.0])]
)
def test_scores_that_are_none_are_refused(members: list, others: list) -> None:
    with pytest.raises(UsageError, match="the attack"):
        judge("the attack", members, others)
