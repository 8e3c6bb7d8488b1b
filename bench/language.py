"""Rows written by a causal language model: are they valid, and what do masks cost?

The model is the one of bench/pretraining.py, kept in ``--work`` (and trained first where it is not
there). Without that folder it is one of the same shape whose weights are random: rules hold
whatever a model would write, and a mask takes as long.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench import pretraining
from bench.language_cases import Case, Clock, cases, timers
from bench.language_others import others
from bench.report import Grid, Section, at_least, at_most, data_directory, percent, seconds
from bench.scoring import broken
from synthtab.draw import draw_rows
from synthtab.generate.language import tables
from synthtab.generate.language.generator import LanguageGenerator
from synthtab.generate.language.loading import Base, load_base

ROWS = 64
LARGE = 32_000
PARTS = ("valid", "masks", "setup", "others")


def options(parser: ArgumentParser) -> None:
    """Add what is measured of how many rows."""
    parser.add_argument("--rows", type=int, default=ROWS, help="rows to write at a time")
    parser.add_argument(
        "--vocabulary", type=int, default=LARGE, help="tokens of a model of random weights"
    )


@dataclass(frozen=True)
class Writer:
    """The model that is measured with, and what to say of it."""

    base: Base
    words: str
    trained: bool

    @classmethod
    def of(cls, work: Path | None, vocabulary: int) -> Writer:
        """Return the model kept in a folder, or one of random weights without one."""
        if work is not None:
            path = pretraining.made(work)
            return cls(load_base(path), pretraining.described(pretraining.facts(path)), True)
        made = pretraining.untrained(pretraining.Recipe(vocabulary=vocabulary))
        size = sum(p.numel() for p in made.network.parameters()) / 1e6
        words = (
            f"a Llama of random weights, {size:.0f} million parameters, and a byte-level tokenizer "
            f"of {len(made.vocabulary.tokens):,} tokens"
        )
        return cls(made, words, False)

    def command(self, part: str) -> str:
        """Return the command that measures a part."""
        return f"python -m bench language --only {part}" + " --work DIR" * self.trained


def run(
    seed: int, only: Sequence[str], rows: int, vocabulary: int, work: Path | None = None
) -> Iterable[Section]:
    """Yield the sections of the parts asked for; all of them where none is named."""
    data_directory()
    some = list(cases())
    parts = only or PARTS
    writer = Writer.of(work, vocabulary)
    if "valid" in parts:
        yield valid(some, writer, seed, rows)
    if "masks" in parts:
        yield masks(some, writer, seed, rows)
    if "setup" in parts:
        yield setup(some, writer, seed, rows // 4)
    if "others" in parts:
        yield others(some, writer.base, seed, writer.command("others"))


def valid(some: Sequence[Case], writer: Writer, seed: int, rows: int) -> Section:
    """Write rows of each table in the mode ``solver``."""
    grid = Grid("table", "columns", "rows", "valid (DuckDB)", "mended", "malformed")
    least = 1.0
    for case in some:
        batch, counts = draw_rows(
            case.table, case.generator(writer.base), case.plan, rows, mode="solver", seed=seed
        )
        share = 1.0 - float(broken(case.table, batch).mean())
        least = min(least, share)
        cells = (percent(share), str(counts.mended), str(counts.malformed))
        grid.add(case.name, str(len(case.table.columns)), str(len(batch)), *cells)
    return Section(
        "Rows of a language model under the Plan",
        writer.command("valid"),
        seed,
        [at_least("rows that break no rule, on each table", least, 1.0, percent)],
        note=f"Rows are written by {writer.words}; no prompt tells of the table.",
        grids=[grid],
        name="language-valid",
    )


def masks(some: Sequence[Case], writer: Writer, seed: int, rows: int) -> Section:
    """Time masks and the forward pass while rows are written."""
    vocabulary = len(writer.base.vocabulary.tokens)
    grid = Grid("table", "forward pass", "masks", "share", "the rest", "states met")
    most = 0.0
    for case in some:
        made = case.generator(writer.base)
        made.draw(2, level="solver", guide=case.plan, seed=seed)  # what is made once is not counted
        clock = _timed_draw(made, case, seed + 1, rows)
        forward, masking = clock.spent["forward"], clock.spent["masks"]
        share = masking / forward
        most = max(most, share)
        other = clock.spent["all"] - forward - masking
        grid.add(
            case.name,
            seconds(forward),
            seconds(masking),
            percent(share),
            seconds(other),
            str(_known(made)),
        )
    return Section(
        "What masks cost beside the network",
        writer.command("masks"),
        seed,
        [at_most("masks, of the time of the forward pass", most, 0.10, percent)],
        note=(
            f"{rows} rows at a time, {vocabulary:,} tokens; {writer.words}. "
            "Masks: tokens of each row's state, what its feasible set leaves of them, "
            "the Plan's answer. The rest: drawing, reading values, moving arrays."
        ),
        grids=[grid],
        name="language-masks",
    )


def _timed_draw(made: LanguageGenerator, case: Case, seed: int, rows: int) -> Clock:
    clock = Clock()
    with timers(clock), clock.of(LanguageGenerator, draw="all"):
        made.draw(rows, level="solver", guide=case.plan, seed=seed)
    return clock


def _known(made: LanguageGenerator) -> int:
    return sum(made.tables.strict(slot).known for slot in made.template.slots)


def setup(some: Sequence[Case], writer: Writer, seed: int, rows: int = 16) -> Section:
    """Time what is made once a table, and see that rows make no more of it."""
    grid = Grid("table", "vocabulary", "template", "automata", "states met", "in all")
    most, growth = 0.0, 0.0
    # Another vocabulary of the same tokens, so that nothing of it has been made before.
    fresh = replace(writer.base, vocabulary=replace(writer.base.vocabulary))
    started = time.process_time()
    assert fresh.vocabulary.levels
    once = time.process_time() - started
    for case in some:
        began = time.process_time()
        made = case.generator(fresh)
        template = time.process_time() - began
        began = time.process_time()
        assert made.tables
        automata = time.process_time() - began
        clock = Clock()
        first = _learned(made, case, clock, seed, rows)
        second = _learned(made, case, clock, seed + 1, rows)
        third = _learned(made, case, clock, seed + 2, rows)
        total = once + template + automata + clock.spent["learned"]
        most, growth = max(most, total), max(growth, (third - second) / max(1, first))
        grid.add(
            case.name,
            seconds(once),
            seconds(template),
            seconds(automata),
            f"{first} + {second - first} + {third - second}",
            seconds(total),
        )
    return Section(
        "What is made once a table",
        writer.command("setup"),
        seed,
        [
            at_most("grammar of a table, set up", most, 2.0, seconds),
            at_most(
                f"states first met by the third {rows} rows, of the first's", growth, 0.5, percent
            ),
        ],
        note=(
            "Nothing is compiled for a row. A state's tokens are found when the first row comes to "
            "it; the automaton has no more states than before, and most are met early."
        ),
        grids=[grid],
        name="language-setup",
    )


def _learned(made: LanguageGenerator, case: Case, clock: Clock, seed: int, rows: int) -> int:
    with clock.of(tables.TokenTable, _learn="learned"):
        made.draw(rows, level="solver", guide=case.plan, seed=seed)
    return _known(made)
