"""Rules compiled to SQL and imported again are the same rules, by proof where not by text."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from synthtab.backends.sqlscript import Ddl, ddl, script
from synthtab.exchange.imported import Imported
from synthtab.exchange.reflect import from_database
from synthtab.exchange.sqlddl import from_sql
from synthtab.ir import nodes as n
from synthtab.lang.model import Model
from synthtab.schema import Column, TextType
from synthtab.solver.diff import diff

RULES = sorted((Path(__file__).parents[2] / "rules").glob("*.rules"))
LIVE = [p for p in RULES if p.stem in ("chinook", "clinic", "employment", "sakila")]
KINDS = '''
table `odd names` {
  `the "id"`   integer key
  price        decimal(10, 2) in 0.05 .. 9_999.5
  whole        decimal(5, 0)
  share        decimal(6, 6) optional in 0 ..
  born         date in 1900-01-01 ..
  at           datetime in 2000-01-01T00:00:00 .. 2030-12-31T23:59:59
  minute       datetime(minute) optional
  hour         datetime(hour)
  ok           boolean
  maybe        boolean optional
  mood         enum('it''s', 'so', '') optional
  one          enum('only')
  code         text(6) matching /[A-Z]{2}[0-9]{4}/ unique
  letters      text(9) matching /[a-z]+/
  note         text(50) optional
  parent       integer optional -> `odd names`.`the "id"`

  rule once "One 'at' a time": unique (born, at) where ok and price > 1.5
  rule adult "Grown, ""really""": at >= at - 2 hours and born + 18 years <= 2100-01-31
  rule clamped: when minute is not null then date(at) <= born + 1201 months
  rule sums: price * 3 + whole / 7 >= 2 * share - 10
  rule chosen: coalesce(share, 0) <= case when ok then 1 when maybe then 0.5 else 2 end
  rule both: ok iff maybe = true
  rule parts: weekday(born) in (1, 2, 3) or quarter(at) != 3 or hour(minute) between 1 and 5
  rule far: at - minute <= 3 days and born - 1990-01-01 > -40_000
  rule least: min(price, whole) < max(price, 3) and abs(whole - price) <= 100_000
  rule text: note like 'a%' or note not like '_b%' or length(note) > 3
  rule listed: mood in ('it''s', 'so')
  rule ordered: mood <= 'so' or one = 'only'
  rule small: note in ('a', 'b') or note is null
}
'''


def settled(model: Model, made: Ddl) -> list[n.Table]:
    """What the database enforces: the model without the rules and patterns left to queries."""
    left = {(q.table, q.rule) for q in made.queries}

    def column(table: str, c: Column) -> Column:
        if isinstance(c.type, TextType) and (table, f"{c.name} pattern") in left:
            return replace(c, type=TextType(c.type.max_length))
        return c

    return [
        replace(
            t,
            columns=tuple(column(t.name, c) for c in t.columns),
            rules=tuple(r for r in t.rules if (t.name, r.name) not in left),
        )
        for t in model.tables
    ]


def described(rule: n.Rule) -> n.Rule:
    return replace(rule, description=None)


def bare(table: n.Table) -> tuple[object, ...]:
    return table.columns, {r.name: described(r) for r in table.rules}


def same(expected: Sequence[n.Table], got: Imported, texts_may_differ: bool = False) -> None:
    """Columns and rules across rows are equal; row rules allow the same rows."""
    back = {t.name: t for t in got.tables}
    assert set(back) == {t.name for t in expected}
    open_patterns = []
    for table in expected:
        other = back[table.name]
        for column in table.columns:
            found = other.column(column.name)
            if found != column:
                assert texts_may_differ, (column, found)
                assert isinstance(column.type, TextType), (column, found)
                open_patterns.append(column.name)
        rules = {r.name: described(r) for r in other.rules}
        assert set(rules) == {r.name for r in table.rules}
        for rule in table.rules:
            if not isinstance(rule, n.RowRule) and getattr(rule, "where", None) is None:
                assert rules[rule.name] == described(rule)
    # What is the same, word for word, needs no proof.
    changed = [t for t in expected if bare(t) != bare(back[t.name])]
    sides = [[replace(t, rules=tuple(map(described, t.rules))) for t in side]
             for side in (changed, [back[t.name] for t in changed])]  # fmt: skip
    for found in diff(*sides, budget_s=60):
        assert found.verdict == "equivalent", found


@pytest.mark.parametrize("dialect", ["duckdb", "postgresql", "sqlite"])
@pytest.mark.parametrize("path", RULES, ids=lambda p: p.stem)
def test_shipped_rules_come_back(path: Path, dialect: str) -> None:
    model = Model.load(path)
    made = ddl(model.tables, dialect)
    got = from_sql(script(model.tables, dialect=dialect), dialect)
    same(settled(model, made), got, texts_may_differ=dialect == "sqlite")
    noted = {note.where for note in got.notes}
    assert noted == {f"{q.table}.{q.rule}" for q in made.queries}


@pytest.mark.parametrize("dialect", ["duckdb", "postgresql", "sqlite"])
def test_every_type_and_condition_comes_back(dialect: str) -> None:
    model = Model.parse(KINDS)
    made = ddl(model.tables, dialect)
    assert {q.rule for q in made.queries} == ({"once"} if dialect == "duckdb" else set()), (
        made.queries
    )
    same(settled(model, made), from_sql(script(model.tables, dialect=dialect), dialect))


def test_descriptions_come_back_from_postgresql() -> None:
    model = Model.parse(KINDS)
    got = from_sql(script(model.tables, dialect="postgresql"), "postgresql").tables[0]
    told = {r.name: r.description for r in got.rules if r.description is not None}
    assert told == {"adult": 'Grown, "really"', "once": "One 'at' a time"}


def test_a_live_sqlite_file_comes_back(tmp_path: Path) -> None:
    for path in LIVE:
        model = Model.load(path)
        made = ddl(model.tables, "sqlite")
        file = tmp_path / f"{path.stem}.db"
        connection = sqlite3.connect(file, isolation_level=None)
        connection.execute("BEGIN")
        for statement in made.statements:
            connection.execute(statement)
        connection.execute("COMMIT")
        connection.close()
        got = from_database(f"sqlite:///{file}")
        text = from_sql(script(model.tables, dialect="sqlite"), "sqlite")
        assert {t.name: t for t in got.tables} == {t.name: t for t in text.tables}
        assert not got.notes


def test_a_live_postgresql_database_comes_back(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for model in [*map(Model.load, LIVE), Model.parse(KINDS)]:
            made = ddl(model.tables, "postgresql")
            connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
            for statement in made.statements:
                connection.execute(statement)
            got = from_database(postgres_url)
            same(settled(model, made), got)
            assert not got.notes
