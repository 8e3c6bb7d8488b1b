"""Tables of databases as DataFrames: the types a schema is inferred from."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from stored import postgres_with, sqlite_with

from synthtab.databases.address import parse_address
from synthtab.databases.database import opened
from synthtab.errors import DataError
from synthtab.lang.infer import infer_table
from synthtab.lang.model import Model


def frame(url: str, table: str = "t") -> pd.DataFrame:
    address = parse_address(url).at(table)
    with opened(address) as database:
        return database.frame(address)


def dtypes(frame: pd.DataFrame) -> dict[str, str]:
    return {str(name): str(kind) for name, kind in frame.dtypes.items()}


def inferred(frame: pd.DataFrame) -> list[str]:
    text = Model.of([infer_table(frame, "t")]).to_text()
    return [" ".join(line.split()) for line in text.splitlines()[1:-1]]


POSTGRES = (
    "create type mood as enum ('x', 'y')",
    """create table t (i integer, n numeric, m numeric(6, 2), r real, f double precision, b boolean,
       d date, at timestamp, e mood, s text, u uuid, j json, k time)""",
    """insert into t values (1, 12, 1.50, 0.1, 0.25, true, '2024-02-29', '2024-02-29 10:30',
       'y', 'it''s', '00000000-0000-0000-0000-000000000001', '{"a": 1}', '10:00')""",
    "insert into t values (null, 13, 2, null, 1e3, null, null, null, 'x', '', null, null, null)",
)


def test_postgresql_says_what_its_columns_are(postgres_url: str) -> None:
    got = frame(postgres_with(postgres_url, *POSTGRES))
    assert dtypes(got) == {
        "i": "Int64",
        "n": "Int64",
        "m": "decimal128(18, 2)[pyarrow]",
        "r": "double[pyarrow]",
        "f": "double[pyarrow]",
        "b": "boolean",
        "d": "date32[day][pyarrow]",
        "at": "timestamp[us][pyarrow]",
        **dict.fromkeys(("e", "s", "u", "j", "k"), "str"),
    }
    assert got["r"][0] == 0.1
    assert inferred(got) == [
        "i integer in 1 .. 1 optional",
        "n integer in 12 .. 13",
        "m decimal(2, 1) in 1.5 .. 2",
        "r decimal(2, 1) in 0.1 .. 0.1 optional",
        "f decimal(6, 2) in 0.25 .. 1000",
        "b boolean optional",
        "d date in 2024-02-29 .. 2024-02-29 optional",
        "at datetime(minute) in 2024-02-29T10:30:00 .. 2024-02-29T10:30:00 optional",
        "e text(1)",
        "s text(4)",
        "u text(36) optional",
        "j text(8) optional",
        "k text(8) optional",
    ]


def test_sqlite_shows_what_its_cells_are(tmp_path: Path) -> None:
    url = sqlite_with(
        tmp_path / "x.db",
        """create table t (i integer, m decimal(6, 2), f real, b boolean, d date, at datetime,
           s text, mixed, empty, flag boolean)""",
        """insert into t values (1, 1.5, 0.1, 1, '2024-02-29', '2024-02-29 10:30:00.000000',
           'it''s', 'a', null, 2)""",
        "insert into t values (null, 2, 7, null, null, null, '', 12, null, 1)",
    )
    got = frame(url)
    assert dtypes(got) == {
        "i": "Int64",
        "m": "decimal128(18, 1)[pyarrow]",
        "f": "double[pyarrow]",
        "b": "boolean",
        "d": "date32[day][pyarrow]",
        "at": "timestamp[us][pyarrow]",
        "s": "str",
        "mixed": "str",
        "empty": "str",
        "flag": "Int64",
    }
    assert inferred(got)[1] == "m decimal(2, 1) in 1.5 .. 2"
    assert got["mixed"].tolist() == ["a", "12"]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_an_empty_table_has_the_types_declared(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    create = """create table t (i integer, m numeric(6, 2), f real, b boolean, d date,
                at timestamp, s text)"""
    if kind == "sqlite":
        got = frame(sqlite_with(tmp_path / "x.db", create))
    else:
        got = frame(postgres_with(request.getfixturevalue("postgres_url"), create))
    assert len(got) == 0
    assert list(got.columns) == ["i", "m", "f", "b", "d", "at", "s"]
    assert [line.split()[1] for line in inferred(got)[:1] + inferred(got)[3:6]] == [
        "integer",
        "boolean",
        "date",
        "datetime",
    ]


def test_pieces_of_a_column_may_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synthtab.databases.database.ROWS", 2)
    url = sqlite_with(
        tmp_path / "x.db",
        "create table t (a, b decimal(5, 2), c)",
        "insert into t values (null, 1, 1), (null, 2, 2)",
        "insert into t values (null, 2.5, 'x'), (7, 3, null), (8, null, 1.5)",
    )
    got = frame(url)
    assert dtypes(got) == {"a": "Int64", "b": "decimal128(18, 1)[pyarrow]", "c": "str"}
    assert got["c"].fillna("NULL").tolist() == ["1", "2", "x", "NULL", "1.5"]


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("timestamptz", "now()", "time zone"),
        ("timestamp", "'2024-01-01 10:00:00.5'", "fractions of a second"),
        ("bytea", "'\\x00'", "not supported"),
        ("double precision", "'Infinity'", "infinite"),
    ],
)
def test_what_no_column_can_hold_is_named(
    postgres_url: str, kind: str, value: str, words: str
) -> None:
    postgres_with(postgres_url, f"create table t (odd {kind})", f"insert into t values ({value})")
    with pytest.raises(DataError, match=f"'odd': .*{words}"):
        infer_table(frame(postgres_url), "t")


def test_what_python_has_no_date_for_stays_text(postgres_url: str) -> None:
    postgres_with(
        postgres_url,
        "create table t (d date, n numeric)",
        "insert into t values ('infinity', 'NaN')",
    )
    assert frame(postgres_url).to_numpy().tolist() == [["infinity", "NaN"]]


def test_a_table_without_columns_is_empty(postgres_url: str) -> None:
    postgres_with(postgres_url, "create table t ()")
    with pytest.raises(DataError, match="no columns"):
        infer_table(frame(postgres_url), "t")
