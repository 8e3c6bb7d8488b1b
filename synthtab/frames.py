"""DataFrames to batches of codes, and back."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from synthtab.batch import Batch, Codes, Mask
from synthtab.codec import encode_arrays, misfit
from synthtab.errors import DataError
from synthtab.schema import (
    DAY_SECONDS,
    BooleanType,
    Column,
    ColumnType,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
)


def encode_frame(
    columns: Sequence[Column],
    frame: pd.DataFrame,
    *,
    ignore_extra: bool = False,
    name: str = "the DataFrame",
) -> Batch:
    """Return the frame's rows as codes, columns in their declared order.

    Any dtype will do whose cells are values of the declared types: strings, numbers, Python dates
    and Decimals, categories, Arrow columns. Missing values of every kind are NULL. Ranges, patterns
    and NULLs in columns that are not optional are not looked at here: they are rules of the model.

    Raises DataError naming every missing, duplicate and undeclared column (the last unless
    ``ignore_extra``), or every column that has cells of a wrong type, with the first such cells.
    """
    check_names(columns, [str(c) for c in frame.columns], name=name, ignore_extra=ignore_extra)
    by_name = {str(label): frame.iloc[:, at] for at, label in enumerate(frame.columns)}
    arrays = [to_arrow(by_name[c.name]) for c in columns]
    batch, problems = encode_arrays(columns, arrays)
    if problems:
        raise misfit(name, problems)
    return batch


def check_names(
    columns: Sequence[Column], names: Sequence[str], *, name: str, ignore_extra: bool = False
) -> None:
    """Compare the names a table of data has with the declared ones.

    Raises DataError listing all that is missing, twice there, or (unless ``ignore_extra``) extra.
    """
    wanted = [c.name for c in columns]
    extra = [n for n in names if n not in set(wanted)]
    lines = []
    for missing in (n for n in wanted if n not in set(names)):
        close = difflib.get_close_matches(missing, extra, n=1)
        hint = f"; is it {close[0]!r}?" if close else ""
        lines.append(f"column {missing!r} is missing{hint}")
    repeated = [(n, k) for n, k in Counter(names).items() if k > 1]
    lines.extend(f"column {n!r} is there {k} times" for n, k in repeated)
    if not ignore_extra:
        lines.extend(f"column {n!r} is not declared" for n in dict.fromkeys(extra))
    if not lines:
        return
    if len(names) == 1 and len(wanted) > 1 and any(mark in names[0] for mark in ";\t|"):
        lines.append("the header is one name: fields are separated by commas, and nothing else")
    lines.append(f"declared: {', '.join(wanted)}")
    raise DataError("\n".join([f"{name} does not have the declared columns:", *lines]))


def decode_frame(columns: Sequence[Column], batch: Batch) -> pd.DataFrame:
    """Return a batch as a DataFrame, one column per declared column, a plain index.

    Integers are int64 (Int64 where NULLs are), decimals Arrow decimals, dates and datetimes
    datetime64[s], booleans bool (boolean where NULLs are), enums and texts str.
    """
    series: dict[str, pd.Series] = {}
    for column in columns:
        codes, nulls = batch.column(column.name)
        series[column.name] = _to_series(column.type, codes, nulls, batch)
    return pd.DataFrame(series, index=pd.RangeIndex(len(batch)))


def to_arrow(series: pd.Series) -> pa.Array:
    """Return a column as one Arrow array; cells of mixed types become their texts."""
    try:
        array = pa.array(series, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        missing = pd.isna(series)
        texts = [None if gone else str(v) for v, gone in zip(series, missing, strict=True)]
        array = pa.array(texts, pa.large_string())
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _to_series(kind: ColumnType, codes: Codes, nulls: Mask, batch: Batch) -> pd.Series:
    some = bool(nulls.any())
    match kind:
        case IntegerType():
            return pd.Series(pd.arrays.IntegerArray(codes.copy(), nulls.copy()) if some else codes)
        case DecimalType(precision, scale):
            return pd.Series(pd.array(_decimals(precision, scale, codes, nulls)))
        case DateType() | DatetimeType():
            tick = DAY_SECONDS if isinstance(kind, DateType) else kind.resolution
            moments = (codes * tick).astype("datetime64[s]")
            moments[nulls] = np.datetime64("NaT")
            return pd.Series(moments)
        case BooleanType():
            values = codes != 0
            return pd.Series(pd.arrays.BooleanArray(values, nulls.copy()) if some else values)
        case EnumType(declared):
            return _strings(pa.array(declared, pa.large_string()), codes, nulls)
        case TextType():
            return _strings(pa.array(list(batch.pool), pa.large_string()), codes, nulls)


def _strings(values: pa.Array, codes: Codes, nulls: Mask) -> pd.Series:
    return pd.Series(values.take(pa.array(codes, mask=nulls)), dtype="str")


def _decimals(
    precision: int, scale: int, codes: Codes, nulls: Mask
) -> pd.api.extensions.ExtensionArray:
    """Return Arrow decimals; a scaled code is their low word, its sign fills the high one."""
    words = np.stack([codes, codes >> 63], axis=1)
    valid = pa.array(~nulls)
    kind = pa.decimal128(precision, scale)
    array = pa.Array.from_buffers(
        kind, len(codes), [valid.buffers()[1], pa.py_buffer(words.tobytes())]
    )
    return pd.arrays.ArrowExtensionArray(array)
