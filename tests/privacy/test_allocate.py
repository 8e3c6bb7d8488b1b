"""Splits of an epsilon: against brute force, closed forms, and the even split."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from neighbouring import apart

from synthtab.errors import UsageError
from synthtab.privacy.allocate import allocate, curve, every_pair, expected
from synthtab.privacy.channels import distortion, strength_for

NAMES = ("a", "b", "c")
KINDS = st.sampled_from(["number", "enum", "ordered"])


def response(k: int, epsilon: float) -> float:
    """The distortion of k-ary randomised response, as a share of that without a budget."""
    return k / (math.exp(epsilon) + k - 1)


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 60), KINDS, st.floats(0.1, 8), st.floats(0, 1))
@example(5, "enum", 0.1, 5e-324)
def test_a_curve_is_the_distortion(size, kind, most, share):
    matrix = apart(size, kind)
    found, slope = curve(matrix, most).at(share * most)
    exact = distortion(matrix, strength_for(matrix, share * most)) / distortion(matrix, 0.0)
    assert found == pytest.approx(exact, abs=2e-3)
    assert slope <= 1e-3


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(2, 30), min_size=3, max_size=3), st.floats(0.2, 8), st.data())
def test_the_gradient_is_that_of_the_objective(sizes, epsilon, data):
    curves = {n: curve(apart(k, "enum"), epsilon) for n, k in zip(NAMES, sizes, strict=True)}
    point = {n: data.draw(st.floats(0.05, 0.95)) * epsilon for n in NAMES}
    workload = every_pair(NAMES)
    _, slopes = expected(workload, curves, point)
    step = 1e-6 * epsilon
    for name in NAMES:
        up, down = ({**point, name: point[name] + s} for s in (step, -step))
        rise = expected(workload, curves, up)[0] - expected(workload, curves, down)[0]
        assert slopes[name] == pytest.approx(rise / (2 * step), rel=1e-3, abs=1e-4)


@settings(deadline=None, max_examples=15)
@given(
    st.lists(st.tuples(st.integers(2, 30), KINDS), min_size=3, max_size=3),
    st.floats(0.2, 12),
    st.lists(st.floats(0, 1), min_size=6, max_size=6).filter(lambda w: sum(w) > 0.1),
)
def test_a_split_is_as_good_as_the_best_of_a_fine_mesh(columns, epsilon, weights):
    curves = {n: curve(apart(*c), epsilon) for n, c in zip(NAMES, columns, strict=True)}
    sets = [columns for columns, _ in every_pair(NAMES)]
    workload = list(zip(sets, weights, strict=True))
    found = allocate(workload, curves, epsilon)
    assert sum(found.values()) == pytest.approx(epsilon)
    assert min(found.values()) >= 0
    mesh = [(i / 20, j / 20, (20 - i - j) / 20) for i in range(21) for j in range(21 - i)]
    best = min(
        expected(workload, curves, {n: p * epsilon for n, p in zip(NAMES, point, strict=True)})[0]
        for point in mesh
    )
    value = expected(workload, curves, found)[0]
    assert value <= best + 2e-3 * sum(weights)
    even = expected(workload, curves, dict.fromkeys(NAMES, epsilon / 3))[0]
    assert value <= even + 1e-12


def test_two_binary_columns_share_by_their_weights():
    """Of w_1 r(e) + w_2 r(E - e) the best e is where w_1 r'(e) = w_2 r'(E - e)."""
    epsilon, weights = 6.0, (3.0, 1.0)
    curves = {n: curve(apart(2, "enum"), epsilon) for n in "ab"}
    found = allocate([(("a",), weights[0]), (("b",), weights[1])], curves, epsilon)
    points = np.linspace(0, epsilon, 60_001)
    values = [3 * response(2, e) + response(2, epsilon - e) for e in points]
    assert found["a"] == pytest.approx(points[int(np.argmin(values))], abs=0.1)


def test_equal_columns_in_one_set_share_evenly_when_there_is_enough():
    curves = {n: curve(apart(3, "enum"), 9.0) for n in NAMES}
    found = allocate([(NAMES, 1.0)], curves, 9.0)
    assert found == pytest.approx(dict.fromkeys(NAMES, 3.0), abs=0.05)


def test_a_column_that_nobody_asks_for_gets_nothing():
    curves = {n: curve(apart(3, "enum"), 2.0) for n in NAMES}
    found = allocate([(("b",), 1.0)], curves, 2.0)
    assert found["b"] == pytest.approx(2.0, abs=1e-3)


def test_one_column_gets_all_of_it_and_none_is_no_error():
    assert allocate([(("a",), 1.0)], {"a": curve(apart(3, "enum"), 2.0)}, 2.0) == {"a": 2.0}
    assert allocate([(("a",), 1.0)], {}, 2.0) == {}


@pytest.mark.parametrize("weight", [0.0, -1.0])
def test_a_workload_that_weighs_nothing_is_refused(weight):
    curves = {n: curve(apart(3, "enum"), 2.0) for n in NAMES}
    with pytest.raises(UsageError, match="weights"):
        allocate([(("a",), weight)], curves, 2.0)
