"""Lower bounds on epsilon, from what a mechanism was seen to do.

A bound is a claim about the mechanism, not about its description: with the stated confidence, no
epsilon below it is true of what was run. A sound mechanism's bound lies below the epsilon it states
but for one time in 1 / (1 - confidence); a bound above it is a proof, to that confidence, of a
fault. That a bound lies below proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from synthtab.errors import UsageError

Data = TypeVar("Data")
Answer = TypeVar("Answer")
Floats = NDArray[np.float64]

_LARGEST = 100.0
"""Epsilon is looked for up to here; more is as good as no privacy."""
_MOST_EVENTS = 2_000
"""Thresholds that are compared before one is tested."""


@dataclass(frozen=True)
class Bound:
    """Epsilon is at least ``epsilon`` at this delta, with this confidence.

    ``trials`` is how many runs or canaries speak for it, ``event`` what gave the mechanism away,
    ``stated`` the epsilon that it is held to, if it is one of its own.
    """

    epsilon: float
    delta: float
    confidence: float
    trials: int
    event: str
    stated: float | None = None

    def refutes(self, epsilon: float) -> bool:
        """Say whether a mechanism that states this epsilon has been found out."""
        return self.epsilon > epsilon


def one_run_bound(
    scores: ArrayLike,
    included: ArrayLike,
    delta: float,
    confidence: float = 0.95,
    guesses: Sequence[int] | None = None,
    copies: int = 1,
) -> Bound:
    """Bound epsilon from one run, or from several, over many canaries.

    ``included`` (canaries, bool) says which of the canaries were in the data, each by a fair coin
    of its own; ``scores`` (canaries, float) what an attacker, who does not know the coins, thinks
    of each, higher being likelier in. The highest scores are guessed in, as many of the lowest
    out, and the rest is left open. ``guesses`` lists how many guesses are tried, by default all
    canaries, half of them and so on; as the best is taken, each is held to its share of the error.
    Canaries of independent runs may be put together, as each is in one run's data only. Where a
    coin decides about ``copies`` of a row, what an epsilon allows is that of so many steps (group
    privacy: Dwork and Roth, 2014, theorem 2.2, with its delta).

    The number of right guesses is compared with what an epsilon allows: Steinke, Nasr and
    Jagielski, "Privacy auditing with one (1) training run", 2023, theorem 5.2. What the coin
    decides must be a step of the neighbouring relation: in or out for add-remove, one row or
    another for replace.

    Raises UsageError where scores are missing, not of one length, or NaN.
    """
    score, coin = np.asarray(scores, dtype=np.float64), np.asarray(included)
    _check(delta, confidence)
    if score.ndim != 1 or score.shape != coin.shape or coin.dtype != np.bool_ or not len(score):
        raise UsageError(
            f"scores of shape {score.shape} and coins of shape {coin.shape} and type {coin.dtype}: "
            "give one number and one boolean for each of at least one canary"
        )
    if np.isnan(score).any():
        raise UsageError("a canary's score is NaN; give every canary a number")
    canaries = len(score)
    tried = sorted(set(guesses if guesses is not None else _halvings(canaries)))
    if not tried or tried[0] < 1 or tried[-1] > canaries:
        raise UsageError(f"guesses={tried}: each is between 1 and the {canaries} canaries")
    # Ties are broken by a fixed shuffle: those who are in may well be listed first.
    shuffled = np.random.default_rng(0).permutation(canaries)
    order = shuffled[np.argsort(score[shuffled], kind="stable")]
    error = (1 - confidence) / len(tried)
    best, event = 0.0, "no number of guesses"
    for number in tried:
        top = (number + 1) // 2
        right = int(coin[order[canaries - top :]].sum() + (~coin[order[: number - top]]).sum())
        found = _refuted(canaries, number, right, delta, error, copies)
        if found > best:
            best, event = found, f"{right:,} of {number:,} guesses right"
    return Bound(best, delta, confidence, canaries, event)


def chance_of_guesses(
    canaries: int, guesses: int, right: int, epsilon: float, delta: float
) -> float:
    """Bound the chance that an (epsilon, delta)-private run lets so many guesses be right.

    At delta 0 each guess is right with the probability e^epsilon / (1 + e^epsilon) at most,
    whatever became of those before it. A delta adds, at the worst i, 2 delta canaries / i times
    the probability of falling short of ``right`` by i or less (theorem 5.2 of the source above).
    """
    probability = 1 / (1 + math.exp(-epsilon))
    beyond = float(stats.binom.sf(right - 1, guesses, probability))
    if delta == 0 or right == 0:
        return min(1.0, beyond)
    short = np.cumsum(stats.binom.pmf(np.arange(right - 1, -1, -1), guesses, probability))
    worst = float((short / np.arange(1, right + 1)).max())
    return min(1.0, beyond + 2 * canaries * delta * worst)


def repeated_runs_bound(
    run: Callable[[Data], Answer],
    left: Data,
    right: Data,
    statistic: Callable[[Answer], float | Sequence[float] | Floats],
    runs: int,
    delta: float,
    confidence: float = 0.95,
) -> Bound:
    """Bound epsilon from many runs of a mechanism on two neighbouring data sets.

    ``run`` is called ``runs`` times on each; ``statistic`` makes of an answer a number, or several
    of which one may tell more (the same number each time). The events are that a statistic is at
    least, or at most, some threshold. The best of them is chosen on one half of the runs and its
    probabilities are estimated on the other, by Clopper and Pearson's intervals, so that choosing
    costs no confidence (Jagielski, Ullman and Oprea, "Auditing differentially private machine
    learning", 2020).

    Raises UsageError for fewer than four runs, or a statistic that is NaN.
    """
    _check(delta, confidence)
    if runs < 4:
        raise UsageError(f"runs={runs}: one half chooses an event, the other tests it; 4 at least")
    sides = [
        np.array([np.atleast_1d(statistic(run(data))) for _ in range(runs)], dtype=np.float64)
        for data in (left, right)
    ]
    return paired_bound(sides[0], sides[1], delta, confidence)


def paired_bound(
    left: ArrayLike, right: ArrayLike, delta: float, confidence: float = 0.95
) -> Bound:
    """Do the same as :func:`repeated_runs_bound` with statistics that are there already.

    ``left`` and ``right`` are of shape (runs,) or (runs, statistics), a run a row, in the order in
    which they were made.
    """
    _check(delta, confidence)
    one, two = (
        np.asarray(s, dtype=np.float64).reshape(len(np.asarray(s)), -1) for s in (left, right)
    )
    if min(len(one), len(two)) < 4 or one.shape[1] != two.shape[1] or not one.shape[1]:
        raise UsageError(
            f"statistics of shapes {one.shape} and {two.shape}: give 4 runs of each side at least, "
            "and the same statistics of both"
        )
    if np.isnan(one).any() or np.isnan(two).any():
        raise UsageError("a statistic is NaN; give every run a number")
    (choose_1, test_1), (choose_2, test_2) = _halves(one), _halves(two)
    event = _best_event(choose_1, choose_2, delta, 1 - confidence)
    hits, misses = (int(event.holds(side).sum()) for side in event.ordered(test_1, test_2))
    found = _ratio_bound(hits, len(test_1), misses, len(test_2), delta, 1 - confidence)
    text = f"{event.in_words()}: {hits:,} of {len(test_1):,} runs against {misses:,}"
    return Bound(found, delta, confidence, len(one) + len(two), text)


@dataclass(frozen=True)
class _Event:
    """A statistic at or beyond a threshold, likelier on one side than on the other."""

    column: int
    threshold: float
    above: bool
    swapped: bool

    def holds(self, statistics: Floats) -> NDArray[np.bool_]:
        values = statistics[:, self.column]
        return values >= self.threshold if self.above else values <= self.threshold

    def ordered(self, left: Floats, right: Floats) -> tuple[Floats, Floats]:
        return (right, left) if self.swapped else (left, right)

    def in_words(self) -> str:
        side = "right" if self.swapped else "left"
        sign = ">=" if self.above else "<="
        return f"statistic {self.column + 1} {sign} {self.threshold:.6g}, likelier on the {side}"


def _best_event(left: Floats, right: Floats, delta: float, error: float) -> _Event:
    """Return the event that bounds epsilon best on these runs."""
    best, chosen = -math.inf, _Event(0, float(left[0, 0]), True, False)
    for column in range(left.shape[1]):
        sorted_ = [np.sort(side[:, column]) for side in (left, right)]
        cuts = np.unique(np.concatenate(sorted_))
        if len(cuts) > _MOST_EVENTS:
            cuts = cuts[np.linspace(0, len(cuts) - 1, _MOST_EVENTS).astype(np.int64)]
        for above in (True, False):
            side = "left" if above else "right"
            below = [np.searchsorted(values, cuts, side=side) for values in sorted_]  # type: ignore[call-overload]
            hits = [len(v) - b if above else b for v, b in zip(sorted_, below, strict=True)]
            for swapped in (False, True):
                first, second = (hits[1], hits[0]) if swapped else (hits[0], hits[1])
                sizes = (len(right), len(left)) if swapped else (len(left), len(right))
                bounds = _ratio_bounds(first, sizes[0], second, sizes[1], delta, error)
                at = int(np.argmax(bounds))
                if bounds[at] > best:
                    best = float(bounds[at])
                    chosen = _Event(column, float(cuts[at]), above, swapped)
    return chosen


def _ratio_bounds(
    hits: NDArray[np.int64],
    runs: int,
    misses: NDArray[np.int64],
    others: int,
    delta: float,
    error: float,
) -> Floats:
    """Bound ln((p - delta) / q) from below, half of the error for each of the probabilities."""
    least = np.where(hits > 0, stats.beta.ppf(error / 2, hits, runs - hits + 1), 0.0)
    most = np.where(misses < others, stats.beta.isf(error / 2, misses + 1, others - misses), 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(least > delta, np.log((least - delta) / most), -np.inf)


def _ratio_bound(
    hits: int, runs: int, misses: int, others: int, delta: float, error: float
) -> float:
    found = _ratio_bounds(np.array([hits]), runs, np.array([misses]), others, delta, error)
    return max(0.0, float(found[0]))


def _refuted(
    canaries: int, guesses: int, right: int, delta: float, error: float, copies: int
) -> float:
    """Return the largest epsilon under which so many right guesses are too unlikely."""

    def unlikely(epsilon: float) -> bool:
        steps = sum(math.exp(min(k * epsilon, 700.0)) for k in range(copies))
        allowed = min(1.0, delta * steps)
        return chance_of_guesses(canaries, guesses, right, copies * epsilon, allowed) < error

    if not unlikely(0.0):
        return 0.0
    low, high = 0.0, _LARGEST
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if unlikely(middle) else (low, middle)
    return low


def _halvings(canaries: int) -> list[int]:
    """Return all canaries, half of them and so on, while a few guesses can say anything."""
    found = [canaries]
    while found[-1] >= 20 and len(found) < 8:
        found.append(found[-1] // 2)
    return found


def _halves(runs: Floats) -> tuple[Floats, Floats]:
    middle = len(runs) // 2
    return runs[:middle], runs[middle:]


def _check(delta: float, confidence: float) -> None:
    if not 0 <= delta < 1:
        raise UsageError(f"delta={delta!r}; it is at least 0 and below 1")
    if not 0 < confidence < 1:
        raise UsageError(f"confidence={confidence!r}; it is between 0 and 1, 0.95 is usual")
