"""``forbid pair``: which rows take part in a forbidden pair, without looking at every pair.

Equalities between the two rows become a join by hash, an inequality a range in sorted order. Where
nothing else is asked, with at most two inequalities, no pair is ever formed; otherwise the pairs
left are formed block by block, so that memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.arrays import Evaluator
from synthtab.backends.context import Context, Values, known
from synthtab.backends.groups import Ids, factorize, together
from synthtab.batch import Mask
from synthtab.errors import UsageError
from synthtab.ir import core, fold, nodes
from synthtab.ir.context import separate_pair, simplified
from synthtab.ir.corewalk import variables
from synthtab.ir.normalise import lower

# Pairs looked at together, and at most: some minutes.
_BLOCK = 1 << 20
MOST_PAIRS = 10**10


@dataclass
class _Sides:
    """The condition taken apart. A comparison is (strict, value of first, value of second)."""

    equal: list[tuple[core.Term, core.Term]] = field(default_factory=list)
    less: list[tuple[bool, core.Term, core.Term]] = field(default_factory=list)
    alone: tuple[list[core.Cond], list[core.Cond]] = field(default_factory=lambda: ([], []))
    rest: list[core.Cond] = field(default_factory=list)


@dataclass(frozen=True)
class _Rows:
    """Rows of one side: which, the group each is in, and its rank for each inequality."""

    rows: Ids
    ids: Ids
    ranks: tuple[Ids, ...]


def in_forbidden_pair(context: Context, table: str, rule: nodes.PairRule) -> Mask:
    """Return the rows, (rows,) bool, that make the condition TRUE together with another row.

    Raises UsageError where more than MOST_PAIRS pairs would have to be looked at.
    """
    parts = separate_pair(rule, context.tables[table], context.tables)
    values = {name: context.value(table, term) for name, (_, term) in parts.sides.items()}
    side_of = {name: side for name, (side, _) in parts.sides.items()}
    condition = lower(simplified(parts.condition), parts.table, known(values))
    worlds = None if context.worlds is None else context.worlds[table]
    return _Search(context, context.rows(table), values, side_of, condition, worlds).broken()


class _Search:
    def __init__(
        self,
        context: Context,
        rows: int,
        values: Mapping[str, Values],
        side_of: Mapping[str, int],
        condition: core.Cond,
        worlds: Ids | None,
    ) -> None:
        self.worlds = worlds
        self.n = rows
        self.pool = context.pool
        self.values = values
        self.side_of = side_of
        self.condition = condition
        self.sides = self._take_apart()
        every = np.arange(rows)
        self.itself = self._holds(every, every)

    def broken(self) -> Mask:
        """Return the rows in a forbidden pair."""
        broken = np.zeros(self.n, dtype=bool)
        if any(isinstance(part, core.Truth) for part in self.sides.rest):
            return broken  # FALSE or UNKNOWN, whatever else is asked: TRUE is folded away
        first, second = self._candidates()
        if not len(first.rows) or not len(second.rows):
            return broken
        few = len(self.sides.less) <= 2 and not self.sides.rest
        if few and not self.sides.less:
            for own, other in ((first, second), (second, first)):
                broken[own.rows] |= self._company(own, other)
        elif few and not self.itself.any():
            strict = [s for s, _, _ in self.sides.less]
            broken[first.rows] |= _exists(first, second, strict)
            broken[second.rows] |= _exists(_turned(second), _turned(first), strict)
        else:
            for a, b in _pairs(first, second, [s for s, _, _ in self.sides.less]):
                bad = (a != b) & self._holds(a, b)
                broken[a[bad]] = True
                broken[b[bad]] = True
        return broken

    # Taking apart.

    def _take_apart(self) -> _Sides:
        sides = _Sides()
        whole = self.condition
        for part in whole.args if isinstance(whole, core.And) else (whole,):
            if part == fold.TRUE:
                continue
            read = self._sides_of(part)
            split = self._split(part) if isinstance(part, core.Cmp) and len(read) == 2 else None
            if len(read) == 1:
                sides.alone[read.pop()].append(part)
            elif split is None:
                sides.rest.append(part)
            elif isinstance(part, core.Cmp) and part.op == "=":
                sides.equal.append(split[:2])
            else:
                sides.less.append((isinstance(part, core.Cmp) and part.op == "<", *split))
        return sides

    def _sides_of(self, node: core.Cond | core.Term) -> set[int]:
        return {self.side_of[name] for name in variables(node)}

    def _split(self, part: core.Cmp) -> tuple[core.Term, core.Term] | None:
        """Bring a comparison to ``first side op second side``; None where a term reads both.

        Ranks turn the order round where the first side stands on the right.
        """
        moved, constant = fold.as_linear(fold.linear([(1, part.left), (-1, part.right)]))
        own: tuple[list[tuple[int, core.Term]], list[tuple[int, core.Term]]] = ([], [])
        for coefficient, term in moved:
            read = self._sides_of(term)
            if len(read) > 1:
                return None
            own[read.pop() if read else 0].append((coefficient, term))
        return fold.linear(own[0]), fold.linear([(-c, t) for c, t in own[1]], -constant)

    # Rows and pairs.

    def _candidates(self) -> tuple[_Rows, _Rows]:
        """Return the rows of each side that meet what is asked of it alone, with their groups."""
        every = np.arange(self.n)
        masks = [self._alone(side, every) for side in (0, 1)]
        equal = [(self._term(a), self._term(b)) for a, b in self.sides.equal]
        less = [(self._term(a), self._term(b)) for _, a, b in self.sides.less]
        for side in (0, 1):
            for pair in equal + less:
                masks[side] &= ~pair[side][1]
        rows = [np.flatnonzero(m) for m in masks]
        groups = [
            factorize(np.concatenate([pair[s][0][rows[s]] for s in (0, 1)])) for pair in equal
        ]
        if self.worlds is not None:
            groups.insert(0, factorize(np.concatenate([self.worlds[r] for r in rows])))
        ids = together(groups, len(rows[0]) + len(rows[1])).ids
        ranks = []
        for pair in less:
            both = np.concatenate([pair[s][0][rows[s]] for s in (0, 1)])
            ranks.append(np.unique(both, return_inverse=True)[1])
        cut = len(rows[0])
        return (
            _Rows(rows[0], ids[:cut], tuple(r[:cut] for r in ranks)),
            _Rows(rows[1], ids[cut:], tuple(r[cut:] for r in ranks)),
        )

    def _alone(self, side: int, every: Ids) -> Mask:
        good = np.ones(self.n, dtype=bool)
        for part in self.sides.alone[side]:
            good &= Evaluator(self._env((every, every)), self.pool).truth(part)[0]
        return good

    def _term(self, term: core.Term) -> tuple[NDArray[Any], Mask]:
        every = np.arange(self.n)
        codes, nulls = Evaluator(self._env((every, every)), self.pool).value(term)
        made = np.broadcast_to(np.asarray(codes), (self.n,))
        return made, np.broadcast_to(np.asarray(False if nulls is None else nulls), (self.n,))

    def _holds(self, first: Ids, second: Ids) -> Mask:
        true = Evaluator(self._env((first, second)), self.pool).truth(self.condition)[0]
        return np.broadcast_to(true, first.shape)

    def _env(self, rows: tuple[Ids, Ids]) -> dict[str, tuple[Any, Mask | None]]:
        env: dict[str, tuple[Any, Mask | None]] = {}
        for name, values in self.values.items():
            at = rows[self.side_of[name]]
            nulls = values.nulls[at]
            env[name] = values.codes[at], nulls if nulls.any() else None
        return env

    def _company(self, own: _Rows, other: _Rows) -> Mask:
        """Say of each row whether its group has a row of the other side besides itself."""
        count = int(max(own.ids.max(), other.ids.max())) + 1
        there = np.bincount(other.ids, minlength=count)[own.ids]
        return there - self.itself[own.rows] > 0


def _turned(side: _Rows) -> _Rows:
    """Return the same rows with the order of every inequality turned round."""
    return _Rows(side.rows, side.ids, tuple(-r for r in side.ranks))


def _sorted(side: _Rows, width: int, low: int) -> tuple[Ids, Ids]:
    """Return the order by group and first rank, and the sorted combined keys."""
    keys = side.ids * np.int64(width) + (side.ranks[0] - low if side.ranks else 0)
    order = np.argsort(keys, kind="stable")
    return order, keys[order]


def _ranges(own: _Rows, other: _Rows, strict: bool) -> tuple[Ids, Ids, Ids]:
    """Return an order of the other side, and where in it each row's partners start and end."""
    ends = [int(f(s.ranks[0])) for s in (own, other) for f in (np.min, np.max) if s.ranks]
    low, high = (min(ends), max(ends)) if ends else (0, 0)
    width = high - low + 2
    order, keys = _sorted(other, width, low)
    base = own.ids * np.int64(width)
    at = base + (own.ranks[0] - low if own.ranks else 0)
    start = np.searchsorted(keys, at, side="right" if strict and own.ranks else "left")
    end = np.searchsorted(keys, base + width, side="left")
    return order, np.minimum(start, end), end


