"""Rows that stand before a row as examples of what is like it: how they are found, and kept.

Its nearest rows would tell a row exactly: it lies in their middle, and a network that is trained to
find it there writes the rows it has learned. So the examples of a row lie around *another* row,
which is one of those near it: they show the neighbourhood, and not where in it the row is.

A row is likened to others column by column, as by Gower's coefficient ("A general coefficient of
similarity and some of its properties", 1971), with squares: values of an ordered type by how far
apart their ranks are, of 0 to 1, categories by whether they differ, NULL differing from every
value. Of free text only the length counts. That is a distance of vectors, so that all rows are
compared with all others by one matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synthtab.generate.places import Symbols
from synthtab.generate.tokenizer import Cells, Layout
from synthtab.schema import BooleanType, EnumType

MOST_SHOWN = 10_000
"""So many different rows serve as examples; of more, those are taken that lie evenly in order."""
AROUND = 16
"""So many rows are a neighbourhood, or twice as many as there are examples."""
SETS = 4_000
"""So many sets of examples are kept where there are fewer rows than that."""
_AT_ONCE = 1 << 22
"""So many distances are held at a time."""
_TIE = 1e-4
"""Up to so much is added to a distance by chance, far less than a difference of two values."""


@dataclass(frozen=True)
class Examples:
    """Sets of examples, of which one at random stands before each new row.

    ``shown`` (entries, positions) are different rows of symbols; ``lists`` (sets, K) are places
    there. Each real row has as many sets that were picked for it. The real rows themselves are not
    kept, but as examples of others.
    """

    shown: Symbols
    lists: NDArray[np.int32]

    @property
    def number(self) -> int:
        """How many examples stand before a row, K."""
        return int(self.lists.shape[1])

    def drawn(self, rows: int, random: torch.Generator) -> NDArray[np.int64]:
        """Return the examples (rows, K) of that many new rows, by place in ``shown``."""
        picked = torch.randint(len(self.lists), (rows,), generator=random).numpy()
        return np.asarray(self.lists[picked], dtype=np.int64)


@dataclass(frozen=True)
class Sequences:
    """Rows of symbols (rows, positions), which get other examples each time they are asked for."""

    rows: Tensor
    circle: Circle
    number: int
    chance: np.random.Generator

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at: Tensor) -> Tensor:
        """Return symbols (picked, K + 1, positions) of rows picked by index, their own last."""
        lists = self.circle.pick(at.numpy(), self.number, self.chance)
        return torch.cat([torch.from_numpy(self.circle.shown[lists]), self.rows[at][:, None]], 1)

    @property
    def every(self) -> Tensor:
        """All of them together, (rows, K + 1, positions)."""
        return self[torch.arange(len(self))]


@dataclass(frozen=True)
class Retrieval:
    """How the examples of rows are found: ``number`` of them for each row.

    They are taken from the rows that are learned, or from ``corpus`` (entries, positions) alone
    where there is one.
    """

    layout: Layout
    number: int
    corpus: Symbols | None = None

    def examples(self, rows: Symbols, seed: int) -> Examples:
        """Return what a generator that has learned ``rows`` (at least one) keeps."""
        circle = self.among(rows).circle(rows)
        each = np.repeat(np.arange(len(rows)), max(1, SETS // len(rows)))
        lists = circle.pick(each, self.number, np.random.default_rng(seed))
        return Examples(circle.shown, lists)

    def sequences(self, rows: Tensor, among: Surroundings, seed: int) -> Sequences:
        """Return rows with their examples, which are found ``among`` others."""
        circle = among.circle(rows.numpy())
        return Sequences(rows, circle, self.number, np.random.default_rng(seed))

    def among(self, rows: Symbols) -> Surroundings:
        """Return where examples are found: among rows (at least one), or in the corpus."""
        index = Index.of(self.layout, rows if self.corpus is None else self.corpus)
        return Surroundings.of(index, max(AROUND, 2 * self.number))


@dataclass(frozen=True)
class Surroundings:
    """Entries, and ``around`` (entries, M + 1) each those nearest to it, itself last."""

    index: Index
    around: NDArray[np.int32]

    @classmethod
    def of(cls, index: Index, size: int) -> Surroundings:
        """Find the ``size`` entries nearest to each."""
        itself = np.arange(len(index.shown), dtype=np.int32)[:, None]
        return cls(index, np.concatenate([index.near(index.shown, size), itself], axis=1))

    def circle(self, rows: Symbols) -> Circle:
        """Find as many entries that are near each of other rows of symbols."""
        own, nearest = self.index.own(rows), self.around[:, :-1]
        known = bool((own >= 0).all())
        near = nearest[own] if known else self.index.near(rows, nearest.shape[1])
        return Circle(self.index.shown, own, near, self.around)


@dataclass(frozen=True)
class Circle:
    """Rows, the entries near each, and the entries near those.

    ``own`` (rows,) is the entry that a row is, -1 if none; ``near`` (rows, M) are those nearest to
    it, ``around`` (entries, M + 1) those nearest to each entry, which itself comes last.
    """

    shown: Symbols
    own: NDArray[np.int64]
    near: NDArray[np.int32]
    around: NDArray[np.int32]

    def pick(
        self, at: NDArray[np.int64], number: int, chance: np.random.Generator
    ) -> NDArray[np.int32]:
        """Return examples (picked, number) of rows picked by index: places of entries.

        They are any of the entries around one that is near the row, but never the row itself, as
        long as there is another. Those that are nearer to the one in the middle come later.
        """
        middle = self.near[at, chance.integers(0, self.near.shape[1], len(at))]
        around = self.around[middle]
        turn = chance.random(around.shape)
        turn[around == self.own[at, None]] = 2.0
        chosen = np.sort(np.argsort(turn, axis=1)[:, :number], axis=1)
        picked = np.take_along_axis(around, chosen, axis=1)
        # A table may have but few rows that differ: what stands in for the row is any other then.
        same = picked == self.own[at, None]
        return np.where(same, middle[:, None], picked)


@dataclass(frozen=True)
class Index:
    """Different rows (entries, positions), to find those among them that are like a given one."""

    layout: Layout
    shown: Symbols

    @classmethod
    def of(cls, layout: Layout, rows: Symbols) -> Index:
        """Index rows of symbols, at least one; one that occurs several times is one entry."""
        different = np.unique(rows, axis=0)
        if len(different) > MOST_SHOWN:
            different = different[np.linspace(0, len(different) - 1, MOST_SHOWN).astype(np.int64)]
        return cls(layout, different)

    def near(self, rows: Symbols, number: int) -> NDArray[np.int32]:
        """Return the places (rows, number) of the entries nearest to each row, the nearest last.

        An entry that is the row itself is not among them, unless there is no other. Where there are
        fewer than asked for they come again. Which of equally near ones is taken is left to chance,
        the same chance each time.
        """
        chance = np.random.default_rng(0)
        own = self.own(rows)
        out = np.empty((len(rows), number), dtype=np.int32)
        step = max(1, _AT_ONCE // len(self.shown))
        for first in range(0, len(rows), step):
            some, same = rows[first : first + step], own[first : first + step]
            distances = self._lengths - 2 * (self._vectors_of(some) @ self._vectors.T)
            distances += chance.random(distances.shape, dtype=np.float32) * np.float32(_TIE)
            at = np.flatnonzero(same >= 0)
            distances[at, same[at]] = np.inf
            out[first : first + step] = _least(distances, number)[:, ::-1]
        return out

    def own(self, rows: Symbols) -> NDArray[np.int64]:
        """Return the place (rows,) of the entry that each row is; -1 where there is none."""
        both = np.concatenate([self.shown, rows])
        kinds = np.unique(both, axis=0, return_inverse=True)[1].reshape(-1)
        places = np.full(len(both), -1)
        places[kinds[: len(self.shown)]] = np.arange(len(self.shown))
        return places[kinds[len(self.shown) :]]

    @cached_property
    def _vectors(self) -> NDArray[np.float32]:
        return self._vectors_of(self.shown)

    @cached_property
    def _lengths(self) -> NDArray[np.float32]:
        return np.asarray((self._vectors**2).sum(axis=1), dtype=np.float32)

    def _vectors_of(self, rows: Symbols) -> NDArray[np.float32]:
        """Return vectors (rows, dimensions) whose squared distances say how unlike rows are."""
        columns = zip(self.layout.columns, self.layout.decode(rows), self._known, strict=True)
        parts = []
        for layout, cells, known in columns:
            if isinstance(layout.column.type, EnumType | BooleanType):
                parts.append(_categories(cells, known))
            else:
                parts.append(_ranks(cells, known))
            if layout.column.optional:
                parts.append(cells.nulls[:, None].astype(np.float32))
        return np.concatenate(parts, axis=1)

    @cached_property
    def _known(self) -> Sequence[NDArray[np.int64]]:
        """The values of the entries, by column: different ones of a category, else all in order."""
        found = []
        for layout, cells in zip(self.layout.columns, self.layout.decode(self.shown), strict=True):
            there = np.sort(_numbers(cells)[~cells.nulls])
            plain = isinstance(layout.column.type, EnumType | BooleanType)
            found.append(np.unique(there) if plain else there)
        return found


def _numbers(cells: Cells) -> NDArray[np.int64]:
    """Return codes (rows,), of texts their lengths."""
    if cells.texts is None:
        return cells.codes
    return np.array([len(text) for text in cells.texts], dtype=np.int64)


def _categories(cells: Cells, known: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return (rows, categories) vectors: two are 1 apart where the category differs, squared."""
    # NULL has a dimension of its own, where it differs by 1 already.
    there = (cells.codes[:, None] == known) & ~cells.nulls[:, None]
    return np.where(there, np.float32(np.sqrt(0.5)), np.float32(0))


def _ranks(cells: Cells, known: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return vectors (rows, 1) of ranks, the mean one of equal values; NULL is in the middle."""
    numbers = _numbers(cells)
    low, high = (np.searchsorted(known, numbers, side) for side in ("left", "right"))
    ranks = (low + high) / (2 * max(1, len(known)))
    return np.where(cells.nulls, 0.5, ranks)[:, None].astype(np.float32)


def _least(distances: NDArray[np.float32], number: int) -> NDArray[np.int64]:
    """Return the places (rows, number) of the least distances, least first.

    Those that are infinite come only where a row has no other; fewer than asked for come again.
    """
    most = min(number, distances.shape[1])
    picked = np.argpartition(distances, most - 1, axis=1)[:, :most]
    picked = np.take_along_axis(
        picked, np.take_along_axis(distances, picked, axis=1).argsort(axis=1, kind="stable"), axis=1
    )
    finite = np.isfinite(np.take_along_axis(distances, picked, axis=1)).sum(axis=1)
    again = np.arange(number) % np.maximum(finite, 1)[:, None]
    return np.take_along_axis(picked, again, axis=1)
