"""What a driver returns as Arrow arrays, and those as the columns of a DataFrame.

Values keep what they are: no number becomes a float that was none. Where a column holds several
kinds of values, as SQLite lets it, each becomes its text, a float the shortest that stands for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from enum import Enum

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synthtab.codec import EXAMPLES_SHOWN, Problem
from synthtab.files import guess_series
from synthtab.schema import Column

_PLAIN: dict[type, pa.DataType] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.large_string(),
    date: pa.date32(),
    datetime: pa.timestamp("us"),
}


class Kind(Enum):
    """What a database says of a column, as far as a DataFrame can tell the same."""

    integer = "integer"
    exact = "exact"
    floating = "floating"
    boolean = "boolean"
    day = "day"
    moment = "moment"
    instant = "instant"
    other = "other"


_EMPTY = {
    Kind.integer: pa.int64(),
    Kind.floating: pa.float64(),
    Kind.boolean: pa.bool_(),
    Kind.day: pa.date32(),
    Kind.moment: pa.timestamp("us"),
}


def to_arrow(values: Sequence[object]) -> pa.Array:
    """Return a column's cells as one array; bytes stay bytes only where there is nothing else."""
    kinds = {type(v) for v in values}
    kinds.discard(type(None))
    if not kinds:
        return pa.nulls(len(values))
    if len(kinds) == 1:
        kind = kinds.pop()
        if kind is bytes:
            return pa.array(values, pa.large_binary())
        # Arrow would drop a zone without a word.
        zoned = kind is datetime and any(v.tzinfo for v in values if isinstance(v, datetime))
        if kind in _PLAIN and not zoned:
            with suppress(OverflowError):  # an integer beyond 64 bits
                return pa.array(values, _PLAIN[kind])
    return pa.array([None if v is None else _text(v) for v in values], pa.large_string())


def bytes_among(column: Column, values: Sequence[object], first_row: int) -> Problem | None:
    """Return the cells of raw bytes, which are no value of any type; ``first_row`` as in codec."""
    at = [row for row, v in enumerate(values) if isinstance(v, bytes)]
    if not at:
        return None
    examples = tuple((first_row + row, _text(values[row])) for row in at[:EXAMPLES_SHOWN])
    return Problem(column, len(at), examples)


def to_series(kind: Kind, pieces: Sequence[pa.Array]) -> pd.Series:
    """Return a column for a schema to be inferred from.

    Integers are Int64, exact numbers Int64 or an Arrow decimal, floats float64, booleans boolean,
    dates and times Arrow's, all else str; a column that holds something else than the database
    says of it is str, or what its values are.
    """
    whole = _join(pieces)
    if pa.types.is_null(whole.type):
        whole = whole.cast(_EMPTY.get(kind, pa.large_string()))
    is_text = pa.types.is_large_string(whole.type)
    match kind:
        case Kind.boolean if pa.types.is_integer(whole.type) and _within(whole, (0, 1)):
            return pd.Series(pd.array(whole.cast(pa.bool_()).to_pylist(), dtype="boolean"))
        case Kind.boolean if is_text and _within(whole, ("true", "false")):
            return pd.Series(pd.array(pc.equal(whole, "true").to_pylist(), dtype="boolean"))
        case Kind.floating if is_text:
            return _cast(whole, pa.float64())
        case Kind.day if is_text:
            return _cast(whole, pa.date32())
        case Kind.moment if is_text:
            return _cast(whole, pa.timestamp("us"))
        case Kind.instant if is_text:
            return _cast(whole, pa.timestamp("us", "UTC"))
        case Kind.exact if is_text or pa.types.is_floating(whole.type):
            return guess_series(pa.chunked_array([_texts(whole)]))
    if pa.types.is_integer(whole.type):
        return pd.Series(whole, dtype="Int64")
    if is_text:
        return pd.Series(whole, dtype="str")
    return pd.Series(pd.arrays.ArrowExtensionArray(whole))


def _join(pieces: Sequence[pa.Array]) -> pa.Array:
    """Put the pieces of a column together; as texts where they are of several types."""
    kinds = {p.type for p in pieces if not pa.types.is_null(p.type)}
    if len(kinds) > 1:
        return pa.concat_arrays([_texts(p) for p in pieces])
    kind = kinds.pop() if kinds else pa.null()
    return pa.concat_arrays([pa.array([], kind), *(p.cast(kind) for p in pieces)])


def _text(value: object) -> str:
    match value:
        case bytes():
            return f"x'{value.hex()}'"
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value)
        case Decimal():
            return format(value, "f")
        case datetime() | date():
            return value.isoformat()
    return str(value)


def _texts(array: pa.Array) -> pa.Array:
    if pa.types.is_large_string(array.type):
        return array
    return pa.array([None if v is None else _text(v) for v in array.to_pylist()], pa.large_string())


def _within(array: pa.Array, values: Sequence[object]) -> bool:
    filled = array.drop_null()
    return bool(pc.all(pc.is_in(filled, value_set=pa.array(values, array.type))).as_py() or False)


def _cast(texts: pa.Array, kind: pa.DataType) -> pd.Series:
    """Read texts as another type; where one cannot be, such as 'infinity', they stay texts."""
    try:
        return pd.Series(pd.arrays.ArrowExtensionArray(texts.cast(kind)))
    except pa.ArrowInvalid:
        return pd.Series(texts, dtype="str")
