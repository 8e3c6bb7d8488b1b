"""Where rows come from: a file, or a table of a database. Who reads them need not know which.

Several tables come from a directory with a file named after each, or from a database.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias

import pandas as pd
import pyarrow as pa

from synthtab import files
from synthtab.batch import Batch, concat
from synthtab.codec import encode_arrays
from synthtab.databases.address import Address, is_url, parse_address
from synthtab.errors import DataError, UsageError
from synthtab.files import SUFFIXES, Progress
from synthtab.frames import encode_frame
from synthtab.schema import Column, TextType

if TYPE_CHECKING:
    from synthtab.databases.database import Database


class Source(Protocol):
    """Rows of one table, wherever they are."""

    @property
    def name(self) -> str:
        """The path or the URL, its passwords hidden."""

    @property
    def short(self) -> str:
        """A few words for it, to stand beside a bar."""

    @property
    def uri(self) -> str:
        """The same as a URI or a relative reference."""

    def line(self, row: int) -> int | None:
        """Return the line of a text file that a row (from 1) stands on, if lines mean anything."""

    def batches(
        self,
        columns: Sequence[Column],
        *,
        ignore_extra: bool = False,
        progress: Progress | None = None,
    ) -> Iterator[Batch]:
        """Read it piece by piece in bounded memory. Raises DataError where it does not fit."""

    def whole(
        self,
        columns: Sequence[Column],
        progress: Progress | None = None,
        *,
        ignore_extra: bool = False,
    ) -> Batch:
        """Read all of it as one batch. Raises DataError where it does not fit."""

    def frame(self, progress: Progress | None = None) -> pd.DataFrame:
        """Read all of it without knowing its columns. Raises DataError."""


Rows: TypeAlias = pd.DataFrame | str | Path | Source
"""Rows of a table: a DataFrame, a file's path, a database's URL, or what reads one of these."""


@dataclass(frozen=True)
class FileSource:
    """The rows of a CSV or Parquet file."""

    path: Path

    @property
    def name(self) -> str:
        """The path as it was given."""
        return str(self.path)

    @property
    def short(self) -> str:
        """The file's own name."""
        return self.path.name

    @property
    def uri(self) -> str:
        """The path with slashes."""
        return self.path.as_posix()

    def line(self, row: int) -> int | None:
        """Return ``row + 1`` for a CSV; that is true where no cell holds line breaks."""
        return row + 1 if self.path.name.endswith((".csv", ".csv.gz")) else None

    def batches(
        self,
        columns: Sequence[Column],
        *,
        ignore_extra: bool = False,
        progress: Progress | None = None,
    ) -> Iterator[Batch]:
        """Read the file; see :func:`synthtab.files.iter_batches`."""
        return files.iter_batches(self.path, columns, ignore_extra=ignore_extra, progress=progress)

    def whole(
        self,
        columns: Sequence[Column],
        progress: Progress | None = None,
        *,
        ignore_extra: bool = False,
    ) -> Batch:
        """Read the file as one batch; see :func:`synthtab.files.read_batch`."""
        return files.read_batch(self.path, columns, ignore_extra=ignore_extra, progress=progress)

    def frame(self, progress: Progress | None = None) -> pd.DataFrame:
        """Read the file whole; see :func:`synthtab.files.read_frame`."""
        return files.read_frame(self.path)


@dataclass(frozen=True)
class TableSource:
    """The rows of a table or view of an open database."""

    database: Database
    address: Address

    @property
    def name(self) -> str:
        """The database's URL and the table's name."""
        return str(self.address)

    @property
    def short(self) -> str:
        """The table's name."""
        return self.address.table or ""

    @property
    def uri(self) -> str:
        """The URL, without its password."""
        return str(self.address)

    def line(self, row: int) -> int | None:
        """Return None: a table has no lines."""
        return None

    def batches(
        self,
        columns: Sequence[Column],
        *,
        ignore_extra: bool = False,
        progress: Progress | None = None,
    ) -> Iterator[Batch]:
        """Read the table in the order of its primary key."""
        return self.database.batches(
            self.address, columns, ignore_extra=ignore_extra, progress=progress
        )

    def whole(
        self,
        columns: Sequence[Column],
        progress: Progress | None = None,
        *,
        ignore_extra: bool = False,
    ) -> Batch:
        """Read the table as one batch."""
        batches = list(self.batches(columns, ignore_extra=ignore_extra, progress=progress))
        if not batches:
            return encode_arrays(columns, [pa.nulls(0)] * len(columns))[0]
        return concat(batches, [c.name for c in columns if isinstance(c.type, TextType)])

    def frame(self, progress: Progress | None = None) -> pd.DataFrame:
        """Read the table whole, for a schema to be inferred."""
        return self.database.frame(self.address, progress)


