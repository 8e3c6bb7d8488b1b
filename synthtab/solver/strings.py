"""Strings that fit a pattern of the common dialect (ir/patterns.py), of any length it allows.

A pattern is read by Python's own parser into a small tree. Each node knows the lengths it can
match, as a bit mask (bit n: some string of n characters), so that a string of a wanted length is
drawn without trial and error.
"""

from __future__ import annotations

import re
import re._parser as sre  # type: ignore[import-not-found]
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

# Characters to draw from where a pattern leaves them open.
_PLAIN = tuple((ord(a), ord(b)) for a, b in ("az", "AZ", "09"))
_PRINTABLE = ((32, 126),)
_HIGHEST = 0x10FFFF
# A pattern without an upper limit gives strings of at most this many characters more than it needs.
SLACK = 16


class Strings:
    """The strings of at most ``max_length`` characters that match ``pattern``.

    Without a pattern: words of letters and digits, the empty one included.
    """

    def __init__(self, pattern: str | None, max_length: int) -> None:
        self._pattern = pattern
        parsed = sre.parse(pattern or "")
        least = parsed.getwidth()[0]
        self._limit = min(max_length, least + SLACK)
        self._top = max_length
        self._root: _Node = (
            _Repeat(_Chars(_PLAIN), 0, max_length) if pattern is None else _sequence(list(parsed))
        )

    def has(self, text: str) -> bool:
        """Say whether a string is one of them."""
        fits = self._pattern is None or re.fullmatch(self._pattern, text) is not None
        return fits and len(text) <= self._top

    def lengths(self) -> tuple[int, ...]:
        """Return the lengths there are, up to a few more than the least."""
        return _positions(self._root.lengths(self._limit))

    def draw(self, rng: np.random.Generator, length: int | None = None) -> str | None:
        """Return one string, of ``length`` characters if given; None where there is none."""
        limit = self._limit if length is None else length
        if limit > self._top:
            return None
        found = _positions(self._root.lengths(limit)) if length is None else (length,)
        if not found or not self._root.lengths(limit) >> found[-1] & 1:
            return None
        return self._root.draw(rng, _pick(rng, found), limit)


