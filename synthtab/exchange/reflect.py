"""The tables of a live database, as it describes them itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy
import sqlglot
from sqlalchemy.engine.reflection import Inspector
from sqlalchemy.exc import SQLAlchemyError
from sqlglot import exp
from sqlglot.errors import SqlglotError

from synthtab.errors import UsageError
from synthtab.exchange.imported import Imported, Note
from synthtab.exchange.rawtables import RawColumn, RawConstraint, RawTable
from synthtab.exchange.sqlbuild import build
from synthtab.exchange.sqlddl import from_sql

_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
_DIALECTS = {"postgresql": "postgres", "mysql": "mysql", "mariadb": "mysql", "mssql": "tsql"}


def from_database(url: str) -> Imported:
    """Return the tables of a database's default schema; notes name what is not in them.

    ``url`` is SQLAlchemy's, such as ``postgresql://user@host/name`` or ``sqlite:///file.db``.
    Nothing is written, and no row is read. Raises UsageError where the database cannot be reached
    or has no tables.
    """
    try:
        parsed = sqlalchemy.make_url(url)
        driver = _DRIVERS.get(parsed.drivername, parsed.drivername)
        if driver == "sqlite" and not _exists(parsed.database):
            raise UsageError(f"{parsed.database or 'the database in memory'}: no such file")
        engine = sqlalchemy.create_engine(parsed.set(drivername=driver))
    except ModuleNotFoundError as error:
        raise UsageError(
            f"cannot open {_safe(url)}: its driver {error.name} is not installed (that of"
            " PostgreSQL comes with pip install 'synthtab[sql]')"
        ) from error
    except SQLAlchemyError as error:
        raise UsageError(f"cannot open {_safe(url)}: {_first_line(error)}") from error
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                return _sqlite(connection)
            return _inspected(sqlalchemy.inspect(connection), engine.dialect)
    except SQLAlchemyError as error:
        raise UsageError(f"cannot read {_safe(url)}: {_first_line(error)}") from error
    finally:
        engine.dispose()


def _exists(path: str | None) -> bool:
    return path is not None and Path(path).is_file()


def _safe(url: str) -> str:
    """Return the URL without its password."""
    try:
        return sqlalchemy.make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return "the database"


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]


def _sqlite(connection: sqlalchemy.Connection) -> Imported:
    """SQLite keeps the statements that made its tables; nothing says more than they do."""
    query = (
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' "
        "AND type IN ('table', 'index') ORDER BY type DESC, rowid"
    )
    statements = [row[0] for row in connection.execute(sqlalchemy.text(query))]
    if not statements:
        raise UsageError("the database has no tables")
    return from_sql(";\n".join(statements), "sqlite")


def _inspected(inspector: Inspector, dialect: Any) -> Imported:
    name = _DIALECTS.get(dialect.name)
    if name is None:
        known = ", ".join(sorted(["sqlite", *_DIALECTS]))
        raise UsageError(f"databases of {dialect.name} cannot be read; those of {known} can")
    notes: list[Note] = []
    tables = [
        _Reflected(inspector, table, name, dialect, notes).raw()
        for table in sorted(inspector.get_table_names())
    ]
    if not tables:
        raise UsageError("the database has no tables in its default schema")
    enums: dict[str, tuple[str, ...]] = {}
    if name == "postgres":
        enums = {e["name"].lower(): tuple(e["labels"]) for e in inspector.get_enums()}  # type: ignore[attr-defined]
    return build(tables, enums, name, notes)


class _Reflected:
    """One table as SQLAlchemy's inspector tells of it."""

    def __init__(
        self, inspector: Inspector, table: str, name: str, dialect: Any, notes: list[Note]
    ) -> None:
        self.inspector = inspector
        self.table = table
        self.name = name
        self.dialect = dialect
        self.notes = notes

    def raw(self) -> RawTable:
        columns = tuple(
            RawColumn(c["name"], self._type(c["name"], c["type"]), bool(c["nullable"]))
            for c in self.inspector.get_columns(self.table)
        )
        constraints = [*self._keys(), *self._references(), *self._checks(), *self._indexes()]
        return RawTable(self.table, columns, tuple(constraints))

    def _type(self, column: str, kind: Any) -> exp.DataType | None:
        try:
            shown = kind.compile(dialect=self.dialect)
            return exp.DataType.build(shown, dialect=self.name, udt=True)
        except (SQLAlchemyError, SqlglotError) as error:
            self.notes.append(Note(f"{self.table}.{column}", str(kind), _first_line(error)))
            return None

    def _keys(self) -> list[RawConstraint]:
        key = self.inspector.get_pk_constraint(self.table)
        made = []
        if key["constrained_columns"]:
            names = tuple(key["constrained_columns"])
            made.append(RawConstraint("key", key.get("name"), names, description=_words(key)))
        for unique in self.inspector.get_unique_constraints(self.table):
            names = tuple(unique["column_names"])
            words = _words(unique)
            made.append(RawConstraint("unique", unique.get("name"), names, description=words))
        return made

    def _references(self) -> list[RawConstraint]:
        return [
            RawConstraint(
                "reference",
                key.get("name"),
                tuple(key["constrained_columns"]),
                key["referred_table"],
                tuple(key["referred_columns"]),
                description=_words(key),
            )
            for key in self.inspector.get_foreign_keys(self.table)
        ]

    def _checks(self) -> list[RawConstraint]:
        made = []
        for check in self.inspector.get_check_constraints(self.table):
            condition = self._condition(check.get("name"), check["sqltext"])
            if condition is not None:
                name, words = check.get("name"), _words(check)
                made.append(RawConstraint("check", name, condition=condition, description=words))
        return made

    def _indexes(self) -> list[RawConstraint]:
        made = []
        for index in self.inspector.get_indexes(self.table):
            if not index["unique"] or index.get("duplicates_constraint"):
                continue
            names = tuple(n for n in index["column_names"] if n is not None)
            where = (index.get("dialect_options") or {}).get(f"{self.dialect.name}_where")
            if len(names) < len(index["column_names"]):
                place = f"{self.table}.{index['name']}"
                self.notes.append(Note(place, "unique index", "it is about an expression"))
                continue
            condition = None if where is None else self._condition(index["name"], where)
            if where is None or condition is not None:
                words = _words(index)
                made.append(
                    RawConstraint(
                        "unique", index["name"], names, condition=condition, description=words
                    )
                )
        return made

    def _condition(self, name: str | None, text: str) -> exp.Expr | None:
        try:
            return sqlglot.parse_one(text, dialect=self.name, into=exp.Condition)
        except SqlglotError:
            pass
        try:
            parsed = sqlglot.parse_one(f"SELECT 1 WHERE {text}", dialect=self.name)
        except (SqlglotError, RecursionError) as error:
            reason = f"it cannot be read: {_first_line(error)}"
            self.notes.append(Note(f"{self.table}.{name}", text, reason))
            return None
        where = parsed.find(exp.Where)
        return None if where is None else where.this


def _words(what: Mapping[str, Any]) -> str | None:
    return what.get("comment") or None
