"""Which table of which database an argument names, without anything being connected to.

``postgresql://user@host/db#sales.orders`` is the table ``orders`` of the schema ``sales``;
``#orders`` leaves the schema to the database, ``#sales.`` names a schema alone. In a name, dots
and other marks of URLs are written as ``%2E`` and so on. What stands here needs no SQLAlchemy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from synthtab.errors import UsageError

FORMS = "sqlite:///file.db or postgresql://user@host/database"
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+._-]+)://(.*)", re.DOTALL)
_PASSWORD = re.compile(r"(://[^:/@?]*):.*@", re.DOTALL)
_SECRET = re.compile(r"([?&][^=&]*(?:pass|pwd|secret|token)[^=&]*=)[^&]*", re.IGNORECASE)


@dataclass(frozen=True)
class Address:
    """A database, and the schema and table in it where they are named.

    ``url`` may hold a password, and so is never shown: ``str()`` gives what can be.
    """

    url: str = field(repr=False)
    schema: str | None = None
    table: str | None = None

    def __str__(self) -> str:
        """Return the whole address, its passwords as ``***``."""
        shown = hidden(self.url)
        if self.table is None and self.schema is None:
            return shown
        schema = "" if self.schema is None else f"{_quoted(self.schema)}."
        return f"{shown}#{schema}{_quoted(self.table or '')}"

    def at(self, table: str) -> Address:
        """Return the address of a table of the same database and schema."""
        return Address(self.url, self.schema, table)

    def scrubbed(self, text: str) -> str:
        """Return a driver's message without the URL's password, should it quote it."""
        found = _PASSWORD.search(self.url)
        if found is None:
            return text
        written = found[0][found[0].index(":", 3) + 1 : -1]
        for secret in {written, unquote(written)} - {""}:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", text)
        return text


def is_url(text: str) -> bool:
    """Say whether an argument is meant as a URL; no file's name holds ``://``."""
    return _URL.match(text) is not None


def hidden(url: str) -> str:
    """Return a URL without what is secret in it: passwords become ``***``."""
    return _SECRET.sub(r"\1***", _PASSWORD.sub(r"\1:***@", url))


def parse_address(text: str) -> Address:
    """Read a URL with an optional ``#schema.table``. Raises UsageError saying what is wrong."""
    found = _URL.fullmatch(text)
    if found is None:
        raise UsageError(f"{text!r} is no database URL, such as {FORMS}")
    start = found.start(2)
    # A '#' before the host belongs to a password.
    sign = text.rfind("#", max(start, text.rfind("@") + 1))
    url, fragment = (text, "") if sign < 0 else (text[:sign], text[sign + 1 :])
    rest = url[start:]
    if not rest or rest.startswith("#"):
        raise UsageError(f"{hidden(text)} names no database; write {FORMS}")
    if not rest.startswith("/") and rest.count("@") > 1:
        raise UsageError(
            f"{hidden(url)}: more than one '@'; in a user's name or password it is written %40"
        )
    schema, table = _names(text, fragment)
    return Address(url, schema, table)


def _quoted(name: str) -> str:
    return quote(name, safe="").replace(".", "%2E")


def _names(text: str, fragment: str) -> tuple[str | None, str | None]:
    parts = [unquote(part) for part in fragment.split(".")]
    if len(parts) > 2 or (len(parts) == 2 and not parts[0]):
        raise UsageError(
            f"{hidden(text)}: what follows # is TABLE, SCHEMA.TABLE or SCHEMA. "
            "(a dot in a name is written %2E)"
        )
    schema = parts[0] if len(parts) == 2 else None
    return schema, parts[-1] or None
