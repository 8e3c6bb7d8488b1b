"""Each database marks and refuses the rows that the oracle does, in its own dialect."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from strategies import Case, cases

from synthtab.backends import sqltext
from synthtab.backends.sqldialects import DIALECTS
from synthtab.backends.sqlrules import Translator
from synthtab.backends.sqlscript import ddl
from synthtab.backends.sqltext import NotSaidError
from synthtab.ir import nodes as n
from synthtab.ir.evaluate import evaluate
from synthtab.lang.model import Model
from synthtab.schema import DecimalType, TextType, domain, encode_value

RULES = sorted((Path(__file__).parents[2] / "rules").glob("*.rules"))
Execute = Callable[..., Any]


def plain(value: Any) -> Any:
    """What SQLite takes for a value: its own types only."""
    match value:
        case bool():
            return int(value)
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime():
            return value.isoformat(sep=" ")
        case date():
            return value.isoformat()
    return value


def usable(case: Case) -> bool:
    """Names that differ by capitals only are one to SQLite and DuckDB; % is psycopg's mark."""
    names = [c.name.lower() for c in case.table.columns]
    digits = [
        c.type.precision
        for c in case.table.columns
        if isinstance(c.type, DecimalType) and c.type.scale
    ]
    return len(set(names)) == len(names) and all(d <= 14 for d in digits)


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


def judged(case: Case, dialect: str) -> list[tuple[int, str]]:
    words = DIALECTS[dialect]
    names = {c.name: sqltext.identifier(c.name) for c in case.table.columns}
    out = []
    for at, rule in enumerate(case.table.row_rules):
        with suppress(NotSaidError):
            translator = Translator(case.table, names, declared=True, dialect=words)
            out.append((at, translator.condition(rule.condition).text))
    return out


def in_range(case: Case) -> list[int]:
    """The rows that keep to the declared ranges, which constraints are written for."""
    return [
        k
        for k, row in enumerate(case.rows)
        if all(
            row[c.name] is None
            or isinstance(c.type, TextType)
            or domain(c)[0] <= encode_value(c.type, row[c.name]) <= domain(c)[1]
            for c in case.table.columns
        )
    ]


def verdicts(case: Case, dialect: str, execute: Execute, mark: str) -> int:
    """Compare the verdicts of all rules on all rows with the oracle's; return how many."""
    words = DIALECTS[dialect]
    rules = judged(case, dialect)
    rows = in_range(case)
    if not rules or not rows:
        return 0
    columns = [
        f"{sqltext.identifier(c.name)} {words.column_type(c.type)}" for c in case.table.columns
    ]
    execute("DROP TABLE IF EXISTS t")
    execute(f"CREATE TABLE t (row_number BIGINT, {', '.join(columns)})")
    marks = ", ".join([mark] * (len(columns) + 1))
    for k in rows:
        values = [case.rows[k][c.name] for c in case.table.columns]
        values = list(map(plain, values)) if dialect == "sqlite" else values
        execute(f"INSERT INTO t VALUES ({marks})", [k, *values])
    shown = ", ".join(f"({text})" for _, text in rules)
    got = execute(f"SELECT row_number, {shown} FROM t").fetchall()
    for k, *found in got:
        for (at, text), value in zip(rules, found, strict=True):
            rule = case.table.row_rules[at]
            expected = evaluate(rule.condition, case.rows[k], case.table)
            assert (None if value is None else bool(value)) == expected, (
                f"seed {case.seed}: {rule.condition}\n{text}\n{case.rows[k]}"
            )
    return len(rules) * len(got)


def test_sqlite_agrees_with_the_oracle() -> None:
    connection = sqlite3.connect(":memory:")
    execute: Execute = connection.execute
    compared = sum(verdicts(c, "sqlite", execute, "?") for c in cases(range(150)) if usable(c))
    assert compared >= 2500


