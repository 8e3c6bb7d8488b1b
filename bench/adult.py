"""The Adult table end to end: fit, sample with and without rules, judge rows and distances."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

import numpy as np

from bench import registry
from bench.plots import number_of
from bench.report import (
    Figure,
    Section,
    at_least,
    at_most,
    number,
    percent,
    seconds,
)
from synthtab.assess.fidelity import Distances, compare
from synthtab.backends.sql import SqlBackend
from synthtab.batch import Batch
from synthtab.choices import Mode
from synthtab.frames import decode_frame, encode_frame
from synthtab.pipeline import Sample, Synthesizer

MODES: tuple[Mode, ...] = ("free", "solver", "solver+weighted")
ROWS = 50_000
SPLITS = 10
# Each mode is timed this many times, the modes taking turns, so that a busy moment hits them alike.
TURNS = 5


@dataclass(frozen=True)
class Means:
    """Distances averaged over several comparisons, because a single one is a matter of luck."""

    shape: float
    pair: float
    w1: float

    @classmethod
    def of(cls, several: Sequence[Distances]) -> Means:
        """Return the averages."""
        return cls(
            fmean(d.shape for d in several),
            fmean(d.pair for d in several),
            fmean(d.w1 for d in several),
        )


@dataclass(frozen=True)
class Measured:
    """One mode's rows: how many DuckDB finds valid, and how far they are from the training rows.

    ``small`` compares as many rows at a time as the hold-out has, ``whole`` all of them at once.
    """

    sample: Sample
    valid: float
    small: Means
    whole: Distances


def run(rows: int = ROWS, seed: int = 0) -> Section:
    """Train on 80% of the rows, sample ``rows`` in each mode, measure."""
    model, real = registry.whole(registry.entry("adult"))
    table = model.table()
    train, held_out = split(real, seed)
    synthesizer = Synthesizer(model)
    frame = decode_frame(table.columns, train)
    started = time.perf_counter()
    synthesizer.fit(frame, violations="drop", seed=seed)
    fitted = time.perf_counter() - started
    # The first draw compiles automata: it is not what a rate means.
    synthesizer.sample(1000, mode="solver", seed=seed)
    measured = {
        mode: _measure(synthesizer, mode, rows, seed, train, len(held_out)) for mode in MODES
    }
    rates = _rates(synthesizer, rows, seed)
    own = compare(table.columns, train, held_out)
    splits = [split(real, seed + at) for at in range(SPLITS)]
    floor = Means.of([compare(table.columns, one, two) for one, two in splits])
    figures = [
        at_most(f"fit, {len(train):,} rows", fitted, 180, seconds),
        *_rows_figures(measured),
        *_rate_figures(rates),
        *_distance_figures(measured, floor, own),
    ]
    note = (
        "Valid rows are those for which DuckDB evaluates no rule of rules/adult.rules to false. "
        f"Distances are from the {len(train):,} training rows. The noise floor is the distance of "
        f"{len(held_out):,} held-out rows from the others, the mean of {SPLITS} random splits; the "
        "figures held against it are of as many synthetic rows at a time, the mean over all "
        "disjoint parts of the sample. Rates are medians of "
        f"{TURNS} turns, the ratio the median of the turns' ratios."
    )
    title = f"Adult: {rows:,} rows a mode"
    return Section(title, command(rows), seed, figures, note, data={"plots": plots(figures)})


def command(rows: int) -> str:
    """Return the command that samples so many rows in each mode."""
    return "python -m bench adult" + ("" if rows == ROWS else f" --rows {rows}")


def plots(figures: Sequence[Figure]) -> list[dict[str, Any]]:
    """Return bars of the modes' distances beside the noise floor."""
    found = {f.what: number_of(f.measured, "%") for f in figures}
    groups = ["noise floor", *(f"`{mode}`" for mode in MODES)]
    series = [
        {"name": what, "values": [found[f"{group}: {what}"] for group in groups]}
        for what in ("shape error", "pair error")
    ]
    title = "Adult: distance from the training rows, as many rows as are held out"
    names = [group.strip("`") for group in groups]
    return [{"kind": "bars", "title": title, "unit": "%", "groups": names, "series": series}]


