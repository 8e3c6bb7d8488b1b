"""Rows from SQLite and PostgreSQL: the same batches as from a file; what does not fit is told."""

from __future__ import annotations

import tracemalloc
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import psycopg
import pytest
from batches import to_batch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odd_values import ENUMS
from stored import FLOAT_DIGITS, Record, in_postgres, in_sqlite, postgres_with, sqlite_with

from synthtab import schema as s
from synthtab.batch import Batch
from synthtab.databases.address import parse_address
from synthtab.databases.database import opened
from synthtab.errors import DataError
from synthtab.files import iter_batches, write_frame
from synthtab.frames import decode_frame

TEXT = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
WORDS = ["select", "order", "group", "user", "Total", "a b", 'say "hi"', "it's", "größe ✓", "a%b"]
WORDS += ["%(x)s", "%s", ":a", "?", "a.b", "[x]", "`tick`", "line\nbreak", "1", "#", "\\"]
NAMES = st.sampled_from(WORDS) | st.text(TEXT, min_size=1, max_size=8)
KINDS = st.sampled_from(
    [
        s.IntegerType(),
        *(s.DecimalType(*ps) for ps in ((3, 1), (15, 2), (6, 6), (18, 4), (18, 0))),
        s.DateType(),
        *map(s.DatetimeType, (1, 60, 3600)),
        s.BooleanType(),
        *map(s.EnumType, ENUMS),
        s.TextType(12),
    ]
)
SHARED = settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def cells(column: s.Column) -> st.SearchStrategy[s.Value | None]:
    if isinstance(column.type, s.TextType):
        return st.none() | st.text(TEXT, max_size=column.type.max_length)
    lo, hi = s.type_domain(column.type)
    codes = st.integers(lo, hi) | st.sampled_from([lo, hi, max(lo, 0), min(hi, 1)])
    return st.none() | codes.map(lambda code: s.decode_value(column.type, code))


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, tuple[s.Column, ...], list[Record]]:
    """Draw a table's name, its columns and its rows."""
    names = draw(st.lists(NAMES, min_size=1, max_size=6, unique_by=str.lower))
    columns = tuple(s.Column(name, draw(KINDS), True) for name in names)
    rows = draw(st.integers(0, 7))
    records = [{c.name: draw(cells(c)) for c in columns} for _ in range(rows)]
    return draw(NAMES), columns, records


def read(url: str, table: str, columns: tuple[s.Column, ...], rows: int = 3) -> list[Batch]:
    address = parse_address(url).at(table)
    with opened(address) as database:
        return list(database.batches(address, columns, rows))


def same(one: list[Batch], two: list[Batch]) -> None:
    assert [len(b) for b in one] == [len(b) for b in two]
    for a, b in zip(one, two, strict=True):
        assert a.columns == b.columns
        assert np.array_equal(a.codes, b.codes)
        assert np.array_equal(a.nulls, b.nulls)
        assert a.pool.tolist() == b.pool.tolist()


@SHARED
@given(drawn=tables(), suffix=st.sampled_from([".csv", ".parquet"]))
def test_a_table_of_sqlite_is_the_same_as_a_file(
    tmp_path: Path, drawn: tuple[str, tuple[s.Column, ...], list[Record]], suffix: str
) -> None:
    table, columns, records = drawn
    table = table + "_" if table.lower().startswith("sqlite_") else table
    url = in_sqlite(tmp_path / "x.db", table, columns, records)
    same(read(url, table, columns), from_file(tmp_path / f"x{suffix}", columns, records))


@SHARED
@given(drawn=tables(), suffix=st.sampled_from([".csv", ".parquet"]))
def test_a_table_of_postgresql_is_the_same_as_a_file(
    postgres_url: str,
    tmp_path: Path,
    drawn: tuple[str, tuple[s.Column, ...], list[Record]],
    suffix: str,
) -> None:
    table, columns, records = drawn
    in_postgres(postgres_url, table, columns, records)
    same(read(postgres_url, table, columns), from_file(tmp_path / f"x{suffix}", columns, records))


