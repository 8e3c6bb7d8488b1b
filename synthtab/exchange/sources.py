"""Finding out what kind of schema a source is, and reading it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from synthtab.databases.address import hidden, is_url
from synthtab.errors import UsageError
from synthtab.exchange.frictionless import from_frictionless
from synthtab.exchange.imported import Imported
from synthtab.exchange.json_document import read_json
from synthtab.exchange.json_schema import from_json_schema
from synthtab.exchange.pandera_file import load_schema
from synthtab.exchange.pandera_schema import from_pandera
from synthtab.exchange.settle import chosen, settled

_PANDERA = re.compile(r"(?P<file>.+\.py):(?P<name>.*)\Z", re.DOTALL)
_SQL_SUFFIXES = (".sql", ".ddl")


Format = Literal["sql", "json-schema", "frictionless", "pandera"]
"""What can be imported; a database is told by its URL."""


def read_source(
    source: str, form: Format | None, dialect: str | None = None, table: str | None = None
) -> Imported:
    """Return the tables of a schema file, of ``schema.py:NAME``, or of the database at a URL.

    ``form`` is guessed from the source where it is None. ``dialect`` is for SQL. ``table`` picks
    one of several tables, or names the only one. Raises UsageError, naming the source, where it
    cannot be read.
    """
    if form is None:
        form = _guessed(source)
    elif is_url(source) and form != "sql":
        raise UsageError(
            f"{hidden(source)} is a URL, and so a database: --format {form} is for files"
        )
    if dialect is not None and (form != "sql" or is_url(source)):
        raise UsageError(f"--dialect is for files with SQL, which {hidden(source)} is not")
    match form:
        case "sql":
            read = _database(source) if is_url(source) else _sql(_text(source), dialect)
        case "json-schema":
            read = from_json_schema(_text(source), source, _stem(source))
        case "frictionless":
            read = from_frictionless(_text(source), source, Path(source).parent, _stem(source))
        case "pandera":
            schema, name = load_schema(source)
            read = from_pandera(schema, name)
    return settled(chosen(read, table))


def _sql(text: str, dialect: str | None) -> Imported:
    try:
        from synthtab.exchange.sqlddl import from_sql  # sqlglot, which is an extra
    except ModuleNotFoundError as error:
        raise _missing(error, "SQL", "sqlglot") from error
    return from_sql(text, dialect)


def _database(url: str) -> Imported:
    try:
        from synthtab.exchange.reflect import from_database  # SQLAlchemy, which is an extra
    except ModuleNotFoundError as error:
        raise _missing(error, "a database", "sqlalchemy", "sqlglot") from error
    return from_database(url)


def _missing(error: ModuleNotFoundError, what: str, *packages: str) -> Exception:
    """Return what to raise where an import failed: the extra that is missing, or the bug it is."""
    if error.name not in packages:
        return error
    return UsageError(f"to read {what} {error.name} is needed: pip install 'synthtab[sql]'")


def _guessed(source: str) -> Format:
    suffix = Path(source).suffix.lower()
    if is_url(source) or suffix in _SQL_SUFFIXES:
        return "sql"
    if suffix == ".py" or (_PANDERA.match(source) and not Path(source).exists()):
        return "pandera"
    text = _text(source)
    if suffix == ".json" or text.lstrip().startswith("{"):
        return _json_format(read_json(text, source))
    if re.search(r"\bcreate\s+table\b", text, re.IGNORECASE):
        return "sql"
    raise UsageError(
        f"{source} is not known by its name or its content: say --format"
        f" {', '.join(get_args(Format))}"
    )


def _json_format(data: Any) -> Format:
    if isinstance(data, Mapping) and (
        isinstance(data.get("fields"), list) or isinstance(data.get("resources"), list)
    ):
        return "frictionless"
    return "json-schema"


def _text(source: str) -> str:
    try:
        return Path(source).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot read {source}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{source} is not UTF-8 text (byte {error.start})") from error


def _stem(source: str) -> str:
    """Return a file's name up to its first point, as the name of a table."""
    return Path(source).name.split(".")[0] or "data"
