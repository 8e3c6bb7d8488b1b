"""Rows chosen from a pool, each at most once, so that their marginals come to the goals.

First by the weights, systematically: each row is in with the probability its weight says, and no
part of the pool has more than its share. Then rows that are in are exchanged for rows that are not,
where that brings all marginals together nearer to the goals: combinatorial optimisation, as in the
synthetic reconstruction of populations (Williamson, Birkin and Rees, "The estimation of population
microdata by using data from small area statistics and samples of anonymised records", 1998). A
random sample's marginals are off by chance; those of a sample that was exchanged are hardly so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from synthtab.errors import UsageError
from synthtab.refine.goals import Goal
from synthtab.refine.levels import Floats, Ints, Levels

ACTIVE = 4_000
"""So many rows of the pool are looked at in one round of exchanges, at random."""
EXCHANGES = 1_000
"""Rounds of exchanges at most."""
_FIRST = 0.005
_SPAN = 50
_ENOUGH = 0.01


def systematic(weights: Floats, rows: int, random: np.random.Generator) -> Ints:
    """Return ``rows`` different indices, each in with a probability in proportion to its weight.

    Rows whose share would be more than one are in for certain. Systematic sampling in random order
    (Madow, 1949). Raises UsageError where there are fewer weights than rows.
    """
    if not 0 < rows <= len(weights):
        raise UsageError(f"cannot choose {rows:,} of {len(weights):,} rows without repeating some")
    chance = np.zeros(len(weights))
    certain = np.zeros(len(weights), dtype=bool)
    while True:
        left = rows - int(certain.sum())
        rest = np.where(certain, 0.0, weights)
        chance = np.where(certain, 1.0, left * rest / max(rest.sum(), 1e-300))
        over = (chance >= 1) & ~certain
        if not over.any() or left == 0:
            break
        # No more than are left: ties at the end could all seem certain.
        certain[np.flatnonzero(over)[:left]] = True
    order = random.permutation(len(weights))
    ladder = np.cumsum(chance[order])
    ladder *= rows / ladder[-1]
    steps = np.searchsorted(ladder, np.arange(rows) + random.random(), side="right")
    found = np.unique(order[np.minimum(steps, len(order) - 1)])
    if len(found) < rows:  # a rounded ladder may have stepped on one row twice
        others = np.setdiff1d(order, found)
        found = np.concatenate([found, others[: rows - len(found)]])
    return np.sort(found)


def exchange(
    pool: Levels,
    goals: Sequence[Goal],
    chosen: Ints,
    random: np.random.Generator,
    *,
    rounds: int = EXCHANGES,
    progress: Callable[[float], None] | None = None,
) -> Ints:
    """Return as many different indices, exchanged for others until the goals are not nearer.

    In a round a random part of the pool is looked at. Of it, those rows leave whose cells have too
    many, and those enter whose cells have too few, several at a time; a round that brings nothing
    is undone, and the next exchanges fewer. ``progress`` is told the share of rounds done.
    """
    inside = np.zeros(len(pool), dtype=bool)
    inside[chosen] = True
    rows = len(chosen)
    if rows == len(pool) or not goals:
        return np.sort(chosen)
    picked = pool.take(chosen)
    shares = [picked.shares(goal.axes) for goal in goals]
    gap = sum(goal.gap(own) for goal, own in zip(goals, shares, strict=True))
    many, before = max(1.0, _FIRST * rows), np.inf
    for done in range(rounds):
        if done % _SPAN == 0:
            if progress is not None:
                progress(done / rounds)
            if gap >= (1 - _ENOUGH) * before or gap <= 0:
                break
            before = gap
        looked = random.permutation(len(pool))[:ACTIVE]
        out, into = _offers(pool, goals, shares, looked, inside, rows, max(1, round(many)))
        moved = [
            _moved(pool, goal, s, out, into, rows) for goal, s in zip(goals, shares, strict=True)
        ]
        now = sum(goal.gap(own) for goal, own in zip(goals, moved, strict=True))
        if len(out) == 0 or now >= gap:
            many = max(1.0, many / 2)
            continue
        inside[out], inside[into] = False, True
        shares, gap, many = moved, now, many * 1.2
    return np.flatnonzero(inside)


def _offers(
    pool: Levels,
    goals: Sequence[Goal],
    shares: Sequence[Floats],
    looked: Ints,
    inside: np.ndarray,
    rows: int,
    many: int,
) -> tuple[Ints, Ints]:
    """Return rows to leave and as many to enter, the best of those looked at, ``many`` at most."""
    slope, bend = np.zeros(len(looked)), np.zeros(len(looked))
    some = pool.take(looked)
    for goal, own in zip(goals, shares, strict=True):
        cells = some.cells(goal.axes)
        slope += (2 * goal.scale * (own - goal.shares))[cells]
        bend += goal.scale[cells]
    here = inside[looked]
    leave, enter = np.flatnonzero(here), np.flatnonzero(~here)
    # One row more or less in a cell changes the gap by its slope, and a little against it.
    leave = leave[np.argsort(-(slope - bend / rows)[leave], kind="stable")]
    enter = enter[np.argsort((slope + bend / rows)[enter], kind="stable")]
    size = min(many, len(leave), len(enter))
    leave, enter = leave[:size], enter[:size]
    good = (slope - bend / rows)[leave] > (slope + bend / rows)[enter]
    return looked[leave[good]], looked[enter[good]]


def _moved(pool: Levels, goal: Goal, shares: Floats, out: Ints, into: Ints, rows: int) -> Floats:
    size = len(shares)
    gone = np.bincount(pool.cells(goal.axes, out), minlength=size)
    come = np.bincount(pool.cells(goal.axes, into), minlength=size)
    return np.asarray(shares + (come - gone) / rows)
