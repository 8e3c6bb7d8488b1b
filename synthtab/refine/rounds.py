"""Rounds of refinement: propose, assess, choose, correct; the best rows of all rounds are kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from synthtab.batch import Batch
from synthtab.errors import InfeasibleError, UsageError
from synthtab.refine.choosing import exchange, systematic
from synthtab.refine.correcting import Temperatures, cooled, emphasis, excess_errors
from synthtab.refine.goals import set_goals
from synthtab.refine.levels import Ints, Levels
from synthtab.refine.raking import MOST, rake
from synthtab.refine.targets import Targets, expected_errors, pair_errors

CANDIDATES = 4.0
"""Candidates for each row that is asked for, where these can be had."""
LEAST_POOL, MOST_POOL = 20_000, 400_000
"""So many candidates are proposed at least, as few rows leave little to choose, and at most."""
MORE = 1.25
"""Candidates for each row where MOST_POOL would be fewer."""
_PARTS = 4

RoundProgress = Callable[[str, float], None]
"""Is told a stage of the work, and the share of it that is done."""
RowsDone = Callable[[int, int], None]


class Proposer(Protocol):
    """What proposes candidates, none of which breaks a rule."""

    def propose(self, rows: int, seed: int, progress: RowsDone) -> Batch:
        """Return valid rows; raise InfeasibleError where there are not so many."""

    def corrected(
        self,
        weights: Mapping[str, float],
        temperatures: Mapping[str, float],
        seed: int,
        progress: Callable[[float], None],
    ) -> Proposer | None:
        """Return what proposes better rows: it has learned more, or draws columns colder or hotter.

        ``weights`` say what the losses of columns are to count. None where nothing can be changed.
        """


@dataclass(frozen=True)
class RoundScores:
    """One round's pair errors, means over pairs of columns, and what was done.

    ``drawn`` is that of as many rows as are asked for, as they are proposed; ``raked`` that of all
    ``proposed`` ones under their weights; ``refined`` that of the rows chosen. ``effective`` is the
    weights' effective sample size as a share of the pool; ``trust`` how far goals lie from the pool
    (0) to the targets (1), on average. ``emphasis`` and ``temperatures`` are what the model was
    corrected by before the round. ``held_out`` are ``drawn`` and ``refined`` from held-out rows
    that nothing else looks at; None without any.
    """

    number: int
    proposed: int
    drawn: float
    raked: float
    refined: float
    effective: float
    trust: float
    emphasis: Mapping[str, float]
    temperatures: Mapping[str, float]
    seconds: float
    held_out: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the scores as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Outcome:
    """The rows of the best round, and how it came to them.

    ``noise`` is the standard deviation of the pair error of rows as they are drawn; ``floor`` what
    rows that are perfect would have by chance.
    """

    rows: Batch
    rounds: tuple[RoundScores, ...]
    best: int
    stopped_because: str
    noise: float
    floor: float


def run_rounds(
    proposer: Proposer,
    targets: Targets,
    rows: int,
    rounds: int,
    seed: int,
    progress: RoundProgress | None = None,
    judge: Targets | None = None,
    candidates: float | None = None,
) -> Outcome:
    """Return ``rows`` refined rows; the same seed gives the same, on one machine.

    ``candidates`` are proposed for each row, as :func:`pool_size` says without it. ``judge`` are
    marginals that rounds are scored by besides, and that nothing depends on. Stops
    after ``rounds``, where a round gains less than the noise, or where nothing is left to
    correct. Raises UsageError for numbers below 1, InfeasibleError where there are too few rows.
    """
    check_numbers(rows, rounds, candidates)
    many = pool_size(rows) if candidates is None else math.ceil(candidates * rows)
    seeds = _seeds(seed)
    told = progress or (lambda _stage, _share: None)
    scores: list[RoundScores] = []
    chosen: list[Batch] = []
    weights: Mapping[str, float] = {}
    heat = Temperatures()
    base, base_error = proposer, math.inf
    noise, why = 0.0, f"all {rounds} rounds are done" if rounds > 1 else "the one round is done"
    for number in range(1, rounds + 1):
        started = time.perf_counter()
        named = f"round {number} of {rounds}"
        pool = _proposed(proposer, rows, many, next(seeds), told, f"{named}: proposing")
        placed = targets.place(pool)
        parts = _parts(len(pool), rows, next(seeds))
        drawn, spread = _as_drawn(targets, placed, rows, parts)
        choice = _choose(targets, placed, rows, next(seeds), partial(told, f"{named}: choosing"))
        seconds = time.perf_counter() - started
        scores.append(
            RoundScores(
                number=number,
                proposed=len(pool),
                drawn=drawn,
                raked=choice.raked,
                refined=choice.refined,
                effective=choice.effective,
                trust=choice.trust,
                emphasis=dict(weights),
                temperatures=dict(heat.now),
                seconds=seconds,
                held_out=None if judge is None else _judged(judge, pool, rows, parts, choice.rows),
            )
        )
        chosen.append(pool.take(choice.rows))
        if number == 1:
            noise = spread
        elif (gain := min(s.refined for s in scores[:-1]) - choice.refined) < noise:
            why = f"round {number} gained {gain:.3%}, which is under the noise of {noise:.3%}"
            break
        if number == rounds:
            break
        found = pair_errors(targets, placed)
        if found.mean < base_error:
            base, base_error = proposer, found.mean
        excess = excess_errors(targets, found, len(placed))
        weights, heat = emphasis(excess), cooled(targets, placed, excess, heat)
        if not weights:
            why = "no column of the rows proposed is off by more than chance"
            break
        correcting = partial(told, f"round {number + 1} of {rounds}: correcting")
        corrected = base.corrected(weights, heat.now, next(seeds), correcting)
        correcting(1.0)
        if corrected is None:
            why = "nothing about the model can be corrected further"
            break
        proposer = corrected
    best = min(range(len(scores)), key=lambda k: scores[k].refined)
    floor = expected_errors(targets, rows).mean
    return Outcome(chosen[best], tuple(scores), best + 1, why, noise, floor)


def check_numbers(rows: int, rounds: int, candidates: float | None) -> None:
    """Raise UsageError for numbers that nothing is refined with; ``candidates`` are per row."""
    if rows < 1:
        raise UsageError(f"cannot refine {rows} rows; ask for at least 1")
    if rounds < 1:
        raise UsageError(f"{rounds} rounds refine nothing; ask for at least 1")
    if candidates is not None and not candidates >= 1:
        raise UsageError(
            f"{candidates:g} candidates for each row are too few to choose from; ask for at least 1"
        )


def pool_size(rows: int) -> int:
    """Return how many candidates are proposed for so many rows."""
    return max(
        min(max(math.ceil(CANDIDATES * rows), LEAST_POOL), MOST_POOL), math.ceil(MORE * rows)
    )


def _proposed(
    proposer: Proposer, rows: int, many: int, seed: int, told: RoundProgress, stage: str
) -> Batch:
    """Return candidates: as many as can be had, where keys are few, and at least ``rows``."""

    def done(so_far: int, of: int) -> None:
        told(stage, so_far / max(of, 1))

    for some in sorted({n for n in (many, 2 * rows) if rows < n <= many}, reverse=True):
        try:
            return proposer.propose(some, seed, done)
        except InfeasibleError:
            continue  # fewer may be possible, which leaves less to choose from
    return proposer.propose(rows, seed, done)


@dataclass(frozen=True)
class _Choice:
    """Indices of rows of a pool, in random order, and the scores that they come with."""

    rows: Ints
    raked: float
    refined: float
    effective: float
    trust: float


def _choose(
    targets: Targets,
    pool: Levels,
    rows: int,
    seed: int,
    told: Callable[[float], None],
) -> _Choice:
    """Choose rows from a pool by weights and exchanges."""
    random = np.random.default_rng(seed)
    goals = set_goals(targets, pool, rows)
    raked = rake(pool, goals, most=min(MOST, len(pool) / rows))
    told(0.2)
    some = systematic(raked.weights, rows, random)
    some = exchange(pool, goals, some, random, progress=lambda share: told(0.2 + 0.8 * share))
    told(1.0)
    return _Choice(
        random.permutation(some),  # the pool is sorted by what its rows begin with
        raked=pair_errors(targets, pool, raked.weights).mean,
        refined=pair_errors(targets, pool.take(some)).mean,
        effective=raked.effective / len(pool),
        trust=float(np.mean([goal.trust for goal in goals])),
    )


def _parts(pool: int, rows: int, seed: int) -> list[Ints]:
    """Return disjoint parts of a pool, of ``rows`` rows or of a quarter of it if that is less."""
    order = np.random.default_rng(seed).permutation(pool)
    size = max(1, min(rows, pool // _PARTS))
    return [order[k * size : (k + 1) * size] for k in range(min(_PARTS, pool // size))]


def _as_drawn(
    targets: Targets, pool: Levels, rows: int, parts: Sequence[Ints]
) -> tuple[float, float]:
    """Return the mean pair error of rows as they are drawn, and its standard deviation.

    Both are of the parts; where these are smaller than ``rows``, the error is that of so many rows
    of them together, and the deviation goes with the square root of the size.
    """
    errors = [pair_errors(targets, pool.take(part)).mean for part in parts]
    spread = float(np.std(errors, ddof=1)) if len(errors) > 1 else 0.0
    size = len(parts[0])
    if size == rows:
        return float(np.mean(errors)), spread
    some = np.concatenate(parts)[:rows]
    return pair_errors(targets, pool.take(some)).mean, spread * math.sqrt(size / rows)


def _judged(
    judge: Targets, pool: Batch, rows: int, parts: Sequence[Ints], chosen: Ints
) -> tuple[float, float]:
    """Return how far rows as they are drawn, and those chosen, are from the judge's marginals."""
    placed = judge.place(pool)
    return (
        _as_drawn(judge, placed, rows, parts)[0],
        pair_errors(judge, placed.take(chosen)).mean,
    )


def _seeds(seed: int) -> Iterator[int]:
    sequence = np.random.SeedSequence(seed)
    while True:
        yield int(sequence.spawn(1)[0].generate_state(1)[0])
