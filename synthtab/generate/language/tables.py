"""Which tokens may follow in a state of a byte automaton, and what each of them would add.

A state's tokens are found by walking the trie of the vocabulary and the automaton together, when a
row first comes to the state, and kept. Nothing here depends on a row: what its own values leave is
asked of :mod:`synthtab.generate.language.narrow`, of the tokens found here alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from synthtab.generate.language.bytewise import AFTER, INSIDE, ByteMachine
from synthtab.generate.language.vocabulary import Vocabulary

WIDE = 2_048
"""A state with more tokens than this has its rows handled apart, so that others need no padding."""

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Entries:
    """Tokens that may follow, any shape, all arrays alike.

    ``next`` is the state after the token, ``at`` the last one before the value was over (``next``
    itself where it is not). What it adds to the value: ``chars`` characters begun, ``digits`` of
    them, which read as the number ``amount``; ``point``, whether a decimal point, with
    ``decimals`` digits after it; ``minus``, whether a minus sign.
    """

    token: Ints
    next: Ints
    at: Ints
    chars: Ints
    digits: Ints
    amount: Ints
    point: NDArray[np.bool_]
    decimals: Ints
    minus: NDArray[np.bool_]

    def take(self, index: Ints) -> Entries:
        """Return the entries at some places."""
        return Entries(*(getattr(self, f.name)[index] for f in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Entries]) -> Entries:
        """Return the entries of all parts (one at least), one after the other."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))


@dataclass(frozen=True)
class Block:
    """Some rows and the entries of their states.

    ``rows`` (r,) index the states asked about; ``index`` (r or 1, w) are places in the table's
    entries, padded where ``real`` (same shape) is False.
    """

    rows: Ints
    index: Ints
    real: NDArray[np.bool_]


class TokenTable:
    """The tokens of one column's states, found as they are needed."""

    def __init__(self, machine: ByteMachine, vocabulary: Vocabulary) -> None:
        self.machine, self._vocabulary = machine, vocabulary
        states = len(machine.zone)
        self._first = np.full(states, -1, dtype=np.int64)
        self._count = np.zeros(states, dtype=np.int64)
        self.entries = walk(machine, vocabulary, np.zeros(0, dtype=np.int64))

    @property
    def known(self) -> int:
        """How many states have been come to."""
        return int((self._first >= 0).sum())

    def blocks(self, states: Ints) -> list[Block]:
        """Return the entries of each row's state (rows,)."""
        self._learn(np.unique(states))
        wide = self._count[states] > WIDE
        out = []
        for state in np.unique(states[wide]).tolist():
            index = self._first[state] + np.arange(self._count[state])[None]
            rows = np.flatnonzero(states == state)
            out.append(Block(rows, index, np.ones(index.shape, dtype=bool)))
        rows = np.flatnonzero(~wide)
        if len(rows):
            first, count = self._first[states[rows], None], self._count[states[rows], None]
            places = np.arange(max(1, int(count.max())))[None]
            real = places < count
            out.append(Block(rows, first + np.where(real, places, 0), real))
        return out

    def _learn(self, states: Ints) -> None:
        """Find the entries of states that no row has come to before."""
        new = [self._found(s) for s in states[self._first[states] < 0].tolist()]
        if new:
            self.entries = Entries.joined([self.entries, *new])

    def _found(self, state: int) -> Entries:
        entries = walk(self.machine, self._vocabulary, np.array([state]))
        waiting = int(self._count.sum())
        self._first[state], self._count[state] = waiting, len(entries.token)
        return entries


@dataclass(frozen=True)
class _Front:
    """Nodes of one level of the trie that the automaton can follow to, and what is read so far."""

    node: Ints
    entries: Entries

    def take(self, index: Ints) -> Self:
        return replace(self, node=self.node[index], entries=self.entries.take(index))


def walk(machine: ByteMachine, vocabulary: Vocabulary, state: Ints) -> Entries:
    """Return the tokens that may follow in a state (1,); none of no state (0,)."""
    zeros, no = np.zeros(len(state), dtype=np.int64), np.zeros(len(state), dtype=bool)
    levels, order = vocabulary.levels, vocabulary.order
    front = _Front(zeros, Entries(zeros, state, state, zeros, zeros, zeros, no, zeros, no))
    found: list[Entries] = []
    for level, below in pairwise(levels):
        # Every child of every node, with the node it comes from.
        counts = level.end[front.node] - level.first[front.node]
        if not counts.any():
            break
        parent = np.repeat(np.arange(len(counts)), counts)
        skipped = np.cumsum(counts) - counts
        child = level.first[front.node][parent] + np.arange(len(parent)) - skipped[parent]
        byte = below.byte[child].astype(np.int64)
        following = machine.step[front.entries.next[parent], machine.classes[byte]]
        alive = np.flatnonzero(following)
        read = _read(machine, front.entries.take(parent[alive]), byte[alive], following[alive])
        front = _Front(child[alive], read)
        own = below.own_end[front.node] - below.own[front.node]
        if own.any():
            holder = np.repeat(np.arange(len(own)), own)
            skipped = np.cumsum(own) - own
            place = below.own[front.node][holder] + np.arange(len(holder)) - skipped[holder]
            found.append(replace(read.take(holder), token=order[place]))
    if not found:
        empty = np.zeros(0, dtype=np.int64)
        return front.entries.take(empty)
    return Entries.joined(found)


def _read(
    machine: ByteMachine, so_far: Entries, byte: Ints, following: NDArray[np.int32]
) -> Entries:
    """Return what is read with one more byte, which leads to the states ``following``."""
    inside = machine.reads[so_far.next] & (machine.zone[following] == INSIDE)
    begins = inside & ((byte & 0xC0) != 0x80)
    digit = inside & (byte >= 48) & (byte <= 57)
    return Entries(
        token=so_far.token,
        next=following.astype(np.int64),
        at=np.where(machine.zone[following] == AFTER, so_far.at, following),
        chars=so_far.chars + begins,
        digits=so_far.digits + digit,
        amount=np.where(digit, so_far.amount * 10 + (byte - 48), so_far.amount),
        point=so_far.point | (inside & (byte == 46)),
        decimals=so_far.decimals + (digit & so_far.point),
        minus=so_far.minus | (inside & (byte == 45)),
    )
