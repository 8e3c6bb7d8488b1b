"""Refinement of one table's rows: an engine that proposes, rounds that choose. Wiring only."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from synthtab.batch import Batch
from synthtab.choices import MODES, Mode
from synthtab.draw import METHODS, RowSource
from synthtab.errors import DataError, UsageError
from synthtab.generate.generator import RowGenerator
from synthtab.generate.train import Progress, TrainConfig
from synthtab.onetable import OneTable
from synthtab.refine.correcting import Heated
from synthtab.refine.rounds import RoundProgress, RoundScores, RowsDone, check_numbers, run_rounds
from synthtab.refine.targets import Targets, of_rows
from synthtab.sources import Rows, read_rows

FRACTION = 4
"""A correction trains for one in so many of the steps of a fit, at a third of its rate."""


@dataclass(frozen=True)
class Refined:
    """Refined rows and how it came to them.

    ``best`` is the number of the round the rows are of, from 1. ``noise`` is the standard deviation
    of the pair error of rows that are merely drawn, ``floor`` the pair error that as many rows of
    the very distribution of the targets would have by chance. ``targets`` says what was aimed at,
    ``left_out`` how many real rows were not used.
    """

    frame: pd.DataFrame
    rounds: tuple[RoundScores, ...]
    best: int
    stopped_because: str
    noise: float
    floor: float
    targets: str
    left_out: int
    mode: Mode
    seed: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return all but the rows as plain data."""
        names = ("best", "stopped_because", "noise", "floor", "targets", "left_out", "mode")
        return {
            "rows": len(self.frame),
            "rounds": [scores.to_dict() for scores in self.rounds],
            **{name: getattr(self, name) for name in (*names, "seed", "seconds")},
        }


def refine(
    engine: OneTable,
    n: int,
    data: Rows | None,
    *,
    rounds: int,
    mode: Mode | None,
    seed: int | None,
    progress: RoundProgress | None,
    holdout: Rows | None = None,
    candidates: float | None = None,
) -> Refined:
    """Return ``n`` refined rows of an engine, which stays as it is.

    Raises UsageError for numbers below 1, for a mode whose rows may break rules, and as the
    engine's ``lessons`` and ``draw`` do.
    """
    how = mode or engine.default_mode
    if how not in METHODS:
        raise UsageError(f"unknown mode {how!r}; the modes are {', '.join(MODES)}")
    if METHODS[how].broken == "keep":
        raise UsageError(f"the mode {how!r} may break rules; refined rows keep all of them")
    if METHODS[how].broken == "talk":
        raise UsageError(
            f"in the mode {how!r} rows are talked about one by one, and refinement chooses among "
            "thousands: use the mode 'solver'"
        )
    check_numbers(n, rounds, candidates)
    started = time.perf_counter()
    chosen = secrets.randbits(32) if seed is None else seed
    lessons = engine.lessons(data, chosen)
    proposer = _TableProposer(engine, how, lessons.practice)
    judge = None
    if holdout is not None:
        if lessons.budgeted:
            raise UsageError(
                "a look at held-out rows would be charged to no budget: under a privacy budget "
                "refinement is judged by what the budget has paid for"
            )
        judge = _held_out(engine, holdout)
    outcome = run_rounds(proposer, lessons.targets, n, rounds, chosen, progress, judge, candidates)
    return Refined(
        engine.finished(outcome.rows, chosen),
        outcome.rounds,
        outcome.best,
        outcome.stopped_because,
        outcome.noise,
        outcome.floor,
        lessons.source,
        lessons.left_out,
        how,
        chosen,
        time.perf_counter() - started,
    )


def _held_out(engine: OneTable, data: Rows) -> Targets:
    """Return the marginals of held-out rows, whatever they hold."""
    real = read_rows(engine.table.name, engine.table.columns, data)
    if not len(real):
        raise DataError("there are no held-out rows to judge refinement by")
    columns = engine.generator.columns
    return of_rows(columns, real.select([c.name for c in columns]))


@dataclass(frozen=True)
class _TableProposer:
    """Draws an engine's rows; ``learned`` and ``heat`` are what was corrected."""

    engine: OneTable
    mode: Mode
    practice: Batch | None
    learned: RowGenerator | None = None
    heat: Mapping[str, float] | None = None

    def propose(self, rows: int, seed: int, progress: RowsDone) -> Batch:
        source: RowSource | None = self.learned
        if self.learned is not None and self.heat:
            source = Heated(self.learned, self.heat)
        return self.engine.draw(rows, mode=self.mode, seed=seed, source=source, progress=progress)[
            0
        ]

    def corrected(
        self,
        weights: Mapping[str, float],
        temperatures: Mapping[str, float],
        seed: int,
        progress: Callable[[float], None],
    ) -> _TableProposer | None:
        had = self.learned or self.engine.generator
        if not isinstance(had, RowGenerator):
            return None
        # Of rows whose texts were not learned from, copies could not be told.
        trained = self.practice is not None and had.recognised(self.practice).any()
        if not (trained or temperatures):
            return None
        if self.practice is not None and trained:

            def told(state: Progress) -> None:
                progress(state.step / state.total)

            training = _shorter(self.engine.config.train)
            had = had.further(self.practice, training, emphasis=weights, seed=seed, progress=told)
        return replace(self, learned=had, heat=temperatures)


def _shorter(config: TrainConfig) -> TrainConfig:
    """Return how a model that was fitted is trained further."""
    return replace(
        config.gentler(),
        symbols_seen=max(1, config.symbols_seen // FRACTION),
        large_factor=1.0,
        max_epochs=max(1, config.max_epochs // FRACTION),
    )
