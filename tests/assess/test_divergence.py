"""Distances of distributions: their properties, and values by scipy and sdmetrics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy, ks_2samp, wasserstein_distance
from things import COLUMNS, WITH_TEXT, rows

from synthtab.assess.divergence import (
    HALF,
    divergence,
    largest_gap,
    transport,
    variation,
)
from synthtab.assess.fidelity import compare
from synthtab.assess.intervals import Floats
from synthtab.assess.scores import Sides, column_scores, pair_scores
from synthtab.assess.trends import contingencies, correlations
from synthtab.batch import Batch
from synthtab.frames import encode_frame
from synthtab.schema import Column, EnumType, IntegerType

POINTS = np.array([0.0, 1.0, 4.0, 9.0])
COUNTS = st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(any)
Distance = Callable[[Floats, Floats], Floats]


def moved(one: Floats, two: Floats) -> Floats:
    return transport(one, two, POINTS)


SYMMETRIC = (variation, largest_gap, moved)
ALL = (*SYMMETRIC, divergence)


def counts(values: list[int]) -> Floats:
    return np.array(values, dtype=np.float64)


@given(COUNTS)
@pytest.mark.parametrize("distance", ALL)
def test_a_distribution_is_at_distance_zero_from_itself(
    distance: Distance, cells: list[int]
) -> None:
    assert distance(counts(cells), counts(cells)) == pytest.approx(0, abs=1e-9)


@given(COUNTS, COUNTS)
@pytest.mark.parametrize("distance", SYMMETRIC)
def test_metrics_are_the_same_either_way_round(
    distance: Distance, one: list[int], two: list[int]
) -> None:
    there, back = distance(counts(one), counts(two)), distance(counts(two), counts(one))
    assert there == pytest.approx(back)


@given(COUNTS, COUNTS, COUNTS)
@pytest.mark.parametrize("distance", SYMMETRIC)
def test_metrics_keep_the_triangle_inequality(
    distance: Distance, one: list[int], two: list[int], three: list[int]
) -> None:
    a, b, c = counts(one), counts(two), counts(three)
    assert distance(a, c) <= distance(a, b) + distance(b, c) + 1e-9


@given(COUNTS, COUNTS, st.floats(0, 1), st.floats(0, 1))
@pytest.mark.parametrize("distance", ALL)
def test_mixing_the_other_side_in_brings_it_nearer(
    distance: Distance, one: list[int], two: list[int], less: float, more: float
) -> None:
    less, more = sorted((less, more))
    # Of as many rows, so that what the divergence adds weighs the same.
    real, other = (counts(c) / sum(c) * 1000 for c in (one, two))
    if distance is divergence:
        real, other = real + 1, other + 1
    near, far = ((1 - share) * other + share * real for share in (more, less))
    assert distance(real, near) <= distance(real, far) + 1e-9


@given(COUNTS, COUNTS)
def test_shape_and_w1_are_scipys(one: list[int], two: list[int]) -> None:
    left, right = np.repeat(POINTS, one), np.repeat(POINTS, two)
    assert largest_gap(counts(one), counts(two)) == pytest.approx(ks_2samp(left, right).statistic)
    assert moved(counts(one), counts(two)) == pytest.approx(wasserstein_distance(left, right))


def test_the_divergence_is_scipys_of_smoothed_counts_and_finite_where_a_level_is_missing() -> None:
    real, other = counts([8, 2, 0, 0]), counts([5, 0, 5, 0])
    # The last level is on neither side, and is left out.
    expected = entropy(real[:3] + HALF, other[:3] + HALF)
    assert divergence(real, other) == pytest.approx(expected)
    assert divergence(other, real) != pytest.approx(expected)


def test_figures_are_those_of_the_comparison_and_zero_for_equal_tables() -> None:
    one, two = rows(1, 300, WITH_TEXT), rows(2, 200, WITH_TEXT)
    rng = np.random.default_rng(0)
    distances = compare(WITH_TEXT, one, two)
    overall, found = column_scores(
        WITH_TEXT, Sides.of(one, two, rng), None, 0.95, lambda _done: None
    )
    for column, known in zip(found, distances.columns, strict=True):
        shape, w1 = column.score("shape"), column.score("w1")
        assert shape is not None
        assert shape.value == pytest.approx(known.shape)
        # W1 of text, by its length, is in both.
        assert (None if w1 is None else w1.value) == pytest.approx(known.w1)
    assert {s.name: s.value for s in overall}["shape"] == pytest.approx(distances.shape)
    more, pairs, _ = pair_scores(WITH_TEXT, Sides.of(one, two, rng), None, 0.95, lambda _done: None)
    assert {(p.one, p.other): p.value for p in pairs} == pytest.approx(
        {(a, b): value for a, b, value in distances.pairs}
    )
    assert more[0].value == pytest.approx(distances.pair)
    same = Sides.of(one, one, rng)
    zero, _ = column_scores(WITH_TEXT, same, None, 0.95, lambda _done: None)
    assert [s.value for s in zero] == pytest.approx([0] * len(zero), abs=1e-12)


def correlated(seed: int, slope: int) -> tuple[tuple[Column, ...], Batch]:
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 40, 300)
    b = slope * a + rng.integers(0, 60, 300)
    e = np.where(a + rng.integers(0, 30, 300) < 30, "x", rng.choice(["x", "y", "z"], 300))
    f = np.where(rng.random(300) < 0.2 + 0.5 * (e == "y"), "p", "q")
    columns = (
        Column("a", IntegerType()),
        Column("b", IntegerType()),
        Column("e", EnumType(("x", "y", "z"))),
        Column("f", EnumType(("p", "q"))),
    )
    return columns, encode_frame(columns, pd.DataFrame({"a": a, "b": b, "e": e, "f": f}))


def test_trends_are_numpys_and_sdmetrics() -> None:
    """sdmetrics 0.32 needs pandas below 3, so its figures for this table were noted beforehand."""
    (columns, one), (_, two) = correlated(1, 2), correlated(2, 1)
    rng = np.random.default_rng(0)
    sides = Sides.of(one, two, rng)
    (trend,) = correlations(columns, one, two, sides.first, sides.second)
    truth = [float(np.corrcoef(b.column("a")[0], b.column("b")[0])[0, 1]) for b in (one, two)]
    assert (trend.real, trend.synthetic) == pytest.approx(tuple(truth))
    assert 1 - trend.draws[0] / 2 == pytest.approx(0.8784737943047142)
    found = contingencies(columns, one, two, sides.first, sides.second)
    variations = {(t.one, t.other): t.draws[0] for t in found}
    assert 1 - variations["e", "f"] == pytest.approx(0.9533333333333334)
    distances = compare(columns, one, two)
    shapes = {c.name: c.shape for c in distances.columns}
    assert 1 - shapes["b"] == pytest.approx(0.6733333333333333)
    assert 1 - shapes["e"] == pytest.approx(0.9966666666666667)


def test_correlations_leave_nulls_out_and_a_constant_side_counts_as_none() -> None:
    one, two = rows(1, 300), rows(2, 300)
    rng = np.random.default_rng(0)
    sides = Sides.of(one, two, rng)
    found = {
        (t.one, t.other): t for t in correlations(COLUMNS, one, two, sides.first, sides.second)
    }
    (n, no_n), (m, _) = one.column("n"), one.column("m")
    expected = np.corrcoef(n[~no_n], m[~no_n])[0, 1]
    assert found["n", "m"].real == pytest.approx(expected)
    flat = Batch(two.columns, np.zeros_like(two.codes), two.nulls, two.pool)
    constant = correlations(COLUMNS, one, flat, sides.first, sides.second)
    assert {(t.one, t.other): t.synthetic for t in constant}["n", "m"] == 0
    assert correlations(COLUMNS, flat, one, sides.second, sides.first) == ()
