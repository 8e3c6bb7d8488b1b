"""Retrieval of rows: what the index costs beside the embedding, and what it misses."""

from __future__ import annotations

import time

import numpy as np
from scipy.sparse import vstack

from bench.report import Grid, Section, at_least, at_most, data_directory, percent, rules_file
from synthtab.files import read_batch
from synthtab.generate.retrieval.neighbours import TREES, Neighbours
from synthtab.generate.retrieval.ngrams import NgramEmbedder, weighted
from synthtab.generate.retrieval.rowtexts import row_texts
from synthtab.lang.model import Model

PASSAGES, QUERIES = 5_000, 300
NEAREST, POOL = 10, 50
FORESTS = (12, TREES, 48)


def run(seed: int = 0, passages: int = PASSAGES, asking: int = QUERIES) -> Section:
    """Index rows of Adult, look for others, and compare with looking at each one."""
    table = Model.load(rules_file("adult")).table()
    real = read_batch(data_directory() / "adult" / "adult.csv.gz", table.columns)
    some = np.random.default_rng(seed).permutation(len(real))[: passages + 2 * asking]
    different = list(dict.fromkeys(row_texts(table.columns, real.take(some))))
    texts, queries = different[:passages], different[passages : passages + asking]
    started = time.process_time()
    embedder = NgramEmbedder.fit(texts)
    vectors = embedder.embed(texts)
    embedding = time.process_time() - started
    asked = embedder.embed(queries)
    exact = _best(asked @ vectors.T, POOL)
    whole, sought = (vstack(list(weighted(t, embedder.idf))) for t in (texts, queries))
    unprojected = _best((sought @ whole.T).toarray() / np.sqrt(whole.power(2).sum(axis=1)), NEAREST)
    started = time.process_time()
    for query in asked:
        np.argsort(-(vectors @ query), kind="stable")[:POOL]
    scan = time.process_time() - started
    grid = Grid("trees", "building / embedding", "the 10 nearest found", "look-up / scan of all")
    shares: dict[int, float] = {}
    ratios: dict[int, float] = {}
    for trees in FORESTS:
        started = time.process_time()
        index = Neighbours.build(vectors, trees, scanned=0)
        ratios[trees] = (time.process_time() - started) / embedding
        started = time.process_time()
        found = np.array([index.near(query, POOL) for query in asked])
        looked = (time.process_time() - started) / scan
        shares[trees] = _shared(found[:, :NEAREST], exact[:, :NEAREST])
        cells = (percent(ratios[trees]), percent(shares[trees]), f"{looked:.1f}")
        grid.add(f"{trees}" + " (as used)" * (trees == TREES), *cells)
    figures = [
        at_most("building the index, of the time of embedding", ratios[TREES], 0.25, percent),
        at_least("of the 10 nearest, found by the index", shares[TREES], 0.95, percent),
        at_least(
            "of the 10 nearest before projection, among the 50 candidates after it",
            _shared(exact, unprojected),
            0.9,
            percent,
        ),
    ]
    note = (
        f"{len(texts):,} rows of Adult as lines of JSON, {len(queries)} others as queries, n-grams "
        f"in {embedder.dimensions} dimensions. Up to 10,000 vectors are scanned in use; here the "
        "index is made to answer."
    )
    return Section("Retrieval of rows", "python -m bench retrieval", seed, figures, note, [grid])


def _best(scores: np.ndarray, most: int) -> np.ndarray:
    """Return the places of the highest scores of each row."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :most]


def _shared(found: np.ndarray, wanted: np.ndarray) -> float:
    """Return which share of the wanted places is among those found, row by row."""
    hits = [len(np.intersect1d(a, b)) for a, b in zip(found, wanted, strict=True)]
    return sum(hits) / wanted.size
