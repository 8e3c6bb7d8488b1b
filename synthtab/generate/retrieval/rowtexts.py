"""Rows as texts: a JSON object each, as a language model reads and writes them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal

import numpy as np

from synthtab.batch import Batch
from synthtab.schema import Column, TextType, Value, decode_value


def row_texts(columns: Sequence[Column], batch: Batch) -> tuple[str, ...]:
    """Return each row of a batch as one line of JSON, columns in their order, NULL as ``null``.

    ``columns`` may be some of the batch's: those decoded so far, to retrieve by them.
    """
    written = [_column(column, batch) for column in columns]
    if not written:
        return ("{}",) * len(batch)
    return tuple("{" + ", ".join(cells) + "}" for cells in zip(*written, strict=True))


def record_text(record: Iterable[tuple[str, object]]) -> str:
    """Return names and values as one line of JSON."""
    return "{" + ", ".join(f"{_quoted(n)}: {value_text(v)}" for n, v in record) + "}"


def value_text(value: object) -> str:
    """Return a value as JSON: numbers with all their digits, dates as ISO texts, NULL as null."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f") if value.is_finite() else "null"
        case float():
            return repr(value) if math.isfinite(value) else "null"
        case int():
            return str(value)
        case datetime() | date():
            return _quoted(value.isoformat())
        case _:
            return _quoted(str(value))


def _column(column: Column, batch: Batch) -> list[str]:
    """Return a column's cells, each with the column's name; each distinct value is written once."""
    codes, nulls = batch.column(column.name)
    distinct, places = np.unique(codes, return_inverse=True)
    name = _quoted(column.name)
    words = [f"{name}: {value_text(_value(column, int(code), batch))}" for code in distinct]
    null = f"{name}: null"
    return [null if gone else words[at] for at, gone in zip(places, nulls, strict=True)]


def _value(column: Column, code: int, batch: Batch) -> Value | None:
    if not isinstance(column.type, TextType):
        return decode_value(column.type, code)
    # A batch without any text has an empty pool, and its NULLs have the code 0 all the same.
    return str(batch.pool[code]) if code < len(batch.pool) else None


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
