"""Rows like a row before it: what a small network gains by examples, with few rows and with many.

Of each table so many rows are learned, without examples and after 2 or 8 (others of them that show
its neighbourhood), by networks of one shape and seed, trained for as many steps at most. As
examples make a step longer, there is also a network without them that may see nine times as many
symbols. Shape, pair and two-sample figures are against real rows that were not learned, so that
copying is not rewarded. Utility is on the held-out rows. ``--only`` names tables of the registry;
``--work FOLDER`` keeps what each run found.
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
from bench.differences import said, verdict
from bench.finding import compared
from bench.kept import kept_values
from bench.registry import Entry, Loaded, load, picked
from bench.report import Figure, Grid, Section
from bench.scoring import worth
from bench.unseen import MEASURES, against, figure_of, parted
from synthtab.batch import Batch
from synthtab.frames import decode_frame, encode_frame
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.model import ModelConfig
from synthtab.generate.train import TrainConfig
from synthtab.pipeline import Synthesizer
from synthtab.privacy.audit.distances import nearer_to_training
from synthtab.privacy.audit.encoding import Encoder

TABLES = ("insurance", "car_evaluation", "titanic", "abalone", "stroke", "german_credit")
SIZES = (100, 300, 1_000)
FULL = 5_000
"""All rows of the training part, up to so many."""
SEEDS = 3
BATCH = 64
"""Rows of a step at most: of so few symbols larger ones would leave too few steps."""
SHAPE = ModelConfig(hidden=64, layers=2, heads=4, kv_heads=2, feed_forward=160)
"""A smaller network than the usual one, so that as many of them as here can be trained."""
SYMBOLS = 200_000
DRAWN = 2_000
FOUND = "abalone"
"""The table on which two ways of finding examples are compared."""
TITLE = "Examples before each row"


@dataclass(frozen=True)
class Way:
    """How rows are learned: after how many examples, and for how many times the usual symbols."""

    name: str
    examples: int
    longer: int = 1


PLAIN = Way("K = 0", 0)
OTHERS = (Way("K = 2", 2), Way("K = 8", 8), Way("K = 0, 9 times as long", 0, 9))
WAYS = (PLAIN, *OTHERS)


@dataclass(frozen=True)
class Run:
    """What one network came to: ``learned`` rows of a table, in a way that is named.

    ``auc`` and ``utility`` are None where they are not defined. ``copies`` is the share of drawn
    rows that are learned ones to the cell, ``nearer`` that of those nearer to learned rows than to
    as many others (DCR; 0.5 where nothing is memorised). ``broken`` counts rows that break a rule.
    """

    table: str
    learned: int
    full: bool
    way: str
    seed: int
    shape: float
    pair: float
    auc: float | None
    utility: float | None
    utility_real: float | None
    copies: float
    copies_others: float
    nearer: float
    broken: int
    steps: int
    fit_s: float
    draw_s: float


def run(
    only: Sequence[str] = (),
    seeds: int | None = None,
    work: Path | None = None,
    symbols: int | None = None,
    sizes: Sequence[int] = SIZES,
) -> Iterator[Section]:
    """Measure the tables: ``seeds`` times with few rows, and once with all of them."""
    entries = picked(only or TABLES)
    many, seen = times(seeds, SEEDS), symbols or SYMBOLS
    found = compared(load(picked([FOUND])[0]))  # first, as it asks for Annoy
    runs: list[Run] = []
    for seed in range(many):
        for entry in entries:
            some: tuple[int | None, ...] = (*sizes, None) if seed == 0 else tuple(sizes)
            runs += _of(entry, some, seed, seen, work)
    asked = command_line("examples", only, seeds=seeds, symbols=symbols)
    yield section(runs, asked, seen, [found])


def _of(
    entry: Entry, sizes: Sequence[int | None], seed: int, symbols: int, work: Path | None
) -> list[Run]:
    loaded = load(entry, seed)
    found = []
    for size in sizes:
        if size is not None and size >= len(loaded.train):
            continue  # all rows are measured anyway
        for way in WAYS:
            how = {"rules": loaded.model.to_text(), "symbols": symbols, "drawn": DRAWN}
            how |= {"shape": f"{SHAPE}, {BATCH} rows a step", "learned": size or FULL}
            name = f"examples-{entry.name}-{size or 'full'}-{way.examples}-{way.longer}-{seed}"
            values = kept_values(
                work,
                name,
                how,
                lambda size=size, way=way: asdict(  # type: ignore[misc]
                    measure(loaded, size, way, seed, symbols)
                ),
            )
            found.append(Run(**values))
            print(f"{name}: {values['fit_s']:.0f} s", file=sys.stderr)
    return found


def measure(loaded: Loaded, size: int | None, way: Way, seed: int, symbols: int) -> Run:
    """Learn rows of a table (None: all there are, up to FULL) in a way, draw some, and score."""
    columns = loaded.table.columns
    learned, others = parted(loaded, size or FULL)
    training = TrainConfig(symbols_seen=symbols * way.longer, batch_size=BATCH)
    config = GeneratorConfig(SHAPE, training, way.examples)
    started = time.process_time()
    synthesizer = Synthesizer(loaded.model, config=config)
    synthesizer.fit(decode_frame(columns, learned), seed=seed)
    fitted = time.process_time()
    made = encode_frame(columns, synthesizer.sample(DRAWN, mode="solver", seed=seed))
    drawn = time.process_time()
    copies, copies_others, nearer = _nearness(loaded, made, learned, others, seed)
    report: Any = synthesizer.report
    return Run(
        loaded.entry.name,
        len(learned),
        size is None,
        way.name,
        seed,
        **against(loaded, others, made, seed),
        utility_real=worth(loaded, learned, seed),
        copies=copies,
        copies_others=copies_others,
        nearer=nearer,
        steps=report.trained.steps,
        fit_s=fitted - started,
        draw_s=drawn - fitted,
    )


def _nearness(
    loaded: Loaded, made: Batch, learned: Batch, others: Batch, seed: int
) -> tuple[float, float, float]:
    """Return the shares of rows that are copies of learned rows, of others, and DCR's share."""
    encoder = Encoder.of(loaded.table.columns, loaded.holdout)
    points = [encoder.points(batch) for batch in (made, learned, others)]
    dcr, _, copies = nearer_to_training(points[0], points[1], points[2], seed=seed)
    return copies.train, copies.holdout, dcr.share


