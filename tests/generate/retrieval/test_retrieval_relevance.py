"""Nearest neighbours and maximal marginal relevance, against what is obvious and slow."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthtab.errors import SavedModelError, UsageError
from synthtab.generate.retrieval.embedder import unit
from synthtab.generate.retrieval.neighbours import Neighbours
from synthtab.generate.retrieval.relevance import marginal


def vectors(count: int, seed: int, dimensions: int = 16) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(count, dimensions)))


def slow_marginal(query, candidates, most: int, diversity: float) -> list[int]:
    chosen: list[int] = []
    while len(chosen) < min(most, len(candidates)):
        best, place = None, None
        for at, vector in enumerate(candidates):
            if at in chosen:
                continue
            worth = float(vector @ query)
            if chosen:
                like = max(float(vector @ candidates[c]) for c in chosen)
                worth = (1 - diversity) * worth - diversity * like
            if best is None or worth > best:
                best, place = worth, at
        chosen.append(place)
    return chosen


@given(st.integers(1, 12), st.integers(1, 14), st.floats(0, 1), st.integers(0, 10**6))
def test_the_choice_is_that_of_the_definition(count, most, diversity, seed) -> None:
    found = vectors(count, seed).astype(np.float64)
    query = vectors(1, seed + 1)[0].astype(np.float64)
    chosen = marginal(found @ query, found @ found.T, most, diversity)
    assert chosen == slow_marginal(query, found, most, diversity)


@given(st.integers(1, 30), st.integers(1, 40), st.integers(0, 10**6))
def test_without_diversity_the_nearest_are_chosen(count, most, seed) -> None:
    found = vectors(count, seed)
    relevance = found @ vectors(1, seed + 1)[0]
    chosen = marginal(relevance, found @ found.T, most, 0)
    assert chosen == list(np.argsort(-relevance, kind="stable")[:most])


def test_a_twin_comes_last_where_diversity_counts() -> None:
    found = unit(np.array([[1, 0.1, 0], [1, 0.1, 0.01], [0.6, -1, 0]]))
    query = unit(np.array([[1, 0, 0]]))[0]
    assert marginal(found @ query, found @ found.T, 3, 0) == [0, 1, 2]
    assert marginal(found @ query, found @ found.T, 3, 0.7) == [0, 2, 1]


@given(st.integers(1, 60), st.integers(1, 80), st.integers(0, 10**6))
def test_few_neighbours_are_exact_and_as_many_as_there_are(count, most, seed) -> None:
    index = Neighbours.build(vectors(count, seed))
    query = vectors(1, seed + 1)[0]
    exact = np.argsort(-(index.vectors @ query), kind="stable")[:most]
    assert index.near(query, most).tolist() == exact.tolist()


def test_the_forest_finds_nearly_all_and_the_same_ones_each_time(tmp_path) -> None:
    found, queries = vectors(3_000, 0), vectors(20, 1)
    index = Neighbours.build(found, scanned=0)
    hits = 0
    for query in queries:
        near = index.near(query, 10)
        assert len(set(near.tolist())) == 10
        assert (np.diff(found[near] @ query) <= 0).all()
        exact = np.argsort(-(found @ query), kind="stable")[:10]
        hits += len(set(near.tolist()) & set(exact.tolist()))
    assert hits >= 190
    index.save(tmp_path / "a")
    Neighbours.build(found, scanned=0).save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_most_of_the_vectors_are_all_found_by_looking_at_each() -> None:
    index = Neighbours.build(vectors(500, 3), scanned=0)
    assert sorted(index.near(vectors(1, 4)[0], 500).tolist()) == list(range(500))


def test_an_index_of_other_vectors_is_refused(tmp_path) -> None:
    Neighbours.build(vectors(50, 0)).save(tmp_path / "index")
    with pytest.raises(SavedModelError, match="50 vectors; there are 40"):
        Neighbours.load(tmp_path / "index", vectors(40, 0))
    (tmp_path / "index").write_bytes(b"no index")
    with pytest.raises(SavedModelError, match="no index of Annoy's"):
        Neighbours.load(tmp_path / "index", vectors(50, 0))
    with pytest.raises(SavedModelError, match="no index of Annoy's"):
        Neighbours.load(tmp_path / "absent", vectors(50, 0))


def test_without_annoy_what_to_install_is_said(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "annoy", None)
    with pytest.raises(
        UsageError, match=r"needs annoy: pip install 'synthtab\[retrieval\]'.*C\+\+"
    ):
        Neighbours.build(vectors(3, 0))


def test_vectors_that_are_not_finite_are_refused() -> None:
    with pytest.raises(UsageError, match="not finite"):
        unit(np.array([[1.0, np.nan]]))
