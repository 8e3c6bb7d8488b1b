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

from synthtab.backends.grammar import date_regex, number_regex
from synthtab.batch import Mask
from synthtab.generate.machine import DEAD, States, compile_regex
from synthtab.generate.places import Calendar, Choice, Digits, Symbols
from synthtab.generate.texts import Texts
from synthtab.generate.tokenizer import ColumnLayout, Layout


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
            parts = []
            if lo < 0:
                parts.append("-" + number_regex(max(1, -hi), -lo, width=digits.width))
            if hi >= 0:
                parts.append(number_regex(max(0, lo), hi, width=digits.width))
            return "|".join(f"(?:{part})" for part in parts)
        case Calendar() as calendar:
            return _calendar_regex(calendar)
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


def _calendar_regex(calendar: Calendar) -> str:
    """Return the regular expression of ISO dates, or dates and times, from ``lo`` to ``hi``."""
    per_day = calendar.per_day
    (first, from_tick), (last, to_tick) = divmod(calendar.lo, per_day), divmod(calendar.hi, per_day)
    if not calendar.clock:
        return date_regex(first, last)
    if first == last:
        return date_regex(first, first) + _clock_regex(calendar.clock, from_tick, to_tick)
    parts = [
        date_regex(first, first) + _clock_regex(calendar.clock, from_tick, per_day - 1),
        date_regex(last, last) + _clock_regex(calendar.clock, 0, to_tick),
    ]
    if last - first > 1:
        parts.append(
            f"(?:{date_regex(first + 1, last - 1)}){_clock_regex(calendar.clock, 0, per_day - 1)}"
        )
    return "|".join(f"(?:{part})" for part in parts)


def _clock_regex(clock: tuple[int, ...], lo: int, hi: int, mark: str = "T") -> str:
    """Return the regular expression of times of day between two ticks, as ``T14:05:00``."""
    worth = int(np.prod(clock[1:], dtype=np.int64))
    (first, rest_lo), (last, rest_hi) = divmod(lo, worth), divmod(hi, worth)
    if len(clock) == 1:
        return mark + number_regex(first, last, width=2)
    if first == last:
        return f"{mark}{first:02d}" + _clock_regex(clock[1:], rest_lo, rest_hi, ":")
    parts = []
    if rest_lo:
        parts.append(f"{first:02d}" + _clock_regex(clock[1:], rest_lo, worth - 1, ":"))
        first += 1
    if rest_hi < worth - 1:
        parts.append(f"{last:02d}" + _clock_regex(clock[1:], 0, rest_hi, ":"))
        last -= 1
    if first <= last:
        whole = _clock_regex(clock[1:], 0, worth - 1, ":")
        parts.append(f"(?:{number_regex(first, last, width=2)}){whole}")
    return mark + "(?:" + "|".join(f"(?:{part})" for part in parts) + ")"
