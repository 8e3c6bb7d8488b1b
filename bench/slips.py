"""Slips of the pen: one value of a column made into another that somebody might have typed."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np

from synthtab.schema import (
    BooleanType,
    ColumnType,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    TextType,
    Value,
    decode_value,
    encode_value,
    type_domain,
)

TRIES = 20


def mistyped(kind: ColumnType, code: int, rng: np.random.Generator) -> int | None:
    """Return the code of another value of the type: one slip away from ``code``.

    A number has a digit changed, dropped or doubled, a date a digit changed; an enum or boolean is
    another one. None where no slip is found, and for texts.
    """
    if isinstance(kind, TextType):
        return None
    if isinstance(kind, EnumType | BooleanType):
        others = [c for c in range(type_domain(kind)[1] + 1) if c != code]
        return int(rng.choice(others)) if others else None
    for _ in range(TRIES):
        if isinstance(kind, DateType | DatetimeType):
            made = _moment(kind, decode_value(kind, code), rng)
        else:
            made = _number(code, kind.scale if isinstance(kind, DecimalType) else 0, rng)
        lo, hi = type_domain(kind)
        if made is not None and made != code and lo <= made <= hi:
            return made
    return None


def garbled(text: str, rng: np.random.Generator) -> str | None:
    """Return the text with one letter or digit changed; None where it has neither."""
    places = [at for at, mark in enumerate(text) if mark.isascii() and mark.isalnum()]
    if not places:
        return None
    at = int(rng.choice(places))
    alike = next(
        marks
        for marks in ("0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        if text[at] in marks
    )
    return text[:at] + str(rng.choice([m for m in alike if m != text[at]])) + text[at + 1 :]


def _number(code: int, scale: int, rng: np.random.Generator) -> int:
    digits = str(abs(code)).rjust(scale + 1, "0")
    at = int(rng.integers(len(digits)))
    slip = rng.integers(3)
    if slip == 0:
        digits = digits[:at] + str(rng.integers(10)) + digits[at + 1 :]
    elif slip == 1:
        digits = digits[:at] + digits[at + 1 :] or digits
    else:
        digits = digits[:at] + digits[at] + digits[at:]
    return -int(digits) if code < 0 else int(digits)


def _moment(kind: DateType | DatetimeType, value: Value, rng: np.random.Generator) -> int | None:
    """Return the code of a day or moment with one digit changed; None where there is no such."""
    assert isinstance(value, date)
    text = value.isoformat()
    at = int(rng.choice([k for k, mark in enumerate(text) if mark.isdigit()]))
    text = text[:at] + str(rng.integers(10)) + text[at + 1 :]
    try:
        made = datetime.fromisoformat(text) if isinstance(value, datetime) else None
        return encode_value(kind, made or date.fromisoformat(text))
    except ValueError:
        return None
