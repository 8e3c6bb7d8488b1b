"""Automata over the bytes of a value as a row spells it, from before its first to after its last.

outlines_core compiles a column's regular expression over the characters that its values are made
of: a dozen for numbers, so that it takes a millisecond. What JSON makes of a character (its bytes,
an escape) is then put in the place of it, and around the values the text of the row that tokens may
share with them. Values that are listed make a trie, in which a state stands for the values that
begin alike: a run of ranks in the order of their texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from synthtab.generate.language.slots import Slot
from synthtab.generate.language.spelling import NULL, between, json_string, quoted, spell
from synthtab.generate.machine import DEAD, Machine, compile_regex, distances
from synthtab.schema import (
    BooleanType,
    DatetimeType,
    DecimalType,
    EnumType,
    TextType,
)

BEFORE, IN_NULL, INSIDE, AFTER = range(4)
_DIGITS = tuple("0123456789")


@dataclass(frozen=True)
class ByteMachine:
    """A deterministic automaton over bytes; state 0 is dead, and every other can be finished.

    ``step`` (states, classes) int32 is the next state by the byte's class, ``classes`` (256,).
    Per state: ``zone`` says where in the row it is (before the value, in NULL, inside, after it);
    ``reads`` whether a byte read from here begins a character of the value; ``need`` how many more
    characters a value needs at least; ``rest`` how many bytes of the forced text are still to come
    (where the value is over); ``low`` and ``high`` the ranks [low, high) of listed values.
    ``ranks`` are the codes of listed values in the order of their texts.
    """

    step: NDArray[np.int32]
    classes: NDArray[np.int64]
    zone: NDArray[np.int8]
    reads: NDArray[np.bool_]
    need: NDArray[np.int64]
    rest: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    start: int
    ranks: NDArray[np.int64]

    def follow(self, state: int, text: bytes) -> int:
        """Return the state after some bytes; DEAD where they lead nowhere."""
        for byte in text:
            state = int(self.step[state, self.classes[byte]])
        return state


class _Builder:
    """States and edges so far."""

    def __init__(self) -> None:
        self.edges: list[dict[int, int]] = []
        self.zone: list[int] = []
        self.reads: list[bool] = []
        self.need: list[int] = []
        self.rest: list[int] = []
        self.low: list[int] = []
        self.high: list[int] = []
        self.state(BEFORE)  # the dead one

    def state(self, zone: int, *, reads: bool = False, need: int = 0, rest: int = 0) -> int:
        self.edges.append({})
        for values, value in (
            *((self.zone, zone), (self.need, need), (self.rest, rest)),
            *((self.low, 0), (self.high, 0)),
        ):
            values.append(value)
        self.reads.append(reads)
        return len(self.edges) - 1

    def path(self, source: int, text: bytes, zone: int, target: int | None = None) -> int:
        """Lead ``text`` from a state on, along what is there, to ``target`` or a new state."""
        for byte in text[:-1]:
            if byte not in self.edges[source]:
                self.edges[source][byte] = self.state(zone)
            source = self.edges[source][byte]
        if target is None:
            target = self.edges[source].get(text[-1])
            target = self.state(zone) if target is None else target
        self.edges[source][text[-1]] = target
        return target

    def finish(self, start: int, ranks: Iterable[int] = ()) -> ByteMachine:
        used = sorted({byte for edges in self.edges for byte in edges})
        classes = np.zeros(256, dtype=np.int64)
        classes[used] = np.arange(1, len(used) + 1)
        step = np.full((len(self.edges), len(used) + 1), DEAD, dtype=np.int32)
        for state, edges in enumerate(self.edges):
            if edges:
                step[state, classes[list(edges)]] = list(edges.values())
        ints = (np.array(v, dtype=np.int64) for v in (self.need, self.rest, self.low, self.high))
        need, rest, low, high = ints
        return ByteMachine(
            step,
            classes,
            np.array(self.zone, dtype=np.int8),
            np.array(self.reads),
            need,
            rest,
            low,
            high,
            start,
            np.array(list(ranks), dtype=np.int64),
        )


def byte_machine(slot: Slot) -> ByteMachine:
    """Return the automaton of what a column may hold by its type and range.

    Raises UsageError where its pattern cannot be followed.
    """
    built, start, entry, following = _surroundings(slot)
    if isinstance(slot.column.type, EnumType | BooleanType):
        return built.finish(start, _list(built, slot, entry, following))
    alphabet, machine = _value_machine(slot)
    text = isinstance(slot.column.type, TextType)
    spelled = [(json_string(c)[1:-1] if text else c).encode() for c in alphabet]
    _spell_machine(built, machine, spelled, entry, (slot.after[0], following))
    return built.finish(start)


def loose_machine(slot: Slot) -> ByteMachine:
    """Return the automaton of any JSON value in a slot, by which one written freely is cut out."""
    built, start, entry, following = _surroundings(slot, null=False)
    inside = built.state(INSIDE, reads=True)
    escape = built.state(INSIDE)
    every = set(range(256))
    for byte in every - {0x22, 0x5C}:
        built.edges[inside][byte] = inside
    for byte in every:
        built.edges[escape][byte] = inside
    built.edges[inside] |= {0x5C: escape, 0x22: following}
    if slot.quote_is_open:
        built.edges[entry] = dict(built.edges[inside])
        return built.finish(start)
    plain = built.state(INSIDE)
    # The first byte of the row after a value that has no quote around it.
    at = len(slot.closing)
    ended = following if not at else built.edges[following][slot.after[at]]
    for byte in every - {0x22, slot.after[at], 0x0A}:
        built.edges[plain][byte] = plain
        built.edges[entry][byte] = plain
    built.edges[plain][slot.after[at]] = ended
    if quoted(slot.column):
        built.edges[entry][0x22] = inside
    return built.finish(start)


def _surroundings(slot: Slot, *, null: bool = True) -> tuple[_Builder, int, int, int]:
    """Return a builder with what stands around a value.

    The start, the state that values begin in, and the first one after a value follow.
    """
    built = _Builder()
    size = len(slot.after)
    after = [built.state(AFTER, rest=size - k) for k in range(1, size + 1)]
    for k, (here, there) in enumerate(pairwise(after), 1):
        built.edges[here][slot.after[k]] = there
    start = built.state(BEFORE)
    entry = built.path(start, slot.opening, BEFORE) if slot.opening else start
    gate = entry
    if quoted(slot.column) and slot.column.optional:
        entry = built.state(INSIDE)
        if null:
            built.edges[gate][0x22] = entry
    built.reads[entry] = True
    if null and slot.column.optional:
        last = built.path(gate, NULL.encode(), IN_NULL)
        at = len(slot.closing)
        built.edges[last][slot.after[at]] = after[at]
    return built, start, entry if null else gate, after[0]


def _list(built: _Builder, slot: Slot, entry: int, following: int) -> list[int]:
    """Put in the listed values as a trie; return their codes in the order of their texts."""
    cut = slice(1, -1) if quoted(slot.column) else slice(None)
    texts = {code: spell(slot.column, code)[cut].encode() for code in range(slot.lo, slot.hi + 1)}
    ranks = sorted(texts, key=lambda code: texts[code])
    built.high[entry] = len(ranks)
    for rank, code in enumerate(ranks):
        node = entry
        for byte in texts[code]:
            if byte not in built.edges[node]:
                new = built.state(INSIDE)
                built.edges[node][byte] = new
                built.low[new] = rank
            node = built.edges[node][byte]
            built.high[node] = rank + 1
        built.edges[node][slot.after[0]] = following
    return ranks


@lru_cache(maxsize=1024)
def _compiled(pattern: str, alphabet: tuple[str, ...]) -> Machine:
    return compile_regex(pattern, alphabet)


def _value_machine(slot: Slot) -> tuple[tuple[str, ...], Machine]:
    """Return the characters of a column's values, and the automaton over them, quotes apart."""
    match slot.column.type:
        case TextType(_, None):
            return slot.alphabet, _anything(len(slot.alphabet))
        case TextType(_, str() as pattern):
            return slot.alphabet, _compiled(pattern, slot.alphabet)
        case DecimalType():
            marks = "-."
        case DatetimeType():
            marks = "-:T"
        case _:
            marks = "-"
    alphabet = (*_DIGITS, *marks)
    return alphabet, _compiled(between(slot.column.type, slot.lo, slot.hi), alphabet)


