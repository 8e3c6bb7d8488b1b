"""A first model of a table, read off its data, for a person to review.

Types come from the values, not only from their dtypes: a string column of dates is a date. Ranges
are the least and greatest values seen. Nothing here is private: what is printed was in the data.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synthtab.errors import DataError
from synthtab.ir import nodes
from synthtab.lang.guess import from_strings, text_pattern
from synthtab.lang.ruletree import default_rule_name
from synthtab.schema import (
    INT64_MAX,
    BooleanType,
    Column,
    ColumnType,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
    encode_value,
)

MAX_ENUM = 100  # more distinct values than this are free text
ROWS_PER_ENUM_VALUE = 3  # an enum's values come back at least this often on average
MAX_DIGITS = 18
_ID_NAME = re.compile(r"(?:^|_|(?<=[a-z]))(?:id|key|uuid|nr|no|number|index)$|^(?:id|index)", re.I)


def infer_table(frame: pd.DataFrame, name: str) -> nodes.Table:
    """Return a table whose columns fit every row of the frame.

    Raises DataError for a frame without columns, for column names that are empty or there twice,
    and for values that no column type holds (infinities, lengths of time, nested values).
    """
    names = [str(label) for label in frame.columns]
    problems = [f"column {n!r} is there {k} times" for n, k in Counter(names).items() if k > 1]
    problems += [f"column {at + 1} has an empty name" for at, n in enumerate(names) if not n]
    if not names:
        problems.append("it has no columns")
    columns: list[Column] = []
    rules: list[nodes.UniqueRule] = []
    for at, label in enumerate(names if not problems else []):
        try:
            values = _arrow(frame.iloc[:, at])
            column = infer_column(label, values)
        except ValueError as error:
            problems.append(f"column {label!r}: {error}")
            continue
        columns.append(column)
        if _identifies(column, values):
            primary = not any(r.primary for r in rules)
            rules.append(
                nodes.UniqueRule(
                    default_rule_name([label], "key" if primary else "unique"), (label,), primary
                )
            )
    if problems:
        raise DataError("\n".join(["cannot infer a model of the data:", *problems]))
    return nodes.Table(name, tuple(columns), tuple(rules))


def infer_column(name: str, values: pa.Array) -> Column:
    """Return a column that fits an Arrow array. Raises ValueError where none does."""
    optional = values.null_count > 0
    filled = values.drop_null()
    if len(filled) == 0:
        return Column(name, _empty_type(values.type), optional)
    if pa.types.is_nested(values.type):
        raise ValueError(f"{values.type} is nested; spread it over columns or make strings of it")
    kind, points = _classify(values.type, filled.unique(), len(filled))
    if points is None:
        return Column(name, kind, optional)
    return Column(
        name, kind, optional, encode_value(kind, min(points)), encode_value(kind, max(points))
    )


def _classify(
    source: pa.DataType, distinct: pa.Array, rows: int
) -> tuple[ColumnType, Sequence[int | Decimal | date] | None]:
    """Return the type of some distinct values, and the values where the type has a range."""
    types = pa.types
    if types.is_boolean(source):
        return BooleanType(), None
    if types.is_integer(source):
        return _of_numbers([int(v) for v in distinct.to_pylist()])
    if types.is_floating(source):
        return _of_numbers(_exact(distinct))
    if types.is_decimal(source):
        return _of_numbers([v.normalize() for v in distinct.to_pylist()])
    if types.is_date(source):
        return DateType(), distinct.cast(pa.date32()).to_pylist()
    if types.is_timestamp(source):
        return _of_moments(_moments(distinct))
    if types.is_string(source) or types.is_large_string(source) or types.is_string_view(source):
        return _of_strings(distinct.cast(pa.large_string()).to_pylist(), rows)
    raise ValueError(f"{source} is not supported; turn it into numbers, dates or strings first")


def _of_numbers(
    values: Sequence[int | Decimal],
) -> tuple[ColumnType, Sequence[int | Decimal]]:
    scale = max(0, *(-int(Decimal(v).normalize().as_tuple().exponent) for v in values), 0)
    whole = max(len(str(abs(int(v)))) if int(v) else 0 for v in values)
    if scale == 0:
        if max(abs(int(v)) for v in values) > INT64_MAX:
            raise ValueError("its integers do not fit in 64 bits; turn it into strings first")
        return IntegerType(), [int(v) for v in values]
    if whole + scale > MAX_DIGITS:
        longest = max(values, key=lambda v: -int(Decimal(v).as_tuple().exponent))
        raise ValueError(
            f"{longest} and others need more than {MAX_DIGITS} digits; round the column first,"
            f" to at most {max(0, MAX_DIGITS - whole)} digits after the point"
        )
    return DecimalType(max(1, whole) + scale, scale), values


def _exact(distinct: pa.Array) -> list[int | Decimal]:
    """Return floats as the shortest decimals that stand for them."""
    if not pc.all(pc.is_finite(distinct)).as_py():
        raise ValueError("it holds infinite numbers; make them missing first")
    values = [Decimal(t) for t in _texts(distinct)]
    return [int(v) if v == v.to_integral_value() else v for v in values]


def _texts(distinct: pa.Array) -> list[str]:
    if pa.types.is_float64(distinct.type):
        return [repr(v) for v in distinct.to_pylist()]
    # A narrower float has a shorter text of its own.
    return [str(v) for v in distinct.to_numpy(zero_copy_only=False)]


def _moments(distinct: pa.Array) -> list[datetime]:
    if distinct.type.tz is not None:
        raise ValueError("it has a time zone; convert it to local time without one first")
    truncated = distinct.cast(pa.timestamp("s"), safe=False)
    if not pc.all(pc.equal(truncated.cast(distinct.type), distinct)).as_py():
        raise ValueError("it has fractions of a second; round it to seconds first")
    moments: list[datetime] = truncated.to_pylist()
    return moments


def _of_moments(values: Sequence[datetime]) -> tuple[ColumnType, Sequence[date]]:
    if all(v.hour == v.minute == v.second == 0 for v in values):
        return DateType(), [v.date() for v in values]
    return DatetimeType(_resolution(values)), values


def _resolution(values: Sequence[datetime]) -> int:
    if any(v.second for v in values):
        return 1
    return 60 if any(v.minute for v in values) else 3600


def _of_strings(
    values: Sequence[str], rows: int
) -> tuple[ColumnType, Sequence[int | Decimal | date] | None]:
    guessed = from_strings(values)
    if guessed == "boolean":
        return BooleanType(), None
    if guessed is not None:
        first = guessed[0]
        if isinstance(first, datetime):
            return _of_moments([v for v in guessed if isinstance(v, datetime)])
        if isinstance(first, date):
            return DateType(), [v for v in guessed if isinstance(v, date)]
        return _of_numbers([v for v in guessed if isinstance(v, int | Decimal)])
    few = len(values) * ROWS_PER_ENUM_VALUE <= rows or (len(values) == 1 and rows > 1)
    if few and len(values) <= MAX_ENUM:
        return EnumType(tuple(sorted(values))), None
    longest = max(max(map(len, values)), 1)
    return TextType(longest, text_pattern(values)), None


def _empty_type(source: pa.DataType) -> ColumnType:
    """Return a type for a column with no values, as far as its dtype tells."""
    types = pa.types
    if types.is_boolean(source):
        return BooleanType()
    if types.is_integer(source):
        return IntegerType()
    if types.is_date(source):
        return DateType()
    if types.is_timestamp(source):
        return DatetimeType()
    if types.is_decimal(source) and source.precision <= MAX_DIGITS and source.scale >= 0:
        return DecimalType(source.precision, source.scale)
    return TextType(1)


def _identifies(column: Column, values: pa.Array) -> bool:
    """Say whether a column looks like a row's name: by its own name, and each value there once."""
    if column.optional or len(values) < 2 or not _ID_NAME.search(column.name):
        return False
    return isinstance(column.type, IntegerType | TextType) and len(values.unique()) == len(values)


def _arrow(series: pd.Series) -> pa.Array:
    """Return a column as one Arrow array; a column of mixed cells becomes their texts."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    try:
        array = pa.array(series, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        missing = pd.isna(series)
        texts = [None if gone else str(v) for v, gone in zip(series, missing, strict=True)]
        array = pa.array(texts, pa.large_string())
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
