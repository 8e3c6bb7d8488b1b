"""Refinement: pair error of rows as they are drawn and as they are refined, on ten tables.

Rows are as many as there are training rows. Distances are from the training rows, which are what
refinement aims at, and from the hold-out, which nothing looks at. A table counts as better only
where the gain is greater than the noise: the standard deviation of several plain samples.
``--only`` names tables of the registry; ``--work FOLDER`` keeps what each run found.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from bench.asked import command_line, times
from bench.kept import kept_values
from bench.registry import Entry, Loaded, load, picked
from bench.report import Figure, Grid, Section, at_least, percent, seconds
from bench.scoring import broken
from synthtab.assess.fidelity import compare
from synthtab.frames import decode_frame, encode_frame
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.train import TrainConfig
from synthtab.pipeline import Refined, Synthesizer

TABLES = (
    *("adult", "heloc", "compas", "cervical_cancer", "kc_house", "lending_club"),
    *("bank_marketing", "abalone", "german_credit", "wine_quality"),
)
MOST = 12_000
"""Rows of a table that are used, the others cut."""
SAMPLES = 5
"""Plain samples, whose standard deviation is the noise."""
ROUNDS = 3
WANTED = 8
TITLE = "Refinement: pair error before and after"
NOTE = (
    "Pair error is the mean total variation of the tables of all pairs of columns (numbers in 20 "
    f"quantile bins). Of each table at most {MOST:,} rows are used, 80% of them to learn from, and "
    "as many rows are made as were learned from. *Drawn* is the mean of "
    f"{SAMPLES} plain samples in the usual mode, `solver`, *noise* their standard deviation, and "
    "*gain* how many times the noise a refined sample is below that mean; it is better where that "
    "is above 1. The hold-out is seen by neither fit nor refinement. *Real* is the distance of the "
    "training rows from the hold-out: as many rows of the very same source."
)


@dataclass(frozen=True)
class Run:
    """What one seed found of one table; errors are pair errors.

    ``drawn`` are those of plain samples, as pairs of (training rows, hold-out); ``refined`` that of
    the rows returned; ``rounds`` has every round's scores.
    """

    table: str
    seed: int
    rows: int
    drawn: tuple[tuple[float, float], ...]
    refined: tuple[float, float]
    real: float
    rounds: tuple[dict[str, Any], ...]
    best: int
    stopped: str
    broken: int
    fit_s: float
    sample_s: float
    refine_s: float

    @property
    def before(self) -> tuple[float, float]:
        """The mean errors of plain samples."""
        return fmean(d[0] for d in self.drawn), fmean(d[1] for d in self.drawn)

    @property
    def noise(self) -> tuple[float, float]:
        """The standard deviations of the errors of plain samples."""
        return stdev(d[0] for d in self.drawn), stdev(d[1] for d in self.drawn)


def run(
    seed: int = 0,
    only: Sequence[str] = (),
    seeds: int | None = None,
    work: Path | None = None,
    symbols: int | None = None,
) -> Iterator[Section]:
    """Measure the tables, ``seeds`` times each (once unless said), from ``seed`` on."""
    entries = picked(only or TABLES)
    many = times(seeds, 1)
    runs = [_kept(work, entry, seed + k, symbols) for entry in entries for k in range(many)]
    yield _section(runs, command_line("refine", only, seeds=seeds, symbols=symbols), seed)


def measure(loaded: Loaded, seed: int, symbols: int | None = None) -> Run:
    """Fit, sample several times and refine one table."""
    training = TrainConfig() if symbols is None else TrainConfig(symbols_seen=symbols)
    columns = loaded.table.columns
    train = decode_frame(columns, loaded.train)
    started = time.perf_counter()
    synthesizer = Synthesizer(loaded.model, config=GeneratorConfig(train=training))
    synthesizer.fit(train, seed=seed)
    fitted = time.perf_counter()
    samples = [
        encode_frame(columns, synthesizer.sample(len(train), seed=1_000 * seed + k))
        for k in range(SAMPLES)
    ]
    sampled = time.perf_counter()
    got = synthesizer.refine(
        len(train),
        train,
        rounds=ROUNDS,
        seed=seed,
        holdout=decode_frame(columns, loaded.holdout),
    )
    done = time.perf_counter()
    own = encode_frame(columns, got.frame)
    return Run(
        loaded.entry.name,
        seed,
        len(train),
        tuple(_errors(loaded, sample) for sample in samples),
        _errors(loaded, own),
        compare(columns, loaded.holdout, loaded.train).pair,
        _scores(got),
        got.best,
        got.stopped_because,
        int(broken(loaded.table, own).sum()),
        fitted - started,
        (sampled - fitted) / SAMPLES,
        done - sampled,
    )


def _errors(loaded: Loaded, rows: Any) -> tuple[float, float]:
    columns = loaded.table.columns
    return compare(columns, loaded.train, rows).pair, compare(columns, loaded.holdout, rows).pair


def _scores(got: Refined) -> tuple[dict[str, Any], ...]:
    return tuple(scores.to_dict() for scores in got.rounds)


def _kept(work: Path | None, entry: Entry, seed: int, symbols: int | None) -> Run:
    """Return what was found before, measured alike, or measure."""
    how = {"most": MOST, "rounds": ROUNDS, "samples": SAMPLES, "symbols": symbols}

    def made() -> dict[str, Any]:
        print(f"refine: {entry.name}, seed {seed}", file=sys.stderr, flush=True)
        return {"run": asdict(measure(load(entry, seed, MOST), seed, symbols))}

    return _run_of(kept_values(work, f"refine-{entry.name}-{seed}", how, made)["run"])


def _run_of(facts: dict[str, Any]) -> Run:
    drawn = tuple((a, b) for a, b in facts["drawn"])
    one, two = facts["refined"]
    rest = {k: v for k, v in facts.items() if k not in ("drawn", "refined", "rounds")}
    return Run(**rest, drawn=drawn, refined=(one, two), rounds=tuple(facts["rounds"]))


@dataclass(frozen=True)
class _Table:
    """One table's runs, as means: errors from (training rows, hold-out)."""

    name: str
    runs: tuple[Run, ...]

    def mean(self, side: int) -> tuple[float, float, float]:
        """Return the error drawn, the error refined, and the noise."""
        return (
            fmean(r.before[side] for r in self.runs),
            fmean(r.refined[side] for r in self.runs),
            fmean(r.noise[side] for r in self.runs),
        )

    def better(self, side: int) -> bool:
        """Say whether refined rows are nearer by more than the noise."""
        drawn, refined, noise = self.mean(side)
        return drawn - refined > noise


