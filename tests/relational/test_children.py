"""Numbers of children are those of real rows, whatever a network makes of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from synthtab.batch import Batch
from synthtab.relational.children import children_of
from synthtab.relational.features import Feature

NUMBERS = st.lists(st.integers(0, 30), min_size=1, max_size=60)


def batch(kinds):
    codes = np.array(kinds, dtype=np.int64)[:, None]
    return Batch(("kind",), codes, np.zeros(codes.shape, bool), np.empty(0, dtype=object))


def learned(numbers, kinds=None):
    kinds = np.zeros(len(numbers), dtype=np.int64) if kinds is None else kinds
    feature = Feature("kind", edges=tuple(np.unique(kinds).tolist()))
    return children_of(np.array(numbers, dtype=np.int64), [feature], batch(kinds))


def drawn_like(children, drawn, kinds=None, eligible=None, seed=0):
    drawn = np.array(drawn, dtype=np.int64)
    kinds = np.zeros(len(drawn), dtype=np.int64) if kinds is None else kinds
    eligible = np.ones(len(drawn), dtype=bool) if eligible is None else eligible
    return children.like(drawn, batch(kinds), eligible, np.random.default_rng(seed))


@given(NUMBERS, st.integers(0, 2**32 - 1), st.randoms())
def test_as_many_rows_have_the_very_numbers_in_the_order_drawn(numbers, seed, random):
    drawn = [random.randint(0, 40) for _ in numbers]
    made = drawn_like(learned(numbers), drawn, seed=seed)
    assert sorted(made) == sorted(numbers)
    for one, other in zip(np.argsort(drawn), np.argsort(drawn)[1:], strict=False):
        assert drawn[one] == drawn[other] or made[one] <= made[other]


@given(NUMBERS, st.integers(1, 400), st.integers(0, 2**32 - 1))
def test_of_any_number_of_rows_each_share_is_kept_to_the_row(numbers, rows, seed):
    made = drawn_like(learned(numbers), np.zeros(rows, np.int64), seed=seed)
    for number in set(numbers):
        share = numbers.count(number) / len(numbers)
        assert abs((made == number).sum() - share * rows) < 1


def test_rows_of_one_kind_have_the_numbers_of_their_kind():
    # Zero for most, many for some: a network that draws about 4 for all of them is put right.
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 2, 400)
    numbers = np.where(kinds == 1, rng.integers(20, 40, 400), 0)
    children = learned(numbers, kinds)
    assert children.feature is not None
    made = drawn_like(children, rng.integers(3, 6, 400), kinds)
    assert sorted(made) == sorted(numbers)
    assert made[kinds == 0].max() == 0
    assert made[kinds == 1].min() >= 20


def test_one_child_at_most_stays_one_child_at_most():
    made = drawn_like(learned([0] * 9 + [1]), [1] * 500)
    assert made.sum() == 50
    assert set(made.tolist()) == {0, 1}


def test_rows_that_may_have_no_children_have_none_and_the_others_their_numbers():
    numbers = [0] * 10 + [3] * 10
    eligible = np.arange(20) % 2 == 0
    made = drawn_like(learned(numbers), [5] * 20, eligible=eligible)
    assert made[~eligible].tolist() == [0] * 10
    assert made[eligible].tolist() == [3] * 10


def test_a_kind_seen_too_seldom_has_the_numbers_of_all():
    numbers = np.array([2] * 30 + [9])
    kinds = np.array([0] * 30 + [1])
    children = learned(numbers, kinds)
    made = drawn_like(children, [0] * 31, np.ones(31, dtype=np.int64))
    assert sorted(made) == sorted(numbers)
