"""Correction by talk beside correction by solver: a writer is told what is wrong, and tries again.

All ways start from one network that learned the table: a small one of the table's own, or a
language model (``--base DIR``, or the one of bench/pretraining.py, kept in ``--work``) tuned on
some of its rows. ``free`` leaves its rows as they are, ``reject`` draws others for those that break
rules, ``repair`` mends them, ``solver`` masks so that none comes up. ``feedback`` hands each broken
row of ``free`` with its explanation to a writer, up to so many rounds: to the language model
itself, within the grammar of the columns, and to the adviser of bench/adviser.py, which does what
it is told and so shows the most that explanations can bring.
"""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import pretraining
from bench.adviser import Adviser
from bench.kept import kept_values
from bench.language_cases import Reading, tokens_read
from bench.language_texts import HELD_OUT
from bench.registry import Entry, Loaded, load, picked
from bench.report import Grid, Section, at_least, percent
from bench.scoring import broken
from synthtab.batch import Batch, Mask
from synthtab.choices import Mode
from synthtab.draw import PATIENCE as BARREN
from synthtab.draw import RowSource
from synthtab.errors import InfeasibleError
from synthtab.feedback import ROUNDS, Corrected, Rewriter, feedback_rounds
from synthtab.frames import decode_frame, encode_frame
from synthtab.generate.drawn import Drawn
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.guide import Guide, Level
from synthtab.generate.language.generator import LanguageGenerator
from synthtab.generate.language.settings import Pretrained, Tuning
from synthtab.generate.rewriting import LanguageRewriter
from synthtab.onetable import OneTable
from synthtab.schema import Column
from synthtab.solver.repair import repair

TABLES = ("berka_loan", "german_credit", "stroke")
ROWS = 200
MODES: tuple[Mode, ...] = ("free", "reject", "repair", "solver")
"""The rows of the first one are corrected by talk."""
COLUMNS = (
    "way",
    "valid",
    "rows drawn",
    "no values",
    "rounds",
    "tokens a row",
    "tokens in talk",
    "cells changed",
    "s",
)
"""Cells changed are those of a row that changed; tokens in talk those of a row that was broken.
Rows of no values are :attr:`Patient.useless`."""
PATIENCE = 20
"""A way that draws more than so many rows for each one asked for gives up."""


@dataclass(frozen=True)
class Tuned:
    """How a language model is tuned on a table: rows learned from, at most, and times through."""

    rows: int = 1_000
    epochs: int = 3
    rate: float = 1e-3
    prompt: int = 768

    def network(self, loaded: Loaded, base: Path) -> OneTable:
        """Return what learns the table by the language model in a directory."""
        how = Tuning(rate=self.rate, precision="bfloat16")
        settings = Pretrained(
            base, epochs=self.epochs, examples=0, prompt_tokens=self.prompt, tuning=how
        )
        return OneTable(loaded.model, generator=settings)


def options(parser: ArgumentParser) -> None:
    """Add what says who writes and how often."""
    group = parser.add_argument_group("feedback")
    group.add_argument("--base", type=Path, help="directory of the language model that writes")
    group.add_argument("--rounds", type=int, default=ROUNDS, help="at most, for each row")
    group.add_argument(
        "--learned", type=int, default=Tuned.rows, help="rows a language model is tuned on, at most"
    )
    group.add_argument(
        "--epochs", type=int, default=Tuned.epochs, help="of tuning a language model"
    )


def command(given: Namespace) -> Iterator[Section]:
    """Measure as the command line says."""
    base = given.base
    if base is None and given.work is not None:
        base = pretraining.made(given.work)
    how = Tuned(rows=given.learned, epochs=given.epochs)
    yield run(
        *(given.only, given.rows or ROWS, given.rounds, base, given.seed), how=how, work=given.work
    )


def run(
    only: Sequence[str] = (),
    rows: int = ROWS,
    rounds: int = ROUNDS,
    base: Path | None = None,
    seed: int = 0,
    config: GeneratorConfig | None = None,
    how: Tuned | None = None,
    work: Path | None = None,
) -> Section:
    """Measure tables of the registry by name, or TABLES; parts already in ``work`` are taken."""
    how = how or Tuned()
    parts = []
    for one in picked(only or TABLES):
        made = Measured(one, rows, rounds, base, seed, config, how)
        parts.append(kept_values(work, f"feedback-{one.name}", made.settings, made.figures))
    grids = []
    for part in parts:
        grid = Grid(_told(part, rows), *COLUMNS[1:])
        for way, found in part["ways"].items():
            grid.add(f"`{way}`", *_shown(found))
        grids.append(grid)
    advised = [p["ways"]["feedback, adviser"]["valid"] for p in parts if p["broken"] is not None]
    what = "rows valid after feedback to a writer that follows it"
    figures = [at_least(what, min(advised), 1.0, percent)] if advised else []
    where = "".join(f" --only {name}" for name in dict.fromkeys(only))
    line = f"python -m bench feedback{where} --rows {rows} --rounds {rounds}"
    if base is not None:
        option = "--work" if (base / pretraining.FACTS).is_file() else "--base"
        line += f" --learned {how.rows} --epochs {how.epochs} {option} DIR"
    return Section(
        "Correction by talk",
        line,
        seed,
        figures,
        _note(base, how, {p["table"] for p in parts}),
        grids,
        {"parts": parts},
    )


