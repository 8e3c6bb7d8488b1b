"""Shipped models without public data: sampled from their rules alone, judged, loaded."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.loads import loaded
from bench.report import Figure, number, rules_file, seconds
from bench.wholes import judged
from synthtab.errors import InfeasibleError
from synthtab.frames import encode_frame
from synthtab.lang.model import Model
from synthtab.pipeline import Synthesizer, WholeSample

TRIES = 3
NOTE = (
    "No data at all: rows are drawn from the rules, `synthtab sample MODEL.rules --rows "
    "TABLE=NUMBER`. All rules are judged by DuckDB and by `validate` on the tables as handed over, "
    "and PostgreSQL takes them under the constraints that it can hold."
)


@dataclass(frozen=True)
class Shipped:
    """A model of rules/, and how many rows of which tables are asked for."""

    name: str
    rows: dict[str, int]


SETS = (
    Shipped("employment", {"department": 1_000}),
    Shipped("clinic", {"patient": 1_000}),
    Shipped("ledger", {"account": 1_000}),
)


def measure(what: Shipped, seed: int, tell: Callable[[str], None]) -> list[Figure]:
    """Return the figures of one model; what cannot be done is a figure that says so."""
    model = Model.load(rules_file(what.name))
    started = time.perf_counter()
    synthesizer = Synthesizer(model).rules_only()
    asked = ", ".join(f"{rows:,} rows of `{table}`" for table, rows in what.rows.items())
    figures = [Figure("rules compiled", seconds(time.perf_counter() - started))]
    sample: WholeSample | None = None
    spent = 0.0
    for at in range(TRIES):
        tell(f"{what.name}: sample, seed {seed + at}")
        started, spent = time.perf_counter(), time.process_time()
        try:
            sample = synthesizer.sample_report(scale=what.rows, seed=seed + at)
            spent = time.process_time() - spent
            break
        except InfeasibleError as error:
            lines = [line.strip() for line in str(error).splitlines()]
            took = seconds(time.perf_counter() - started)
            why = f"after {took}: {' '.join(lines[:3])}"
            figures.append(Figure(f"{asked}, seed {seed + at}", why, "rows", met=False))
    if sample is None:
        return figures
    made = {name: len(frame) for name, frame in sample.frames.items()}
    total = sum(made.values())
    drawn = sum(c.drawn for c in sample.counts.values())
    batches = {t.name: encode_frame(t.columns, sample.frames[t.name]) for t in model.tables}
    return [
        *figures,
        Figure(
            f"{asked}: {total:,} rows in all",
            f"{seconds(sample.seconds)}, {number(total / sample.seconds)} rows/s; "
            f"processor time {seconds(spent)}",
        ),
        Figure("rows by table", ", ".join(f"{name} {rows:,}" for name, rows in made.items())),
        Figure("rows written per row kept", f"{drawn / max(1, total):.2f}"),
        Figure("cells mended at the end", f"{sum(c.mended for c in sample.counts.values()):,}"),
        *judged(model, sample.frames, batches),
        *loaded(model, sample.frames),
    ]
