"""Tables put into databases by their own drivers, for tests of reading them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import psycopg
from psycopg import sql

from synthtab import schema as s

Record = dict[str, s.Value | None]
FLOAT_DIGITS = 15  # so many digits SQLite keeps of a decimal that it stores as a float


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def in_sqlite(
    path: Path, table: str, columns: Sequence[s.Column], records: Sequence[Record]
) -> str:
    """Put rows into a table of a SQLite file, made anew; return its URL."""
    kinds = ", ".join(f"{quoted(c.name)} {_sqlite_type(c.type)}" for c in columns)
    marks = ", ".join("?" * len(columns))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"drop table if exists {quoted(table)}")
        connection.execute(f"create table {quoted(table)} ({kinds})")
        rows = [[_sqlite_value(r[c.name]) for c in columns] for r in records]
        connection.executemany(f"insert into {quoted(table)} values ({marks})", rows)
    return f"sqlite:///{path}"


def in_postgres(
    url: str, table: str, columns: Sequence[s.Column], records: Sequence[Record]
) -> str:
    """Put rows into a table of a PostgreSQL database, made anew; return the database's URL."""
    name = sql.Identifier(table)
    kinds = [
        sql.SQL("{} {}").format(sql.Identifier(c.name), sql.SQL(_postgres_type(c.type)))
        for c in columns
    ]
    marks = sql.SQL(", ".join(f"${at}" for at in range(1, len(columns) + 1)))
    # Raw: a % in a name is no placeholder.
    with psycopg.connect(url) as connection, psycopg.RawCursor(connection) as cursor:
        cursor.execute(sql.SQL("drop table if exists {}").format(name))
        cursor.execute(sql.SQL("create table {} ({})").format(name, sql.SQL(", ").join(kinds)))
        insert = sql.SQL("insert into {} values ({})").format(name, marks)
        cursor.executemany(insert, [[r[c.name] for c in columns] for r in records])
    return url


def sqlite_with(path: Path, *statements: str) -> str:
    """Run statements in a SQLite file; return its URL."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    return f"sqlite:///{path}"


def postgres_with(url: str, *statements: str) -> str:
    """Run statements in a PostgreSQL database; return its URL."""
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement)
    return url


def _sqlite_type(kind: s.ColumnType) -> str:
    match kind:
        case s.IntegerType():
            return "INTEGER"
        case s.DecimalType(precision, scale):
            exact = precision > FLOAT_DIGITS
            return "TEXT" if exact else f"DECIMAL({precision}, {scale})"
        case s.DateType():
            return "DATE"
        case s.DatetimeType():
            return "TEXT"
        case s.BooleanType():
            return "BOOLEAN"
    return "TEXT"


def _sqlite_value(value: s.Value | None) -> object:
    match value:
        case Decimal():
            return str(value)
        case datetime():
            return value.isoformat(" ")
        case date():
            return value.isoformat()
    return value


def _postgres_type(kind: s.ColumnType) -> str:
    match kind:
        case s.IntegerType():
            return "bigint"
        case s.DecimalType(precision, scale):
            return f"numeric({precision}, {scale})"
        case s.DateType():
            return "date"
        case s.DatetimeType():
            return "timestamp"
        case s.BooleanType():
            return "boolean"
    return "text"
