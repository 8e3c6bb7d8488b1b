"""Queries of each dialect name the rows that break a rule across rows, as the oracle does."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
from random_models import ModelCase, model_cases
from test_dialects import plain

from synthtab.backends import sqltext
from synthtab.backends.sqldialects import DIALECTS
from synthtab.backends.sqltables import SqlTables
from synthtab.backends.sqltext import NotSaidError
from synthtab.ir.evaluate_tables import violations
from synthtab.schema import DecimalType, TextType, domain, encode_value

Execute = Callable[..., Any]


def usable(case: ModelCase) -> bool:
    """Rows within the declared ranges, which queries trust, and decimals that SQLite can keep."""
    for table in case.tables:
        names = [c.name.lower() for c in table.columns]
        if len(set(names)) < len(names):
            return False
        for column in table.columns:
            kind = column.type
            if isinstance(kind, DecimalType) and kind.scale and kind.precision > 14:
                return False
            for row in case.rows[table.name]:
                value = row[column.name]
                if value is not None and not isinstance(kind, TextType):
                    lo, hi = domain(column)
                    if not lo <= encode_value(kind, value) <= hi:
                        return False
    return True


def compared(case: ModelCase, dialect: str, execute: Execute, mark: str) -> tuple[int, int]:
    """Compare every rule's query with the oracle; return how many were, and how many not said."""
    words = DIALECTS[dialect]
    ids = {}
    for table in case.tables:
        own = sqltext.identifier(table.name)
        columns = [
            f"{sqltext.identifier(c.name)} {words.column_type(c.type)}" for c in table.columns
        ]
        execute(f"DROP TABLE IF EXISTS {own}")
        execute(f"CREATE TABLE {own} ({', '.join(columns)})")
        for row in case.rows[table.name]:
            values = [row[c.name] for c in table.columns]
            values = list(map(plain, values)) if dialect == "sqlite" else values
            execute(f"INSERT INTO {own} VALUES ({', '.join([mark] * len(values))})", values)
        found = execute(f"SELECT {words.row_id} FROM {own} ORDER BY 1").fetchall()
        ids[table.name] = [r[0] for r in found]
    expected = violations(case.tables, case.rows)
    queries = SqlTables(case.tables, words)
    done = left = 0
    for table in case.tables:
        for rule in table.rules:
            try:
                query = queries.query(table.name, rule)
            except NotSaidError:
                left += 1
                continue
            got = {r[0] for r in execute(query).fetchall()}
            broken = expected[table.name, rule.name]
            assert [i in got for i in ids[table.name]] == broken, (
                f"seed {case.seed}: {rule}\n{query}"
            )
            done += 1
    return done, left


def some(seeds: range) -> Iterator[ModelCase]:
    return (c for c in model_cases(seeds) if usable(c))


def test_sqlite_finds_the_offenders() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    found = [compared(c, "sqlite", connection.execute, "?") for c in some(range(300))]
    done, left = (sum(f[k] for f in found) for k in (0, 1))
    assert done > max(200, left)
    connection.close()


def test_postgresql_finds_the_offenders(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:

        def execute(sql: str, values: Any = ()) -> Any:
            text = sql.replace("%", "%%").replace("?mark?", "%s")
            return connection.execute(text, [*values], prepare=False)

        found = [compared(c, "postgresql", execute, "?mark?") for c in some(range(300))]
    done, left = (sum(f[k] for f in found) for k in (0, 1))
    assert done > max(200, 3 * left)
