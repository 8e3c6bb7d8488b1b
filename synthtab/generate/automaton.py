"""What a column's type and range allow, followed for a whole batch at once.

Each column's regular expression is compiled once by outlines_core over the texts of the column's
symbols and exported to a dense table, state x text. Symbols of different positions may share a
text (01 is both a group of digits and an hour), so every position maps its symbols to texts of its
own: the table is indexed twice. A state is allowed at a position only if a whole value can be
finished in the positions that are left; so no row ever gets stuck.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.ranges import date_regex, datetime_regex, number_regex
from synthtab.batch import Mask
from synthtab.generate.machine import DEAD, States, compile_regex
from synthtab.generate.places import Calendar, Choice, Digits, Symbols
from synthtab.generate.texts import Texts
from synthtab.generate.tokenizer import ColumnLayout, Layout
from synthtab.schema import DAY_SECONDS


@dataclass(frozen=True)
class ColumnAutomaton:
    """The automaton of one column, unrolled over its positions.

    ``step`` (states, texts) int32 is the next state, DEAD for none; ``texts[p]`` (symbols of p,)
    says which text each symbol is; ``alive[p]`` (states,) says which states may be held after p
    symbols.
    """

    step: States
    texts: tuple[NDArray[np.int64], ...]
    alive: tuple[Mask, ...]
    start: int

    def begin(self, rows: int) -> States:
        """Return the state (rows,) before the first position."""
        return np.full(rows, self.start, dtype=np.int32)

    def allowed(self, position: int, states: States) -> Mask:
        """Say which symbols (rows, symbols) may come next."""
        following = self.step[states[:, None], self.texts[position]]
        return self.alive[position + 1][following]

    def advance(self, position: int, states: States, symbols: Symbols) -> States:
        """Return the states (rows,) after one more symbol each; DEAD where it is not allowed."""
        following = self.step[states, self.texts[position][symbols]]
        return np.where(self.alive[position + 1][following], following, DEAD).astype(np.int32)


def automata(layout: Layout) -> tuple[ColumnAutomaton, ...]:
    """Build the automaton of every column of a layout, in its order."""
    return tuple(automaton_of(column) for column in layout.columns)


def automaton_of(layout: ColumnLayout) -> ColumnAutomaton:
    """Build one column's automaton; UsageError where its pattern cannot be followed."""
    spellings = _spellings(layout)
    texts = tuple(sorted({text for position in spellings for text in position}))
    index = {text: k for k, text in enumerate(texts)}
    machine = compile_regex(layout_regex(layout), texts)
    # Two texts that no value has: the end (also padding), and NULL; one state that only pads.
    end, null, padding = len(texts), len(texts) + 1, len(machine.final)
    step = np.full((padding + 1, len(texts) + 2), DEAD, dtype=np.int32)
    step[:padding, : len(texts)] = machine.step
    step[padding, end] = padding
    step[machine.start, null] = padding
    if isinstance(layout.places, Texts):
        step[np.flatnonzero(machine.final), end] = padding
    final = np.append(machine.final, True)

    symbol_texts = []
    for position, position_texts in enumerate(spellings):
        known = [index[text] for text in position_texts]
        pad = layout.padding(position)
        if pad is not None:
            known.append(end)
        if position == 0 and layout.null is not None:
            known.append(null)
        symbol_texts.append(np.array(known, dtype=np.int64))

    alive = [final]
    for known_texts in reversed(symbol_texts):
        alive.append(alive[-1][step[:, known_texts]].any(axis=1) & (np.arange(len(step)) != DEAD))
    return ColumnAutomaton(step, tuple(symbol_texts), tuple(reversed(alive)), machine.start)


def layout_regex(layout: ColumnLayout) -> str:
    """Return the regular expression of a column's values as the layout spells them, NULL apart."""
    match layout.places:
        case Choice(lo, hi):
            return f"[{chr(_PRIVATE)}-{chr(_PRIVATE + hi - lo)}]"
        case Digits(lo, hi) as digits:
            return number_regex(lo, hi, width=digits.width)
        case Calendar(lo, hi, ()):
            return date_regex(lo, hi)
        case Calendar(lo, hi, _) as calendar:
            return datetime_regex(lo, hi, DAY_SECONDS // calendar.per_day, mark="T")
        case Texts(_, _, pattern):
            return "(?s:.)*" if pattern is None else pattern


# A column of few codes has one character per code, from a plane that is nobody's.
_PRIVATE = 0xF0000


def _spellings(layout: ColumnLayout) -> Sequence[Sequence[str]]:
    match layout.places:
        case Choice(lo, hi):
            return [[chr(_PRIVATE + k) for k in range(hi - lo + 1)]]
        case Texts() as places:
            return [places.alphabet] * places.length
        case Digits() | Calendar() as places:
            return places.spellings()
