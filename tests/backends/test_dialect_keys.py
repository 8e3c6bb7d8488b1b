"""Keys and references: every database takes a row just where the oracle finds no rule broken."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from typing import Any

import duckdb
import psycopg
import pytest

from synthtab.backends.sqlscript import ddl, script
from synthtab.errors import UsageError
from synthtab.ir.evaluate_tables import violations
from synthtab.lang.model import Model

SHOP = Model.parse("""
const most = 3

table shop {
  id    integer key
  town  text(5) optional
  code  text(4) optional unique
  best  integer optional -> item.number
  unique (town, code) where best is null
}
table item {
  number  integer
  shop_id integer optional -> shop.id
  near    integer optional -> item.number
  price   decimal(6, 2) in 0 .. 100
  key (number)
  unique (shop_id, price)
  rule top: price <= most * 10
  rule fifty at least 50%: price > 1
}
table stock {
  shop_id integer
  day     date
  item    integer optional -> item.number
  key (shop_id, day)
}
""")
Execute = Callable[..., Any]


def rows(seed: int) -> list[tuple[str, dict[str, Any]]]:
    rng = random.Random(seed)
    made: list[tuple[str, dict[str, Any]]] = []
    for _ in range(25):
        few, some = rng.randint(0, 3), rng.choice([None, *range(3)])
        text = rng.choice([None, "a", "b", "A"])
        made.append(
            rng.choice(
                [
                    ("shop", {"id": few, "town": text, "code": rng.choice([None, "x", "y", "z"]),
                              "best": rng.choice([None, None, some])}),
                    ("item", {"number": few, "shop_id": some, "near": rng.choice([None, few, some]),
                              "price": rng.choice([0, 1, 30, 31])}),
                    ("stock", {"shop_id": some, "day": f"2024-01-0{rng.randint(1, 2)}",
                               "item": some}),
                ]
            )
        )  # fmt: skip
    return made


def judged(dialect: str, seed: int, execute: Execute, mark: str, errors: type[Exception]) -> int:
    """Insert the rows one by one beside the oracle; return how many were refused."""
    made = ddl(SHOP.tables, dialect)
    left = {(q.table, q.rule) for q in made.queries}
    for statement in made.statements:
        execute(statement)
    there: dict[str, list[dict[str, Any]]] = {t.name: [] for t in SHOP.tables}
    key = {t.name: {c for u in t.unique_rules if u.primary for c in u.columns} for t in SHOP.tables}
    refused = 0
    for table, row in rows(seed):
        tried = {**there, table: [*there[table], row]}
        broken = violations(SHOP.tables, tried)
        wrong = any(any(broken[k]) for k in broken if k not in left)
        wrong = wrong or any(row[c] is None for c in key[table])
        names = ", ".join(f'"{c}"' for c in row)
        marks = ", ".join([mark] * len(row))
        try:
            execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', [*row.values()])
            taken = True
        except errors:
            taken = False
        assert taken != wrong, f"{dialect} {seed}: {table} {row} {there}"
        there = there if wrong else tried
        refused += wrong
    return refused


def test_sqlite_keeps_keys_and_references() -> None:
    refused = 0
    for seed in range(60):
        connection = sqlite3.connect(":memory:", isolation_level=None)
        errors = sqlite3.IntegrityError
        refused += judged("sqlite", seed, connection.execute, "?", errors)
        connection.close()
    assert 300 < refused < 1200


def test_postgresql_keeps_keys_and_references(postgres_url: str) -> None:
    refused = 0
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for seed in range(20):
            connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
            errors = psycopg.IntegrityError
            refused += judged("postgresql", seed, connection.execute, "%s", errors)
    assert 100 < refused < 400


def test_what_each_dialect_leaves_to_queries() -> None:
    left = {d: {q.rule for q in ddl(SHOP.tables, d).queries} for d in ("duckdb", "sqlite")}
    assert left["sqlite"] == {"fifty"}
    assert left["duckdb"] == {"fifty", "town_code_unique", "best_reference"}


def test_queries_name_the_offenders(postgres_url: str) -> None:
    """A query finds the rows by what the database calls them, in each dialect."""
    model = Model.parse(
        "table t {\n  a integer\n  b integer optional\n  price decimal(5, 2)\n"
        "  rule once: a determines b\n  rule most at least 50%: price > 0.10\n"
        "  rule rising: increasing(a) ordered by price\n}\n"
    )
    data = [(1, 2, "0.10"), (1, 3, "0.11"), (2, None, "0.09")]
    expected = {"once": [0, 1], "most": [0, 2], "rising": [0, 1]}
    lite = sqlite3.connect(":memory:")
    duck = duckdb.connect()
    with psycopg.connect(postgres_url, autocommit=True) as post:
        for dialect, connection, mark in (
            ("sqlite", lite, "?"), ("duckdb", duck, "?"), ("postgresql", post, "%s")
        ):  # fmt: skip
            made = ddl(model.tables, dialect)
            for statement in made.statements:
                connection.execute(statement)
            for row in data:
                values = [*row[:2], float(row[2]) if dialect == "sqlite" else row[2]]
                connection.execute(f"INSERT INTO t VALUES ({mark}, {mark}, {mark})", values)
            row_id = "ctid" if dialect == "postgresql" else "rowid"
            ids = connection.execute(f"SELECT {row_id} FROM t ORDER BY {row_id}").fetchall()
            for query in made.queries:
                assert query.sql is not None
                found = connection.execute(query.sql).fetchall()
                assert sorted(ids.index(f) for f in found) == expected[query.rule], query
    lite.close()


def test_names_are_unique_where_a_database_shares_them() -> None:
    model = Model.parse(
        "table a {\n  id integer key\n}\ntable b {\n  id integer key\n  a integer -> a.id\n}\n"
    )
    text = script(model.tables, dialect="postgresql")
    assert 'CONSTRAINT "a.id_key" PRIMARY KEY' in text
    assert 'CONSTRAINT "b.id_key" PRIMARY KEY' in text
    assert script(model.tables, dialect="duckdb").count('"id_key"') == 2


def test_an_unknown_dialect_is_named() -> None:
    with pytest.raises(UsageError, match="'oracle'; known: duckdb, postgresql, sqlite"):
        ddl(SHOP.tables, "oracle")
