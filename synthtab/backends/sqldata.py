"""Rows where DuckDB can read them: frames, and CSV and Parquet files, with declared types."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from synthtab.backends import sqltext
from synthtab.backends.sqldialect import Dialect
from synthtab.errors import DataError
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
    type_name,
)

if TYPE_CHECKING:
    import pandas as pd


def attach(
    connection: duckdb.DuckDBPyConnection,
    columns: Sequence[Column],
    source: pd.DataFrame | str | Path,
    name: str,
) -> tuple[str, dict[str, str]]:
    """Return what to select a table's rows from, and the name of each column there.

    A frame is registered under ``name``, which is not quoted. Raises DataError where a column is
    missing, the file is, or a frame's values do not have the declared types.
    """
    inner = {c.name: f"c{k}" for k, c in enumerate(columns)}
    if not isinstance(source, str | Path):
        arrays = [_to_arrow(c, source) for c in columns]
        connection.register(name, pa.table(arrays, names=list(inner.values())))
        return name, inner
    if not Path(source).is_file():
        raise DataError(f"{source}: no such file")
    scan, names = _scan(Path(source), columns)
    casts = ", ".join(
        f"CAST({names[c.name]} AS {sql_type(c.type)}) AS {inner[c.name]}" for c in columns
    )
    return f"(SELECT {casts} FROM {scan})", inner


def sql_type(kind: ColumnType) -> str:
    """Return the DuckDB type of a column."""
    return Dialect().column_type(kind)


def _scan(path: Path, columns: Sequence[Column]) -> tuple[str, dict[str, str]]:
    """Return the table function that reads a file, and what it calls each column."""
    quoted = sqltext.string(str(path))
    if path.suffix == ".parquet":
        return f"read_parquet({quoted})", {c.name: sqltext.identifier(c.name) for c in columns}
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
        header = next(csv.reader(file), [])
    missing = [c.name for c in columns if c.name not in header]
    if missing:
        raise DataError(f"{path}: no column {', '.join(map(repr, missing))} in its first line")
    # Columns are told apart by place, because DuckDB's names do not tell 'a' from 'A'.
    options = (
        "header = true, all_varchar = true, auto_detect = false, delim = ',', quote = '\"',"
        " escape = '\"', nullstr = '', allow_quoted_nulls = false"
    )
    kinds = ", ".join(f"'f{k}': 'VARCHAR'" for k in range(len(header)))
    scan = f"read_csv({quoted}, {options}, columns = {{{kinds}}})"
    return scan, {c.name: _csv_cell(c, f"f{header.index(c.name)}") for c in columns}


def _csv_cell(column: Column, name: str) -> str:
    """Return a cell; an empty one in quotes is NULL too where the column has no empty string."""
    match column.type:
        case TextType():
            return name
        case EnumType(values) if "" in values:
            return name
    return f"NULLIF({name}, '')"


def _to_arrow(column: Column, frame: pd.DataFrame) -> pa.Array:
    if column.name not in frame.columns:
        raise DataError(f"the frame has no column {column.name!r}")
    series = frame[column.name]
    target = _arrow_type(column.type)
    try:
        made = pa.array(series, from_pandas=True)
        return made if made.type == target else made.cast(target)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        pass
    try:
        return pa.array(series.tolist(), type=target, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise DataError(
            f"column {column.name!r} has values that are not {type_name(column.type)}: {error}"
        ) from error


def _arrow_type(kind: ColumnType) -> pa.DataType:
    match kind:
        case IntegerType():
            return pa.int64()
        case DecimalType(precision, scale):
            return pa.decimal128(precision, scale)
        case DateType():
            return pa.date32()
        case DatetimeType():
            return pa.timestamp("us")
        case BooleanType():
            return pa.bool_()
        case EnumType() | TextType():
            return pa.string()
