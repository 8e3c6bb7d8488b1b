"""Names of constraints and indexes: each its own, also among those of other models in a schema."""

from __future__ import annotations

import re
from collections.abc import Collection
from hashlib import sha256

MAX_NAME = 63
"""PostgreSQL keeps as many bytes of a name."""
_DIGEST, _TABLE = 8, 12
"""Digits of a digest, and the bytes left for it and the table beside a long rule's name."""
_DIGESTED = re.compile(rf"(?P<table>.*)~[0-9a-f]{{{_DIGEST}}}\.(?P<name>.*)", re.DOTALL)


class Names:
    """Gives constraints names of their own within a table, and indexes within a schema."""

    def __init__(self, tables: Collection[str] = ()) -> None:
        self._shared = {name.lower() for name in tables}
        self._own: dict[str, set[str]] = {}

    def of(self, table: str, name: str, *, index: bool = False) -> str:
        """Return the name, changed if it was used before.

        ``index`` says that it names an index, whose name begins with its table's: other tables of
        the schema, of this model or another, may have a rule of the same name.
        """
        own = self._own.setdefault(table, set())
        shared = self._shared if index else set()
        wanted = indexed(table, name) if index else _cut(name)
        free, count = wanted, 2
        while free.lower() in own or free.lower() in shared:
            free, count = _cut(wanted, f" {count}"), count + 1
        own.add(free.lower())
        if index:
            self._shared.add(free.lower())
        return free


def indexed(table: str, name: str) -> str:
    """Return a name for an index that no other table's index has: ``table.name``.

    Where that is too long, or the table's own name has a point so that `a.b` + `c` would meet
    `a` + `b.c`, a digest of both stands after as much of the table's name as there is room for.
    """
    plain = f"{table}.{name}"
    if "." not in table and len(plain.encode()) <= MAX_NAME:
        return plain
    digest = sha256(f"{len(table)}.{plain}".encode()).hexdigest()[:_DIGEST]
    end = f"~{digest}." + _cut(name, room=MAX_NAME - _DIGEST - _TABLE)
    return _cut(table, end)


def without_table(index: str, table: str) -> str:
    """Return the name of a rule from its index's, which :func:`indexed` made."""
    if "." not in table and index.startswith(f"{table}."):
        return index.removeprefix(f"{table}.")
    found = _DIGESTED.fullmatch(index)
    if found is not None and table.startswith(found["table"]):
        return found["name"]
    return index


def _cut(name: str, end: str = "", room: int = MAX_NAME) -> str:
    """Return the name with its end, within the bytes that there is room for."""
    left = room - len(end.encode())
    return name.encode()[:left].decode(errors="ignore") + end
