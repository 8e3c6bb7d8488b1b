"""Values computed for whole tables (backends/context.py), as oracle and people know them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np

from synthtab.backends.context import Context, Values
from synthtab.ir.evaluate import Day, Known, Moment
from synthtab.ir.lowered import Days, Flag, Number, Ticks
from synthtab.ir.strings import EnumLeaf
from synthtab.schema import EPOCH, MAX_DAY, MIN_DAY, Value


def known_value(context: Context, values: Values, row: int | np.int64) -> Known | None:
    """Return the value in one row as the oracle has it (ir/evaluate.py); None is NULL."""
    if values.nulls[row]:
        return None
    code = int(values.codes[row])
    match values.like:
        case Number(_, denominator):
            return Fraction(code, denominator)
        case Days():
            return Day(code)
        case Ticks(_, resolution):
            return Moment(code * resolution)
        case Flag():
            return bool(code)
    what = values.like.cases[0][1]
    return what.values[code] if isinstance(what, EnumLeaf) else context.string(code)


def plain_value(value: Value | Known) -> Value:
    """Return a value as Python has it.

    Numbers that have no end in decimals are text such as ``10/3``, and so are days and moments that
    are in no calendar.
    """
    match value:
        case Fraction():
            return _number(value)
        case Day(number):
            within = MIN_DAY <= number <= MAX_DAY
            return EPOCH + timedelta(days=number) if within else f"day {number}"
        case Moment(seconds):
            return _moment(seconds)
        case _:
            return value


def _number(value: Fraction) -> int | Decimal | str:
    if value.denominator == 1:
        return value.numerator
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        return str(value)
    places = next(k for k in range(1, 400) if (value * 10**k).denominator == 1)
    digits = str(abs(int(value * 10**places))).rjust(places + 1, "0")
    return Decimal(f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}")


def _moment(seconds: int) -> date | str:
    try:
        return datetime(1970, 1, 1) + timedelta(seconds=seconds)
    except OverflowError:
        return f"second {seconds}"
