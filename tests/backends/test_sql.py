"""SQL text, and DuckDB's word on it: tables that enforce the rules, files judged in place."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from batches import to_frame
from odd_values import NAMES
from strategies import cases

from synthtab.backends.sql import SqlBackend
from synthtab.backends.sqltext import TooWideError
from synthtab.errors import DataError, UsageError
from synthtab.lang.model import Model

STAFF = """
table staff {
  id        integer key
  salary    decimal(10,2) in 0 .. 500_000
  bonus     decimal(10,2) optional
  hired     date in 1990-01-01 .. 2030-12-31
  left_on   date optional
  t0        datetime
  t1        datetime(minute)
  grade     enum('junior', 'mid', 'senior')
  n         integer in 0 .. 100
  code      text(8) optional matching /[A-Z]{2}[0-9]{1,6}/ unique
  rule RULE
}
"""

EXPRESSIONS = [
    ("bonus <= 0.30 * salary", '"bonus" <= 0.3 * "salary"'),
    ("left_on - hired >= 30 days", '"left_on" - "hired" >= 30'),
    ("hired + 18 years <= left_on", 'CAST("hired" + INTERVAL 18 YEAR AS DATE) <= "left_on"'),
    ("t1 - t0 >= 2 hours", 'date_diff(\'second\', "t0", "t1") >= 7200'),
    ("salary / 12 <= 1000.5", '"salary" <= 12006'),
    ("bonus / 7 < salary", '"bonus" < 7 * "salary"'),
    ("grade < 'senior'", "\"grade\" IN ('junior', 'mid')"),
    ("when n = 3 then salary > 1", 'NOT ("n" = 3) OR "salary" > 1'),
    ("n = 1 or n = 2 and n = 3", '"n" = 1 OR "n" = 2 AND "n" = 3'),
    ("(n = 1 or n = 2) and n = 3", '("n" = 1 OR "n" = 2) AND "n" = 3'),
    ("n - (n - 1) = 1", '"n" - ("n" - 1) = 1'),
    ("code like 'it''s%'", "\"code\" LIKE 'it''s%'"),
    ("code matching /A.+/", "regexp_full_match(\"code\", 'A.+')"),
    ("bonus is null", '"bonus" IS NULL'),
    (
        "min(bonus, n, 5) > 3",
        'CASE WHEN "bonus" IS NULL OR "n" IS NULL THEN NULL ELSE least("bonus", "n", 5) END > 3',
    ),
]


def staff(rule: str) -> SqlBackend:
    return SqlBackend(Model.parse(STAFF.replace("RULE", f"r: {rule}")).table())


@pytest.mark.parametrize(("rule", "expected"), EXPRESSIONS)
def test_expressions_read_like_the_rules(rule: str, expected: str) -> None:
    backend = staff(rule)
    assert backend.check_expression(backend.table.row_rules[0]) == expected


GOOD: dict[str, object] = {
    "id": 1,
    "salary": Decimal("1000.00"),
    "bonus": None,
    "hired": "2020-01-31",
    "left_on": "2021-01-31",
    "t0": "2020-01-01 10:00:30",
    "t1": "2020-01-01 12:00:00",
    "grade": "mid",
    "n": 7,
    "code": "AB1",
}


def insert(connection: duckdb.DuckDBPyConnection, **changes: object) -> None:
    row = {**GOOD, **changes}
    marks = ", ".join("?" for _ in row)
    connection.execute(f"INSERT INTO staff VALUES ({marks})", list(row.values()))


@pytest.fixture
def database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(staff("bonus <= 0.30 * salary").create_table())
    return connection


@pytest.mark.parametrize(
    "changes",
    [{}, {"bonus": Decimal("300.00")}, {"code": None}, {"grade": "senior"}, {"left_on": None}],
)
def test_the_table_takes_what_is_valid(
    database: duckdb.DuckDBPyConnection, changes: dict[str, object]
) -> None:
    insert(database, **changes)
    assert database.execute("SELECT count(*) FROM staff").fetchall() == [(1,)]


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"bonus": Decimal("300.01")}, "r"),
        ({"salary": Decimal("500000.01")}, "salary range"),
        ({"hired": "1989-12-31"}, "hired range"),
        ({"grade": "boss"}, "grade value"),
        ({"t1": "2020-01-01 12:00:01"}, "t1 resolution"),
        ({"code": "AB"}, "code pattern"),
        ({"code": "AB12345678"}, "code length"),
        ({"n": None}, "NOT NULL"),
        ({"id": None}, "NOT NULL"),
    ],
)
def test_the_table_refuses_what_is_not(
    database: duckdb.DuckDBPyConnection, changes: dict[str, object], constraint: str
) -> None:
    with pytest.raises(duckdb.ConstraintException) as error:
        insert(database, **changes)
    assert constraint.split()[0] in str(error.value)


def test_keys_and_unique_columns_do_not_repeat(database: duckdb.DuckDBPyConnection) -> None:
    insert(database)
    insert(database, id=2, code=None)
    insert(database, id=3, code=None)
    for repeated in ({"id": 1, "code": "ZZ9"}, {"id": 4}):
        with pytest.raises(duckdb.ConstraintException, match=r"[Dd]uplicate"):
            insert(database, **repeated)


def test_random_tables_can_be_created() -> None:
    connection = duckdb.connect()
    created = 0
    for case in cases(range(40), rules=3):
        names = [c.name.lower() for c in case.table.columns]
        if len(set(names)) == len(names):  # DuckDB's names do not tell 'a' from 'A'
            with suppress(TooWideError):
                text = SqlBackend(case.table).create_table()
                connection.execute(f"DROP TABLE IF EXISTS t; {text}")
                created += 1
    assert created > 25


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_files_are_judged_like_frames(tmp_path: Path, suffix: str) -> None:
    backend = staff("bonus <= 0.30 * salary and (t1 > t0 or left_on is null)")
    rows = [
        GOOD,
        {**GOOD, "bonus": Decimal("300.01")},
        {**GOOD, "t1": "2020-01-01 10:00:00"},
        {**GOOD, "t1": "2020-01-01 10:00:00", "left_on": None, "code": None},
    ]
    frame = pd.DataFrame(rows).astype(
        {
            "hired": "datetime64[s]",
            "left_on": "datetime64[s]",
            "t0": "datetime64[s]",
            "t1": "datetime64[s]",
        }
    )
    path = tmp_path / f"staff{suffix}"
    shuffled = frame[frame.columns[::-1]]
    if suffix == ".parquet":
        shuffled.to_parquet(path)
    else:
        shuffled.to_csv(path, index=False, encoding="utf-8-sig")
    expected = np.array([[False], [True], [True], [False]])
    assert np.array_equal(backend.violated(frame), expected)
    assert np.array_equal(backend.violated(path), expected)


def test_any_column_name_works_in_a_csv(tmp_path: Path) -> None:
    columns = "\n".join(f"`{name.replace('`', '``')}` integer" for name in NAMES)
    rules = "\n".join(
        f"rule r{k}: `{name.replace('`', '``')}` = {k}" for k, name in enumerate(NAMES)
    )
    table = Model.parse(f"table t {{\n{columns}\n{rules}\n}}").table()
    frame = pd.DataFrame({name: [k, -1] for k, name in enumerate(NAMES)})
    path = tmp_path / "it's.csv"
    frame.to_csv(path, index=False)
    expected = np.array([[False] * len(NAMES), [True] * len(NAMES)])
    assert np.array_equal(SqlBackend(table).violated(path), expected)
    assert np.array_equal(SqlBackend(table).violated(frame), expected)


def test_an_empty_field_in_quotes_is_a_string_only_where_there_is_one(tmp_path: Path) -> None:
    table = Model.parse(
        "table t {\n a text(3) optional\n b integer optional\n c enum('', 'x') optional\n"
        " rule a: a is null\n rule b: b is null\n rule c: c is null\n}"
    ).table()
    path = tmp_path / "t.csv"
    path.write_text('a,b,c\n"","",""\n,,\n')
    expected = np.array([[True, False, True], [False, False, False]])
    assert np.array_equal(SqlBackend(table).violated(path), expected)


def test_a_table_without_rules_breaks_none() -> None:
    table = Model.parse("table t {\n a integer\n}").table()
    assert SqlBackend(table).violated(pd.DataFrame({"a": [1, 2, 3]})).shape == (3, 0)


def test_frames_of_no_rows() -> None:
    case = next(cases(range(1)))
    frame = to_frame(case.table.columns, case.batch).iloc[:0]
    assert SqlBackend(case.table).violated(frame).shape == (0, len(case.table.row_rules))


def test_bad_input_is_named(tmp_path: Path) -> None:
    backend = staff("n > 1")
    with pytest.raises(DataError, match="salary"):
        backend.violated(pd.DataFrame({"id": [1]}))
    with pytest.raises(DataError, match="no such file"):
        backend.violated(tmp_path / "none.csv")
    (tmp_path / "t.csv").write_text("id,salary\n1,2\n")
    with pytest.raises(DataError, match="'bonus'"):
        backend.violated(tmp_path / "t.csv")
    small = Model.parse("table t {\n a integer\n rule r: a > 1\n}").table()
    with pytest.raises(DataError, match=r"'a'.*integer"):
        SqlBackend(small).violated(pd.DataFrame({"a": ["x"]}))
    (tmp_path / "u.csv").write_text("a\nx\n")
    with pytest.raises(DataError, match="DuckDB"):
        SqlBackend(small).violated(tmp_path / "u.csv")
    with pytest.raises(UsageError, match="oracle"):
        SqlBackend(small, "oracle")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "chosen", ["coalesce(a, b * c)", "max(a, b * c)", "case when true then a else b * c end"]
)
def test_a_choice_between_decimals_is_not_rounded(chosen: str) -> None:
    table = Model.parse(
        "table t {\n a decimal(6,2)\n b decimal(18,0)\n c decimal(18,0)\n"
        f" rule r: {chosen} = 0.25\n}}"
    ).table()
    frame = pd.DataFrame({"a": [Decimal("0.25")], "b": [Decimal(-1)], "c": [Decimal(1)]})
    assert not SqlBackend(table).violated(frame).any()


def test_what_needs_more_digits_than_there_are_is_refused() -> None:
    text = "table t {{\n a integer{0}\n b integer{0}\n rule r: a * b * a * b > 1\n}}"
    wide = SqlBackend(Model.parse(text.format("")).table())
    with pytest.raises(TooWideError, match=r"rule 'r'.*declare narrower ranges"):
        wide.check_expression(wide.table.row_rules[0])
    narrow = SqlBackend(Model.parse(text.format(" in 0 .. 1_000_000")).table())
    assert narrow.violated(pd.DataFrame({"a": [1, 10**6], "b": [1, 10**6]})).tolist() == [
        [True],
        [False],
    ]