def _section(runs: Sequence[Run], command: str, seed: int) -> Section:
    tables = [
        _Table(name, tuple(r for r in runs if r.table == name))
        for name in dict.fromkeys(r.table for r in runs)
    ]
    return Section(
        TITLE,
        command,
        seed,
        _figures(tables, runs),
        NOTE,
        [_errors_grid(tables), _rounds_grid(runs)],
        {"plots": [_plot(tables)], "runs": [asdict(r) for r in runs]},
    )


def _figures(tables: Sequence[_Table], runs: Sequence[Run]) -> list[Figure]:
    lost = sum(r.broken for r in runs)
    rows = sum(r.rows for r in runs)
    held, seen = (sum(t.better(side) for t in tables) for side in (1, 0))
    gains = [1 - t.mean(1)[1] / t.mean(1)[0] for t in tables if t.mean(1)[0] > 0]
    wanted = min(WANTED, len(tables))

    def count(value: float) -> str:
        return f"{value:.0f} of {len(tables)}"

    return [
        at_least(
            "tables nearer to the hold-out by more than the noise",
            held,
            wanted,
            count,
            "Refinement improves the pair error",
        ),
        at_least("tables nearer to the training rows by more than the noise", seen, wanted, count),
        Figure(
            f"refined rows that break a rule, by DuckDB, of {rows:,}", f"{lost:,}", "0", lost == 0
        ),
        Figure("pair error from the hold-out, less by, mean", percent(fmean(gains or [0.0]))),
        Figure("time to refine against time to fit, mean", _ratio(runs)),
    ]


def _ratio(runs: Sequence[Run]) -> str:
    return f"{fmean(r.refine_s / max(r.fit_s, 1e-9) for r in runs):.2f}"


def _errors_grid(tables: Sequence[_Table]) -> Grid:
    grid = Grid(
        *("table", "rows", "hold-out: drawn", "refined", "real", "noise", "gain", "better"),
        *("training rows: drawn", "refined", "noise", "gain", "better"),
    )
    for table in tables:
        held, seen = table.mean(1), table.mean(0)
        grid.add(
            table.name,
            f"{table.runs[0].rows:,}",
            percent(held[0]),
            percent(held[1]),
            percent(fmean(r.real for r in table.runs)),
            percent(held[2]),
            _times(held),
            _yes(table.better(1)),
            *map(percent, seen),
            _times(seen),
            _yes(table.better(0)),
        )
    return grid


def _times(errors: tuple[float, float, float]) -> str:
    """Return how many times the noise the gain is."""
    drawn, refined, noise = errors
    return f"{(drawn - refined) / noise:.1f}" if noise > 0 else ""


def _yes(good: bool) -> str:
    return "yes" if good else "**no**"


def _rounds_grid(runs: Sequence[Run]) -> Grid:
    """Return each round of each run: errors from the training rows, and from the hold-out."""
    grid = Grid(
        *("table, seed, round", "drawn", "weighted", "refined", "hold-out: drawn", "refined"),
        *("effective", "trust", "time"),
    )
    for made in runs:
        for scores in made.rounds:
            mark = " *" if scores["number"] == made.best else ""
            held = scores["held_out"]
            grid.add(
                f"{made.table}, {made.seed}, {scores['number']}{mark}",
                *(percent(scores[name]) for name in ("drawn", "raked", "refined")),
                *(percent(error) for error in held),
                *(f"{scores[name]:.0%}" for name in ("effective", "trust")),
                seconds(scores["seconds"]),
            )
    return grid


def _plot(tables: Sequence[_Table]) -> dict[str, Any]:
    sides = [t.mean(1) for t in tables]
    return {
        "kind": "bars",
        "title": "Pair error from the hold-out, drawn and refined",
        "unit": "%",
        "groups": [t.name for t in tables],
        "series": [
            {"name": "drawn", "values": [s[0] for s in sides], "spread": [s[2] for s in sides]},
            {"name": "refined", "values": [s[1] for s in sides]},
            {"name": "real rows", "values": [fmean(r.real for r in t.runs) for t in tables]},
        ],
    }
