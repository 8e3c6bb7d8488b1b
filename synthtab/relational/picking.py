"""Which row of a table each new row refers to: one that looks as wanted, and still has room."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synthtab.batch import Mask
from synthtab.relational.features import Symbols
from synthtab.relational.reading import Rows


def pick(
    rows: int,
    want: Sequence[Symbols],
    have: Sequence[Symbols],
    slots: Rows,
    rng: np.random.Generator,
) -> Rows:
    """Return a row of the parent for each of ``rows`` new rows, (rows,) int64; -1 for none.

    ``want`` and ``have`` are the features' symbols, the most telling first: of the new rows and of
    the parent's. ``slots`` says how many children each parent is to have: -1 for none at all. As
    many features as possible agree, and slots are taken before parents get more than planned.
    """
    found = np.full(rows, -1, dtype=np.int64)
    supply = np.repeat(np.arange(len(slots)), np.maximum(slots, 0))
    for agreed in range(len(want), -1, -1):
        waiting = np.flatnonzero(found < 0)
        if not len(waiting) or not len(supply):
            break
        mine, theirs = _keys(want[:agreed], have[:agreed], waiting, supply)
        one, other = _matched(mine, theirs, rng)
        found[waiting[one]] = supply[other]
        supply = np.delete(supply, other)
    open_ = np.flatnonzero(slots >= 0)
    for agreed in range(len(want), -1, -1):
        waiting = np.flatnonzero(found < 0)
        if not len(waiting) or not len(open_):
            break
        mine, theirs = _keys(want[:agreed], have[:agreed], waiting, open_)
        drawn = _any_of(mine, theirs, rng)
        found[waiting] = np.where(drawn < 0, -1, open_[drawn])
    return found


def _keys(
    want: Sequence[Symbols], have: Sequence[Symbols], rows: Rows, parents: Rows
) -> tuple[Rows, Rows]:
    """Return numbers that are equal where all features agree."""
    mine, theirs = np.zeros(len(rows), dtype=np.int64), np.zeros(len(parents), dtype=np.int64)
    for w, h in zip(want, have, strict=True):
        both = np.concatenate([mine, theirs]) * 1_000 + np.concatenate([w[rows], h[parents]])
        numbered = np.unique(both, return_inverse=True)[1]
        mine, theirs = numbered[: len(rows)], numbered[len(rows) :]
    return mine, theirs


def _matched(mine: Rows, theirs: Rows, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Pair entries of equal keys off at random, each once; return the pairs' positions."""
    one, first = _numbered(mine, rng)
    other, second = _numbered(theirs, rng)
    width = max(len(mine), len(theirs)) + 1
    _, at, there = np.intersect1d(
        mine[one] * width + first,
        theirs[other] * width + second,
        assume_unique=True,
        return_indices=True,
    )
    return one[at], other[there]


def _numbered(keys: Rows, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Return the entries in the order of their keys, and each one's number among its equals."""
    order = np.lexsort([rng.random(len(keys)), keys])
    ordered = keys[order]
    new = np.ones(len(keys), dtype=bool)
    new[1:] = ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(new)
    return order, np.arange(len(keys)) - np.repeat(starts, np.diff([*starts, len(keys)]))


def _any_of(mine: Rows, theirs: Rows, rng: np.random.Generator) -> Rows:
    """Draw for each of ``mine`` the position of an entry of ``theirs`` with its key, else -1."""
    order = np.argsort(theirs, kind="stable")
    ordered = theirs[order]
    first = np.searchsorted(ordered, mine, side="left")
    last = np.searchsorted(ordered, mine, side="right")
    some = last > first
    drawn = first + (rng.random(len(mine)) * (last - first)).astype(np.int64)
    return np.where(some, order[np.minimum(drawn, len(order) - 1)], -1)


def spread(slots: Rows, total: int, most: Rows, rng: np.random.Generator) -> Rows:
    """Change numbers of children so that they add up to ``total``, as far as ``most`` allows.

    Numbers are scaled and rounded at random, so that each keeps its expectation; rows that are to
    have none keep none. Where all are to have none, few parents get as many as they may.
    """
    now = int(slots.sum())
    if now == total:
        return slots
    if now == 0:
        order = rng.permutation(len(slots))
        before = np.cumsum(most[order]) - most[order]
        made = np.zeros_like(slots)
        made[order] = np.clip(total - before, 0, most[order])
        return made
    exact = slots * (total / now)
    made = np.minimum(np.floor(exact + rng.random(len(slots))).astype(np.int64), most)
    made = np.where((slots > 0) & (made == 0) & (most > 0) & (total >= now), 1, made)
    for _ in range(64):
        missing = total - int(made.sum())
        if missing == 0:
            break
        movable = np.flatnonzero((made < most) & (slots > 0) if missing > 0 else made > 1)
        if not len(movable):
            movable = np.flatnonzero(made < most if missing > 0 else made > 0)
        if not len(movable):
            break
        chosen = rng.permutation(movable)[: abs(missing)]
        made[chosen] += 1 if missing > 0 else -1
    return made


def repeated(rows: Rows, place: Rows, links: Sequence[Rows], staged: bool) -> Mask:
    """Say which of ``rows`` have the same ``links`` as an earlier sibling, (rows,) bool.

    ``place`` and ``links`` are of all rows, sibling after sibling. Where siblings are written at
    once (not ``staged``), the earlier ones are among ``rows``.
    """
    most = int(place[rows].max(initial=1)) if staged else 1
    before = [rows[place[rows] > back] - back for back in range(most - 1, 0, -1)]
    every = np.concatenate([*before, rows])
    keys = np.stack([found[every] for found in links], axis=1)
    _, first = np.unique(keys, axis=0, return_index=True)
    again = np.ones(len(every), dtype=bool)
    again[first] = False
    again &= (keys >= 0).all(axis=1)
    return again[-len(rows) :]


def others(slots: Rows, taken: Rows, number: int, rng: np.random.Generator) -> Rows:
    """Return rows of a parent at random, (number,) int64: of those with room, while there are any.

    ``slots`` says how many children each row may still have (-1: none at all), ``taken`` which rows
    have just got one.
    """
    room = np.maximum(slots - np.bincount(taken, minlength=len(slots)), 0)
    ends = np.cumsum(room)
    total = int(ends[-1]) if len(ends) else 0
    places = rng.choice(total, min(number, total), replace=False)
    free = np.searchsorted(ends, places, side="right")
    open_ = np.flatnonzero(slots >= 0)
    if len(free) == number or not len(open_):
        return np.concatenate([free, np.full(number - len(free), -1)])
    return np.concatenate([free, rng.choice(open_, number - len(free))])


def unlike(rows: Rows, group: Rows, links: Rows, slots: Rows, rng: np.random.Generator) -> Rows:
    """Return for ``rows`` rows of a parent that no sibling refers to, (len(rows),) int64.

    ``group`` and ``links`` are of all rows: whose siblings they are, and what they refer to (-1:
    nothing yet). Parents with room are taken first, as in :func:`others`. A row for which there is
    no such parent keeps what it has.
    """
    found, room, open_ = links[rows].copy(), slots.copy(), np.flatnonzero(slots >= 0)
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    for one in np.unique(group[rows]):
        asking = np.flatnonzero(group[rows] == one)
        first, last = np.searchsorted(ordered, [one, one + 1])
        siblings = np.setdiff1d(order[first:last], rows[asking])
        free = rng.permutation(np.setdiff1d(open_, links[siblings]))
        free = free[np.argsort(room[free] <= 0, kind="stable")][: len(asking)]
        found[asking[: len(free)]] = free
        room[free] -= 1
    return found
