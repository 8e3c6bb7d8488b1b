"""The databases that rules are written for, by name."""

from __future__ import annotations

from collections.abc import Mapping

from synthtab.backends.sqldialect import Dialect
from synthtab.backends.sqlpostgres import PostgreSql
from synthtab.backends.sqlsqlite import Sqlite
from synthtab.errors import UsageError

DIALECTS: Mapping[str, Dialect] = {d.name: d for d in (Dialect(), PostgreSql(), Sqlite())}


def dialect_of(name: str) -> Dialect:
    """Return the dialect of that name. Raises UsageError naming those there are."""
    if name not in DIALECTS:
        raise UsageError(f"unknown SQL dialect {name!r}; known: {', '.join(DIALECTS)}")
    return DIALECTS[name]