def from_file(path: Path, columns: tuple[s.Column, ...], records: list[Record]) -> list[Batch]:
    frame = decode_frame(columns, to_batch(columns, records))
    write_frame(path, frame, columns)
    return list(iter_batches(path, columns, 3))


COLUMNS = (
    s.Column("n", s.IntegerType(), True),
    s.Column("d", s.DecimalType(5, 2), True),
    s.Column("day", s.DateType(), True),
    s.Column("at", s.DatetimeType(), True),
    s.Column("b", s.BooleanType(), True),
    s.Column("e", s.EnumType(("x", "y")), True),
    s.Column("t", s.TextType(9), True),
)


def decoded(batches: list[Batch], columns: tuple[s.Column, ...]) -> list[list[object]]:
    rows = []
    for batch in batches:
        for i in range(len(batch)):
            row: list[object] = []
            for j, column in enumerate(columns):
                code = int(batch.codes[i, j])
                if batch.nulls[i, j]:
                    row.append(None)
                elif isinstance(column.type, s.TextType):
                    row.append(batch.pool[code])
                else:
                    row.append(s.decode_value(column.type, code))
            rows.append(row)
    return rows


def test_sqlite_may_hold_a_value_in_many_ways(tmp_path: Path) -> None:
    url = sqlite_with(
        tmp_path / "x.db",
        "create table t (n, d, day, at, b, e, t)",
        "insert into t values (1, 0.1, '2024-02-29', '2024-02-29 10:00:00.000000', 1, 'x', 'a')",
        "insert into t values ('2', '1.50', '2024-02-29 00:00', '2024-02-29T10:00', 'no', '', '')",
        "insert into t values (3.0, 7, null, null, 0.0, 'y', 12)",
        "insert into t values (null, 1e2, '', '', null, null, 1.5)",
    )
    day, moment = date(2024, 2, 29), datetime(2024, 2, 29, 10)
    assert decoded(read(url, "t", COLUMNS), COLUMNS) == [
        [1, Decimal("0.10"), day, moment, True, "x", "a"],
        [2, Decimal("1.50"), day, moment, False, None, ""],
        [3, Decimal("7.00"), None, None, False, "y", "12"],
        [None, Decimal("100.00"), None, None, None, None, "1.5"],
    ]


def test_what_does_not_fit_in_sqlite_is_named(tmp_path: Path) -> None:
    url = sqlite_with(
        tmp_path / "x.db",
        "create table t (n, d, day, at, b, e, t)",
        "insert into t values (1, 1, null, null, null, null, 'fine')",
        "insert into t values (2.5, 0.1 + 0.2, 19782, '2024-01-01 10:00:00.5', 2, 'z', x'00ff')",
    )
    with pytest.raises(DataError) as raised:
        read(url, "t", COLUMNS)
    told = str(raised.value).splitlines()
    assert told[0] == f"{url}#t does not fit:"
    shown = {line.split("'")[1]: line for line in told[1:]}
    for name, value in {
        "n": "'2.5'",
        "d": "'0.30000000000000004'",
        "day": "'19782'",
        "at": "'2024-01-01 10:00:00.5'",
        "b": "'2'",
        "e": "'z'",
        "t": "\"x'00ff'\"",
    }.items():
        assert f"{value} in row 2; accepted: " in shown[name]


ODD_TYPES = (
    "create type mood as enum ('x', 'y')",
    "create domain small as integer check (value < 1000)",
    "create table t (n small, d numeric, day date, at timestamp, b boolean, e mood, t char(9))",
)


def test_postgresql_has_types_of_its_own(postgres_url: str) -> None:
    postgres_with(
        postgres_url,
        *ODD_TYPES,
        "insert into t values (7, 1.500, '0001-01-01', '2024-02-29 10:00', true, 'y', 'a')",
    )
    assert decoded(read(postgres_url, "t", COLUMNS), COLUMNS) == [
        [7, Decimal("1.50"), date(1, 1, 1), datetime(2024, 2, 29, 10), True, "y", "a"]
    ]