def section(runs: Sequence[Run], command: str, symbols: int, more: Sequence[Grid] = ()) -> Section:
    """Return what runs came to: differences to no examples over tables, then each table."""
    sizes = sorted({r.learned for r in runs if not r.full})
    groups: list[tuple[str, list[Run]]] = [
        (f"{size:,}", [r for r in runs if not r.full and r.learned == size]) for size in sizes
    ]
    groups.append(("all", [r for r in runs if r.full]))
    groups = [(name, some) for name, some in groups if some]
    grids = [_whole(groups), _disclosure(groups), *more]
    grids += [_table(groups, t) for t in _tables(runs)]
    lost = sum(r.broken for r in runs)
    figures = [
        Figure(
            f"rows that break a rule, by DuckDB, of {DRAWN * len(runs):,}",
            f"{lost:,}",
            "0",
            lost == 0,
        ),
        *_figures(groups),
    ]
    data = {"runs": [asdict(r) for r in runs]}
    return Section(TITLE, command, 0, figures, _note(runs, symbols), grids, data)


def _tables(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(r.table for r in runs))


def _mean(runs: Sequence[Run], measure: str) -> float | None:
    known = [v for r in runs if (v := figure_of(r, measure)) is not None]
    return fmean(known) if known else None


def _differences(runs: Sequence[Run], way: Way, measure: str) -> list[float]:
    """Return, by table, the mean over seeds of a figure less the same without examples."""
    found = []
    for table in _tables(runs):
        own = {(r.way, r.seed): figure_of(r, measure) for r in runs if r.table == table}
        pairs = [(own[w, s], own.get((PLAIN.name, s))) for w, s in own if w == way.name]
        known = [a - b for a, b in pairs if a is not None and b is not None]
        if known:
            found.append(fmean(known))
    return found


