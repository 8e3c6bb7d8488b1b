"""How rows like a row are found: by their codes, as examples are, or by n-grams of their texts."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from bench.registry import Loaded
from bench.report import Grid
from synthtab.batch import Batch
from synthtab.generate.examples import Index
from synthtab.generate.retrieval.corpus import Corpus
from synthtab.generate.retrieval.rowtexts import row_texts
from synthtab.generate.tokenizer import make_layout
from synthtab.learnable import seen
from synthtab.schema import Column, TextType
from synthtab.solver.project import compile_plan

ASKED, NEAREST = 200, 8
"""So many rows are looked up in the corpus, for so many others each."""


def compared(loaded: Loaded) -> Grid:
    """Return how near what is found is, and what finding it for all rows takes.

    Nearness is the mean difference in rank, of 0 to 1, over the columns but texts.
    """
    table, rows = loaded.table, loaded.train
    domains, sizes = seen(table, rows)
    plan = compile_plan(table, domains=domains, sizes=sizes)
    layout = make_layout(table.columns, table.column_names, plan.domains, rows)
    started = time.process_time()
    symbols = layout.encode(rows)
    index = Index.of(layout, symbols)
    near = index.near(symbols, NEAREST)
    by_codes = time.process_time() - started
    first = np.unique(symbols, axis=0, return_index=True)[1]
    started = time.process_time()
    corpus = Corpus.of_rows(table.columns, rows)
    building = time.process_time() - started
    texts = row_texts(table.columns, rows)
    asked = range(min(ASKED, len(rows)))
    started = time.process_time()
    found = [corpus.search(texts[at], NEAREST, 0.0, leave_out=[texts[at]]) for at in asked]
    looking = (time.process_time() - started) * len(rows) / len(asked)
    ranks = _ranks(table.columns, rows)
    random = np.random.default_rng(0)
    gaps = {
        "codes": [_gap(ranks, at, first[near[at]]) for at in asked],
        "n-grams": [_gap(ranks, at, [p.row for p in found[at]]) for at in asked],
        "any rows": [_gap(ranks, at, random.integers(0, len(rows), NEAREST)) for at in asked],
    }
    times = {"codes": 1.0, "n-grams": (building + looking) / by_codes}
    grid = Grid(f"{loaded.entry.name}, {len(rows):,} rows: by", "ranks apart", "time, codes = 1")
    for name, some in gaps.items():
        took = f"{times[name]:.1f}" if name in times else "-"
        grid.add(name, f"{np.mean(some):.3f}", took)
    return grid


def _ranks(columns: Sequence[Column], rows: Batch) -> np.ndarray:
    parts = []
    for column in columns:
        if not isinstance(column.type, TextType):
            codes, nulls = rows.column(column.name)
            values = np.where(nulls, codes.min() - 1, codes)
            parts.append(np.searchsorted(np.sort(values), values) / len(values))
    return np.stack(parts, axis=1)


def _gap(ranks: np.ndarray, at: int, others: Sequence[int | None] | np.ndarray) -> float:
    places = np.array(others, dtype=np.int64)
    return float(np.abs(ranks[places] - ranks[at]).mean())