def _told(part: Mapping[str, Any], rows: int) -> str:
    """Return what became of a table's free rows."""
    if part["broken"] is not None:
        return f"{part['table']}, {part['broken']:,} of {rows:,} free rows broken"
    free = part["ways"][MODES[0]]
    return f"{part['table']}, {free['useless']:,} of {free['drawn']:,} free rows without values"


def _note(base: Path | None, how: Tuned, tables: Collection[str]) -> str:
    """Return what the figures of tables mean, and which network wrote."""
    said = (
        "Valid is DuckDB's verdict on hard rules, declarations and keys, of as many rows as were "
        "asked for. Rows drawn have no values where a cell is none of its column's type, masks "
        "left nothing to write, or a free text is a real row's: all ways throw them away and draw "
        "others. Rows that feedback leaves broken are counted, not thrown away. Tokens a row are "
        "all that the network read or wrote, talk and rows thrown away included, by the rows asked "
        "for; tokens in talk those of prompts and answers by the rows that were broken (the "
        "adviser counts words and signs). Time is the process's. A way gives up that has drawn "
        f"{PATIENCE} rows for each one asked for, or {BARREN:,} in vain; then none are judged."
    )
    if base is None:
        return said
    name, before = "the language model given", "What it has read before is not known."
    if (base / pretraining.FACTS).is_file():
        name = pretraining.described(pretraining.facts(base))
        read = ", ".join(sorted(set(tables) - set(HELD_OUT)))
        before = (
            f"It may have read rows of {read} before." if read else "It had read no row of any."
        )
    return (
        f"{said} The network is {name}, tuned on {how.rows:,} rows of each table at most, "
        f"{how.epochs} times over. {before}"
    )


@dataclass
class Patient:
    """What draws rows, until it has drawn ``most`` of them; then InfeasibleError says so.

    ``useless`` counts those of ``drawn`` that every mode throws away: a cell is no value of its
    column's type, masks left nothing to write, or a free text is a real row's.
    """

    source: RowSource
    most: int
    drawn: int = 0
    useless: int = 0

    @property
    def columns(self) -> tuple[Column, ...]:
        """See :class:`RowSource`."""
        return self.source.columns

    def draw(
        self, rows: int, *, level: Level = "free", guide: Guide | None = None, seed: int = 0
    ) -> Drawn:
        """See :class:`RowSource`."""
        if self.drawn >= self.most:
            raise InfeasibleError(f"gave up after {self.drawn:,} rows drawn")
        some = min(rows, self.most - self.drawn)
        made = self.source.draw(some, level=level, guide=guide, seed=seed)
        self.drawn += some
        self.useless += int((made.malformed | made.copied).sum())
        return made


