"""Making tables in SQLite and PostgreSQL and filling them, all in one transaction or nothing.

PostgreSQL takes rows through COPY. SQLite has no dates, booleans or decimals: they are stored as
its dialect's constraints expect them, ISO texts, 0 and 1, and numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from synthtab.databases.address import Address, hidden
from synthtab.databases.connect import engine_of, speaking
from synthtab.errors import DataError, RuleViolationError, UsageError

ROWS = 10_000
_RAW = {"no_parameters": True}  # a % in a statement is a %


@dataclass(frozen=True)
class Writable:
    """An open database, in a transaction that ends with the block it was opened by."""

    connection: sa.Connection
    address: Address

    @property
    def dialect(self) -> str:
        """``postgresql`` or ``sqlite``."""
        return self.connection.dialect.name

    @property
    def defers(self) -> bool:
        """True: references within a table, and in circles, are checked at the end."""
        return True

    def present(self, tables: Sequence[str]) -> list[str]:
        """Return those of ``tables`` that are there, as tables or views."""
        with speaking(self.address):
            inspector = sa.inspect(self.connection)
            return [t for t in tables if inspector.has_table(t, self.address.schema)]

    def drop(self, tables: Sequence[str]) -> None:
        """Remove tables and their rows. Raises DataError where others depend on them."""
        names = [_quoted(t) for t in tables]
        with speaking(self.address):
            if self.dialect == "postgresql":
                self._run(f"DROP TABLE {', '.join(names)}")
                return
            # Rows of a circle refer to each other until all are gone.
            self._run("PRAGMA defer_foreign_keys = ON")
            for name in names:
                self._run(f"DELETE FROM {name}")
            for name in names:
                self._run(f"DROP TABLE {name}")

    def execute(self, statement: str) -> None:
        """Run a statement. Raises RuleViolationError where rows break a constraint, DataError."""
        with _refusing(self.connection, self.address):
            self._run(statement)

    def insert(
        self, table: str, rows: pa.Table, progress: Callable[[int], None] | None = None
    ) -> None:
        """Insert rows; ``progress`` is told how many are in.

        Raises RuleViolationError with the database's words where one breaks a constraint.
        """
        names = ", ".join(map(_quoted, rows.column_names))
        with _refusing(self.connection, self.address, f" rows of table `{table}`"):
            if self.dialect == "postgresql":
                self._copy(f"COPY {_quoted(table)} ({names}) FROM STDIN", rows, progress)
                return
            marks = ", ".join("?" * rows.num_columns)
            statement = f"INSERT INTO {_quoted(table)} ({names}) VALUES ({marks})"
            done = 0
            for part in _parts(rows, _plain):
                self.connection.exec_driver_sql(statement, part)
                done += len(part)
                if progress is not None:
                    progress(done)

    def settle(self, tables: Sequence[str]) -> None:
        """Check what the database puts off to the end. Raises RuleViolationError."""
        if self.dialect == "postgresql":
            self.execute("SET CONSTRAINTS ALL IMMEDIATE")
            return
        with speaking(self.address):
            checks = [self._run(f"PRAGMA foreign_key_check({_quoted(t)})") for t in tables]
            found = [tuple(row) for check in checks for row in check]
        if found:
            broken = sorted({f"`{child}` to `{parent}`" for child, _, parent, *_ in found})
            raise RuleViolationError(
                f"{hidden(self.address.url)} refuses {len(found):,} rows: FOREIGN KEY constraint "
                f"failed, from {', '.join(broken)}"
            )

    def analyse(self, tables: Sequence[str]) -> None:
        """Have PostgreSQL look at the tables, so that queries on them are planned well."""
        if self.dialect == "postgresql":
            with speaking(self.address):
                self._run(f"ANALYZE {', '.join(map(_quoted, tables))}")

    def count(self, query: str) -> int:
        """Return how many rows a query gives. Raises DataError."""
        with speaking(self.address):
            return int(self._run(f"SELECT count(*) FROM ({query}) AS found").scalar_one())

    def _run(self, statement: str) -> sa.CursorResult[Any]:
        return self.connection.exec_driver_sql(statement, execution_options=_RAW)

    def _copy(self, statement: str, rows: pa.Table, progress: Callable[[int], None] | None) -> None:
        driver: Any = self.connection.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            done = 0
            for part in _parts(rows):
                for row in part:
                    copy.write_row(row)
                done += len(part)
                if progress is not None:
                    progress(done)


@contextmanager
def writing(address: Address) -> Generator[Writable]:
    """Open a database to make tables in; all of the block's work is there after it, or none.

    A file of SQLite is made where there is none, and gone again where the block fails. Raises
    UsageError for another kind of database, and what connecting raises.
    """
    engine = engine_of(address)
    name = engine.dialect.name
    if name not in ("postgresql", "sqlite") or engine.driver not in ("psycopg", "pysqlite"):
        raise UsageError(
            f"{hidden(address.url)}: tables are loaded into PostgreSQL (psycopg), SQLite and DuckDB"
        )
    made: Path | None = None
    if name == "sqlite":
        if address.schema is not None:
            raise UsageError(f"{address}: SQLite has no schemas")
        made = _new_file(address, engine.url.database or "")
    whole = False
    try:
        with speaking(address):
            connection = engine.connect()
        with connection:
            with speaking(address):
                _begin(connection, address)
            yield Writable(connection, address)
            with _refusing(connection, address):
                connection.commit()
        whole = True
    finally:
        engine.dispose()
        if made is not None and not whole:
            made.unlink(missing_ok=True)


def _begin(connection: sa.Connection, address: Address) -> None:
    if connection.dialect.name == "sqlite":
        # The driver begins no transaction before a CREATE TABLE, and this setting needs none open.
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        connection.exec_driver_sql("BEGIN")
        return
    connection.exec_driver_sql("SET LOCAL datestyle = 'ISO, YMD'")
    if address.schema is not None:
        there = sa.inspect(connection).get_schema_names()
        if address.schema not in there:
            raise DataError(
                f"{hidden(address.url)} has no schema `{address.schema}`; its schemas: "
                + ", ".join(f"`{n}`" for n in there)
            )
        name = _quoted(address.schema).replace("%", "%%")
        connection.exec_driver_sql(f"SET LOCAL search_path TO {name}")


def _new_file(address: Address, name: str) -> Path | None:
    """Return the file that connecting makes; None where it is there."""
    shown = hidden(address.url)
    if name in ("", ":memory:") or name.startswith("file:"):
        raise UsageError(f"{shown} names no file; write sqlite:///file.db")
    path = Path(name)
    if path.is_dir():
        raise UsageError(f"{shown}: it is a directory")
    if not path.parent.is_dir():
        raise UsageError(f"{shown}: there is no directory {path.parent}")
    return None if path.exists() else path


@contextmanager
def _refusing(connection: sa.Connection, address: Address, into: str = "") -> Generator[None]:
    """Turn a broken constraint into a RuleViolationError, and the rest into a DataError."""
    driver: Any = connection.dialect.loaded_dbapi
    try:
        with speaking(address):
            yield
    except DataError as error:
        cause = error.__cause__
        if isinstance(cause, IntegrityError):
            said = _said(address, cause.orig or cause)
            raise RuleViolationError(f"{hidden(address.url)} refuses{into}: {said}") from error
        raise
    except driver.IntegrityError as error:  # from COPY, which does not go through SQLAlchemy
        said = _said(address, error)
        raise RuleViolationError(f"{hidden(address.url)} refuses{into}: {said}") from error
    except driver.Error as error:
        raise DataError(f"{hidden(address.url)}: {_said(address, error)}") from error


def _said(address: Address, error: BaseException) -> str:
    lines = (line.strip() for line in str(error).splitlines())
    return address.scrubbed("; ".join(filter(None, lines)))


def _parts(
    rows: pa.Table, change: Callable[[object], object] | None = None
) -> Iterator[list[tuple[object, ...]]]:
    """Yield the rows as Python values, some thousands at a time."""
    for batch in rows.to_batches(max_chunksize=ROWS):
        columns = [column.to_pylist() for column in batch.columns]
        if change is not None:
            columns = [list(map(change, values)) for values in columns]
        yield list(zip(*columns, strict=True))


def _plain(value: object) -> object:
    """Return a value as SQLite stores it."""
    match value:
        case bool():
            return int(value)
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime():
            return value.isoformat(sep=" ", timespec="seconds")
        case date():
            return value.isoformat()
    return value


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
