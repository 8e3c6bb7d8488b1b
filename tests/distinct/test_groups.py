"""Different values in groups: as many rows get one as any way of giving them could."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from synthtab.distinct.groups import fill
from synthtab.solver.feasible import Feasible

SETS = st.tuples(st.integers(0, 4), st.integers(-1, 3))


def most_rows(options: list[range]) -> int:
    """Return how many can get a value of their own, by trying everything."""
    best = 0
    for chosen in product(*([None, *o] for o in options)):
        got = [c for c in chosen if c is not None]
        if len(set(got)) == len(got):
            best = max(best, len(got))
    return best


@given(st.lists(SETS, max_size=5), st.sets(st.integers(0, 5), max_size=2), st.integers(0, 99))
def test_as_many_as_possible(sets: list[tuple[int, int]], used: set[int], seed: int) -> None:
    lo = np.array([[a] for a, _ in sets], dtype=np.int64).reshape(-1, 1)
    hi = np.array([[a + d] for a, d in sets], dtype=np.int64).reshape(-1, 1)
    allowed = Feasible(np.zeros(len(sets), dtype=bool), lo, hi)
    groups = np.full(len(sets), 4)
    codes, given_ = fill(allowed, groups, np.random.default_rng(seed), [(4, c) for c in used])
    got = codes[given_].tolist()
    assert len(set(got)) == len(got)
    assert not set(got) & used
    assert allowed.contains(codes, np.zeros(len(sets), dtype=bool))[given_].all()
    free = [[v for v in range(a, a + d + 1) if v not in used] for a, d in sets]
    assert len(got) == most_rows(free)  # type: ignore[arg-type]


def test_groups_are_apart_and_large_sets_are_not_listed() -> None:
    rows = 600
    lo, hi = np.full((rows, 2), 0), np.full((rows, 2), 2**40)
    lo[:, 1], hi[:, 1] = 2**41, 2**60
    allowed = Feasible(np.zeros(rows, dtype=bool), lo, hi, 1)
    groups = np.arange(rows) % 3
    codes, got = fill(allowed, groups, np.random.default_rng(0))
    assert got.all()
    assert all(len(np.unique(codes[groups == g])) == 200 for g in range(3))


def test_strides() -> None:
    lo, hi = np.zeros((4, 1), dtype=np.int64), np.full((4, 1), 9)
    allowed = Feasible(np.zeros(4, dtype=bool), lo, hi, 3)
    codes, got = fill(allowed, np.zeros(4, dtype=np.int64), np.random.default_rng(0))
    assert got.all()
    assert sorted(codes) == [0, 3, 6, 9]
