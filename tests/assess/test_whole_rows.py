"""Two-sample tests, precision and recall, intervals: what they find, and how often by chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from things import COLUMNS, WITH_TEXT, rows

from synthtab.assess.copies import copied, row_numbers, same_rows
from synthtab.assess.divergence import variation
from synthtab.assess.intervals import Resamples, interval, over_draws
from synthtab.assess.precision import closeness, precision_recall
from synthtab.assess.twosample import two_sample
from synthtab.assess.wholerows import copies_score, two_sample_score
from synthtab.batch import Batch
from synthtab.errors import UsageError
from synthtab.frames import encode_frame
from synthtab.schema import Column, IntegerType, TextType

POINT = (Column("x", IntegerType()), Column("y", IntegerType()))


def points(x: np.ndarray, y: np.ndarray) -> Batch:
    return encode_frame(POINT, pd.DataFrame({"x": x, "y": y}))


def cloud(seed: int, count: int, spread: float = 100, centre: float = 0) -> Batch:
    rng = np.random.default_rng(seed)
    return points(*(rng.normal(centre, spread, (2, count))).astype(int))


def two_clouds(seed: int, count: int, share: float = 0.5) -> Batch:
    rng = np.random.default_rng(seed)
    centre = np.where(rng.random(count) < share, -1000, 1000)
    return points(*(rng.normal(centre, 100, (2, count))).astype(int))


def test_rows_of_one_source_are_told_apart_no_more_often_than_stated() -> None:
    found = [two_sample(POINT, cloud(k, 40), cloud(k + 500, 40), seed=k) for k in range(40)]
    # The interval's lower end is above a half in fewer than 2.5% of tests: 1 of 40 is expected.
    assert sum(t.interval[0] > 0.5 for t in found) <= 3
    assert np.mean([t.auc for t in found]) == pytest.approx(0.5, abs=0.04)


def test_other_rows_are_told_apart_and_texts_are_read() -> None:
    far = two_sample(POINT, cloud(1, 200), cloud(2, 200, centre=300))
    assert far.interval[0] > 0.9
    text = (Column("t", TextType(9), True),)
    one = encode_frame(text, pd.DataFrame({"t": ["abc", "abd"] * 30}))
    other = encode_frame(text, pd.DataFrame({"t": ["xyz", "xyw"] * 30}))
    assert two_sample(text, one, other).auc == 1
    assert two_sample(text, one, one).interval[0] <= 0.5


@pytest.mark.parametrize("count", [0, 1, 10, 19])
def test_few_rows_are_refused_with_their_number(count: int) -> None:
    with pytest.raises(UsageError, match=f"20 rows of each side.* {count} "):
        two_sample(POINT, cloud(1, count), cloud(2, 100))
    with pytest.raises(UsageError, match="need a column and 30 rows"):
        precision_recall(POINT, cloud(1, 100), cloud(2, count))


def test_the_floor_of_the_two_sample_test_is_of_as_many_rows() -> None:
    score, count = two_sample_score(POINT, cloud(1, 100), cloud(2, 300), 0, 0.95)
    assert count == 50
    assert score.floor_interval is not None
    assert score.floor_interval[0] < 0.5 < score.floor_interval[1]


def test_same_source_is_precise_and_covered_as_its_floor_is() -> None:
    found = precision_recall(POINT, two_clouds(1, 900), two_clouds(2, 900))
    for figure in (found.precision, found.recall, found.floor):
        assert figure > 0.85
    assert found.precision_interval[0] <= found.floor_interval[1]
    assert found.recall_interval[0] <= found.floor_interval[1]


def test_a_dropped_mode_lowers_recall_and_not_where_rows_lie() -> None:
    real = two_clouds(1, 900)
    dropped = precision_recall(POINT, real, two_clouds(2, 900, share=1.0))
    # Half of the real rows are in no support: the curve is beta / 2, and the figure a half.
    assert dropped.recall == pytest.approx(0.5, abs=0.06)
    assert dropped.recall_interval[1] < dropped.floor_interval[0]
    assert dropped.precision > 0.85


def test_noise_lowers_precision() -> None:
    real = two_clouds(1, 900)
    fresh, rng = two_clouds(2, 900), np.random.default_rng(3)
    previous = 1.0
    for share in (0.25, 0.5, 1.0):
        noisy = rng.random(900) < share
        codes = np.where(noisy[:, None], rng.integers(-5000, 5000, (900, 2)), fresh.codes)
        got = precision_recall(POINT, real, Batch(fresh.columns, codes, fresh.nulls, fresh.pool))
        assert got.precision < previous - 0.1
        assert got.precision_interval[1] < got.floor_interval[0]
        previous = got.precision


@given(st.lists(st.integers(0, 10), min_size=2, max_size=30))
def test_the_same_distances_are_close_ties_or_not_and_others_are_not(cells: list[int]) -> None:
    usual = np.array(cells, dtype=np.float64)
    least = 1 - 1 / len(usual)
    assert closeness(usual, usual) >= least
    assert closeness(usual, np.repeat(usual, 3)) >= least
    assert closeness(usual, usual + 11) == pytest.approx(0, abs=1e-9)
    assert closeness(usual + 1, np.zeros(5)) == pytest.approx(0, abs=1e-9)


def test_intervals_hold_the_expected_figure_as_often_as_stated() -> None:
    expected, found = [], []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        sides = [rng.choice(3, 300, p=p) for p in ((0.5, 0.3, 0.2), (0.4, 0.3, 0.3))]
        one, two = Resamples.of(300, rng), Resamples.of(300, rng)
        draws = over_draws(variation, one, two, one.counts(sides[0], 3), two.counts(sides[1], 3))
        assert len(draws) == len(one.weights)
        expected.append(draws[0])
        found.append(interval(draws, 0.95, 0.0, 1.0))
    middle = np.mean(expected)
    held = sum(low <= middle <= high for low, high in found)
    assert 88 <= held <= 100


def test_groups_are_rows_where_there_are_few_and_sums_are_of_all() -> None:
    few = Resamples.of(7, np.random.default_rng(0))
    assert sorted(few.groups.tolist()) == list(range(7))
    many = Resamples.of(1000, np.random.default_rng(0))
    values = np.arange(2000.0).reshape(1000, 2)
    assert many.sums(values).sum(axis=0) == pytest.approx(values.sum(axis=0))
    levels = np.arange(1000) % 3
    assert (many.weights[:1] @ many.counts(levels, 3)).tolist() == [[334, 333, 333]]


def test_copies_are_rows_equal_to_the_cell_whatever_the_pool() -> None:
    one, other = rows(1, 50, WITH_TEXT), rows(2, 50, WITH_TEXT)
    again = rows(1, 50, WITH_TEXT)
    turned = np.random.default_rng(0).permutation(len(again.pool))
    place = np.argsort(turned)
    at = again.index("t")
    codes = again.codes.copy()
    codes[:, at] = np.where(again.nulls[:, at], 0, place[codes[:, at]])
    renumbered = Batch(again.columns, codes, again.nulls, again.pool[turned])
    assert copied(WITH_TEXT, renumbered, one).all()
    assert same_rows(WITH_TEXT, renumbered, one)
    assert not copied(WITH_TEXT, other, one).any()
    assert not same_rows(WITH_TEXT, one, other)
    assert not same_rows(WITH_TEXT, one, one.take(np.arange(49)))
    numbers = row_numbers(COLUMNS, (one, one))
    assert numbers[0].tolist() == numbers[1].tolist()


def test_copies_stand_beside_those_among_other_real_rows() -> None:
    real = rows(1, 200)
    found = copies_score(COLUMNS, real, real.take(np.arange(100)), rows(3, 100), 0, 0.95)
    assert (found.value, found.floor) == (1, 0)
    assert found.floor_interval is not None
    halves = copies_score(COLUMNS, real, rows(2, 100), None, 0, 0.95)
    assert (halves.value, halves.floor) == (0, 0)
    alone = copies_score(COLUMNS, real.take(np.arange(1)), rows(2, 5), None, 0, 0.95)
    assert alone.floor is None
