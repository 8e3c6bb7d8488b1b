"""Making tables in a DuckDB file and filling them: everything in one transaction, or nothing.

DuckDB checks a reference when a row comes in, so rows that refer to others of their table have to
come after them (``defers`` is False).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from synthtab.backends.sqltext import identifier
from synthtab.errors import DataError, RuleViolationError, UsageError


@dataclass(frozen=True)
class DuckStore:
    """An open DuckDB file, in a transaction that ends with the block it was opened by."""

    connection: duckdb.DuckDBPyConnection
    path: Path

    @property
    def dialect(self) -> str:
        """``duckdb``."""
        return "duckdb"

    @property
    def defers(self) -> bool:
        """False: a row's references have to be there when it comes."""
        return False

    def present(self, tables: Sequence[str]) -> list[str]:
        """Return those of ``tables`` that are there, as tables or views; capitals do not count."""
        found = self._run("SELECT lower(table_name) FROM information_schema.tables").fetchall()
        there = {name for (name,) in found}
        return [t for t in tables if t.lower() in there]

    def drop(self, tables: Sequence[str]) -> None:
        """Remove tables and their rows, those that refer to others first."""
        for table in reversed(tables):
            self._run(f"DROP TABLE {identifier(table)}")

    def execute(self, statement: str) -> None:
        """Run a statement. Raises RuleViolationError where rows break a constraint, DataError."""
        self._run(statement)

    def insert(
        self, table: str, rows: pa.Table, progress: Callable[[int], None] | None = None
    ) -> None:
        """Insert rows; ``progress`` is told how many are in.

        Raises RuleViolationError with the database's words where one breaks a constraint.
        """
        names = ", ".join(map(identifier, rows.column_names))
        self.connection.register("synthtab rows", rows)
        text = f'INSERT INTO {identifier(table)} ({names}) SELECT {names} FROM "synthtab rows"'
        self._run(text, f" rows of table `{table}`")
        self.connection.unregister("synthtab rows")
        if progress is not None:
            progress(rows.num_rows)

    def settle(self, tables: Sequence[str]) -> None:
        """Do nothing: DuckDB has checked every row as it came."""

    def analyse(self, tables: Sequence[str]) -> None:
        """Do nothing: DuckDB counts while it inserts."""

    def count(self, query: str) -> int:
        """Return how many rows a query gives. Raises DataError."""
        return int(self._run(f"SELECT count(*) FROM ({query}) AS found").fetchall()[0][0])

    def _run(self, statement: str, what: str = "") -> duckdb.DuckDBPyConnection:
        with _refusing(self.path, what):
            return self.connection.execute(statement)


@contextmanager
def storing(path: Path) -> Generator[DuckStore]:
    """Open a file to make tables in; all of the block's work is there after it, or none.

    The file is made where there is none, and gone again where the block fails. Raises UsageError
    for a place that cannot be, DataError for a file that is no database.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a directory; write duckdb:///file.duckdb")
    if not path.parent.is_dir():
        raise UsageError(f"cannot write {path}: there is no directory {path.parent}")
    made = not path.exists()
    whole = False
    try:
        with _refusing(path, ""):
            connection = duckdb.connect(str(path))
        try:
            connection.execute("BEGIN")
            yield DuckStore(connection, path)
            with _refusing(path, ""):
                connection.execute("COMMIT")
            whole = True
        finally:
            connection.close()  # what is not committed is gone
    finally:
        if made and not whole:
            path.unlink(missing_ok=True)
            path.with_name(path.name + ".wal").unlink(missing_ok=True)


@contextmanager
def _refusing(path: Path, what: str) -> Generator[None]:
    try:
        yield
    except duckdb.IntegrityError as error:
        raise RuleViolationError(f"{path} refuses{what}: {_line(error)}") from error
    except duckdb.Error as error:
        raise DataError(f"{path}: {_line(error)}") from error


def _line(error: duckdb.Error) -> str:
    return "; ".join(filter(None, (line.strip() for line in str(error).splitlines())))
