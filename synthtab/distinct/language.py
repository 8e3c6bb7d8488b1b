"""The strings of a pattern, numbered: how many there are, and the k-th of them.

Strings are numbered by length, and those of one length by their characters' code points. The number
of strings from each state of the automaton on, for each number of characters left, leads to the
k-th one directly.
"""

from __future__ import annotations

import re._parser as sre  # type: ignore[import-not-found]
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from synthtab.distinct.automaton import Automaton, automaton
from synthtab.schema import TextType

Strings = NDArray[np.object_]
Indices = NDArray[np.int64]

# Where there are more strings than this, the longer ones are left out.
MOST = 2**1000
# What fits an int64, sums of two included.
SMALL = 2**62
# A readable string has at most this many characters more than its pattern needs.
SLACK = 16
# Words that can be said, for texts without a pattern: consonants and vowels take turns.
_WORDS = "[bcdfghjklmnprstvwz]?(?:[aeiou][bcdfghjklmnprstvwz]){0,4}[aeiou]?"
_ANYTHING = "(?:.|\\n)*"


class Language:
    """The strings of at most ``longest`` characters that an automaton accepts, numbered from 0.

    ``lengths`` are the lengths there are, ascending, ``sizes`` how many strings each has; ``size``
    is the number of all.
    """

    def __init__(self, machine: Automaton, longest: int, shortest: int = 0) -> None:
        self._machine = machine
        # How many strings of exactly r characters lead from state s to acceptance: [r][s].
        self._counts: list[list[int]] = []
        found: dict[int, int] = {}
        total = 0
        for length in range(longest + 1):
            self._counts.append(self._following(length))
            many = self._counts[length][0]
            if many and length >= shortest:
                found[length] = many
                total += many
            if total >= MOST or not any(self._counts[length]):
                break
        self.lengths = tuple(found)
        self.sizes = tuple(found.values())
        self.size = total

    def _following(self, length: int) -> list[int]:
        if length == 0:
            return [int(a) for a in self._machine.accepting]
        before = self._counts[length - 1]
        return [
            sum((hi - lo + 1) * before[target] for lo, hi, target in arcs)
            for arcs in self._machine.arcs
        ]

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(self.sizes))

    def one(self, index: int) -> str:
        """Return the string of that number. Raises IndexError where there is none."""
        if not 0 <= index < self.size:
            raise IndexError(f"there is no string {index:,}; there are {self.size:,}")
        which = bisect_right(self._ends, index)
        index -= self._ends[which] - self.sizes[which]
        state, out = 0, []
        for left in range(self.lengths[which] - 1, -1, -1):
            for lo, hi, target in self._machine.arcs[state]:
                each = self._counts[left][target]
                here = (hi - lo + 1) * each
                if index < here:
                    step, index = divmod(index, each)
                    out.append(chr(lo + step))
                    state = target
                    break
                index -= here
        return "".join(out)

    def many(self, indices: Indices) -> Strings:
        """Return the strings (n,) of these numbers, all below 2**62."""
        which = np.searchsorted([min(e, SMALL) for e in self._ends], indices, side="right")
        out = np.empty(len(indices), dtype=object)
        for at in np.unique(which):
            rows = np.flatnonzero(which == at)
            rest = indices[rows] - (self._ends[at] - self.sizes[at])
            out[rows] = self._spelled(_Numbered(rest), self.lengths[at])
        return out

    def draw(self, n: int, rng: np.random.Generator, *, by_length: bool = False) -> Strings:
        """Draw strings (n,), with repetition, uniformly over all.

        ``by_length`` draws a length first, uniformly, and a string of that length then: few of a
        pattern's strings are short. Raises ValueError where there are no strings.
        """
        if not self.size:
            raise ValueError("there are no strings")
        shares = np.array([1.0 if by_length else _ratio(s, self.size) for s in self.sizes])
        which = rng.choice(len(shares), n, p=shares / shares.sum())
        out = np.empty(n, dtype=object)
        for at in np.unique(which):
            rows = np.flatnonzero(which == at)
            out[rows] = self._spelled(_Drawn(rng, len(rows)), self.lengths[at])
        return out

    def _spelled(self, choice: _Choice, length: int) -> Strings:
        """Return strings of one length, whose characters ``choice`` picks arc by arc."""
        states = np.zeros(choice.rows, dtype=np.int64)
        letters = np.empty((choice.rows, length), dtype=np.uint32)
        for at in range(length):
            counts = self._counts[length - at - 1]
            after = np.empty_like(states)
            for state in np.unique(states):
                rows = np.flatnonzero(states == state)
                arcs = [a for a in self._machine.arcs[state] if counts[a[2]]]
                lows, highs, targets = np.array(arcs, dtype=np.int64).T
                each = [counts[t] for t in targets]
                taken, step = choice.pick(rows, (highs - lows + 1).tolist(), each)
                letters[rows, at] = lows[taken] + step
                after[rows] = targets[taken]
            states = after
        return _joined(letters)


