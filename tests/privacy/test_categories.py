"""Texts that are named: the law of the threshold, exactly, and what a release looks like."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neighbouring import assert_follows, table_of, vault_of

from synthtab.privacy.categories import NameCategories, failure_of, tail, threshold_for
from synthtab.privacy.costs import Gaussian, Thresholded
from synthtab.privacy.mechanisms import DiscreteGaussian, Geometric
from synthtab.privacy.settings import Neighbours
from synthtab.schema import Column, TextType

NOISES = st.one_of(
    st.builds(DiscreteGaussian, st.floats(0.3, 60)),
    st.builds(Geometric, st.floats(0.05, 5), st.integers(1, 3)),
)


def mass(noise, k):
    """The noise's probability at k, up to a factor."""
    if isinstance(noise, Geometric):
        return math.exp(-noise.epsilon / noise.l1 * abs(k))
    return math.exp(-(k**2) / (2 * noise.sigma**2))


@settings(deadline=None, max_examples=60)
@given(NOISES, st.integers(-30, 60))
def test_the_tail_is_the_sum_of_the_law(noise, least):
    reach = 4_000
    terms = {k: mass(noise, k) for k in range(-reach, reach + 1)}
    wanted = math.fsum(m for k, m in terms.items() if k >= least) / math.fsum(terms.values())
    assert tail(noise, least) == pytest.approx(wanted, rel=1e-6, abs=1e-300)


@settings(deadline=None, max_examples=60)
@given(NOISES, st.floats(1e-15, 0.1), st.integers(1, 5))
def test_a_text_of_one_unit_is_named_with_the_failure_at_most(noise, failure, most):
    """However its rows are spread over texts of its own: exactly, by the law."""
    threshold = threshold_for(noise, failure, most)
    assert threshold > most
    for parts in partitions(most):
        hidden = math.prod(1 - tail(noise, threshold - count) for count in parts)
        assert 1 - hidden <= failure + 1e-15
    # And the threshold is no greater than this bound asks for.
    assert threshold == most + 1 or failure_of(noise, threshold - 1, most) > failure


def partitions(total, most=None):
    if total == 0:
        yield ()
    for first in range(min(total, most or total), 0, -1):
        for rest in partitions(total - first, first):
            yield (first, *rest)


def test_frequent_and_public_texts_are_named_with_their_counts_and_no_others():
    table = table_of(Column("city", TextType(10), True))
    cities = ["Ulm"] * 400 + ["Köln"] * 300 + ["rare"] + [None] * 50
    vault = vault_of(table, [{"city": c} for c in cities], epsilon=10.0)
    noise = DiscreteGaussian(2.0)
    threshold = threshold_for(noise, 1e-9)
    reader = NameCategories("t", "city", ("Bonn",), noise, threshold)
    assert reader.charge.cost == Thresholded(Gaussian(2.0), failure_of(noise, threshold))
    assert reader.charge.cost.delta <= 1e-9
    named = vault.release(reader)
    assert list(named) == ["Bonn", "Köln", "Ulm"]
    assert abs(named["Ulm"] - 400) < 30
    assert abs(named["Bonn"]) < 30


TEXTS = st.sampled_from("abcde")


@settings(deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=12), st.integers(0, 11), TEXTS)
def test_counts_of_neighbours_differ_as_declared(rows, at, new):
    """One row less changes one count by one; one exchanged for another at most two."""
    at %= len(rows)
    rest = rows[:at] + rows[at + 1 :]
    for relation, other in (
        (Neighbours("add-remove"), rest),
        (Neighbours("replace"), [*rest, new]),
    ):
        one, two = Counter(rows), Counter(other)
        changes = [one[text] - two[text] for text in {*one, *two}]
        moved = relation.kind == "add-remove" or new != rows[at]
        assert sum(map(abs, changes)) == relation.l1 * moved
        assert sum(c * c for c in changes) == relation.l2_squared * moved


@pytest.mark.parametrize(
    "noise",
    [DiscreteGaussian(0.8), DiscreteGaussian(7.5), Geometric(1.0), Geometric(0.4, 2)],
    ids=str,
)
def test_noise_on_counts_follows_the_law_that_thresholds_go_by(noise):
    drawn = noise.add(np.full(20_000, 10)) - 10
    reach = 200
    seen = np.bincount(np.clip(drawn, -reach, reach) + reach, minlength=2 * reach + 1)
    points = np.array([tail(noise, k) for k in range(-reach, reach + 1)] + [0.0])
    points[0] = 1.0
    assert_follows(seen, -np.diff(points))


@pytest.mark.parametrize("make", [DiscreteGaussian, lambda s: Geometric(1 / s)])
def test_a_text_that_one_row_has_is_named_as_often_as_the_law_says(make):
    """With a threshold low enough that it happens: the delta is not only said, it is that."""
    table = table_of(Column("city", TextType(10)))
    noise = make(3.0)
    named = 0
    for _ in range(4):
        texts = [f"text {k}" for k in range(2_000)]
        vault = vault_of(table, [{"city": t} for t in texts], epsilon=40.0, delta=0.9)
        named += len(vault.release(NameCategories("t", "city", (), noise, 5)))
    assert_follows(np.array([named, 8_000 - named]), np.array([f := failure_of(noise, 5), 1 - f]))