def test_postgresql_agrees_with_the_oracle(postgres: psycopg.Connection) -> None:
    def execute(sql: str, values: Sequence[Any] = ()) -> Any:
        text = sql.replace("%", "%%").replace("?mark?", "%s")
        return postgres.execute(text, [*values], prepare=False)

    found = (verdicts(c, "postgresql", execute, "?mark?") for c in cases(range(150)) if usable(c))
    assert sum(found) >= 2500


def allowed(case: Case, row: dict[str, Any], skipped: set[str]) -> bool:
    """What the oracle says of a whole row: its columns' declarations and its rules."""
    for column in case.table.columns:
        value = row[column.name]
        if value is None:
            if not column.optional:
                return False
        elif isinstance(column.type, TextType):
            pattern = column.type.pattern
            if len(value) > column.type.max_length:
                return False
            if pattern is not None and f"{column.name} pattern" not in skipped:
                matching = n.Matches(n.ColumnRef(column.name), pattern)
                if evaluate(matching, row, case.table) is False:
                    return False
        else:
            lo, hi = domain(column)
            if not lo <= encode_value(column.type, value) <= hi:
                return False
    rules = (r for r in case.table.row_rules if r.name not in skipped)
    return all(evaluate(r.condition, row, case.table) is not False for r in rules)


def enforced(case: Case, dialect: str, execute: Execute, mark: str) -> tuple[int, int]:
    """Insert every row; the database takes those that the oracle does. Return (taken, refused)."""
    made = ddl([case.table], dialect)
    skipped = {q.rule for q in made.queries}
    assert not any(skipped & {r.name} and q.sql for r in case.table.row_rules for q in made.queries)
    execute("DROP TABLE IF EXISTS t")
    for statement in made.statements:
        execute(statement)
    marks = ", ".join([mark] * len(case.table.columns))
    counts = [0, 0]
    for row in case.rows:
        values = [row[c.name] for c in case.table.columns]
        expected = allowed(case, row, skipped)
        try:
            execute(
                f"INSERT INTO t VALUES ({marks})",
                [plain(v) for v in values] if mark == "?" else values,
            )
            taken = True
        except (sqlite3.IntegrityError, psycopg.Error):
            taken = False
        assert taken == expected, f"seed {case.seed}: {row}\n{made.statements}"
        counts[taken] += 1
    return counts[1], counts[0]


def some_rules(seeds: range) -> Iterator[Case]:
    for case in cases(seeds, rules=1, rows=12):
        if usable(case):
            yield case


def test_sqlite_takes_what_the_oracle_takes() -> None:
    connection = sqlite3.connect(":memory:")
    found = [enforced(c, "sqlite", connection.execute, "?") for c in some_rules(range(500, 900))]
    assert min(sum(f[0] for f in found), sum(f[1] for f in found)) > 300


def test_postgresql_takes_what_the_oracle_takes(postgres: psycopg.Connection) -> None:
    def execute(sql: str, values: Sequence[Any] = ()) -> Any:
        text = sql.replace("%", "%%").replace("?mark?", "%s")
        return postgres.execute(text, [*values], prepare=False)

    found = [enforced(c, "postgresql", execute, "?mark?") for c in some_rules(range(500, 700))]
    assert min(sum(f[0] for f in found), sum(f[1] for f in found)) > 150


@pytest.mark.parametrize("path", RULES, ids=lambda p: p.stem)
@pytest.mark.parametrize("dialect", ["duckdb", "sqlite"])
def test_shipped_rules_make_tables(path: Path, dialect: str) -> None:
    made = ddl(Model.load(path).tables, dialect)
    connection: Any = duckdb.connect() if dialect == "duckdb" else sqlite3.connect(":memory:")
    for statement in made.statements:
        connection.execute(statement)
    for query in made.queries:
        assert query.sql is None or connection.execute(query.sql).fetchall() == []
    connection.close()


def test_shipped_rules_make_tables_in_postgresql(postgres: psycopg.Connection) -> None:
    for path in RULES:
        made = ddl(Model.load(path).tables, "postgresql")
        postgres.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        for statement in made.statements:
            postgres.execute(statement)
        for query in made.queries:
            assert query.sql is None or postgres.execute(query.sql).fetchall() == []
