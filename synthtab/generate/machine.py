"""Regular expressions as dense tables, so that a whole batch follows one by indexing."""

from __future__ import annotations

import string
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from outlines_core import Index, Vocabulary

from synthtab.errors import UsageError

States = NDArray[np.int32]
DEAD = 0
_START, _END = "\U0010fffe", "\U0010ffff"


@dataclass(frozen=True)
class Machine:
    """A deterministic automaton over a list of token texts.

    ``step`` (states, texts) int32 is the next state, ``final`` (states,) says where a value may
    end. State 0 is dead: it leads only to itself. Every other state can reach a final one by some
    texts.
    """

    step: States
    final: NDArray[np.bool_]
    start: int


def compile_regex(pattern: str, texts: tuple[str, ...]) -> Machine:
    """Compile a regular expression over a vocabulary of non-empty, distinct texts.

    Raises UsageError where the pattern is not of the dialect (no look-around, no back-references),
    or nothing written with these texts matches it.
    """
    # Marks of our own around the pattern, for two faults of outlines_core 0.2.14. Without an end,
    # transitions from a final state to one that is not are lost: (ab)+ then matches ab alone.
    # Without a start, a match is also sought from each later place on, which for the range of a
    # number of 16 digits takes minutes instead of a millisecond.
    ending = len(texts)
    ids = {text.encode(): [k] for k, text in enumerate((*texts, _END, _START))}
    try:
        index = Index(f"{_START}(?:{pattern}){_END}", Vocabulary(ending + 2, ids))
    except ValueError as problem:
        raise UsageError(f"the pattern /{pattern}/ cannot be followed: {problem}") from None
    found = index.get_transitions()
    initial = found[index.get_initial_state()][ending + 1]
    ended = set(index.get_final_states())
    names = {initial, *found}
    names.update(to for row in found.values() for to in row.values())
    number = {name: k for k, name in enumerate(sorted(names), DEAD + 1)}
    step = np.full((len(number) + 1, ending), DEAD, dtype=np.int32)
    final = np.zeros(len(number) + 1, dtype=bool)
    for name, row in found.items():
        for text, to in row.items():
            if text < ending:
                step[number[name], text] = number[to]
            elif text == ending:
                final[number[name]] = to in ended
    return _pruned(step, final, number[initial])


def _pruned(step: States, final: NDArray[np.bool_], start: int) -> Machine:
    """Drop the states that cannot be reached or cannot finish."""
    finishing = distances(Machine(step, final, start)) >= 0
    if not finishing[start]:
        raise UsageError("a pattern that nothing matches cannot be followed")
    reached = np.zeros(len(step), dtype=bool)
    frontier = np.array([start])
    while len(frontier):
        reached[frontier] = True
        following = np.unique(step[frontier])
        frontier = following[finishing[following] & ~reached[following]]
    kept = np.flatnonzero(reached)
    number = np.full(len(step), DEAD, dtype=np.int32)
    number[kept] = np.arange(1, len(kept) + 1)
    dead = np.full((1, step.shape[1]), DEAD, dtype=np.int32)
    new = np.vstack([dead, number[step[kept]]])
    return Machine(new, np.append(False, final[kept]), int(number[start]))


def distances(machine: Machine) -> NDArray[np.int64]:
    """Return how many texts each state (states,) is from a final one at least; -1 where none is."""
    step = machine.step
    out = np.where(machine.final, 0, -1)
    for distance in range(1, len(out) + 1):
        new = (out[step] == distance - 1).any(axis=1) & (out < 0)
        if not new.any():
            break
        out[new] = distance
    return out.astype(np.int64)


@lru_cache(maxsize=256)
def pattern_alphabet(pattern: str) -> frozenset[str]:
    """Return the printable ASCII characters, and those of the pattern, that a match may hold.

    Empty where no match can be written with them.
    """
    candidates = tuple(sorted({*string.printable[:95], *pattern}))
    try:
        machine = compile_regex(pattern, candidates)
    except UsageError:
        return frozenset()
    alive = distances(machine) >= 0
    used = np.asarray(alive[machine.step].any(axis=0)).tolist()
    return frozenset(c for c, is_used in zip(candidates, used, strict=True) if is_used)


def shortest_match(pattern: str, alphabet: frozenset[str] | set[str]) -> int:
    """Return the length of the shortest match written with ``alphabet``.

    Raises UsageError where there is none.
    """
    machine = compile_regex(pattern, tuple(sorted(alphabet)))
    return int(distances(machine)[machine.start])
