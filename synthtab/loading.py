"""Tables put into a database that keeps their rules: made, filled and asked about the rest.

The database itself is the judge: it refuses rows that break a rule it can enforce, and then nothing
is left behind. Rules it cannot enforce are asked about by the queries of backends/sqlscript.py.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import pyarrow as pa

from synthtab.backends.sqlscript import ddl, parents_first
from synthtab.backends.sqlstore import storing
from synthtab.databases.address import Address, hidden
from synthtab.errors import UsageError
from synthtab.files import to_table
from synthtab.ir import nodes
from synthtab.ir.references import references

KINDS = ("postgresql", "postgres", "sqlite", "duckdb")
"""How the URL of a database begins that tables can be loaded into."""
Progress = Callable[[str, float], None]
"""Is told what is being done, and the share of it that is done."""


class Store(Protocol):
    """A database in a transaction; see databases/writing.py and backends/sqlstore.py."""

    @property
    def dialect(self) -> str:
        """The name of the SQL it speaks."""

    @property
    def defers(self) -> bool:
        """Whether references within a table are checked at the end."""

    def present(self, tables: Sequence[str]) -> list[str]:
        """Return those of ``tables`` that are there."""

    def drop(self, tables: Sequence[str]) -> None:
        """Remove tables, given with those referred to first."""

    def execute(self, statement: str) -> None:
        """Run a statement."""

    def insert(
        self, table: str, rows: pa.Table, progress: Callable[[int], None] | None = None
    ) -> None:
        """Insert rows."""

    def settle(self, tables: Sequence[str]) -> None:
        """Check what is put off to the end."""

    def analyse(self, tables: Sequence[str]) -> None:
        """Prepare for queries."""

    def count(self, query: str) -> int:
        """Return how many rows a query gives."""


@dataclass(frozen=True)
class Unenforced:
    """A rule that the database does not enforce, by ``reason``.

    ``broken`` is how many rows its query found, None where there is no query; ``kept`` says whether
    so few are allowed, as some are under a soft rule.
    """

    table: str
    rule: str
    reason: str
    broken: int | None
    kept: bool


@dataclass(frozen=True)
class Loaded:
    """What was loaded: rows by table, constraints and keys by table, and what they leave out."""

    dialect: str
    rows: Mapping[str, int]
    enforced: Mapping[str, int]
    unenforced: tuple[Unenforced, ...]

    @property
    def broken(self) -> tuple[Unenforced, ...]:
        """The rules that rows break by what the queries found."""
        return tuple(u for u in self.unenforced if not u.kept)


def check_target(tables: Sequence[nodes.Table], address: Address, *, replace: bool = False) -> None:
    """Make sure, before any work, that the tables can be made there; nothing is changed.

    Raises UsageError for an address that will not do, and where tables of these names are there
    and may not be replaced; DataError where the database does not answer.
    """
    _check(address)
    path = _file(address)
    if path is not None and path.parent.is_dir() and not path.exists():
        return
    with _opened(address) as store:
        _present(store, tables, address, replace)


def load(
    tables: Sequence[nodes.Table],
    frames: Mapping[str, pd.DataFrame],
    address: Address,
    *,
    replace: bool = False,
    progress: Progress | None = None,
) -> Loaded:
    """Make the tables with their constraints, insert all rows, ask about the other rules.

    One transaction: where anything fails the database is as it was. Tables that are there are an
    error unless ``replace`` says to drop them first. Raises RuleViolationError where the database
    refuses rows, UsageError and DataError as :func:`check_target`.
    """
    _check(address)
    order = parents_first(tables)
    with _opened(address) as store:
        old = _present(store, order, address, replace)
        if old:
            store.drop(old)
        made = ddl(tables, store.dialect)
        for statement in made.statements:
            store.execute(statement)
        for table in order:
            rows = to_table(frames[table.name][list(table.column_names)], table.columns)
            _insert(store, table, rows, progress)
        store.settle([t.name for t in order])
        store.analyse([t.name for t in order])
        rules = {(t.name, r.name): r for t in tables for r in t.rules}
        unenforced = []
        for done, query in enumerate(made.queries):
            rule = rules.get((query.table, query.rule))
            broken = None if query.sql is None else store.count(query.sql)
            size = len(frames[query.table])
            kept = broken is None or broken <= size * (1 - _share(rule))
            unenforced.append(Unenforced(query.table, query.rule, query.reason, broken, kept))
            if progress is not None:
                progress("asking about the other rules", (done + 1) / len(made.queries))
        left = {(u.table, u.rule) for u in unenforced}
        return Loaded(
            store.dialect,
            {t.name: len(frames[t.name]) for t in tables},
            {t.name: sum((t.name, r.name) not in left for r in t.rules) for t in tables},
            tuple(unenforced),
        )


def _share(rule: nodes.Rule | None) -> float:
    return 1.0 if rule is None or rule.share is None else float(rule.share)


def _present(
    store: Store, tables: Sequence[nodes.Table], address: Address, replace: bool
) -> list[str]:
    """Return the tables that are there and are to go. Raises UsageError where they may not."""
    there = store.present([t.name for t in tables])
    if there and not replace:
        names = ", ".join(f"`{n}`" for n in there)
        raise UsageError(f"{hidden(address.url)} has {names} already; --replace drops them first")
    return there


def _insert(store: Store, table: nodes.Table, rows: pa.Table, progress: Progress | None) -> None:
    """Insert a table's rows; those that others of the table refer to first, where that counts."""
    own = [r for r in references(table) if r.parent == table.name and r.share is None]
    parts = [rows] if store.defers or not own else [rows.take(g) for g in generations(rows, own)]
    before = 0
    for part in parts:

        def told(done: int, before: int = before) -> None:
            if progress is not None:
                share = (before + done) / max(1, rows.num_rows)
                progress(f"loading {table.name}", share)

        store.insert(table.name, part, told)
        before += part.num_rows


