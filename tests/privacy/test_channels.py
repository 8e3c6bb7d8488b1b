"""The law of a value changed by itself: as computed, as drawn, and what it costs."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neighbouring import apart, assert_follows, column_of, least_epsilon

from synthtab.privacy.channels import (
    CELLS,
    distances,
    distortion,
    epsilon_of,
    even_axis,
    law,
    randomiser,
    strength_for,
)
from synthtab.privacy.costs import Pure
from synthtab.schema import BooleanType, Column, IntegerType

SIZES = st.integers(2, 40)


@settings(deadline=None, max_examples=60)
@given(SIZES, st.sampled_from(["number", "enum", "ordered"]), st.booleans(), st.floats(1e-3, 20))
def test_the_greatest_ratio_is_the_epsilon_asked_for(size, kind, optional, epsilon):
    matrix = apart(size, kind, optional)
    strength = strength_for(matrix, epsilon)
    probabilities = np.exp(law(matrix, strength))
    assert np.allclose(probabilities.sum(axis=1), 1)
    # By its definition, over all pairs of values and all candidates, one by one.
    worst = max(
        math.log(probabilities[v, u] / probabilities[w, u])
        for u in range(len(matrix))
        for v in range(len(matrix))
        for w in range(len(matrix))
    )
    assert worst <= epsilon * (1 + 1e-7)
    assert worst >= epsilon * (1 - 1e-6)


@settings(deadline=None)
@given(st.integers(2, 200), st.floats(0.01, 10))
def test_categories_are_k_ary_randomised_response(k, epsilon):
    matrix = apart(k, "enum")
    strength = strength_for(matrix, epsilon)
    assert strength == pytest.approx(epsilon, rel=1e-6)
    kept = math.exp(epsilon) / (math.exp(epsilon) + k - 1)
    assert distortion(matrix, strength) == pytest.approx(1 - kept, rel=1e-6)


def test_without_a_budget_all_candidates_are_equally_likely():
    matrix = apart(5, "number", optional=True)
    assert np.allclose(np.exp(law(matrix, 0.0)), 1 / 6)
    assert epsilon_of(matrix, 0.0) == 0
    assert strength_for(matrix, 0.0) == 0
    assert strength_for(np.zeros((1, 1)), 3.0) == 0


def test_null_is_as_far_as_anything_and_has_a_cell():
    matrix = apart(3, "number", optional=True)
    assert matrix.tolist() == [[0, 0.5, 1, 1], [0.5, 0, 0.5, 1], [1, 0.5, 0, 1], [1, 1, 1, 0]]


@settings(deadline=None)
@given(st.integers(-(2**62), 2**62), st.integers(0, 2**62 - 1))
def test_even_cells_cover_the_range_without_a_gap(lo, width):
    axis = even_axis(Column("x", IntegerType(), False, lo, lo + width))
    assert (axis.lo[0], axis.hi[-1]) == (lo, lo + width)
    assert len(axis.lo) <= CELLS
    assert all(start == end + 1 for start, end in zip(axis.lo[1:], axis.hi[:-1], strict=True))


@pytest.mark.parametrize(
    ("column", "epsilon"),
    [
        (column_of(7, "number", True), 0.7),
        (column_of(300, "number"), 2.0),
        (column_of(4, "enum"), 1.0),
        (Column("x", BooleanType(), True), 0.3),
    ],
    ids=["number", "many", "enum", "boolean"],
)
def test_draws_follow_the_law_and_two_values_keep_to_the_epsilon(column, epsilon):
    matrix = distances(column, even_axis(column), False)
    made = randomiser(matrix, epsilon)
    assert made.cost == Pure(epsilon)
    draws = 20_000
    probabilities = np.exp(law(matrix, made.strength))
    # The two values that differ most in what becomes of them.
    values = (0, len(matrix) - 1 - column.optional)
    seen = []
    for value in values:
        drawn = made.draw(np.full(draws, value, dtype=np.int64))
        seen.append(np.bincount(drawn, minlength=len(matrix)))
        assert_follows(seen[-1], probabilities[value])
    assert least_epsilon(*seen) <= epsilon


def test_each_value_is_drawn_by_its_own_law():
    made = randomiser(apart(6, "enum"), 40.0)
    values = np.tile(np.arange(6), 50)
    assert (made.draw(values) == values).all()
    assert made.draw(values[:0]).shape == (0,)


def test_a_mechanism_of_twice_the_strength_is_found_out():
    """What the test above would say of a mechanism that is not what it is said to be."""
    matrix = apart(4, "enum")
    made = randomiser(matrix, 2.0)
    seen = [np.bincount(made.draw(np.full(20_000, v, dtype=np.int64)), minlength=4) for v in (0, 1)]
    assert least_epsilon(*seen) > 1.0