def _anything(size: int) -> Machine:
    """Return the automaton of every string over an alphabet."""
    step = np.array([[DEAD] * size, [1] * size], dtype=np.int32).reshape(2, size)
    return Machine(step, np.array([False, True]), 1)


def _spell_machine(
    built: _Builder, machine: Machine, spelled: Sequence[bytes], entry: int, end: tuple[int, int]
) -> None:
    """Put in an automaton over characters, each of them ``spelled`` in bytes.

    ``end`` is the byte that follows a value, and the state it leads to.
    """
    far = distances(machine)
    own = {
        state: built.state(INSIDE, reads=True, need=int(far[state]))
        for state in range(1, len(machine.step))
    }
    # What a value begins in is a state of its own: it may stand for what comes before as well.
    for source, state in (*((own[s], s) for s in own), (entry, machine.start)):
        for number in np.flatnonzero(machine.step[state]).tolist():
            to = own[int(machine.step[state, number])]
            built.path(source, spelled[number], INSIDE, to)
        if machine.final[state]:
            built.edges[source][end[0]] = end[1]
    built.need[entry] = int(far[machine.start])
    _needs(built)


def _needs(built: _Builder) -> None:
    """Give states within a character the need of what the nearest whole one leaves."""
    for state in range(len(built.edges) - 1, 0, -1):
        if built.zone[state] == INSIDE and not built.reads[state] and built.edges[state]:
            built.need[state] = min(built.need[to] for to in built.edges[state].values())
