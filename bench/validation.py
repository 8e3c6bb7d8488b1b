"""How many rows a second are checked against Adult's rules."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from bench import registry
from bench.report import Figure, Section, at_least, number
from synthtab.backends.vector import VectorBackend
from synthtab.files import iter_batches, write_frame
from synthtab.frames import decode_frame

ROWS = 1_000_000
ROUNDS = 5


def run(seed: int = 0) -> Section:
    """Check a million rows, drawn from the real ones: in memory, and streamed from a CSV file."""
    model, real = registry.whole(registry.entry("adult"))
    table = model.table()
    rows = real.take(np.random.default_rng(seed).integers(0, len(real), ROWS))
    backend = VectorBackend(table)
    rates = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        backend.violated(rows)
        rates.append(ROWS / (time.perf_counter() - started))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        write_frame(path, decode_frame(table.columns, rows), table.columns)
        started = time.perf_counter()
        counted = 0
        for batch in iter_batches(path, table.columns):
            counted += len(batch)
            backend.violated(batch)
            backend.out_of_domain(batch)
        streamed = counted / (time.perf_counter() - started)
    figures = [
        at_least(
            f"rows a second, median of {ROUNDS}",
            statistics.median(rates),
            1e6,
            number,
            headline="Rows a second checked against Adult's rules",
        ),
        Figure("rows a second, read from CSV and checked with domains", number(streamed)),
    ]
    title = f"Validation of Adult's {len(table.row_rules)} rules"
    return Section(title, "python -m bench validate", seed, figures)
