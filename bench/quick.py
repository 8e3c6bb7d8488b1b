"""A look at everything in two minutes: ratios and shares, held against limits that only tighten.

Two tables that need no download: the RAND health insurance experiment, which statsmodels ships,
and one made up (bench/growing.py). Each is learned a little and drawn in every mode. Times are
processor times, and each is told as a ratio to another of the same run, so that a busy or a slow
machine does not change it much; how far one may move is the figure's slack.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from bench import growing, ratchet
from bench.limits import one_core, work
from bench.ratchet import Reading
from bench.report import Figure, Section, markdown, rules_file
from synthtab.assess.fidelity import compare
from synthtab.backends.sql import SqlBackend
from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch
from synthtab.choices import COMMON_MODES
from synthtab.cli.demo import load_rand_hie
from synthtab.draw import METHODS
from synthtab.errors import SynthTabError
from synthtab.frames import decode_frame, encode_frame
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.train import TrainConfig
from synthtab.lang.model import Model
from synthtab.pipeline import Synthesizer
from synthtab.solver.project import compile_plan
from synthtab.solver.repair import repair

MADE = growing.Size(4_000, 10, 14)
ROWS = 2_000
TURNS = 3
SYMBOLS = 300_000
TIMES = 1.0
"""How much slower something may become beside something else: on a busy machine caches are shared,
and a ratio was seen to move by two fifths."""
SPEED = 0.4
"""How much of the solver's speed beside no rules at all may be lost."""
LEARNED = 0.3
"""The same for what little training comes to: it differs between processors as they round."""


@dataclass(frozen=True)
class Data:
    """A table to be learned: its model, rows to learn and rows held out."""

    name: str
    model: Model
    train: Batch
    held_out: Batch


def run(seed: int = 0) -> list[Reading]:
    """Return the readings of both tables.

    One core is used, so that as many cores as there are do not change what is learned.
    """
    with one_core():
        return [reading for data in tables(seed) for reading in measured(data, seed)]


def tables(seed: int) -> tuple[Data, Data]:
    """Return the two tables, a fifth of their rows held out."""
    model = Model.load(rules_file("rand_hie"))
    real = encode_frame(model.table().columns, load_rand_hie())
    order = np.random.default_rng(seed).permutation(len(real))[:10_000]
    cut = len(order) * 4 // 5
    made, more = growing.rows(MADE, seed), growing.rows(MADE, seed + 1)
    return (
        Data("rand_hie", model, real.take(order[:cut]), real.take(order[cut:])),
        Data("made up", growing.model(MADE), made, more.take(np.arange(1_000))),
    )


def measured(
    data: Data, seed: int, symbols: int = SYMBOLS, rows: int = ROWS, turns: int = TURNS
) -> Iterator[Reading]:
    """Learn a table, draw ``rows`` in every mode; yield what rows are worth, and ratios of times.

    Ratios are medians over ``turns``.
    """
    table, name = data.model.table(), data.name
    config = GeneratorConfig(train=TrainConfig(symbols_seen=symbols))
    synthesizer = Synthesizer(data.model, config=config)
    synthesizer.fit(decode_frame(table.columns, data.train), violations="drop", seed=seed)
    floor = compare(table.columns, data.train, data.held_out)
    for mode in COMMON_MODES:
        frame = synthesizer.sample(rows, mode=mode, seed=seed)
        valid = 1.0 - float(SqlBackend(table).violated(frame).any(axis=1).mean())
        slack = LEARNED if METHODS[mode].broken == "keep" else 0.0
        yield Reading(f"{name}, {mode}: share valid", valid, "at least", slack)
        if mode in ("free", "solver", "solver+weighted"):
            batch = encode_frame(table.columns, frame)
            found = compare(table.columns, data.train, batch)
            shape, pair = found.shape / floor.shape, found.pair / floor.pair
            yield Reading(f"{name}, {mode}: shape error against hold-out", shape, slack=LEARNED)
            yield Reading(f"{name}, {mode}: pair error against hold-out", pair, slack=LEARNED)
    yield from _times(data, synthesizer, rows, seed, turns)


