"""Rows as texts: a JSON object each, as a language model reads and writes them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal

from synthtab.batch import Batch
from synthtab.generate.language.spelling import NULL, json_string, spelled
from synthtab.schema import Column


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
    return "{" + ", ".join(f"{json_string(n)}: {_value(v)}" for n, v in record) + "}"


def _value(value: object) -> str:
    """Return a value as JSON: numbers with all their digits, dates as ISO texts, NULL as null."""
    match value:
        case None:
            return NULL
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f") if value.is_finite() else NULL
        case float():
            return repr(value) if math.isfinite(value) else NULL
        case int():
            return str(value)
        case datetime() | date():
            return json_string(value.isoformat())
        case _:
            return json_string(str(value))


def _column(column: Column, batch: Batch) -> list[str]:
    """Return a column's cells, each with the column's name."""
    codes, nulls = batch.column(column.name)
    name = json_string(column.name)
    texts = iter(spelled(column, codes[~nulls], batch.pool))
    return [f"{name}: {NULL if gone else next(texts)}" for gone in nulls]