class _Choice(Protocol):
    """Which arc each of ``rows`` rows takes, and which of its characters."""

    rows: int

    def pick(
        self, rows: Indices, widths: Sequence[int], each: Sequence[int]
    ) -> tuple[Indices, Indices]:
        """Return the arc (m,) and the character's place on it (m,) for some rows.

        Arc k has ``widths[k]`` characters, and ``each[k]`` strings go on from each of them.
        """


class _Numbered:
    """The choices that lead to the strings of given numbers among those of one length."""

    def __init__(self, rest: Indices) -> None:
        self._rest = rest
        self.rows = len(rest)

    def pick(
        self, rows: Indices, widths: Sequence[int], each: Sequence[int]
    ) -> tuple[Indices, Indices]:
        ends = [min(e, SMALL) for e in accumulate(w * e for w, e in zip(widths, each, strict=True))]
        starts = np.array([0, *ends[:-1]], dtype=np.int64)
        sizes = np.array([min(e, SMALL) for e in each], dtype=np.int64)
        left = self._rest[rows]
        taken = np.searchsorted(np.array(ends, dtype=np.int64), left, side="right")
        step, self._rest[rows] = np.divmod(left - starts[taken], sizes[taken])
        return taken, step


class _Drawn:
    """Choices at random, in proportion to the strings that follow."""

    def __init__(self, rng: np.random.Generator, rows: int) -> None:
        self._rng = rng
        self.rows = rows

    def pick(
        self, rows: Indices, widths: Sequence[int], each: Sequence[int]
    ) -> tuple[Indices, Indices]:
        here = [w * e for w, e in zip(widths, each, strict=True)]
        whole = sum(here)
        if len(here) == 1:
            taken = np.zeros(len(rows), dtype=np.int64)
        else:
            ladder = np.cumsum([_ratio(h, whole) for h in here])
            at = self._rng.random(len(rows)) * ladder[-1]
            taken = np.minimum(np.searchsorted(ladder, at, side="right"), len(here) - 1)
        return taken, self._rng.integers(0, np.array(widths, dtype=np.int64)[taken])


def _ratio(part: int, whole: int) -> float:
    """Divide as Python does: exactly rounded however long the numbers are."""
    return part / whole


def _joined(letters: NDArray[np.uint32]) -> Strings:
    """Turn rows of code points (n, length) into strings (n,)."""
    rows, length = letters.shape
    out = np.full(rows, "", dtype=object)
    if not length or not rows:
        return out
    out[:] = np.ascontiguousarray(letters).view(f"<U{length}")[:, 0].astype(object)
    # NumPy takes a NUL at the end for padding.
    for row in np.flatnonzero(letters[:, -1] == 0):
        out[row] = "".join(map(chr, letters[row]))
    return out


@lru_cache(maxsize=64)
def language(kind: TextType) -> Language:
    """Return all strings a text column may hold.

    Where there are more than 2**1000, the longer ones are left out. Raises TooLargeError for a
    pattern with too many states.
    """
    pattern = _ANYTHING if kind.pattern is None else kind.pattern
    return Language(automaton(pattern, kind.max_length), kind.max_length)


@lru_cache(maxsize=64)
def readable(kind: TextType) -> Language:
    """Return those of them that people can read: of a moderate length, in printable characters.

    Without a pattern they are words that can be said, of three letters or more where there is room.
    Raises TooLargeError as :func:`language` does.
    """
    if kind.pattern is None:
        longest = min(kind.max_length, 10)
        return Language(automaton(_WORDS, longest, readable=True), longest, min(longest, 3))
    longest = min(kind.max_length, sre.parse(kind.pattern).getwidth()[0] + SLACK)
    return Language(automaton(kind.pattern, longest, readable=True), longest)