def generations(rows: pa.Table, own: Sequence[nodes.ReferenceRule]) -> list[np.ndarray]:
    """Return row numbers in groups, each of which refers to rows of groups before it only.

    Rows that refer to each other in a circle, or to themselves, come last.
    """
    count = rows.num_rows
    parents = []
    for rule in own:
        theirs = zip(*(rows[c].to_pylist() for c in rule.parent_columns), strict=True)
        number = {key: at for at, key in enumerate(theirs)}
        keys = zip(*(rows[c].to_pylist() for c in rule.columns), strict=True)
        parents.append(np.array([number.get(key, -1) for key in keys], dtype=np.int64))
    left = np.ones(count, dtype=bool)
    groups = []
    while left.any():
        waits = np.zeros(count, dtype=bool)
        for parent in parents:
            waits |= (parent >= 0) & left[parent]
        ready = np.flatnonzero(left & ~waits)
        if not len(ready):
            ready = np.flatnonzero(left)
        groups.append(ready)
        left[ready] = False
    return groups


def _check(address: Address) -> None:
    kind = address.url.partition("://")[0].split("+")[0]
    if kind not in KINDS:
        raise UsageError(
            f"{hidden(address.url)}: tables are loaded into {', '.join(KINDS)}; {kind} is none"
        )
    if address.table is not None:
        raise UsageError(f"{address} names one table; a database is named without it")


def _file(address: Address) -> Path | None:
    """Return the file of an address that names one."""
    kind, _, rest = address.url.partition("://")
    if kind.split("+")[0] not in ("sqlite", "duckdb"):
        return None
    name = rest.partition("?")[0].removeprefix("/")
    if not name or name == ":memory:":
        raise UsageError(f"{hidden(address.url)} names no file; write {kind}:///file.db")
    if address.schema is not None:
        raise UsageError(f"{address}: only PostgreSQL's schemas can be named here")
    return Path(name)


@contextmanager
def _opened(address: Address) -> Generator[Store]:
    path = _file(address)
    if path is not None and address.url.startswith("duckdb:"):
        with storing(path) as store:
            yield store
        return
    try:
        from synthtab.databases.writing import writing  # SQLAlchemy, an extra
    except ModuleNotFoundError as error:
        if error.name != "sqlalchemy":
            raise
        raise UsageError("databases need SQLAlchemy: pip install 'synthtab[sql]'") from error
    with writing(address) as other:
        yield other
