"""``rulecheck import``: formats told apart, files written, bad input told in one message."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
from pathlib import Path

import pytest
from command_line import Call

from synthtab.cli.rulecheck import main
from synthtab.lang.model import Model

JSON = {
    "title": "person",
    "type": "object",
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "mail": {"type": "string", "format": "email", "maxLength": 40},
    },
    "required": ["id"],
    "minProperties": 1,
}
TABLE_SCHEMA = {"fields": [{"name": "id", "type": "integer"}], "primaryKey": "id"}
PANDERA = """
import pandera.pandas as pa
from beside import LIMIT

orders = pa.DataFrameSchema({"id": pa.Column(int, pa.Check.le(LIMIT))})
number = 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "person.json").write_text(json.dumps(JSON), "utf-8")
    (tmp_path / "table.json").write_text(json.dumps(TABLE_SCHEMA), "utf-8")
    (tmp_path / "schema.py").write_text(PANDERA, "utf-8")
    (tmp_path / "beside.py").write_text("LIMIT = 7\n", "utf-8")
    return tmp_path


def test_a_file_is_written_and_the_rest_is_said(call: Call, folder: Path) -> None:
    ran = call(main, "import", "person.json", "-o", "person.rules")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.splitlines() == [
        "imported 1 table, 2 columns, 0 rules; not imported: 2",
        '  person.mail: format "email": the format is not checked here',
        "  person: minProperties 1: no rule says what 'minProperties' does",
    ]
    text = (folder / "person.rules").read_text("utf-8")
    assert (
        text
        == """# Imported from person.json. Review it before it is used.
# Not imported: person: minProperties 1: no rule says what 'minProperties' does

table person {
  id   integer  in 1 ..
  # Not imported: format "email": the format is not checked here
  mail text(40) optional
}
"""
    )
    assert call(main, "check", "person.rules").code == 0
    assert call(main, "fmt", "--check", "person.rules").code == 0


@pytest.mark.parametrize(
    ("source", "table"), [("person.json", "person"), ("table.json", "table"),
                          ("schema.py:orders", "orders")]
)  # fmt: skip
def test_the_format_is_guessed(call: Call, folder: Path, source: str, table: str) -> None:
    ran = call(main, "import", source)
    assert ran.code == 0
    assert Model.parse(ran.out).tables[0].name == table
    named = call(main, "import", source, "--table", "mine")
    assert Model.parse(named.out).tables[0].name == "mine"


SQL = """
create table customer (id integer primary key, tier varchar(10) check (tier in ('basic', 'gold')));
create table orders (
    id integer primary key,
    customer_id integer not null references customer (id),
    total numeric(8, 2) check (total >= 0)
);
"""


def test_sql_and_databases(call: Call, folder: Path) -> None:
    (folder / "shop.sql").write_text(SQL, "utf-8")
    (folder / "words").write_text(SQL, "utf-8")
    with contextlib.closing(sqlite3.connect(folder / "shop.db")) as connection:
        connection.executescript(SQL)
    made = call(main, "import", "shop.sql")
    assert made.code == 0
    assert [t.name for t in Model.parse(made.out).tables] == ["customer", "orders"]
    for arguments in (["words"], ["words", "--dialect", "sqlite"], ["sqlite:///shop.db"]):
        again = call(main, "import", *arguments)
        assert (again.code, Model.parse(again.out)) == (0, Model.parse(made.out)), again.out
    unknown = call(main, "import", "shop.sql", "--dialect", "cobol")
    assert (unknown.code, "unknown SQL dialect 'cobol'" in unknown.err) == (2, True)


def test_a_password_is_not_shown(call: Call, folder: Path) -> None:
    ran = call(main, "import", "postgresql://me:s3cr:et@127.0.0.1:1/shop")
    assert ran.code == 2
    assert "s3cr" not in ran.err
    ran = call(main, "import", "postgresql://127.0.0.1:1/shop?password=s3cret")
    assert "127.0.0.1:1/shop?password=***" in ran.err
    assert "s3cr" not in ran.err
    ran = call(main, "import", "postgresql://me:s3cr:et@localhost/shop", "--format", "pandera")
    assert "postgresql://me:***@localhost/shop is a URL" in ran.err