def test_floats_are_read_through_their_shortest_text(postgres_url: str) -> None:
    postgres_with(
        postgres_url,
        "create table t (a real, b double precision)",
        "insert into t values (0.1, 0.1), (88, 1e15), (null, 'NaN')",
    )
    columns = tuple(s.Column(n, s.DecimalType(18, 2), True) for n in "ab")
    with pytest.raises(DataError, match="'NaN' in row 3"):
        read(postgres_url, "t", columns)
    postgres_with(postgres_url, "delete from t where b = 'NaN'")
    assert decoded(read(postgres_url, "t", columns), columns) == [
        [Decimal("0.10"), Decimal("0.10")],
        [Decimal("88.00"), Decimal(10**15).quantize(Decimal("0.01"))],
    ]


def test_what_does_not_fit_in_postgresql_is_named(postgres_url: str) -> None:
    postgres_with(
        postgres_url,
        "create table t (n numeric, d numeric, day date, at timestamptz, b int, e text, t bytea)",
        "insert into t values (1, 1, null, null, null, null, null)",
        "insert into t values (1e30, 'NaN', 'infinity', '2024-01-01 12:00+02', 7, 'z', '\\x00')",
        "insert into t values (1, 1, '0044-03-15 BC', null, null, null, null)",
    )
    with pytest.raises(DataError) as raised:
        read(postgres_url, "t", COLUMNS)
    shown = {line.split("'")[1]: line for line in str(raised.value).splitlines()[1:]}
    assert "'1000000000000000000000000000000' in row 2" in shown["n"]
    assert "'NaN' in row 2" in shown["d"]
    assert "'infinity' in row 2, '0044-03-15 BC' in row 3" in shown["day"]
    assert "'2024-01-01 10:00:00+00' in row 2" in shown["at"]
    assert "without a zone" in shown["at"]
    assert "'7' in row 2" in shown["b"]
    assert "'z' in row 2" in shown["e"]
    assert "\"x'00'\" in row 2" in shown["t"]


