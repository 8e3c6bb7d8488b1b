"""Correction by talk beside correction by solver: a writer is told what is wrong, and tries again.

All ways start from one network. ``free`` leaves its rows as they are, ``reject`` draws others for
those that break rules, ``repair`` mends them, ``solver`` masks so that none comes up. ``feedback``
hands each broken row with its explanation to a writer, up to so many rounds: to a pretrained
language model (``--base``), within the grammar of the columns, and to the adviser of
bench/adviser.py, which does what it is told and so shows the most that explanations can bring.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.adviser import Adviser
from bench.registry import Entry, Loaded, load, picked
from bench.report import Grid, Section, at_least, percent
from bench.scoring import broken
from synthtab.batch import Batch, Mask
from synthtab.choices import Mode
from synthtab.errors import InfeasibleError
from synthtab.feedback import ROUNDS, Corrected, Rewriter, feedback_rounds
from synthtab.frames import decode_frame, encode_frame
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.rewriting import LanguageRewriter
from synthtab.onetable import OneTable
from synthtab.solver.repair import repair

TABLES = ("berka_loan", "german_credit", "stroke")
ROWS = 200
MODES: tuple[Mode, ...] = ("free", "reject", "repair", "solver")
COLUMNS = ("way", "valid", "rounds", "tokens a broken row", "cells changed a broken row", "rows/s")


def options(parser: ArgumentParser) -> None:
    """Add what says who writes and how often."""
    group = parser.add_argument_group("feedback")
    group.add_argument("--base", type=Path, help="directory of a language model that writes again")
    group.add_argument("--rounds", type=int, default=ROUNDS, help="at most, for each row")


def command(given: Namespace) -> Iterator[Section]:
    """Measure as the command line says."""
    yield run(given.only, given.rows or ROWS, given.rounds, given.base, given.seed)


def run(
    only: Sequence[str] = (),
    rows: int = ROWS,
    rounds: int = ROUNDS,
    base: Path | None = None,
    seed: int = 0,
    config: GeneratorConfig | None = None,
) -> Section:
    """Measure tables of the registry by name, or TABLES."""
    tables = picked(only or TABLES)
    parts = [_of(one, rows, rounds, base, seed, config) for one in tables]
    grids = []
    for part in parts:
        grid = Grid(f"{part['table']}, {part['broken']} of {rows:,} free rows broken", *COLUMNS[1:])
        for way, found in part["ways"].items():
            grid.add(f"`{way}`", *_shown(found))
        grids.append(grid)
    advised = [p["ways"]["feedback, adviser"]["valid"] for p in parts]
    figures = [
        at_least(
            "rows valid after feedback to a writer that follows it", min(advised), 1.0, percent
        )
    ]
    where = "".join(f" --only {name}" for name in dict.fromkeys(only))
    line = f"python -m bench feedback{where} --rows {rows} --rounds {rounds}"
    line += " --base DIR" if base is not None else ""
    note = (
        "Valid is DuckDB's verdict on hard rules, declarations and keys. Tokens are those of "
        "prompts and answers; the adviser counts words and signs. Rows that feedback leaves "
        "broken are counted, not thrown away."
    )
    return Section("Correction by talk", line, seed, figures, note, grids, {"parts": parts})


def _of(
    one: Entry,
    rows: int,
    rounds: int,
    base: Path | None,
    seed: int,
    config: GeneratorConfig | None,
) -> dict[str, Any]:
    loaded = load(one, seed)
    columns = loaded.table.columns
    network = OneTable(loaded.model, config=config)
    network.fit(decode_frame(columns, loaded.train), seed=seed)
    ways: dict[str, Any] = {}
    free: Batch | None = None
    for mode in MODES:
        started = time.perf_counter()
        try:
            sample = network.sample_report(rows, mode=mode, seed=seed + 1)
        except InfeasibleError as error:
            ways[mode] = {"refused": str(error)}
            continue
        batch = encode_frame(columns, sample.frame)
        free = batch if mode == "free" else free
        ways[mode] = {
            "valid": _valid(loaded, batch),
            "rounds": None,
            "tokens": None,
            "cells": None,
            "rate": len(batch) / (time.perf_counter() - started),
        }
    assert free is not None
    bad = int(broken(loaded.table, free).sum())
    if "refused" not in ways["repair"]:
        mended = repair(loaded.table, free, rng=np.random.default_rng(seed))
        ways["repair"]["cells"] = _cells(mended.changed)
    writers: dict[str, Rewriter] = {"feedback, adviser": Adviser()}
    if base is not None:
        writers[f"feedback, {base.name}"] = LanguageRewriter.load(base, columns, seed=seed)
    for way, writer in writers.items():
        started = time.perf_counter()
        made = feedback_rounds(loaded.table, free, writer, rounds=rounds)
        seconds = time.perf_counter() - started
        ways[way] = _talked(loaded, made, seconds)
    return {"table": one.name, "broken": bad, "ways": ways}


def _talked(loaded: Loaded, made: Corrected, seconds: float) -> dict[str, Any]:
    asked = made.rounds[0].asked if made.rounds else 0
    return {
        "valid": _valid(loaded, made.batch),
        "rounds": len(made.rounds),
        "tokens": made.tokens / asked if asked else None,
        "cells": _cells(made.changed),
        "rate": len(made.batch) / seconds,
        "by_round": [r.valid for r in made.rounds],
    }


def _cells(changed: Mask) -> float | None:
    """Return how many cells were changed of each row that was; None where none was."""
    touched = changed.any(axis=1)
    return float(changed[touched].sum(axis=1).mean()) if touched.any() else None


def _valid(loaded: Loaded, batch: Batch) -> float:
    return 1.0 - float(np.mean(broken(loaded.table, batch)))


def _shown(found: dict[str, Any]) -> tuple[str, ...]:
    if "refused" in found:
        return ("refused", *[""] * (len(COLUMNS) - 2))

    def text(value: float | None, digits: int) -> str:
        return "" if value is None else f"{value:,.{digits}f}"

    return (
        percent(found["valid"]),
        text(found["rounds"], 0),
        text(found["tokens"], 0),
        text(found["cells"], 2),
        text(found["rate"], 0),
    )