def _whole(groups: Sequence[tuple[str, list[Run]]]) -> Grid:
    """Return, for each size and figure, no examples and the differences that examples make."""
    less = [f"{way.name}; less {PLAIN.name}" for way in OTHERS]
    grid = Grid("rows learned", "figure", PLAIN.name, *less)
    for name, runs in groups:
        for key, (title, _) in MEASURES.items():
            plain = _mean([r for r in runs if r.way == PLAIN.name], key)
            cells = [said(_differences(runs, way, key), "{:.4f}") for way in OTHERS]
            grid.add(name, title, "-" if plain is None else f"{plain:.4f}", *cells)
    return grid


def _figures(groups: Sequence[tuple[str, list[Run]]]) -> Iterator[Figure]:
    for way in OTHERS:
        for key, (title, more) in MEASURES.items():
            words: dict[str, list[str]] = {}
            for name, runs in groups:
                found = verdict(_differences(runs, way, key), more)
                words.setdefault(found, []).append(name)
            told = "; ".join(f"{word}: {', '.join(names)}" for word, names in words.items())
            yield Figure(f"{title}, {way.name} beside {PLAIN.name}, by rows learned", told)


def _disclosure(groups: Sequence[tuple[str, list[Run]]]) -> Grid:
    grid = Grid(
        *("rows learned", "way", "copies of learned rows", "copies of others"),
        *("nearer to learned rows", "fit, CPU s", "draw, CPU s"),
    )
    for name, runs in groups:
        for way in WAYS:
            own = [r for r in runs if r.way == way.name]
            shares = (fmean(getattr(r, k) for r in own) for k in _SHARES)
            times = (f"{fmean(getattr(r, k) for r in own):.1f}" for k in ("fit_s", "draw_s"))
            grid.add(name, way.name, *(f"{s:.2%}" for s in shares), *times)
    return grid


_SHARES = ("copies", "copies_others", "nearer")


def _table(groups: Sequence[tuple[str, list[Run]]], table: str) -> Grid:
    """Return one table's figures, mean and standard deviation over seeds."""
    names = [title for title, _ in MEASURES.values()]
    grid = Grid(f"{table}: rows learned", "way", *names, "copies", "nearer to learned rows")
    for _, runs in groups:
        for way in WAYS:
            own = [r for r in runs if r.table == table and r.way == way.name]
            if own:
                shown = [_spread([figure_of(r, key) for r in own]) for key in MEASURES]
                shown += [_spread([getattr(r, key) for r in own]) for key in ("copies", "nearer")]
                grid.add(f"{own[0].learned:,}", way.name, *shown)
    return grid


def _spread(values: Sequence[float | None]) -> str:
    known = [v for v in values if v is not None]
    if not known:
        return "-"
    return f"{fmean(known):.4f}" + (f" ± {stdev(known):.4f}" if len(known) > 1 else "")


def _note(runs: Sequence[Run], symbols: int) -> str:
    tables = _tables(runs)
    few = max((r.seed for r in runs), default=0) + 1
    return (
        f"{len(tables)} tables: {', '.join(tables)}; {few} seeds each (another split, another "
        f"network) with few rows, one with all, which are up to {FULL:,}. A size beyond a table's "
        "training part is left out. Networks are smaller than the usual one (2 layers of 64), all "
        f"of one shape, and see {symbols:,} symbols of rows to be learned at most, or nine times "
        "as many, which is what 8 examples before each row cost; all stop earlier where the "
        f"held-out loss stops falling. {DRAWN:,} rows are drawn in the mode `solver`. Shape, pair "
        "and AUC are against real rows that were not learned, utility (AUC or R2, from 0 up) on "
        "the held-out rows. Differences are means over tables, each the mean of its seeds, with "
        "Student's 95% intervals over tables; *better* and *worse* stand where the interval leaves "
        "0 out. *Nearer to learned rows* is the share of drawn rows that are nearer to learned "
        "rows than to as many others: 50% where nothing is memorised. Of two ways to find rows "
        "like a row, that by codes is used: *ranks apart* is how far the eight found are on "
        "average, and the time is that of finding them for all rows. What a utility of the "
        "learned rows themselves is, is in the record (`utility_real`)."
    )
