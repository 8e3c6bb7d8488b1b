"""The tests' own PostgreSQL server is a real one, and each test's database is its own."""

from __future__ import annotations

import psycopg


def test_a_real_server_answers(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        version = connection.execute("select current_setting('server_version_num')::int").fetchone()
        connection.execute("create table kept (x integer)")
    assert version is not None
    assert version[0] >= 130_000


def test_databases_are_empty(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        query = "select count(*) from information_schema.tables where table_schema = 'public'"
        assert connection.execute(query).fetchone() == (0,)
