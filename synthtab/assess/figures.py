"""What a rule found beyond a row: the parent's values and the figures it compares with."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.context import Context, Values
from synthtab.ir import nodes
from synthtab.ir.context import separate, simplified
from synthtab.ir.lowered import Days, Flag, Number, Ticks
from synthtab.ir.strings import EnumLeaf
from synthtab.lang.write import format_node
from synthtab.schema import EPOCH, MAX_DAY, MIN_DAY, Value

_SHOWN = (nodes.ParentRef, nodes.Aggregate, nodes.Previous)


def figures(
    context: Context, table: str, rule: nodes.Rule, rows: NDArray[np.int64]
) -> list[dict[str, Value | None]]:
    """Return for each of the rows the value of each context term of a row rule, by its text.

    An average is shown as the sum and the count that it is compared by. Numbers that have no end
    in decimals are text such as ``10/3``.
    """
    found: list[dict[str, Value | None]] = [{} for _ in rows]
    if not isinstance(rule, nodes.RowRule):
        return found
    parts = separate(simplified(rule.condition), context.tables[table], context.tables)
    for what in parts.definitions.values():
        if not isinstance(what, _SHOWN):
            continue
        text, values = format_node(what), context.column(table, what)
        for record, row in zip(found, rows, strict=True):
            record[text] = None if values.nulls[row] else _value(context, values, row)
    return found


def _value(context: Context, values: Values, row: np.int64) -> Value:
    code = int(values.codes[row])
    match values.like:
        case Number(_, denominator):
            return _number(Fraction(code, denominator))
        case Days():
            return EPOCH + timedelta(days=code) if MIN_DAY <= code <= MAX_DAY else f"day {code}"
        case Ticks(_, resolution):
            return _moment(code * resolution)
        case Flag():
            return bool(code)
    what = values.like.cases[0][1]
    return what.values[code] if isinstance(what, EnumLeaf) else context.string(code)


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
