"""Values as JSON text and back, one spelling each.

Whole numbers are as ``str`` writes them, decimals plain with all digits of their scale (12.30),
dates and times are strings (``"2024-02-29T23:59:00"``), NULL is ``null``. Strings escape what JSON
asks for and nothing else. Reading takes no other spelling, so that what is read is what was drawn.
"""

from __future__ import annotations

import json
import re
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.ranges import date_regex, datetime_regex, decimal_regex, number_regex
from synthtab.batch import Codes
from synthtab.schema import (
    BooleanType,
    Column,
    ColumnType,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
    decode_value,
    encode_value,
    type_domain,
)

NULL = "null"
_WHOLE = re.compile(r"-?[0-9]{1,19}")


def quoted(column: Column) -> bool:
    """Say whether a column's values are JSON strings."""
    return isinstance(column.type, EnumType | DateType | DatetimeType | TextType)


def json_string(text: str) -> str:
    """Return a string as JSON spells it, quotes included."""
    return json.dumps(text, ensure_ascii=False)


def spell(column: Column, code: int, pool: NDArray[np.object_] | None = None) -> str:
    """Return the JSON text of a code; of text, of the string that it has in ``pool``."""
    match column.type:
        case IntegerType():
            return str(code)
        case DecimalType(_, scale):
            return _plain(code, scale)
        case DateType():
            return f'"{decode_value(column.type, code)}"'
        case DatetimeType():
            value = decode_value(column.type, code)
            assert isinstance(value, datetime)
            return f'"{value.isoformat(timespec="seconds")}"'
        case BooleanType():
            return "true" if code else "false"
        case EnumType(values):
            return json_string(values[code])
        case TextType():
            assert pool is not None
            return json_string(str(pool[code]))


def between(kind: ColumnType, lo: int, hi: int) -> str:
    """Return the regular expression of numbers, dates or times from ``lo`` to ``hi`` (codes).

    They are as :func:`spell` has them, quotes apart.
    """
    match kind:
        case IntegerType():
            return number_regex(lo, hi)
        case DecimalType(_, scale):
            return decimal_regex(lo, hi, scale)
        case DateType():
            return date_regex(lo, hi)
        case DatetimeType(resolution):
            return datetime_regex(lo, hi, resolution, mark="T")
        case _:
            raise AssertionError(kind)


def spelled(column: Column, codes: Codes, pool: NDArray[np.object_] | None = None) -> list[str]:
    """Return the JSON text of each code (rows,), spelling each different one once."""
    distinct, inverse = np.unique(codes, return_inverse=True)
    texts = [spell(column, int(code), pool) for code in distinct]
    return [texts[k] for k in inverse.reshape(-1)]


def read(column: Column, text: str) -> int | str | None:
    """Return the code that a JSON text spells, of text columns the string itself.

    None where the text is no value of the column's type, or not in its one spelling. ``null`` is
    none either: it is the caller's business.
    """
    try:
        code = _read(column.type, text)
    except (ValueError, OverflowError):
        return None
    if isinstance(code, str):
        return code if json_string(code) == text else None
    least, greatest = type_domain(column.type)
    return code if least <= code <= greatest and spell(column, code) == text else None


def _read(kind: ColumnType, text: str) -> int | str:
    match kind:
        case IntegerType():
            return _whole(text)
        case DecimalType(_, scale):
            whole, _, rest = text.partition(".")
            code = _whole(whole.removeprefix("-") + rest) if len(rest) == scale else _whole("")
            return -code if text.startswith("-") else code
        case BooleanType():
            return ["false", "true"].index(text)
    value = json.loads(text)
    if not isinstance(value, str):
        raise ValueError("no string")
    match kind:
        case DateType():
            return encode_value(kind, date.fromisoformat(value))
        case DatetimeType():
            return encode_value(kind, datetime.fromisoformat(value))
        case EnumType(values):
            return values.index(value)
        case _:
            return value


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError("no whole number")
    return int(text)


def _plain(code: int, scale: int) -> str:
    if scale == 0:
        return str(code)
    digits = str(abs(code)).zfill(scale + 1)
    return f"{'-' if code < 0 else ''}{digits[:-scale]}.{digits[-scale:]}"
