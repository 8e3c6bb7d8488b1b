"""How long a broken row takes to mend, and what mending leaves as it was."""

from __future__ import annotations

import time

import numpy as np

from bench import registry
from bench.report import Figure, Section, at_most, number, seconds
from synthtab.assess.compliance import valid_rows
from synthtab.batch import Batch
from synthtab.ir.nodes import Table
from synthtab.schema import domain
from synthtab.solver.repair import repair

BROKEN = 1000
LIMIT_S = 0.002
ROUNDS = 5


def break_rows(table: Table, rows: Batch, count: int, rng: np.random.Generator) -> Batch:
    """Return ``count`` rows that break a rule: real ones with one to three cells drawn anew."""
    found: list[np.ndarray] = []
    while sum(len(f) for f in found) < count:
        codes = rows.codes[rng.integers(0, len(rows), 4 * count)].copy()
        for _ in range(3):
            at = rng.integers(0, len(table.columns))
            lo, hi = domain(table.columns[at])
            some = rng.random(len(codes)) < 0.7
            codes[some, at] = rng.integers(lo, hi, int(some.sum()), endpoint=True)
        batch = Batch(rows.columns, codes, np.zeros(codes.shape, bool), rows.pool)
        found.append(codes[~valid_rows(table, batch)])
    chosen = np.concatenate(found)[:count]
    return Batch(rows.columns, chosen, np.zeros(chosen.shape, bool), rows.pool)


def _random_rows(table: Table, count: int, rng: np.random.Generator) -> Batch:
    ends = [domain(c) for c in table.columns]
    codes = np.stack([rng.integers(lo, hi, count, endpoint=True) for lo, hi in ends], axis=1)
    return Batch(table.column_names, codes, np.zeros(codes.shape, bool), np.array([], object))


def _time(table: Table, rows: Batch, donors: Batch, rng: np.random.Generator) -> float:
    """Return the seconds a row that one call takes, compiling the rules included."""
    started = time.perf_counter()
    repair(table, rows, rng=rng, donors=donors)
    return (time.perf_counter() - started) / len(rows)


def run(seed: int = 0) -> Section:
    """Mend 1,000 broken rows of the Adult table: all at once, and one at a time."""
    model, real = registry.whole(registry.entry("adult"))
    table = model.table()
    real = real.take(valid_rows(table, real))
    rng = np.random.default_rng(seed)
    broken = break_rows(table, real, BROKEN, rng)
    donors = real.take(rng.permutation(len(real))[:5000])
    times = [_time(table, broken, donors, rng) for _ in range(ROUNDS)]
    noise = _random_rows(table, BROKEN, rng)
    hopeless = _time(table, noise, donors, rng)
    mended = repair(table, broken, rng=rng, donors=donors)
    same = (mended.batch.codes == broken.codes) & (mended.batch.nulls == broken.nulls)
    touched = np.array_equal(~same, mended.changed)
    valid = valid_rows(table, mended.batch)
    cells = mended.changed.sum(axis=1)
    figures = [
        at_most(
            f"time a row, {number(BROKEN)} broken rows of Adult, median of {ROUNDS} calls",
            float(np.median(times)),
            LIMIT_S,
            seconds,
            headline="Repair of a broken row of Adult",
        ),
        Figure("the same for rows whose every cell is random", seconds(hopeless)),
        Figure("rows valid afterwards", f"{valid.mean():.2%}", "100%", bool(valid.all())),
        Figure("cells not reported as changed are equal", str(touched), "True", touched),
        Figure("cells changed a row, mean", f"{cells.mean():.2f}"),
    ]
    return Section("Repair of single rows", "python -m bench repair", seed, figures)
