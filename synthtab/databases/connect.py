"""Connecting to a database, for reading only, and telling its errors without its passwords."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SAWarning, SQLAlchemyError

from synthtab.databases.address import FORMS, Address, hidden
from synthtab.errors import DataError, UsageError

LIBPQ: dict[str, object] = {"connect_timeout": 10, "client_encoding": "utf8"}
"""What PostgreSQL's library is told where a URL does not: seconds to wait, and UTF-8."""
_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


@contextmanager
def connected(address: Address) -> Generator[sa.Connection]:
    """Connect to the database of an address until the block ends, in one transaction that reads.

    Raises UsageError for a URL that is none, a kind of database that is not known and a driver
    that is not installed, and DataError where the database does not answer or refuses.
    """
    engine = engine_of(address)
    if engine.dialect.name == "sqlite":
        _check_file(address, engine.url.database or "")
    try:
        with speaking(address):
            connection = engine.connect()
        with connection:
            with speaking(address):
                _settle(connection)
            yield connection
    finally:
        engine.dispose()


@contextmanager
def speaking(address: Address) -> Generator[None]:
    """Turn what the database and its driver raise into a DataError of one line.

    SQLAlchemy's warnings of types it does not know are not shown: such columns are read as text.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)
            yield
    except (SQLAlchemyError, ValueError) as error:  # drivers raise ValueError for bad text
        said = getattr(error, "orig", None) or error
        lines = [line.strip() for line in str(said).splitlines()]
        text = "; ".join(filter(None, lines)) or type(said).__name__
        raise DataError(f"{hidden(address.url)}: {address.scrubbed(text)}") from error


def engine_of(address: Address) -> sa.Engine:
    """Return an engine that connects anew each time. Raises UsageError as :func:`connected`."""
    shown = hidden(address.url)
    try:
        url = sa.make_url(address.url)
        url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
        arguments = LIBPQ if "psycopg" in url.drivername else {}
        arguments = {name: value for name, value in arguments.items() if name not in url.query}
        with warnings.catch_warnings():
            warnings.simplefilter("error", SAWarning)  # of options that it would ignore
            return sa.create_engine(url, poolclass=sa.NullPool, connect_args=arguments)
    except SAWarning as error:
        said = str(error).split("(Background")[0].strip()
        raise UsageError(f"{shown}: {address.scrubbed(said)}") from error
    except NoSuchModuleError as error:
        kind = address.url.split(":")[0]
        raise UsageError(
            f"{shown}: {kind!r} is no known kind of database; write {FORMS}"
        ) from error
    except (ArgumentError, ValueError) as error:
        raise UsageError(f"{shown} is no database URL; write {FORMS}") from error
    except ImportError as error:
        driver = error.name or "of that name"
        way = "pip install 'synthtab[sql]'" if driver == "psycopg" else "install it, or another"
        raise UsageError(f"{shown} needs the driver {driver}, which is missing: {way}") from error


def _check_file(address: Address, name: str) -> None:
    """Refuse what SQLite would make anew and find empty."""
    shown = hidden(address.url)
    if name in ("", ":memory:"):
        raise UsageError(f"{shown} names no file; write sqlite:///file.db")
    if not name.startswith("file:"):
        if not Path(name).exists():
            raise DataError(f"{shown}: there is no such file")
        if Path(name).is_dir():
            raise DataError(f"{shown}: it is a directory")


def _settle(connection: sa.Connection) -> None:
    """Begin a transaction that reads one state, changes nothing and writes values one way."""
    match connection.dialect.name:
        case "postgresql":
            connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            for setting in (
                "datestyle = 'ISO, YMD'",
                "timezone = 'UTC'",
                "extra_float_digits = 1",
                "synchronize_seqscans = off",  # else a table without a key starts anywhere
            ):
                connection.exec_driver_sql(f"SET LOCAL {setting}")
        case "sqlite":
            connection.exec_driver_sql("PRAGMA query_only = ON")
            connection.exec_driver_sql("BEGIN")