class Sources:
    """Finds sources for a command, and connects to each database once, until the command ends.

    A context manager. What it gives is of use only inside its block.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._open: dict[str, Database] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def one(self, argument: str, table: str) -> Source:
        """Return the source that an argument names for a table.

        A database's URL without a table's name stands for the table of the same name there, a
        directory for the file of that name. Raises UsageError and DataError where the argument or
        the database is wrong, or there is no such table in it.
        """
        if not is_url(argument):
            path = Path(argument)
            return FileSource(path) if not path.is_dir() else self.some(argument, [table])[table]
        address = parse_address(argument)
        address = address if address.table is not None else address.at(table)
        database = self._database(address)
        if not database.has(address):
            raise database.unknown(address)
        return TableSource(database, address)

    def some(self, argument: str, tables: Sequence[str]) -> dict[str, Source]:
        """Return sources for those of ``tables`` that a database or directory has by their names.

        Raises UsageError where the URL names one table, DataError where there is none of them.
        """
        if not is_url(argument):
            return _files(Path(argument), tables)
        address = self._whole(argument)
        database = self._database(address)
        places = {name: address.at(name) for name in tables}
        found = {name: place for name, place in places.items() if database.has(place)}
        if not found:
            raise database.unknown(*places.values())
        return {name: TableSource(database, place) for name, place in found.items()}

    def every(self, argument: str) -> dict[str, Source]:
        """Return sources for all tables, not views, that a database has.

        Raises UsageError where the URL names one table, DataError where there are none.
        """
        address = self._whole(argument)
        database = self._database(address)
        names = database.tables(address.schema)
        if not names:
            raise DataError(f"{address} has no tables")
        return {name: TableSource(database, address.at(name)) for name in names}

    def _whole(self, argument: str) -> Address:
        address = parse_address(argument)
        if address.table is not None:
            raise UsageError(f"{address} names one table: write TABLE={address}")
        return address

    def _database(self, address: Address) -> Database:
        if address.url not in self._open:
            try:
                from synthtab.databases.database import opened  # SQLAlchemy, an extra
            except ModuleNotFoundError as error:
                if error.name != "sqlalchemy":
                    raise
                raise UsageError(
                    "databases need SQLAlchemy: pip install 'synthtab[sql]'"
                ) from error
            self._open[address.url] = self._stack.enter_context(opened(address))
        return self._open[address.url]


def is_collection(argument: str) -> bool:
    """Say whether an argument stands for several tables: a directory, or a database's URL."""
    return is_url(argument) or Path(argument).is_dir()


def read_rows(
    name: str, columns: Sequence[Column], rows: Rows, progress: Progress | None = None
) -> Batch:
    """Read all rows of a table from wherever they are; a ``str`` may be a URL.

    Raises DataError where they do not fit the columns, UsageError for a URL or name that is none.
    """
    if isinstance(rows, pd.DataFrame):
        return encode_frame(columns, rows, name=f"the DataFrame of table `{name}`")
    if isinstance(rows, str | Path):
        with Sources() as sources:
            return sources.one(str(rows), name).whole(columns, progress)
    return rows.whole(columns, progress)


def _files(folder: Path, tables: Sequence[str]) -> dict[str, Source]:
    """Return the files of a directory that are named after tables."""
    if not folder.is_dir():
        raise DataError(
            f"{folder} is no directory; several tables are a directory with a file each"
        )
    found: dict[str, Source] = {}
    for table in tables:
        paths = [p for s in SUFFIXES if (p := folder / f"{table}{s}").is_file()]
        if len(paths) > 1:
            names = " and ".join(p.name for p in paths)
            raise UsageError(f"{folder} has {names}: which of them is table `{table}`?")
        if paths:
            found[table] = FileSource(paths[0])
    if not found:
        names = ", ".join(f"{t}.csv" for t in tables[:5]) + ", ..." * (len(tables) > 5)
        raise DataError(
            f"{folder} has no file named after a table, such as {names} "
            f"(or {', '.join(SUFFIXES[1:])})"
        )
    return found