def test_a_missing_extra_is_named(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "shop.sql").write_text(SQL, "utf-8")
    for module in ("sqlddl", "reflect"):
        monkeypatch.delitem(sys.modules, f"synthtab.exchange.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    for source in ("shop.sql", "sqlite:///shop.db"):
        ran = call(main, "import", source)
        assert ran.code == 2
        assert "pip install 'synthtab[sql]'" in ran.err


def test_the_format_may_be_said(call: Call, folder: Path) -> None:
    (folder / "table.json").rename(folder / "descriptor")
    assert call(main, "import", "descriptor", "--format", "frictionless").code == 0
    assert call(main, "import", "descriptor", "--format", "json-schema").code == 2


def test_one_of_several_tables(call: Call, folder: Path) -> None:
    key = {"fields": "id", "reference": {"resource": "a", "fields": "id"}}
    package = {
        "resources": [
            {"name": "a", "schema": TABLE_SCHEMA},
            {"name": "b", "schema": {**TABLE_SCHEMA, "foreignKeys": [key]}},
        ]
    }
    (folder / "p.json").write_text(json.dumps(package), "utf-8")
    both = call(main, "import", "p.json")
    assert [t.name for t in Model.parse(both.out).tables] == ["a", "b"]
    one = call(main, "import", "p.json", "--table", "b")
    assert "# Not imported: b: rule id_reference: there is no table `a`" in one.out
    none = call(main, "import", "p.json", "--table", "c")
    assert (none.code, none.err) == (2, "error: there is no table `c`; there are `a`, `b`\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.json"], "cannot read none.json: No such file or directory"),
        (["bad.json"], "bad.json is not JSON"),
        (["latin.json"], "latin.json is not UTF-8 text"),
        (["words.txt"], "words.txt is not known by its name or its content: say --format"),
        (["empty.json"], "empty.json describes no rows"),
        (["schema.py"], "schema.py names no schema in a Python file: write schema.py:NAME"),
        (["schema.py:nope"], "schema.py has no 'nope'; its schemas are orders"),
        (["schema.py:number"], "number in schema.py is a int, not a pandera DataFrameSchema"),
        (["none.py:x"], "cannot read none.py"),
        (["raises.py:x"], "raises.py cannot be run: ValueError: no such thing"),
        (["exits.py:x"], "exits.py cannot be run: SystemExit: 3"),
        (["syntax.py:x"], "syntax.py cannot be run: SyntaxError"),
        (["missing.py:x"], "missing.py cannot be run: ModuleNotFoundError"),
        (["person.json", "--dialect", "mysql"], "--dialect is for files with SQL"),
        (["sqlite:///x.db", "--format", "frictionless"], "is a URL, and so a database"),
        (["person.json", "-o", "no/such.rules"], "there is no directory no"),
    ],
)
def test_bad_input_is_one_message(
    call: Call, folder: Path, arguments: list[str], message: str
) -> None:
    (folder / "bad.json").write_text("{", "utf-8")
    (folder / "latin.json").write_bytes(b'{"\xe9": 1}')
    (folder / "words.txt").write_text("nothing here", "utf-8")
    (folder / "empty.json").write_text("{}", "utf-8")
    (folder / "raises.py").write_text("raise ValueError('no such thing')", "utf-8")
    (folder / "exits.py").write_text("raise SystemExit(3)", "utf-8")
    (folder / "syntax.py").write_text("a b", "utf-8")
    (folder / "missing.py").write_text("import nothing_of_that_name", "utf-8")
    ran = call(main, "import", *arguments)
    assert ran.code == 2
    assert message in ran.err
    assert ran.out == ""
