"""Canaries: rows planted in the training data by coins, to bound epsilon from one run or several.

What a model learns of a single row is lost among what many rows tell of the same place. So canaries
are rows that keep the rules and stand where hardly any real row does: of many rows drawn from the
rules alone those are taken whose pairs of values are the rarest, among the real rows and among
each other. And they are looked for where they would show: in those cells of pairs of columns, in
the neighbourhood of the whole row, and, where the model itself is at hand, in how likely it finds
the row. Each is compared with a model that was learned without any canary.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Batch, concat
from synthtab.errors import UsageError
from synthtab.privacy.audit import attacks
from synthtab.privacy.audit.bounds import Bound, one_run_bound
from synthtab.privacy.audit.encoding import Encoder
from synthtab.schema import BooleanType, Column, EnumType, TextType

Scores = NDArray[np.float64]
Cells = NDArray[np.int64]

BINS = 10
"""Numbers and dates are looked at in so many quantile bins, and beyond both ends of the data."""
POOL = 20
"""Canaries are chosen from so many times as many rows."""
ROUNDS = 20
"""They are chosen in about so many rounds."""
UNLIKELY = -1e6
"""Stands for the logarithm of a probability of 0."""


@dataclass(frozen=True)
class Fitted:
    """A model that was learned: rows drawn from it, and, if it can tell, how likely it finds rows.

    ``log_likelihood`` returns a number for each row (rows,), in nats, up to a constant, or None.
    """

    rows: Batch
    log_likelihood: Callable[[Batch], Scores | None] | None = None


LearnModel: TypeAlias = Callable[[Batch], Fitted]
"""Fits a model on rows: what is audited."""
Spare: TypeAlias = Callable[[int], Batch]
"""Returns so many rows, drawn independently, that stand where canaries do not."""


@dataclass(frozen=True)
class PairCells:
    """Cells of pairs of columns: values of enums, bins of numbers, NULL and the unseen apart."""

    columns: tuple[Column, ...]
    edges: tuple[NDArray[np.int64], ...]
    texts: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, columns: Sequence[Column], rows: Batch) -> PairCells:
        """Return the cells whose bins are quantiles of some rows."""
        edges, texts = [], []
        for column in columns:
            codes, nulls = rows.column(column.name)
            known = np.sort(codes[~nulls])
            named: tuple[str, ...] = ()
            if isinstance(column.type, TextType):
                named = tuple(sorted({str(rows.pool[c]) for c in np.unique(known)}))
                cuts = np.empty(0, dtype=np.int64)
            elif isinstance(column.type, EnumType | BooleanType):
                size = len(column.type.values) if isinstance(column.type, EnumType) else 2
                cuts = np.arange(1, size, dtype=np.int64)
            elif len(known):
                inner = known[(np.arange(1, BINS) * len(known)) // BINS]
                cuts = np.unique(np.concatenate([known[:1], inner, known[-1:] + 1]))
            else:
                cuts = np.empty(0, dtype=np.int64)
            edges.append(cuts)
            texts.append(named)
        return cls(tuple(columns), tuple(edges), tuple(texts))

    def cells(self, rows: Batch) -> tuple[Cells, tuple[int, ...]]:
        """Return each row's cell in each column (rows, columns), and how many cells there are."""
        found, sizes = [], []
        for column, cuts, named in zip(self.columns, self.edges, self.texts, strict=True):
            codes, nulls = rows.column(column.name)
            if isinstance(column.type, TextType):
                place = {text: k for k, text in enumerate(named)}
                pool = np.array([place.get(str(t), len(named)) for t in rows.pool], dtype=np.int64)
                cells = pool[np.where(nulls, 0, codes)] if len(pool) else np.zeros_like(codes)
                size = len(named) + 1
            else:
                cells, size = np.searchsorted(cuts, codes, side="right"), len(cuts) + 1
            found.append(np.where(nulls, size, cells))
            sizes.append(size + 1)
        return np.stack(found, axis=1).astype(np.int64), tuple(sizes)

    def shared(self, rows: Batch, others: Batch) -> Iterator[tuple[Cells, Cells]]:
        """Return for each pair of columns how many others, and rows, lie in each row's cell.

        Of a table of one column it is that column's cells.
        """
        own, sizes = self.cells(rows)
        theirs, _ = self.cells(others)
        pairs = list(itertools.combinations(range(len(sizes)), 2)) or [(0, 0)]
        for a, b in pairs:
            many = sizes[a] * sizes[b]
            mine = own[:, a] * sizes[b] + own[:, b]
            there = np.bincount(theirs[:, a] * sizes[b] + theirs[:, b], minlength=many)
            yield there[mine], np.bincount(mine, minlength=many)[mine]