class _Node(ABC):
    @abstractmethod
    def lengths(self, limit: int) -> int:
        """Return the mask of the lengths up to ``limit`` the node can match."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, length: int, limit: int) -> str:
        """Return a string of one of those lengths."""


class _Chars(_Node):
    """One character out of ranges of code points."""

    def __init__(self, ranges: Sequence[tuple[int, int]]) -> None:
        self._ranges = tuple(ranges)

    def lengths(self, limit: int) -> int:
        return 0b10 if limit and self._ranges else 0

    def draw(self, rng: np.random.Generator, length: int, limit: int) -> str:
        sizes = [hi - lo + 1 for lo, hi in self._ranges]
        at = int(rng.integers(sum(sizes)))
        for (lo, _), size in zip(self._ranges, sizes, strict=True):
            if at < size:
                return chr(lo + at)
            at -= size
        raise AssertionError("a position beyond the last range")


class _Either(_Node):
    """One of several alternatives."""

    def __init__(self, options: Sequence[_Node]) -> None:
        self._options = tuple(options)

    def lengths(self, limit: int) -> int:
        mask = 0
        for option in self._options:
            mask |= option.lengths(limit)
        return mask

    def draw(self, rng: np.random.Generator, length: int, limit: int) -> str:
        able = [o for o in self._options if o.lengths(limit) >> length & 1]
        return able[int(rng.integers(len(able)))].draw(rng, length, limit)


class _Row(_Node):
    """One node after the other."""

    def __init__(self, items: Sequence[_Node]) -> None:
        self._items = tuple(items)
        self._known: dict[int, tuple[int, ...]] = {}

    def lengths(self, limit: int) -> int:
        return self._suffixes(limit)[0]

    def draw(self, rng: np.random.Generator, length: int, limit: int) -> str:
        out = []
        suffixes = self._suffixes(limit)
        for at, item in enumerate(self._items):
            rest = suffixes[at + 1]
            able = [n for n in _positions(item.lengths(length)) if rest >> (length - n) & 1]
            taken = _pick(rng, able)
            out.append(item.draw(rng, taken, limit))
            length -= taken
        return "".join(out)

    def _suffixes(self, limit: int) -> tuple[int, ...]:
        if limit not in self._known:
            masks = [1]
            for item in reversed(self._items):
                masks.append(_plus(item.lengths(limit), masks[-1], limit))
            self._known[limit] = tuple(reversed(masks))
        return self._known[limit]


class _Repeat(_Node):
    """A node ``least`` to ``most`` times."""

    def __init__(self, item: _Node, least: int, most: int) -> None:
        self._item, self._least, self._most = item, least, most
        self._known: dict[int, tuple[int, ...]] = {}

    def lengths(self, limit: int) -> int:
        mask = 0
        for power in self._powers(limit)[self._least :]:
            mask |= power
        return mask

    def draw(self, rng: np.random.Generator, length: int, limit: int) -> str:
        powers = self._powers(limit)
        able = [k for k in range(self._least, len(powers)) if powers[k] >> length & 1]
        times = _pick(rng, able)
        own = _positions(self._item.lengths(limit))
        out = []
        for left in range(times - 1, -1, -1):
            fits = [n for n in own if n <= length and powers[left] >> (length - n) & 1]
            taken = _pick(rng, fits)
            out.append(self._item.draw(rng, taken, limit))
            length -= taken
        return "".join(out)

    def _powers(self, limit: int) -> tuple[int, ...]:
        """Return the masks of the node repeated 0, 1, 2, ... times, as far as that can matter."""
        if limit not in self._known:
            masks = [1]
            own = self._item.lengths(limit)
            for _ in range(min(self._most, self._least + limit)):
                masks.append(_plus(masks[-1], own, limit))
                if not masks[-1]:
                    break
            self._known[limit] = tuple(masks)
        return self._known[limit]


def _sequence(parsed: Sequence[tuple[Any, Any]]) -> _Node:
    items = [_node(op, argument) for op, argument in parsed]
    return items[0] if len(items) == 1 else _Row(items)


def _node(op: Any, argument: Any) -> _Node:
    """Turn one piece of Python's parse tree into a node."""
    match str(op):
        case "LITERAL":
            return _Chars([(argument, argument)])
        case "NOT_LITERAL":
            return _Chars(_without([(argument, argument)]))
        case "ANY":
            return _Chars(_PRINTABLE)
        case "IN":
            return _Chars(_class(argument))
        case "BRANCH":
            return _Either([_sequence(list(option)) for option in argument[1]])
        case "SUBPATTERN":
            return _sequence(list(argument[-1]))
        case "MAX_REPEAT" | "MIN_REPEAT":
            least, most, inner = argument
            return _Repeat(_sequence(list(inner)), int(least), int(most))
    raise ValueError(f"{op} is not of the common dialect")


def _class(members: Sequence[tuple[Any, Any]]) -> list[tuple[int, int]]:
    ranges = [(a, a) if str(op) == "LITERAL" else a for op, a in members if str(op) != "NEGATE"]
    negated = any(str(op) == "NEGATE" for op, _ in members)
    return _without(ranges) if negated else [tuple(r) for r in ranges]


def _without(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the printable ASCII characters outside ``ranges``, or any others if there are none."""
    for first, last in (*_PRINTABLE, (0xA1, _HIGHEST)):
        left, start = [], first
        for lo, hi in sorted(ranges):
            if lo > start:
                left.append((start, min(lo - 1, last)))
            start = max(start, hi + 1)
        left += [(start, last)] if start <= last else []
        left = [(a, b) for a, b in left if a <= b]
        if left:
            return left
    return []


def _plus(one: int, other: int, limit: int) -> int:
    """Return the mask of the sums of a length of one mask and a length of the other."""
    mask = 0
    for n in _positions(one):
        mask |= other << n
    return mask & ((1 << (limit + 1)) - 1)


def _positions(mask: int) -> tuple[int, ...]:
    return tuple(n for n in range(mask.bit_length()) if mask >> n & 1)


def _pick(rng: np.random.Generator, options: Sequence[int]) -> int:
    return options[int(rng.integers(len(options)))]