def _exists(own: _Rows, other: _Rows, strict: list[bool]) -> Mask:
    """Say of each row whether a row of its group is above it in every rank."""
    order, start, end = _ranges(own, other, strict[0])
    some = start < end
    if len(strict) == 1:
        return some
    # The greatest second rank from each place to the end of its group.
    ranks, ids = other.ranks[1][order], other.ids[order]
    low = int(min(ranks.min(), own.ranks[1].min()))
    width = int(max(ranks.max(), own.ranks[1].max())) - low + 2
    last = int(ids.max())
    lifted = (last - ids) * np.int64(width) + (ranks - low)
    greatest = np.maximum.accumulate(lifted[::-1])[::-1] - (last - ids) * np.int64(width) + low
    best = greatest[np.where(some, start, 0)]
    above = own.ranks[1] < best if strict[1] else own.ranks[1] <= best
    return np.asarray(some & above)


def _pairs(own: _Rows, other: _Rows, strict: list[bool]) -> Iterator[tuple[Ids, Ids]]:
    """Yield the pairs of rows that agree on the equalities and on the first inequality."""
    order, start, end = _ranges(own, other, strict[0] if strict else False)
    counts = end - start
    done = np.concatenate([[0], np.cumsum(counts)])
    if done[-1] > MOST_PAIRS:
        raise UsageError(
            f"{int(done[-1]):,} pairs of rows would have to be looked at; an equality between the "
            "two rows, such as `a.group = b.group`, would leave fewer"
        )
    for begin in range(0, int(done[-1]), _BLOCK):
        place = np.arange(begin, min(begin + _BLOCK, int(done[-1])))
        at = np.searchsorted(done, place, side="right") - 1
        partner = order[start[at] + place - done[at]]
        yield own.rows[at], other.rows[partner]