def split(real: Batch, seed: int) -> tuple[Batch, Batch]:
    """Return the training rows, the first 80% in an order by the seed, and the others."""
    order = np.random.default_rng(seed).permutation(len(real))
    cut = int(registry.TRAIN_SHARE * len(real))
    return real.take(order[:cut]), real.take(order[cut:])


def _measure(
    synthesizer: Synthesizer, mode: Mode, rows: int, seed: int, train: Batch, few: int
) -> Measured:
    table = synthesizer.table
    sample = synthesizer.sample_report(rows, mode=mode, seed=seed + 1)
    broken = SqlBackend(table).violated(sample.frame).any(axis=1)
    batch = encode_frame(table.columns, sample.frame)
    size = min(few, len(batch))
    parts = [
        batch.take(np.arange(start, start + size))
        for start in range(0, len(batch) - size + 1, size)
    ]
    return Measured(
        sample,
        1.0 - float(broken.mean()),
        Means.of([compare(table.columns, train, part) for part in parts]),
        compare(table.columns, train, batch),
    )


def _rows_figures(measured: dict[Mode, Measured]) -> list[Figure]:
    solver = measured["solver"]
    counts = solver.sample.counts
    rejected = counts.drawn - counts.returned - counts.surplus
    return [
        Figure(
            "`solver`: rows valid by DuckDB",
            f"{solver.valid:.4%}",
            "100%",
            solver.valid == 1,
            headline="Adult, mode `solver`: rows that keep all rules",
        ),
        Figure("`solver`: rows rejected", f"{rejected:,}", "0", rejected == 0),
        Figure("`solver`: rows mended after decoding", f"{counts.mended:,}"),
        *(
            Figure(f"`{mode}`: rows valid by DuckDB", f"{got.valid:.4%}")
            for mode, got in measured.items()
            if mode != "solver"
        ),
    ]


def _rates(synthesizer: Synthesizer, rows: int, seed: int) -> dict[Mode, list[float]]:
    """Return rows a second, a figure per turn, of each mode."""
    rates: dict[Mode, list[float]] = {mode: [] for mode in MODES}
    for turn in range(TURNS):
        for mode in MODES:
            counts = synthesizer.sample_report(rows, mode=mode, seed=seed + turn).counts
            rates[mode].append(counts.returned / counts.seconds)
    return rates


def _rate_figures(rates: dict[Mode, list[float]]) -> list[Figure]:
    ratios = [s / f for s, f in zip(rates["solver"], rates["free"], strict=True)]
    return [
        at_least("`free`: rows a second", median(rates["free"]), 4000, number),
        at_least(
            "`solver` against `free`, rows a second",
            median(ratios),
            0.7,
            _ratio,
            headline="Adult: speed of `solver` against no rules at all",
        ),
        *(
            Figure(f"`{mode}`: rows a second", number(median(of)))
            for mode, of in rates.items()
            if mode != "free"
        ),
    ]


def _distance_figures(measured: dict[Mode, Measured], floor: Means, own: Distances) -> list[Figure]:
    figures = [
        Figure(
            "hold-out of this fit: shape and pair error",
            f"{percent(own.shape)}, {percent(own.pair)}",
        ),
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
            for what, error, chance in (
                ("shape error", small.shape, floor.shape),
                ("pair error", small.pair, floor.pair),
            ):
                headline = f"Adult, mode `solver`: {what}" if mode == "solver" else ""
                figures.append(at_most(f"`{mode}`: {what}", error, 1.3 * chance, percent, headline))
        all_rows = f"{percent(whole.shape)}, {percent(whole.pair)}"
        figures.append(Figure(f"`{mode}`: shape and pair error of all its rows", all_rows))
        figures.append(Figure(f"`{mode}`: W1", f"{small.w1:.4f}"))
    return figures


def _ratio(value: float) -> str:
    return f"{value:.2f}"