def _times(
    data: Data, synthesizer: Synthesizer, rows: int, seed: int, turns: int
) -> Iterator[Reading]:
    table, name = data.model.table(), data.name
    many = data.train.take(np.random.default_rng(seed).integers(0, len(data.train), 100_000))
    backend = VectorBackend(table)
    wrong = _broken(data, 200, seed)

    def draw(mode: str) -> Callable[[], object]:
        return lambda: synthesizer.sample(rows, mode=mode, seed=seed)  # type: ignore[call-overload]

    free, solver = _in_turn(turns, draw("free"), draw("solver"))
    speed = median(f / s for f, s in zip(free, solver, strict=True))
    yield Reading(f"{name}: speed of solver against free", speed, "at least", SPEED)
    copy, check = _in_turn(turns, lambda: many.codes.copy(), lambda: backend.violated(many))
    yield Reading(f"{name}: validation against copying rows", _ratio(check, copy), slack=TIMES)
    fixed, plan = _in_turn(turns, _fixed_work, lambda: compile_plan(table))
    yield Reading(f"{name}: compiling against fixed work", _ratio(plan, fixed), slack=TIMES)
    fixed, mend = _in_turn(
        turns,
        _fixed_work,
        lambda: repair(table, wrong, rng=np.random.default_rng(seed), donors=data.train),
    )
    yield Reading(
        f"{name}: repair of 200 rows against fixed work", _ratio(mend, fixed), slack=TIMES
    )
    mended = repair(table, wrong, rng=np.random.default_rng(seed), donors=data.train)
    left = float(backend.violated(mended.batch).any(axis=1).mean())
    yield Reading(f"{name}: share of broken rows left broken", left)
    cells = float(mended.changed.sum(axis=1).mean())
    yield Reading(f"{name}: cells changed a broken row", cells, slack=0.05)


def _broken(data: Data, count: int, seed: int) -> Batch:
    """Return rows that break a rule: real ones with some cells taken from other rows."""
    rng = np.random.default_rng(seed)
    backend, rows = VectorBackend(data.model.table()), data.train
    found: list[np.ndarray] = []
    while sum(map(len, found)) < count:
        codes = rows.codes[rng.integers(0, len(rows), count)].copy()
        other = rows.codes[rng.integers(0, len(rows), count)]
        swapped = rng.random(codes.shape) < 0.3
        codes[swapped] = other[swapped]
        batch = Batch(rows.columns, codes, np.zeros(codes.shape, bool), rows.pool)
        found.append(codes[backend.violated(batch).any(axis=1)])
    codes = np.concatenate(found)[:count]
    return Batch(rows.columns, codes, np.zeros(codes.shape, bool), rows.pool)


def _fixed_work() -> int:
    """Do a fixed piece of work in Python: some 50 ms of dictionaries and numbers."""
    seen: dict[int, int] = {}
    for at in range(400_000):
        seen[at * 7919 % 10_007] = at
    return len(seen)


def _in_turn(turns: int, *ways: Callable[[], object]) -> list[list[float]]:
    """Return the processor seconds of each way in each turn, after one that is not counted."""
    took: list[list[float]] = [[] for _ in ways]
    for turn in range(turns + 1):
        for which, way in enumerate(ways):
            spent = work(way)
            if turn:
                took[which].append(spent)
    return took


def _ratio(these: list[float], those: list[float]) -> float:
    return median(a / b for a, b in zip(these, those, strict=True))


def section(readings: list[Reading], limits: dict[str, ratchet.Limit]) -> Section:
    """Return readings beside their limits, as a section to be printed."""
    figures = []
    for reading in readings:
        limit = limits.get(reading.name)
        asked = f"{limit.direction} {limit.bound:.4g}" if limit else "nothing yet"
        met = limit.passes(reading.value) if limit else None
        figures.append(Figure(reading.name, f"{reading.value:.4g}", asked, met))
    return Section("A quick look", "python -m bench quick", 0, figures)


def options(parser: ArgumentParser) -> None:
    """Add what only this measurement takes."""
    group = parser.add_argument_group("quick")
    group.add_argument("--update-ratchet", action="store_true", help="tighten the limits")


def main(update: bool, place: Path = ratchet.PLACE) -> None:
    """Measure, print, and compare; SystemExit names each figure that fell back.

    With ``update`` limits are moved to what is better, and new figures get one.
    """
    try:
        limits = ratchet.read(place) if place.exists() or not update else {}
        readings = run()
        print(markdown(section(readings, limits)), flush=True)
        if update:
            limits = ratchet.tightened(readings, limits)
            ratchet.write(limits, place)
    except SynthTabError as error:
        sys.exit(f"bench: {error}")
    wrong = ratchet.judge(readings, limits)
    if wrong:
        sys.exit("\n".join(["bench quick: fell back", *(f"  {what}" for what in wrong)]))
