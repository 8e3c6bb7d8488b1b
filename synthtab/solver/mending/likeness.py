"""How much a new value looks like a slip of the old one, and like the rest of its column."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Codes, Mask
from synthtab.ir.calendar import civil_from_days
from synthtab.schema import (
    BooleanType,
    ColumnType,
    DatetimeType,
    DateType,
    EnumType,
    TextType,
)

DIGITS = 19


def is_ordered(kind: ColumnType) -> bool:
    """Say whether a column's codes are amounts: numbers, dates, datetimes."""
    return not isinstance(kind, TextType | EnumType | BooleanType)


def alike(one: ColumnType, other: ColumnType) -> bool:
    """Say whether codes mean the same in two columns: all texts have one pool of strings."""
    return one == other or (isinstance(one, TextType) and isinstance(other, TextType))


def slip(kind: ColumnType, old: Codes, new: Codes) -> Mask:
    """Say where one of two values is a slip of the other, (cells,) bool.

    That is one digit mistyped, two neighbours exchanged, a digit too many or too few, the wrong
    sign; of dates also day and month exchanged.
    """
    if isinstance(kind, DatetimeType):
        per_day = 86_400 // kind.resolution
        # The same time of day on another day, or another time on the same day.
        same_time = old % per_day == new % per_day
        days = slip(DateType(), old // per_day, new // per_day)
        return np.asarray(np.where(same_time, days, old // per_day == new // per_day))
    if isinstance(kind, DateType):
        old, new = _written(old), _written(new)
        swapped = _swapped_parts(old) == new
        return np.asarray(_one_slip(old, new) | (swapped & (old != new)))
    sign = (old == -new) & (old != 0)
    size, other = np.abs(old), np.abs(new)
    same_sign = (old < 0) == (new < 0)
    shifted = (size == other * 10) | (other == size * 10)
    shifted |= (size // 10 == other) | (other // 10 == size)
    found = _one_slip(size, other) | (shifted & (size > 0) & (other > 0))
    return np.asarray(sign | (found & same_sign))


def distance(kind: ColumnType, old: Codes, new: Codes, column: Codes) -> NDArray[np.float64]:
    """Return how far a change is from what could be expected, 0 to 2 (cells,) float.

    A slip is 0. Else it grows with the change, seen in the spread of the ``column``'s values,
    and is more where the new value lies beyond all of them.
    """
    if not is_ordered(kind):
        return np.ones(len(old))
    low, high = _ends(column)
    spread = max(high - low, 1.0)
    change = np.abs(new.astype(float) - old.astype(float)) / spread
    beyond = (new < low) | (new > high)
    far = 0.2 + 0.6 * change / (1.0 + change) + 0.6 * beyond
    return np.where(slip(kind, old, new), 0.6 * beyond, far)


def _ends(column: Codes) -> tuple[float, float]:
    if not len(column):
        return 0.0, 1.0
    low, high = np.quantile(column.astype(float), [0.005, 0.995])
    return float(low), float(high)


def digits(values: Codes) -> Codes:
    """Return the decimal digits of values that are not negative, lowest first, (n, 19)."""
    powers = 10 ** np.arange(DIGITS, dtype=np.int64)
    return np.asarray(values[:, None] // powers % 10)


def _one_slip(old: Codes, new: Codes) -> Mask:
    first, second = digits(old), digits(new)
    differ = first != second
    count = differ.sum(axis=1)
    turned = np.zeros(len(old), bool)
    pairs = differ[:, 1:] & differ[:, :-1]
    crossed = (first[:, 1:] == second[:, :-1]) & (first[:, :-1] == second[:, 1:])
    turned |= (pairs & crossed).any(axis=1) & (count == 2)
    return np.asarray((count == 1) | turned)


def _written(days: Codes) -> Codes:
    """Return dates as numbers YYYYMMDD."""
    year, month, day = civil_from_days(days)
    return np.asarray(year * 10_000 + month * 100 + day, dtype=np.int64)


def _swapped_parts(written: Codes) -> Codes:
    year, rest = written // 10_000, written % 10_000
    return np.asarray(year * 10_000 + rest % 100 * 100 + rest // 100)


def variants(values: Codes) -> tuple[Codes, Codes]:
    """Return every slip of each value (position in ``values``, slip), of one digit or two."""
    size = np.abs(values)
    sign = np.where(values < 0, -1, 1)
    own = digits(size)
    length = np.maximum((own > 0).cumsum(axis=1).argmax(axis=1) + 1, 1)
    at, made = [], []
    everyone = np.arange(len(values))
    for place in range(min(int(length.max(initial=1)), DIGITS - 1)):
        power = 10**place
        inside = everyone[place < length]
        for digit in range(10):
            at.append(inside)
            made.append(size[inside] + (digit - own[inside, place]) * power)
        nearby = everyone[place + 1 < length]
        gap = own[nearby, place + 1] - own[nearby, place]
        at.append(nearby)
        made.append(size[nearby] - gap * (10 * power - power))
    at.append(everyone)
    made.append(size // 10)
    short = everyone[length < DIGITS - 1]
    for digit in range(10):
        at.append(short)
        made.append(size[short] * 10 + digit)
    place_of, slips = np.concatenate(at), np.concatenate(made)
    return place_of, slips * sign[place_of]