@dataclass(frozen=True)
class Measured:
    """What is measured of one table."""

    entry: Entry
    rows: int
    rounds: int
    base: Path | None
    seed: int
    config: GeneratorConfig | None
    how: Tuned

    @property
    def settings(self) -> dict[str, Any]:
        """All that the figures follow from, beside the code."""
        return {
            "rows": self.rows,
            "rounds": self.rounds,
            "base": None if self.base is None else _which(self.base),
            "seed": self.seed,
            "config": repr(self.config),
            "tuned": asdict(self.how),
        }

    def figures(self) -> dict[str, Any]:
        """Learn the table, draw rows in all ways, and judge them."""
        loaded = load(self.entry, self.seed)
        network, spent = self._learned(loaded)
        ways: dict[str, Any] = {}
        drawn: dict[Mode, Batch | None] = {}
        self._say(f"learned in {spent:.0f} s")
        network.generator.draw(1, seed=self.seed)  # what is made once is not counted
        for mode in MODES:
            ways[mode], drawn[mode] = self._drawn(loaded, network, mode)
            self._say(f"{mode}: {', '.join(_shown(ways[mode]))}")
        batch = drawn[MODES[0]]
        if batch is None:
            return {"table": self.entry.name, "broken": None, "ways": ways, "learned": spent}
        if "refused" not in ways.get("repair", {"refused": ""}):
            mended = repair(loaded.table, batch, rng=np.random.default_rng(self.seed))
            ways["repair"]["cells"] = _cells(mended.changed)
        for way, writer in self._writers(loaded, network).items():
            ways[way] = self._talked(loaded, batch, writer, ways[MODES[0]])
            self._say(f"{way}: {', '.join(_shown(ways[way]))}")
        return {
            "table": self.entry.name,
            "broken": int(broken(loaded.table, batch).sum()),
            "ways": ways,
            "learned": spent,
        }

    def _say(self, what: str) -> None:
        """Tell how far it is: a language model takes minutes."""
        print(f"{self.entry.name}, {what}", file=sys.stderr, flush=True)

    def _learned(self, loaded: Loaded) -> tuple[OneTable, float]:
        """Return what learned the table, and the time that took (s)."""
        if self.base is None:
            network, rows = OneTable(loaded.model, config=self.config), loaded.train
        else:
            network = self.how.network(loaded, self.base)
            rows = loaded.train.take(np.arange(min(len(loaded.train), self.how.rows)))
        began = time.process_time()
        network.fit(decode_frame(loaded.table.columns, rows), seed=self.seed)
        return network, time.process_time() - began

    def _drawn(
        self, loaded: Loaded, network: OneTable, mode: Mode
    ) -> tuple[dict[str, Any], Batch | None]:
        """Return figures of rows in a decoding mode, and the rows."""
        read, began = Reading(), time.process_time()
        source = Patient(network.generator, PATIENCE * self.rows)
        found: dict[str, Any] = {}
        batch = None
        try:
            with tokens_read(read):
                own, _ = network.draw(self.rows, mode=mode, seed=self.seed + 1, source=source)
            frame = network.finished(own, self.seed + 1)
            batch = encode_frame(loaded.table.columns, frame)
            found["valid"] = _valid(loaded, batch)
        except InfeasibleError as error:
            found["refused"] = str(error)
        found["drawn"], found["useless"] = source.drawn, source.useless
        found["tokens"] = read.tokens / self.rows if self.base is not None else None
        found["seconds"] = time.process_time() - began
        return found, batch

    def _writers(self, loaded: Loaded, network: OneTable) -> dict[str, Rewriter]:
        writers: dict[str, Rewriter] = {"feedback, adviser": Adviser()}
        source = network.generator
        if isinstance(source, LanguageGenerator):
            writers["feedback"] = LanguageRewriter.of(
                source.base.network, source.base.tokenizer, loaded.table.columns, seed=self.seed
            )
        return writers

    def _talked(
        self, loaded: Loaded, free: Batch, writer: Rewriter, before: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return figures of free rows after talk; ``before`` are those of drawing them."""
        began = time.process_time()
        made = feedback_rounds(loaded.table, free, writer, rounds=self.rounds)
        spent = time.process_time() - began
        asked = made.rounds[0].asked if made.rounds else 0
        advised, tokens = isinstance(writer, Adviser), before["tokens"]
        return {
            "valid": _valid(loaded, made.batch),
            "drawn": before["drawn"],
            "useless": before["useless"],
            "rounds": len(made.rounds),
            "tokens": None if tokens is None or advised else tokens + made.tokens / len(free),
            "talk": made.tokens / asked if asked else None,
            "cells": _cells(made.changed),
            "seconds": before["seconds"] + spent,
            "by_round": _by_round(made),
        }


def _which(base: Path) -> object:
    """Return what tells a language model from others: its training, or else where it is."""
    if (base / pretraining.FACTS).is_file():
        return asdict(pretraining.facts(base))
    return str(base.resolve())


def _by_round(made: Corrected) -> list[dict[str, int]]:
    return [asdict(one) for one in made.rounds]


def _cells(changed: Mask) -> float | None:
    """Return how many cells were changed of each row that was; None where none was."""
    touched = changed.any(axis=1)
    return float(changed[touched].sum(axis=1).mean()) if touched.any() else None


def _valid(loaded: Loaded, batch: Batch) -> float:
    return 1.0 - float(np.mean(broken(loaded.table, batch)))


def _shown(found: dict[str, Any]) -> tuple[str, ...]:
    def text(name: str, digits: int) -> str:
        value = found.get(name)
        return "" if value is None else f"{value:,.{digits}f}"

    return (
        "gave up" if "refused" in found else percent(found["valid"]),
        text("drawn", 0),
        text("useless", 0),
        text("rounds", 0),
        text("tokens", 0),
        text("talk", 0),
        text("cells", 2),
        text("seconds", 1),
    )
