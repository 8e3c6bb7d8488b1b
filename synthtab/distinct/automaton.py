"""Patterns of the common dialect (ir/patterns.py) as deterministic automata.

A pattern's parse tree becomes positions, one for each character it can match, with the positions
that may follow each (Glushkov 1961); sets of positions then are the states (subset construction).
A string leads through one sequence of states only, so that strings can be counted.
"""

from __future__ import annotations

import re._parser as sre  # type: ignore[import-not-found]
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from synthtab.errors import UsageError

# More than this no pattern for people needs.
MAX_POSITIONS, MAX_STATES = 5_000, 5_000
# Ends of the alphabet's stretches: all code points but the surrogates, which are no characters.
ALPHABET = ((0, 0xD7FF), (0xE000, 0x10FFFF))
PRINTABLE = ((32, 126),)
_DOTALL = 16

Ranges = tuple[tuple[int, int], ...]


class TooLargeError(UsageError):
    """A pattern has more states than strings of it can be counted by."""


@dataclass(frozen=True)
class Automaton:
    """States 0 (the start), 1, 2 ...; a string is matched where it leads to an ``accepting`` one.

    ``arcs`` has per state the triples (lo, hi, target), ascending and disjoint: characters with
    code points lo to hi lead to ``target``; any other one leads nowhere.
    """

    arcs: tuple[tuple[tuple[int, int, int], ...], ...]
    accepting: tuple[bool, ...]


def automaton(pattern: str, depth: int, *, readable: bool = False) -> Automaton:
    """Return the automaton of a pattern, as far as strings of ``depth`` characters lead.

    ``readable`` keeps what a pattern leaves open (``.`` and classes that begin with ``^``) to
    printable ASCII where it can. Raises TooLargeError.
    """
    try:
        positions = _Positions(readable)
        whole = positions.sequence(list(sre.parse(pattern)))
        return _determinise(positions, whole, depth)
    except (_Overflow, RecursionError):
        raise TooLargeError(
            f"the strings of the pattern /{pattern}/ cannot be counted: it has more than "
            f"{MAX_STATES:,} states; write a simpler pattern, or shorter repeats"
        ) from None


class _Overflow(Exception):  # noqa: N818 (never leaves this module)
    """There are too many positions or states."""


@dataclass(frozen=True)
class _Piece:
    """A part of a pattern; ``first`` and ``last`` are bit masks of positions."""

    nullable: bool
    first: int
    last: int


_NOTHING = _Piece(True, 0, 0)


