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
    vocabulary = Vocabulary(len(texts), {t.encode(): [k] for k, t in enumerate(texts)})
    try:
        index = Index(pattern, vocabulary)
    except ValueError as problem:
        raise UsageError(f"the pattern /{pattern}/ cannot be followed: {problem}") from None
    found = index.get_transitions()
    finals = index.get_final_states()
    initial = index.get_initial_state()
    names = {initial, *found, *finals}
    names.update(to for row in found.values() for to in row.values())
    number = {name: k for k, name in enumerate(sorted(names), DEAD + 1)}
    step = np.full((len(number) + 1, len(texts)), DEAD, dtype=np.int32)
    for name, row in found.items():
        for text, to in row.items():
            if text < len(texts):
                step[number[name], text] = number[to]
    final = np.zeros(len(number) + 1, dtype=bool)
    final[[number[name] for name in finals]] = True
    return Machine(step, final, number[initial])


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
