"""A model as one SQL script: tables with what a database enforces, queries for the rest."""

from __future__ import annotations

from collections.abc import Sequence

from synthtab.backends.sql import SqlBackend
from synthtab.backends.sqltables import SqlTables
from synthtab.backends.sqltext import TooWideError
from synthtab.ir import nodes
from synthtab.ir.references import references


def script(tables: Sequence[nodes.Table], wanted: Sequence[str] | None = None) -> str:
    """Return CREATE TABLE statements, parents first, and a query for each rule they do not enforce.

    A query gives the ``rowid`` of the rows that break its rule. References that would close a
    circle of tables, or lead out of the ``wanted`` ones (all without it), become queries too.
    """
    chosen = [t for t in tables if wanted is None or t.name in wanted]
    parts = []
    there: set[str] = set()
    queries = SqlTables(tables)
    left: list[tuple[nodes.Table, nodes.Rule]] = []
    for table in _parents_first(chosen):
        there.add(table.name)
        kept = tuple(
            r for r in table.rules if not isinstance(r, nodes.ReferenceRule) or r.parent in there
        )
        backend = SqlBackend(nodes.Table(table.name, table.columns, kept, span=table.span))
        parts.append(backend.create_table())
        left += [(table, r) for r in table.rules if r not in kept or not backend.enforced(r)]
    parts += [_query(queries, table, rule) for table, rule in left]
    return "\n".join(parts)


def _query(queries: SqlTables, table: nodes.Table, rule: nodes.Rule) -> str:
    share = "" if rule.share is None else f" (at least {rule.share.normalize() * 100:f}% keep it)"
    title = f"-- {table.name}.{rule.name}{share}: the rows that break it"
    try:
        return f"{title}\n{queries.query(table.name, rule)}"
    except TooWideError as error:
        return f"{title}\n-- no query: {error}\n"


def _parents_first(tables: Sequence[nodes.Table]) -> list[nodes.Table]:
    """Return the tables so that each comes after those it refers to, as far as that goes."""
    waiting = list(tables)
    done: list[nodes.Table] = []
    names = {t.name for t in tables}
    while waiting:
        ready = [
            t
            for t in waiting
            if {r.parent for r in references(t)} & (names - {t.name}) <= {d.name for d in done}
        ]
        # In a circle the first one written goes first; what it refers to is then left to a query.
        taken = ready or waiting[:1]
        done += taken
        waiting = [t for t in waiting if t not in taken]
    return done