def test_columns_have_to_be_those_declared(tmp_path: Path) -> None:
    url = sqlite_with(tmp_path / "x.db", "create table t (n integer, tt text, extra text)")
    columns = (COLUMNS[0], COLUMNS[-1])
    with pytest.raises(DataError, match=r"(?s)'t' is missing.*'extra' is not declared"):
        read(url, "t", columns)
    address = parse_address(f"{url}#t")
    with opened(address) as database:
        assert list(database.batches(address, columns[:1], ignore_extra=True)) == []


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_rows_come_in_the_order_of_the_key(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    statements = (
        'create table t (a integer, "B" text, primary key ("B", a))',
        "insert into t values (2, 'y'), (1, 'y'), (3, 'x'), (1, 'z')",
    )
    if kind == "sqlite":
        url = sqlite_with(tmp_path / "x.db", *statements)
    else:
        url = postgres_with(request.getfixturevalue("postgres_url"), *statements)
    column = s.Column("a", s.IntegerType())
    address = parse_address(url).at("t")
    shares: list[float] = []
    with opened(address) as database:
        batches = list(
            database.batches(address, [column], 3, ignore_extra=True, progress=shares.append)
        )
    assert [b.codes[:, 0].tolist() for b in batches] == [[3, 1, 2], [1]]
    assert shares == [0.75, 1.0]


def test_views_and_other_schemas_are_read(postgres_url: str) -> None:
    postgres_with(
        postgres_url,
        'create schema "Old.1"',
        'create table "Old.1".t (n integer)',
        'insert into "Old.1".t values (5)',
        'create view v as select * from "Old.1".t',
        "create materialized view m as select * from v",
    )
    column = s.Column("n", s.IntegerType())
    for fragment in ("Old%2E1.t", "v", "m", "public.v"):
        address = parse_address(f"{postgres_url}#{fragment}")
        with opened(address) as database:
            batches = list(database.batches(address, [column]))
            assert [b.codes.tolist() for b in batches] == [[[5]]]
            assert database.tables() == ()
            assert database.tables(views=True) == ("m", "v")
            assert database.tables("Old.1") == ("t",)


def test_postgresql_is_read_at_one_moment_and_never_written(postgres_url: str) -> None:
    postgres_with(postgres_url, "create table t (n integer)", "insert into t values (1)")
    column = s.Column("n", s.IntegerType())
    address = parse_address(postgres_url).at("t")
    with opened(address) as database:
        assert sum(map(len, database.batches(address, [column]))) == 1
        postgres_with(postgres_url, "insert into t values (2)")
        assert sum(map(len, database.batches(address, [column]))) == 1
        with pytest.raises(Exception, match="read-only transaction"):
            database.connection.exec_driver_sql("insert into t values (3)")


def test_sqlite_is_never_written(tmp_path: Path) -> None:
    url = sqlite_with(tmp_path / "x.db", "create table t (n integer)")
    with (
        opened(parse_address(url)) as database,
        pytest.raises(Exception, match="attempt to write a readonly database"),
    ):
        database.connection.exec_driver_sql("insert into t values (3)")


def test_memory_is_bounded_by_a_batch(postgres_url: str) -> None:
    """What Python holds does not grow with the table, and the server keeps the rest."""
    postgres_with(
        postgres_url,
        "create table t (n integer primary key, t text)",
        "insert into t select i, repeat('x', 100) || i from generate_series(1, 40000) i",
    )
    columns = (s.Column("n", s.IntegerType()), s.Column("t", s.TextType(200)))
    address = parse_address(postgres_url).at("t")
    with opened(address) as database:
        rows = 0
        list(database.batches(address, columns[:1], ignore_extra=True))  # what is loaded but once
        tracemalloc.start()
        for batch in database.batches(address, columns, 1_000):
            assert len(batch) == 1_000
            rows += len(batch)
            if rows == 1_000:
                cursors = database.connection.exec_driver_sql("select * from pg_cursors").all()
                assert len(cursors) == 1
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert rows == 40_000
    assert peak < 3 << 20  # the texts alone are 6 MB


def test_sqlite_keeps_digits_up_to_fifteen(tmp_path: Path) -> None:
    """Beyond them a DECIMAL column of SQLite is a float, and what it lost is lost."""
    kind = s.DecimalType(18, 4)
    url = sqlite_with(
        tmp_path / "x.db",
        "create table t (d decimal(18, 4))",
        "insert into t values ('12345678901.2345'), ('99999999999999.1234')",
    )
    columns = (s.Column("d", kind),)
    assert FLOAT_DIGITS == 15
    found = decoded(read(url, "t", columns), columns)
    assert found[0] == [Decimal("12345678901.2345")]
    assert found[1] != [Decimal("99999999999999.1234")]


def test_text_that_is_no_utf8_in_sqlite_is_told(tmp_path: Path) -> None:
    insert = "insert into t values (cast(x'ff' as text))"
    url = sqlite_with(tmp_path / "x.db", "create table t (t text)", insert)
    with pytest.raises(DataError, match="decode"):
        read(url, "t", COLUMNS[-1:])


def test_text_of_no_encoding_in_postgresql_is_utf8_or_told(postgres_url: str) -> None:
    columns = COLUMNS[-1:]
    other = postgres_url.rsplit("/", 1)[0] + "/" + postgres_url.rsplit("/", 1)[1] + "_ascii"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        name = other.rsplit("/", 1)[1]
        connection.execute(f"create database {name} encoding SQL_ASCII template template0")
    with psycopg.connect(other, client_encoding="SQL_ASCII") as connection:
        connection.execute("create table t (t text)")
        connection.execute("insert into t values (convert_from('\\xc3a4', 'SQL_ASCII'))")
    assert decoded(read(other, "t", columns), columns) == [["ä"]]
    with psycopg.connect(other, client_encoding="SQL_ASCII") as connection:
        connection.execute("insert into t values (convert_from('\\xff', 'SQL_ASCII'))")
    with pytest.raises(DataError, match="0xff"):
        read(other, "t", columns)