class _Positions:
    """Collects a pattern's positions: the characters of each, and what may follow it (a mask)."""

    def __init__(self, readable: bool) -> None:
        self.characters: list[Ranges] = []
        self.follow: list[int] = []
        self._open = PRINTABLE if readable else ALPHABET

    def sequence(self, parsed: Sequence[tuple[Any, Any]], dotall: bool = False) -> _Piece:
        whole = _NOTHING
        for op, argument in parsed:
            whole = self._then(whole, self._piece(str(op), argument, dotall))
        return whole

    def _piece(self, op: str, argument: Any, dotall: bool) -> _Piece:
        match op:
            case "LITERAL":
                return self._one(((argument, argument),))
            case "NOT_LITERAL":
                return self._one(self._without([(argument, argument)]))
            case "ANY":
                return self._one(self._without([] if dotall else [(10, 10)]))
            case "IN":
                return self._one(self._class(argument))
            case "BRANCH":
                options = [self.sequence(list(option), dotall) for option in argument[1]]
                first = last = 0
                for option in options:
                    first, last = first | option.first, last | option.last
                return _Piece(any(o.nullable for o in options), first, last)
            case "SUBPATTERN":
                # The pattern of a LIKE is one group in which a dot is any character.
                inside = dotall or bool(argument[1] & _DOTALL)
                return self.sequence(list(argument[-1]), inside)
            case "MAX_REPEAT" | "MIN_REPEAT":
                least, most, inner = argument
                limit = None if most is sre.MAXREPEAT else int(most)
                return self._repeat(list(inner), int(least), limit, dotall)
        raise ValueError(f"{op} is not of the common dialect")

    def _one(self, characters: Ranges) -> _Piece:
        if len(self.follow) >= MAX_POSITIONS:
            raise _Overflow
        self.characters.append(characters)
        self.follow.append(0)
        bit = 1 << (len(self.follow) - 1)
        return _Piece(False, bit, bit)

    def _then(self, one: _Piece, other: _Piece) -> _Piece:
        for at in bits(one.last):
            self.follow[at] |= other.first
        return _Piece(
            one.nullable and other.nullable,
            one.first | (other.first if one.nullable else 0),
            other.last | (one.last if other.nullable else 0),
        )

    def _repeat(
        self, inner: list[tuple[Any, Any]], least: int, most: int | None, dotall: bool
    ) -> _Piece:
        whole = _NOTHING
        for _ in range(least):
            whole = self._then(whole, self.sequence(inner, dotall))
        if most is None:
            again = self.sequence(inner, dotall)
            for at in bits(again.last):
                self.follow[at] |= again.first
            return self._then(whole, _Piece(True, again.first, again.last))
        for _ in range(most - least):
            again = self.sequence(inner, dotall)
            whole = self._then(whole, _Piece(True, again.first, again.last))
        return whole

    def _class(self, members: Sequence[tuple[Any, Any]]) -> Ranges:
        ranges = [(a, a) if str(op) == "LITERAL" else a for op, a in members if str(op) != "NEGATE"]
        if any(str(op) == "NEGATE" for op, _ in members):
            return self._without(ranges)
        return _common(_merged(ranges), ALPHABET)

    def _without(self, ranges: Sequence[tuple[int, int]]) -> Ranges:
        outside, start = [], 0
        for lo, hi in _merged(ranges):
            outside.append((start, lo - 1))
            start = hi + 1
        outside.append((start, ALPHABET[-1][1]))
        return _common(outside, self._open) or _common(outside, ALPHABET)


def bits(mask: int) -> Iterator[int]:
    """Yield the places of the bits that are set, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def _merged(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for lo, hi in sorted(ranges):
        if out and lo <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(hi, out[-1][1]))
        else:
            out.append((lo, hi))
    return out


def _common(one: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]]) -> Ranges:
    pairs = ((max(a, c), min(b, d)) for a, b in one for c, d in other)
    return tuple((lo, hi) for lo, hi in pairs if lo <= hi)


def _determinise(positions: _Positions, whole: _Piece, depth: int) -> Automaton:
    """Make states of sets of positions: those that may come next, and whether a string may end."""
    stretches = _stretches(positions.characters)
    start = (whole.first, whole.nullable)
    numbers = {start: 0}
    arcs: list[tuple[tuple[int, int, int], ...]] = []
    known: dict[int, tuple[int, bool]] = {}
    level = [start]
    for left in range(depth, -1, -1):
        following = []
        for expected, _ in level:
            own: list[tuple[int, int, int]] = []
            for lo, hi, able in stretches if left else ():
                read = expected & able
                if not read:
                    continue
                if read not in known:
                    after = 0
                    for at in bits(read):
                        after |= positions.follow[at]
                    known[read] = after, bool(read & whole.last)
                state = known[read]
                if state not in numbers:
                    if len(numbers) >= MAX_STATES:
                        raise _Overflow
                    numbers[state] = len(numbers)
                    following.append(state)
                target = numbers[state]
                if own and own[-1][1] == lo - 1 and own[-1][2] == target:
                    own[-1] = (own[-1][0], hi, target)
                else:
                    own.append((lo, hi, target))
            arcs.append(tuple(own))
        level = following
    return Automaton(tuple(arcs), tuple(accepting for _, accepting in numbers))


def _stretches(characters: Sequence[Ranges]) -> list[tuple[int, int, int]]:
    """Return the stretches (lo, hi) of code points no position tells apart, and who matches them.

    The third is the mask of the positions that do.
    """
    edges: dict[int, int] = {}
    for at, ranges in enumerate(characters):
        for lo, hi in ranges:
            edges[lo] = edges.get(lo, 0) ^ (1 << at)
            edges[hi + 1] = edges.get(hi + 1, 0) ^ (1 << at)
    out, able = [], 0
    points = sorted(edges)
    for point, after in pairwise(points):
        able ^= edges[point]
        if able:
            out.append((point, after - 1, able))
    return out
