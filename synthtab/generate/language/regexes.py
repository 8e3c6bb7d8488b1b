"""Values and rows as regular expressions, for engines that take such and nothing of ours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from synthtab.backends.ranges import escape
from synthtab.batch import Codes
from synthtab.generate.language.slots import Slot
from synthtab.generate.language.spelling import NULL, between, json_string, quoted, spell
from synthtab.generate.language.template import Template
from synthtab.generate.language.values import Walked, read_values
from synthtab.schema import (
    BooleanType,
    EnumType,
    TextType,
)
from synthtab.solver.feasible import Feasible

MOST_LISTED = 2_000
"""So many values of a set with gaps are listed; of more, the range of each piece is taken."""


def value_regex(slot: Slot, feasible: Feasible | None = None, row: int = 0) -> str | None:
    """Return the expression of a value as JSON spells it, of those that a row's set leaves.

    None where nothing is left. Texts are those of the column, as a set does not tell them apart;
    what a pattern matches must need no escape. A set of very many codes with a stride is relaxed
    to their range.
    """
    null = slot.column.optional and (feasible is None or bool(feasible.null[row]))
    if feasible is None:
        pieces = [(slot.lo, slot.hi)]
    else:
        ends = zip(feasible.lo[row].tolist(), feasible.hi[row].tolist(), strict=True)
        pieces = [
            (max(lo, slot.lo), min(hi, slot.hi))
            for lo, hi in ends
            if lo <= slot.hi and hi >= slot.lo
        ]
        pieces = [(lo, hi) for lo, hi in pieces if lo <= hi]
    stride = 1 if feasible is None else feasible.stride
    options = _ways(slot, pieces, stride) + ([NULL] if null else [])
    return _any(options) if options else None


def slot_regex(slot: Slot, feasible: Feasible | None = None, row: int = 0) -> str | None:
    """Return the expression of what stands between a key's colon and the byte after its value.

    With that byte an engine knows where a number ends. None where nothing is left.
    """
    found = value_regex(slot, feasible, row)
    return None if found is None else f" {found}{escape(_end_of(slot))}"


def _end_of(slot: Slot) -> str:
    """Return the character after a value and its quotes: a comma, or the row's brace."""
    return chr(slot.after[len(slot.closing)])


def in_slot(slot: Slot, value: str) -> bytes:
    """Return the bytes that a slot holds where a JSON text is its value."""
    body = value.removeprefix('"') if slot.quote_is_open else value
    return slot.opening + body.encode() + _end_of(slot).encode()


def row_regex(template: Template) -> str:
    """Return the expression of a whole row, a group for each value, without the line's end."""
    parts = [
        f"{escape(json_string(slot.column.name))}: ({value_regex(slot)})" for slot in template.slots
    ]
    return "\\{" + ", ".join(parts) + "\\}"


def split_row(template: Template, text: str) -> list[bytes | None]:
    """Return what each slot of a row holds, opening and closing included; None where no row is."""
    found = _loose(template.columns).match(text)
    if found is None:
        return [None] * len(template.slots)
    return [
        in_slot(slot, value) for slot, value in zip(template.slots, found.groups(), strict=True)
    ]


def read_rows(template: Template, texts: Sequence[str]) -> Walked:
    """Read whole rows (rows,) that were written as texts; their log-weights are not known (0)."""
    cut = [split_row(template, text) for text in texts]
    values = {
        slot.column.name: read_values(slot, [row[k] for row in cut])
        for k, slot in enumerate(template.slots)
    }
    return Walked(values, np.zeros(len(texts)), np.zeros(len(texts), dtype=bool))


@lru_cache(maxsize=64)
def _loose(names: tuple[str, ...]) -> re.Pattern[str]:
    """Return what cuts the values out of a row, whatever they are."""
    value = r'("(?:[^"\\]|\\.)*"|[^",}\n]+)'
    parts = [f"{re.escape(json_string(name))}: {value}" for name in names]
    return re.compile(r"\{" + ", ".join(parts) + r"\}")


def _ways(slot: Slot, pieces: list[tuple[int, int]], stride: int) -> list[str]:
    kind = slot.column.type
    if not pieces:
        return []
    match kind:
        case TextType(_, None):
            return [f'"{_characters(slot)}{{0,{slot.length}}}"']
        case TextType(_, pattern):
            return [f'"(?:{pattern})"']
        case EnumType() | BooleanType():
            return [escape(spell(slot.column, c)) for c in _listed(pieces, stride)]
    if stride > 1 and sum((hi - lo) // stride + 1 for lo, hi in pieces) <= MOST_LISTED:
        return [escape(spell(slot.column, c)) for c in _listed(pieces, stride)[::-1]]
    quote = '"' if quoted(slot.column) else ""
    return [f"{quote}{between(kind, lo, hi)}{quote}" for lo, hi in pieces[::-1]]


def _listed(pieces: list[tuple[int, int]], stride: int) -> list[int]:
    codes: Codes = np.concatenate([np.arange(lo, hi + 1, stride) for lo, hi in pieces])
    return [int(c) for c in np.unique(codes)]


def _characters(slot: Slot) -> str:
    """Return the class of a text's characters; those that JSON escapes are alternatives."""
    plain = [c for c in slot.alphabet if json_string(c) == f'"{c}"']
    escaped = [escape(json_string(c)[1:-1]) for c in slot.alphabet if json_string(c) != f'"{c}"']
    runs: list[tuple[int, int]] = []
    for code in sorted(map(ord, plain)):
        if runs and runs[-1][1] == code - 1:
            runs[-1] = (runs[-1][0], code)
        else:
            runs.append((code, code))
    inside = "".join(_in_class(a) if a == b else f"{_in_class(a)}-{_in_class(b)}" for a, b in runs)
    options = ([f"[{inside}]"] if inside else []) + escaped
    return options[0] if len(options) == 1 else _any(options)


def _in_class(code: int) -> str:
    return f"\\{chr(code)}" if chr(code) in "\\]^-[&~" else chr(code)


def _any(options: list[str]) -> str:
    return options[0] if len(options) == 1 else f"(?:{'|'.join(options)})"
