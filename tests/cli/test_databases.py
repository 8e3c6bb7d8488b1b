"""Databases where files could be given: what is told, and what is never shown."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psycopg
import pytest
from batches import to_records
from command_line import Call
from stored import in_postgres, in_sqlite, postgres_with, sqlite_with
from test_validate_tables import CUSTOMER, EXPECTED, LINE, ORDERS, RULES

from synthtab.cli import rulecheck
from synthtab.cli import synthtab as synthtab_cli
from synthtab.files import read_batch
from synthtab.lang.model import Model

TABLES = {"customer": CUSTOMER, "orders": ORDERS, "line": LINE}
SECRET = "g3heim"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop.rules").write_text(RULES)
    for name, text in TABLES.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, shop: Path) -> str:
    """The URL of a database that holds the shop's tables; PostgreSQL's with a password."""
    model = Model.load(shop / "shop.rules")
    found = ""
    postgres = request.param == "postgresql" and request.getfixturevalue("postgres_url")
    for name in TABLES:
        columns = model.table(name).columns
        records = to_records(columns, read_batch(shop / f"{name}.csv", columns))
        if postgres:
            found = in_postgres(postgres, name, columns, records)
        else:
            found = in_sqlite(shop / "shop.db", name, columns, records)
    return found.replace("tester@", f"tester:{SECRET}@")  # the server trusts any


def files(shop: Path, *names: str) -> list[str]:
    return [f"{name}={shop / name}.csv" for name in names or TABLES]


def without_places(report: object) -> object:
    """Leave out of a report where its data are."""
    if isinstance(report, dict):
        return {k: without_places(v) for k, v in report.items() if k != "data"}
    return [without_places(v) for v in report] if isinstance(report, list) else report


def test_a_database_is_told_of_as_files_are(call: Call, shop: Path, url: str) -> None:
    rules = shop / "shop.rules"
    one = call(rulecheck.main, "validate", rules, url, "--json")
    two = call(rulecheck.main, "validate", rules, *files(shop), "--json")
    assert one.code == two.code == 1
    assert without_places(json.loads(one.out)) == without_places(json.loads(two.out))
    shown = url.replace(SECRET, "***")
    assert [t["data"] for t in json.loads(one.out)["tables"]] == [f"{shown}#{t}" for t in TABLES]
    text = call(rulecheck.main, "validate", rules, url)
    assert f"orders: {shown}#orders: 4 rows, 0 of them break nothing" in text.out
    for ran in (one, text):
        assert SECRET not in ran.out + ran.err


def test_failures_and_sarif_hold_no_password(call: Call, shop: Path, url: str) -> None:
    out, log = shop / "failures.parquet", shop / "log.sarif"
    extra = ("--failures", out, "--sarif", log)
    assert call(rulecheck.main, "validate", shop / "shop.rules", url, *extra).code == 1
    groups = pd.read_parquet(out).groupby(["table", "rule"])["row"].apply(list).to_dict()
    assert groups == EXPECTED
    assert SECRET.encode() not in out.read_bytes()
    run = json.loads(log.read_text())["runs"][0]
    closed = next(r for r in run["results"] if r["ruleId"] == "orders.closed")
    place = {"artifactLocation": {"uri": url.replace(SECRET, "***") + "#orders"}}
    assert closed["locations"] == [{"physicalLocation": place}]
    assert SECRET not in log.read_text()


def test_tables_may_come_from_here_and_there(call: Call, shop: Path, url: str) -> None:
    rules = shop / "shop.rules"
    whole = without_places(json.loads(call(rulecheck.main, "validate", rules, url, "--json").out))
    for data in (
        [url, *files(shop, "line")],
        [f"customer={url}", *files(shop, "orders", "line")],
        [f"orders={url}#orders", f"line={url}", *files(shop, "customer")],
    ):
        ran = call(rulecheck.main, "validate", rules, *data, "--json")
        reports = {r["table"]: r for r in json.loads(ran.out)["tables"]}
        ordered = {"tables": [reports[t] for t in TABLES]}
        assert without_places(ordered) == whole
    ran = call(rulecheck.main, "validate", rules, url, "--table", "orders", "--json")
    assert json.loads(ran.out)["table"] == "orders"


def test_tables_that_are_not_there_are_listed(call: Call, shop: Path, url: str) -> None:
    run_in(url, "drop table line")
    rules = shop / "shop.rules"
    ran = call(rulecheck.main, "validate", rules, url, "--json")
    report = json.loads(ran.out)
    assert report["absent"] == ["line"]
    unchecked = {u["name"]: u["reason"] for t in report["tables"] for u in t["unchecked"]}
    assert unchecked["sums"] == "it needs table line, which is not given"
    text = call(rulecheck.main, "validate", rules, url).out
    assert "not checked: sums" in text
    assert "not read: there is no table `line`" in text
    run_in(url, "drop table customer", "drop table orders")
    ran = call(rulecheck.main, "validate", rules, url)
    assert ran.code == 2
    assert "has none of `customer`, `orders`, `line`; it has no tables" in ran.err


def run_in(url: str, *statements: str) -> None:
    if url.startswith("sqlite"):
        sqlite_with(Path(url.removeprefix("sqlite:///")), *statements)
    else:
        postgres_with(url, *statements)


def test_another_name_and_schema(call: Call, shop: Path, postgres_url: str) -> None:
    postgres_with(
        postgres_url,
        'create schema old; create table old.customer (id int, "status" text, credit numeric)',
        "insert into old.customer values (1, 'open', 1), (1, 'closed', 2)",
        'create table "Kunde 1" as select * from old.customer',
    )
    rules = shop / "one.rules"
    rules.write_text(RULES[: RULES.index("table orders")])
    for fragment in ("old.customer", "old.", "Kunde%201", "public.Kunde 1"):
        for data in (f"{postgres_url}#{fragment}", f"customer={postgres_url}#{fragment}"):
            ran = call(rulecheck.main, "validate", rules, data, "--json")
            assert ran.code == 1, ran.err
            assert json.loads(ran.out)["rules"][0]["first_rows"] == [2]


def test_what_a_database_cannot_be_read_for(call: Call, shop: Path, url: str) -> None:
    rules = shop / "shop.rules"
    for data, words in (
        ([url, url], "two databases"),
        ([f"{url}#orders"], "names one table: write TABLE="),
        ([f"line={url}", f"line={url}"], "two files"),
        ([f"line={url}#lines"], "has no table `lines` (is it `line`?); its tables: `customer`"),
        ([f"line={url}#nowhere.line"], "has no schema `nowhere`; its schemas: "),
        ([f"line={url}#customer"], "'order_id' is missing"),
        ([f"{url}#a.b.c"], "SCHEMA.TABLE"),
    ):
        ran = call(rulecheck.main, "validate", rules, *data)
        assert ran.code == 2
        assert words in ran.err
        assert SECRET not in ran.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sqlite:///nowhere.db", "there is no such file"),
        ("sqlite:///.", "it is a directory"),
        ("sqlite://", "names no database"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///PLACE/shop.rules", "file is not a database"),
        ("sqlite:///PLACE/shop.rules?mode=ro", "not accepted"),
        (f"postgresql://u:{SECRET}@127.0.0.1:1/d", "Connection refused"),
        (f"postgresql://u:{SECRET}@127.0.0.1:{SECRET}/d", "is no database URL"),
        (f"postgresql://u:@{SECRET}@127.0.0.1/d", "%40"),
        (f"postgresql://127.0.0.1:1/d?password={SECRET}", "Connection refused"),
        (f"nosuch://u:{SECRET}@h/d", "no known kind of database"),
        (f"mysql+nosuch://u:{SECRET}@h/d", "no known kind of database"),
        ("https://example.org/x.csv", "no known kind of database"),
    ],
)
def test_a_bad_url_is_one_line(call: Call, shop: Path, text: str, words: str) -> None:
    argument = text.replace("PLACE", str(shop))
    ran = call(rulecheck.main, "validate", shop / "shop.rules", argument)
    assert ran.code == 2
    assert words in ran.err
    assert ran.err.count("\n") == 1
    assert SECRET not in ran.err.replace(f":{SECRET}/d", "")
    assert not (shop / "nowhere.db").exists()


@pytest.mark.parametrize("package", ["sqlalchemy", "psycopg"])
def test_a_missing_extra_is_named(
    call: Call, shop: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "synthtab.databases.database", raising=False)
    ran = call(rulecheck.main, "validate", shop / "shop.rules", "postgresql://127.0.0.1:1/d")
    assert ran.code == 2
    assert "pip install 'synthtab[sql]'" in ran.err


def test_a_wrong_password_is_refused_and_not_shown(
    call: Call, shop: Path, postgres_url: str
) -> None:
    rules = shop / "one.rules"
    rules.write_text("table t { n integer in 1 .. 1 }")
    user = "locked_" + postgres_url.rsplit("/", 1)[1]
    with psycopg.connect(postgres_url) as connection:
        connection.execute("create table t as select 1 as n")
        connection.execute(f"create role {user} login password 'right:{SECRET}'")
        connection.execute(f"grant select on t to {user}")
        found = connection.execute("show hba_file").fetchone()
        assert found is not None
        hba = Path(found[0])
        hba.write_text(f"host all {user} 127.0.0.1/32 scram-sha-256\n" + hba.read_text())
        connection.execute("select pg_reload_conf()")
    wrong = postgres_url.replace("tester@", f"{user}:{SECRET}@")
    right = postgres_url.replace("tester@", f"{user}:right%3A{SECRET}@")
    for _ in range(100):  # the server reads its settings again when it comes to it
        ran = call(rulecheck.main, "validate", rules, wrong)
        if ran.code:
            break
        time.sleep(0.1)
    assert ran.code == 2
    assert "password authentication failed for user" in ran.err
    assert SECRET not in ran.err
    ran = call(rulecheck.main, "validate", rules, right)
    assert ran.code == 0
    assert SECRET not in ran.out


def test_no_permission_is_said(call: Call, shop: Path, postgres_url: str) -> None:
    rules = shop / "one.rules"
    rules.write_text("table t { n integer }")
    user = "poor_" + postgres_url.rsplit("/", 1)[1]
    postgres_with(postgres_url, "create table t (n integer)", f"create role {user} login")
    ran = call(rulecheck.main, "validate", rules, postgres_url.replace("tester@", f"{user}@"))
    assert ran.code == 2
    assert ran.err.strip().endswith("permission denied for table t")


def test_a_draft_is_the_same_from_a_database(call: Call, shop: Path, url: str) -> None:
    with_files = call(rulecheck.main, "infer", *files(shop, *sorted(TABLES)))
    assert with_files.code == 0
    assert call(rulecheck.main, "infer", url).out == with_files.out
    named = [f"{t}={url}" for t in sorted(TABLES)]
    assert call(rulecheck.main, "infer", *named).out == with_files.out
    one = call(rulecheck.main, "infer", f"{url}#orders", "--name", "o").out
    assert one.startswith("table o {\n  id")
    assert call(rulecheck.main, "infer", f"{url}#orders", *files(shop, "line")).code == 0
    for args, words in (
        ([url, "--name", "x"], "--name is for one table"),
        ([url, f"{url}#line"], "two files are given for table `line`"),
        ([f"{url}#nix"], "has no table `nix`"),
    ):
        ran = call(rulecheck.main, "infer", *args)
        assert ran.code == 2
        assert words in ran.err


def test_rows_are_assessed_from_a_database(call: Call, shop: Path, url: str) -> None:
    rules = shop / "one.rules"
    rules.write_text("table line {\n  order_id integer\n  amount integer\n}\n")
    csv = shop / "line2.csv"
    csv.write_text("order_id,amount\n1,20\n1,40\n2,60\n2,1\n3,5\n7,1\n")
    run_in(
        url,
        "drop table line",
        "create table line (order_id integer, amount integer)",
        "insert into line values (1, 20), (1, 40), (2, 60), (2, 1), (3, 5), (7, 1)",
    )
    ran = call(synthtab_cli.main, "assess", rules, csv, url, "--json")
    assert ran.code == 0, ran.err
    report = json.loads(ran.out)
    assert report["overall"][0]["name"] == "shape"
    assert report["overall"][0]["value"] == 0
    assert report["files"]["synthetic"] == url.replace(SECRET, "***") + "#line"


def test_files_need_no_sqlalchemy(shop: Path) -> None:
    code = (
        "import sys\n"
        "from synthtab.cli.rulecheck import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "assert 'synthtab.sources' in sys.modules\n"
        "assert 'sqlalchemy' not in sys.modules\n"
    )
    command = [sys.executable, "-c", code, "validate", shop / "shop.rules", *files(shop)]
    subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parents[2])
