"""A model as SQL: tables with what a database enforces, queries for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synthtab.backends.sqlcreate import create
from synthtab.backends.sqldialects import dialect_of
from synthtab.backends.sqlnames import Names
from synthtab.backends.sqltables import SqlTables
from synthtab.backends.sqltext import NotSaidError
from synthtab.ir import nodes
from synthtab.ir.references import references


@dataclass(frozen=True)
class Offenders:
    """A rule that no constraint enforces, by ``reason``.

    ``sql`` is a query for the rows that break it, by their ``rowid`` (``ctid`` in PostgreSQL); None
    where the database has no words for that either, which ``reason`` then says. ``rule`` may also
    be a column and what of it is not enforced, such as ``email pattern``.
    """

    table: str
    rule: str
    sql: str | None
    reason: str


@dataclass(frozen=True)
class Ddl:
    """Statements to be executed one after the other, and what they leave to queries.

    No statement ends in a semicolon. SQLite's first one has to come outside of a transaction.
    """

    statements: tuple[str, ...]
    queries: tuple[Offenders, ...]


def ddl(
    tables: Sequence[nodes.Table], dialect: str = "duckdb", wanted: Sequence[str] | None = None
) -> Ddl:
    """Return what makes the ``wanted`` tables of a model (all without it), parents first.

    ``dialect`` is duckdb, postgresql or sqlite; UsageError for another. Every rule is enforced by a
    constraint or is among the queries, never neither.
    """
    words = dialect_of(dialect)
    chosen = [t for t in tables if wanted is None or t.name in wanted]
    names = Names([t.name for t in chosen])
    there: set[str] = set()
    statements: list[str] = []
    later: list[str] = []
    left: list[Offenders] = []
    queries = SqlTables(tables, words)
    for table in parents_first(chosen):
        there.add(table.name)
        made = create(table, words, names, there, chosen)
        statements += made.statements
        later += made.later
        rules = {r.name: r for r in table.rules}
        left += [_offenders(queries, table, rules.get(n), n, reason) for n, reason in made.left]
    return Ddl((*words.preamble, *statements, *later), tuple(left))


def script(
    tables: Sequence[nodes.Table],
    wanted: Sequence[str] | None = None,
    dialect: str = "duckdb",
) -> str:
    """Return :func:`ddl` as one text, each query under a comment that names its rule."""
    made = ddl(tables, dialect, wanted)
    rules = {(t.name, r.name): r for t in tables for r in t.rules}
    parts = [f"{statement};\n" for statement in made.statements]
    for query in made.queries:
        rule = rules.get((query.table, query.rule))
        share = ""
        if rule is not None and rule.share is not None:
            share = f" (at least {rule.share.normalize() * 100:f}% keep it)"
        title = f"-- {query.table}.{query.rule}{share}: the rows that break it"
        if query.sql is None:
            parts.append(f"-- {query.table}.{query.rule}{share}: not enforced, {query.reason}\n")
        else:
            parts.append(f"{title}\n{query.sql};\n")
    return "\n".join(parts)


def _offenders(
    queries: SqlTables, table: nodes.Table, rule: nodes.Rule | None, name: str, reason: str
) -> Offenders:
    if rule is None:
        return Offenders(table.name, name, None, reason)
    try:
        return Offenders(table.name, name, queries.query(table.name, rule), reason)
    except NotSaidError as error:
        why = str(error) if str(error) == reason else f"{reason}; no query: {error}"
        return Offenders(table.name, name, None, why)


def parents_first(tables: Sequence[nodes.Table]) -> list[nodes.Table]:
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
        # In a circle the first one written goes first; what it refers to is then left for later.
        taken = ready or waiting[:1]
        done += taken
        waiting = [t for t in waiting if t not in taken]
    return done
