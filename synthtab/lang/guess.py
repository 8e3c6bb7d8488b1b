"""What strings look like: numbers, dates, booleans, or texts of one shape."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})", re.ASCII)
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_DATETIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?", re.ASCII)
# A shape is worth printing when this many different values share it.
LEAST_OF_A_SHAPE = 5
MAX_SHAPE = 40
_CLASSES = (
    ("0123456789", "[0-9]"),
    ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "[A-Z]"),
    ("abcdefghijklmnopqrstuvwxyz", "[a-z]"),
)
_PUNCTUATION = frozenset(" -_/.:,;@#+()")


def from_strings(
    values: Sequence[str],
) -> Literal["boolean"] | list[int | Decimal] | list[date] | list[datetime] | None:
    """Return what all the strings stand for, or None where they are just strings.

    Numbers with leading zeros are strings: they are codes.
    """
    if {v.lower() for v in values} <= {"true", "false"}:
        return "boolean"
    numbers: list[int | Decimal] = []
    if all(map(_INTEGER.fullmatch, values)):
        numbers.extend(map(int, values))
        return numbers
    if all(map(_DECIMAL.fullmatch, values)):
        numbers.extend(map(Decimal, values))
        return numbers
    try:
        if all(map(_DATE.fullmatch, values)):
            return [date.fromisoformat(v) for v in values]
        if all(map(_DATETIME.fullmatch, values)):
            return [datetime.fromisoformat(v) for v in values]
    except ValueError:  # the 30th of February
        return None
    return None


def text_pattern(values: Sequence[str]) -> str | None:
    """Return a pattern that all the strings fit, if they are all built alike, else None.

    Position by position: a digit, a capital, a small letter, or one and the same mark.
    """
    lengths = {len(v) for v in values}
    if len(values) < LEAST_OF_A_SHAPE or len(lengths) != 1 or not 0 < max(lengths) <= MAX_SHAPE:
        return None
    places = [_class_of({v[at] for v in values}) for at in range(max(lengths))]
    if None in places or not any(p and p.startswith("[") for p in places):
        return None
    runs: list[tuple[str, int]] = []
    for place in places:
        if place is not None and runs and runs[-1][0] == place:
            runs[-1] = (place, runs[-1][1] + 1)
        elif place is not None:
            runs.append((place, 1))
    return "".join(p if n == 1 else f"{p}{{{n}}}" for p, n in runs)


def _class_of(characters: set[str]) -> str | None:
    """Return the class or character that covers the characters of one position."""
    if len(characters) == 1 and (mark := next(iter(characters))) in _PUNCTUATION:
        return mark if mark in " -_/:,;@#" else f"\\{mark}"
    for members, pattern in _CLASSES:
        if characters <= set(members):
            return pattern
    return None
