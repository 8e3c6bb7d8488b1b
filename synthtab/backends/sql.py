"""Tables and rules as DuckDB's SQL, and rows judged by DuckDB itself."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synthtab.backends import sqltext
from synthtab.backends.sqlrules import Translator
from synthtab.backends.sqltext import TooWideError
from synthtab.backends.support import Exact, Supports, answers
from synthtab.batch import Mask
from synthtab.errors import DataError, UsageError
from synthtab.ir import nodes
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
    type_name,
)

if TYPE_CHECKING:
    import pandas as pd


class SqlBackend:
    """One table's rules for DuckDB, under the names its columns really have.

    Every construct is exact; a number that may need more than the 38 digits DuckDB computes with is
    refused (:class:`TooWideError`), never rounded.
    """

    supports: ClassVar[Supports] = answers(Exact())

    def __init__(self, table: nodes.Table, dialect: Literal["duckdb"] = "duckdb") -> None:
        if dialect != "duckdb":
            raise UsageError(f"unknown SQL dialect {dialect!r}; known: duckdb")
        self.table = table
        self._names = {c.name: sqltext.identifier(c.name) for c in table.columns}

    def check_expression(self, rule: nodes.RowRule) -> str:
        """Return the rule as a boolean SQL expression, FALSE exactly where it is broken.

        Numbers are exact; where a sum or product of columns may need more digits than DuckDB
        computes with, given the columns' declared ranges, TooWideError says so.
        """
        try:
            translator = Translator(self.table, self._names, declared=True)
            return translator.condition(rule.condition).text
        except TooWideError as error:
            raise TooWideError(f"rule {rule.name!r}: {error}") from None

    def create_table(self) -> str:
        """Return a CREATE TABLE statement with a named constraint for each range, rule and key."""
        names = _Names()
        lines = [self._declaration(c) for c in self.table.columns]
        for column in self.table.columns:
            for what, text in _range_checks(column, self._names[column.name]):
                lines.append(names.constraint(f"{column.name} {what}", f"CHECK ({text})"))
        for rule in self.table.rules:
            if isinstance(rule, nodes.RowRule):
                lines.append(names.constraint(rule.name, f"CHECK ({self.check_expression(rule)})"))
            else:
                columns = ", ".join(self._names[c] for c in rule.columns)
                kind = "PRIMARY KEY" if rule.primary else "UNIQUE"
                lines.append(names.constraint(rule.name, f"{kind} ({columns})"))
        body = ",\n    ".join(lines)
        return f"CREATE TABLE {sqltext.identifier(self.table.name)} (\n    {body}\n);\n"

    def violated(self, source: pd.DataFrame | str | Path) -> Mask:
        """Return which row breaks which row rule, (rows, rules) bool, as DuckDB sees it.

        ``source`` is a DataFrame, or the path of a CSV (.csv, .csv.gz) or Parquet file, with the
        table's columns under their names. Raises DataError where the values do not have the
        declared types.
        """
        return self.truth(source)[1]

    def truth(self, source: pd.DataFrame | str | Path) -> tuple[Mask, Mask]:
        """Return (true, false), each (rows, rules) bool; where neither is, a rule is UNKNOWN."""
        connection = duckdb.connect()
        try:
            relation, names = self._attach(connection, source)
            conditions = [self._condition(r, names) for r in self.table.row_rules]
            if not conditions:
                rows = connection.execute(f"SELECT count(*) FROM {relation}").fetchall()[0][0]
                return np.zeros((rows, 0), dtype=bool), np.zeros((rows, 0), dtype=bool)
            shown = ", ".join(f"({c}) AS r{k}" for k, c in enumerate(conditions))
            found: pa.Table = connection.sql(f"SELECT {shown} FROM {relation}").to_arrow_table()
        except duckdb.Error as error:
            raise DataError(f"DuckDB cannot judge the rows: {error}") from error
        finally:
            connection.close()
        true = [_as_mask(found.column(k), True) for k in range(len(conditions))]
        false = [_as_mask(found.column(k), False) for k in range(len(conditions))]
        return np.stack(true, axis=1), np.stack(false, axis=1)

    def _condition(self, rule: nodes.RowRule, names: dict[str, str]) -> str:
        # Rows under judgement may be outside the declared ranges, so their types bound them if
        # DuckDB's numbers are wide enough for that.
        try:
            return Translator(self.table, names, declared=False).condition(rule.condition).text
        except TooWideError:
            return Translator(self.table, names, declared=True).condition(rule.condition).text

    def _attach(
        self, connection: duckdb.DuckDBPyConnection, source: pd.DataFrame | str | Path
    ) -> tuple[str, dict[str, str]]:
        """Return what to select from, and the name of each column there."""
        inner = {c.name: f"c{k}" for k, c in enumerate(self.table.columns)}
        if not isinstance(source, str | Path):
            arrays = [_to_arrow(c, source) for c in self.table.columns]
            connection.register("rows", pa.table(arrays, names=list(inner.values())))
            return "rows", inner
        if not Path(source).is_file():
            raise DataError(f"{source}: no such file")
        scan, names = _scan(Path(source), self.table.columns)
        casts = ", ".join(
            f"CAST({names[c.name]} AS {sql_type(c.type)}) AS {inner[c.name]}"
            for c in self.table.columns
        )
        return f"(SELECT {casts} FROM {scan})", inner

    def _declaration(self, column: Column) -> str:
        null = "" if column.optional else " NOT NULL"
        return f"{self._names[column.name]} {sql_type(column.type)}{null}"


def sql_type(kind: ColumnType) -> str:
    """Return the DuckDB type of a column."""
    match kind:
        case IntegerType():
            return "BIGINT"
        case DecimalType(precision, scale):
            return f"DECIMAL({precision}, {scale})"
        case DateType():
            return "DATE"
        case DatetimeType():
            return "TIMESTAMP"
        case BooleanType():
            return "BOOLEAN"
        case EnumType() | TextType():
            return "VARCHAR"


def _range_checks(column: Column, name: str) -> list[tuple[str, str]]:
    """Return (what, condition) for each restriction that the column's type does not express."""
    checks = []
    match column.type:
        case EnumType(values):
            checks.append(("value", f"{name} IN ({', '.join(map(sqltext.string, values))})"))
        case TextType(length, pattern):
            checks.append(("length", f"length({name}) <= {length}"))
            if pattern is not None:
                checks.append(("pattern", f"regexp_full_match({name}, {sqltext.string(pattern)})"))
        case DatetimeType(resolution):
            checks.append(("resolution", f"epoch_us({name}) % {resolution * 1_000_000} = 0"))
    ends = [None if e is None else _sql_value(column.type, e) for e in (column.lo, column.hi)]
    if ends[0] is not None and ends[1] is not None:
        checks.append(("range", f"{name} BETWEEN {ends[0]} AND {ends[1]}"))
    elif ends[0] is not None:
        checks.append(("range", f"{name} >= {ends[0]}"))
    elif ends[1] is not None:
        checks.append(("range", f"{name} <= {ends[1]}"))
    return checks


def _sql_value(kind: ColumnType, code: int) -> str | None:
    """Return the constant of a declared bound; enums and booleans have none worth writing."""
    if isinstance(kind, EnumType | BooleanType | TextType):
        return None
    value = decode_value(kind, code)
    return sqltext.literal(value).text


class _Names:
    """Gives every constraint a name of its own."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def constraint(self, name: str, definition: str) -> str:
        """Return ``CONSTRAINT name definition``, the name changed if it was used before."""
        free, count = name, 2
        while free.lower() in self._taken:
            free, count = f"{name} {count}", count + 1
        self._taken.add(free.lower())
        return f"CONSTRAINT {sqltext.identifier(free)} {definition}"


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


def _as_mask(column: pa.ChunkedArray, wanted: bool) -> Mask:
    values = column if wanted else pc.invert(column)
    return np.asarray(pc.fill_null(values, False).to_numpy(), dtype=bool)