def rare_rows(columns: Sequence[Column], pool: Batch, rows: Batch, count: int) -> Batch:
    """Return ``count`` different rows of ``pool``, which keep the rules, fit to be canaries.

    ``rows`` are those that a model will be learned from. A canary adds one to the count of a cell
    that has n others, which is seen the better the smaller n is: a signal of 1 to a noise of the
    square root of n. So rows are ranked by the sum of 1 / (1 + n) over their pairs of columns, n
    being the rows in the cell and the canaries chosen so far; the best few are chosen at a time.
    Fewer come back where the pool has fewer different ones.
    """
    plain = np.concatenate([pool.codes, pool.nulls.astype(np.int64)], axis=1)
    pool = pool.take(np.sort(np.unique(plain, axis=0, return_index=True)[1]))
    cells = PairCells.of(columns, rows)
    real = [there for there, _ in cells.shared(pool, rows)]
    chosen = np.empty(0, dtype=np.int64)
    while len(chosen) < min(count, len(pool)):
        score = np.zeros(len(pool))
        taken = cells.shared(pool, pool.take(chosen))
        for there, (before, _) in zip(real, taken, strict=True):
            score += 1 / (1 + there + before)
        score[chosen] = -1.0
        few = min(count - len(chosen), max(1, count // ROUNDS))
        best = np.argsort(-score, kind="stable")[: min(few, len(pool) - len(chosen))]
        chosen = np.concatenate([chosen, best])
    return pool.take(np.sort(chosen))


def cell_scores(
    cells: PairCells, canaries: Batch, made: Batch, without: Batch, one: float
) -> Scores:
    """Score canaries by how many synthetic rows lie in their cells, over how many would.

    ``without`` are as many rows of a model that knew no canary, ``one`` how many synthetic rows
    there are for each row that was learned. The score is the log of a ratio of Poisson laws, summed
    over pairs of columns: with the canary ``one`` more is expected, and half of the others in the
    same cell are in the data whether or not this one is.
    """
    total = np.zeros(len(canaries))
    scale = len(made) / max(1, len(without))
    seen = cells.shared(canaries, made)
    for (now, here), (before, _) in zip(seen, cells.shared(canaries, without), strict=True):
        out = scale * before + one * (here - 1) / 2 + 0.5
        total += now * np.log1p(one / out) - one
    return total


def canary_bound(
    learn: LearnModel,
    columns: Sequence[Column],
    rows: Batch,
    canaries: Batch,
    runs: int,
    delta: float,
    confidence: float = 0.95,
    copies: int = 1,
    spare: Spare | None = None,
) -> Bound:
    """Bound epsilon by learning ``rows`` with a random half of the canaries, ``runs`` times.

    Every canary is in or out by a coin of its own each time, from the system's randomness, which is
    one step of add-remove; with ``spare`` another row is there in its stead, a step of replace.
    With ``copies`` it is there so many times: the bound is then on the epsilon of one row, by group
    privacy. Canaries must keep the rules, as rows that break them are left out; :func:`rare_rows`
    picks good ones. One model more is learned without any. There are up to three scores (cells of
    pairs, neighbours, likelihood), each of which is held to its share of the error.

    Raises UsageError without rows, a canary, a copy or a run.
    """
    if min(runs, copies, len(canaries), len(rows)) < 1:
        raise UsageError(
            f"runs={runs}, copies={copies}, {len(canaries)} canaries, {len(rows)} rows: there is "
            "to be one of each"
        )
    rng = np.random.default_rng()
    texts = [c.name for c in columns if isinstance(c.type, TextType)]

    def planted(coin: NDArray[np.bool_]) -> Batch:
        parts = [rows, canaries.take(np.repeat(np.flatnonzero(coin), copies))]
        if spare is not None:
            parts.append(spare(copies * int((~coin).sum())))
        return concat([p for p in parts if len(p)], texts)

    nobody = np.zeros(len(canaries), dtype=bool)
    without = learn(planted(nobody))
    seen: dict[str, list[Scores]] = {}
    coins = []
    for _ in range(runs):
        coin = rng.random(len(canaries)) < 0.5
        made = learn(planted(coin))
        for name, score in _scores(columns, rows, canaries, made, without, copies):
            seen.setdefault(name, []).append(score)
        coins.append(coin)
    whole = {name: np.concatenate(s) for name, s in seen.items() if len(s) == runs}
    each = 1 - (1 - confidence) / len(whole)
    bounds = [
        (one_run_bound(score, np.concatenate(coins), delta, each, copies=copies), name)
        for name, score in whole.items()
    ]
    best, name = max(bounds, key=lambda b: b[0].epsilon)
    times = "" if copies == 1 else f", {copies} copies of each canary"
    return replace(best, confidence=confidence, event=f"{name}: {best.event}{times}")


def _scores(
    columns: Sequence[Column],
    rows: Batch,
    canaries: Batch,
    made: Fitted,
    without: Fitted,
    copies: int,
) -> Iterator[tuple[str, Scores]]:
    one = copies * len(made.rows) / (len(rows) + copies * len(canaries) / 2)
    cells = PairCells.of(columns, rows)
    yield "cells of pairs", cell_scores(cells, canaries, made.rows, without.rows, one)
    encoder = Encoder.of(columns, rows)
    points = [encoder.points(b) for b in (canaries, made.rows, without.rows)]
    yield "neighbours", attacks.density_by_neighbours(points[0], points[1], points[2])
    likely = [m.log_likelihood for m in (made, without)]
    found = [None if of is None else of(canaries) for of in likely]
    if found[0] is not None and found[1] is not None:
        now, before = (np.maximum(f, UNLIKELY) for f in found if f is not None)
        yield "likelihood", now - before
