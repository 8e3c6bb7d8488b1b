"""The Adult table end to end: fit, sample with and without rules, judge rows and distances."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from bench.report import (
    Figure,
    Section,
    at_least,
    at_most,
    data_directory,
    number,
    percent,
    rules_file,
    seconds,
)
from synthtab.assess.fidelity import Distances, compare
from synthtab.backends.sql import SqlBackend
from synthtab.batch import Batch
from synthtab.draw import Mode
from synthtab.files import read_batch
from synthtab.frames import decode_frame, encode_frame
from synthtab.lang.model import Model
from synthtab.pipeline import Sample, Synthesizer

MODES: tuple[Mode, ...] = ("free", "solver", "solver+weighted")
TRAIN_SHARE = 0.8


@dataclass(frozen=True)
class Measured:
    """One mode's rows: how many DuckDB finds valid, and how far they are from the training rows.

    ``small`` compares as many rows as the hold-out has, ``whole`` all of them.
    """

    sample: Sample
    valid: float
    small: Distances
    whole: Distances

    @property
    def rate(self) -> float:
        """Rows returned per second."""
        return self.sample.counts.returned / self.sample.counts.seconds


def run(rows: int = 50_000, seed: int = 0) -> Section:
    """Train on 80% of the rows, sample ``rows`` in each mode, measure."""
    table = Model.load(rules_file("adult")).table()
    real = read_batch(data_directory() / "adult" / "adult.csv.gz", table.columns)
    order = np.random.default_rng(seed).permutation(len(real))
    cut = int(TRAIN_SHARE * len(real))
    train, held_out = real.take(order[:cut]), real.take(order[cut:])
    synthesizer = Synthesizer(Model.load(rules_file("adult")))
    frame = decode_frame(table.columns, train)
    started = time.perf_counter()
    synthesizer.fit(frame, violations="drop", seed=seed)
    fitted = time.perf_counter() - started
    # The first draw compiles automata: it is not what a rate means.
    synthesizer.sample(1000, mode="solver", seed=seed)
    measured = {
        mode: _measure(synthesizer, mode, rows, seed, train, len(held_out)) for mode in MODES
    }
    floor = compare(table.columns, train, held_out)
    figures = [
        at_most(f"fit, {len(train):,} rows", fitted, 180, seconds),
        *_rows_figures(measured),
        *_distance_figures(measured, floor),
    ]
    note = (
        "Valid rows are those for which DuckDB evaluates no rule of rules/adult.rules to false. "
        f"Distances are from the {len(train):,} training rows; the noise floor is that of the "
        f"{len(held_out):,} held-out rows, and the figures held against it are of as many "
        "synthetic rows."
    )
    title = f"Adult: {rows:,} rows a mode"
    return Section(title, "python -m bench adult", seed, figures, note)


def _measure(
    synthesizer: Synthesizer, mode: Mode, rows: int, seed: int, train: Batch, few: int
) -> Measured:
    table = synthesizer.table
    sample = synthesizer.sample_report(rows, mode=mode, seed=seed + 1)
    broken = SqlBackend(table).violated(sample.frame).any(axis=1)
    batch = encode_frame(table.columns, sample.frame)
    return Measured(
        sample,
        1.0 - float(broken.mean()),
        compare(table.columns, train, batch.take(np.arange(min(few, len(batch))))),
        compare(table.columns, train, batch),
    )


def _rows_figures(measured: dict[Mode, Measured]) -> list[Figure]:
    free, solver = measured["free"], measured["solver"]
    counts = solver.sample.counts
    rejected = counts.drawn - counts.returned - counts.surplus
    return [
        Figure("`solver`: rows valid by DuckDB", f"{solver.valid:.4%}", "100%", solver.valid == 1),
        Figure("`solver`: rows rejected", f"{rejected:,}", "0", rejected == 0),
        Figure("`solver`: rows mended after decoding", f"{counts.mended:,}"),
        *(
            Figure(f"`{mode}`: rows valid by DuckDB", f"{got.valid:.4%}")
            for mode, got in measured.items()
            if mode != "solver"
        ),
        at_least("`free`: rows a second", free.rate, 4000, number),
        at_least("`solver` against `free`, rows a second", solver.rate / free.rate, 0.7, _ratio),
        *(
            Figure(f"`{mode}`: rows a second", number(got.rate))
            for mode, got in measured.items()
            if mode != "free"
        ),
    ]


def _distance_figures(measured: dict[Mode, Measured], floor: Distances) -> list[Figure]:
    figures = [
        Figure("noise floor: shape error", percent(floor.shape)),
        Figure("noise floor: pair error", percent(floor.pair)),
        Figure("noise floor: W1", f"{floor.w1:.4f}"),
    ]
    for mode, got in measured.items():
        small, whole = got.small, got.whole
        if mode == "free":
            figures.append(Figure("`free`: shape error", percent(small.shape)))
            figures.append(Figure("`free`: pair error", percent(small.pair)))
        else:
            figures.append(
                at_most(f"`{mode}`: shape error", small.shape, 1.3 * floor.shape, percent)
            )
            figures.append(at_most(f"`{mode}`: pair error", small.pair, 1.3 * floor.pair, percent))
        all_rows = f"{percent(whole.shape)}, {percent(whole.pair)}"
        figures.append(Figure(f"`{mode}`: shape and pair error of all its rows", all_rows))
        figures.append(Figure(f"`{mode}`: W1", f"{small.w1:.4f}"))
    return figures


def _ratio(value: float) -> str:
    return f"{value:.2f}"
