"""``rulecheck validate`` and ``compile`` for several tables."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from command_line import Call

from synthtab.cli import rulecheck

RULES = """
table customer {
  id      integer key
  status  enum('open', 'closed')
  credit  decimal(8, 2)
}
table orders {
  id          integer key
  customer_id integer -> customer.id
  placed      date
  total       decimal(8, 2)
  rule closed "Nothing for closed accounts": when customer.status = 'closed' then total = 0
  rule sums: sum(amount of line) = total
  rule within: sum(total) per customer_id <= customer.credit
  rule mostly at least 60%: total > 10
  rule later: increasing(placed) per customer_id ordered by id
}
table line {
  order_id integer -> orders.id
  line_no  integer
  amount   decimal(8, 2)
  note     text(10) optional
  key (order_id, line_no)
  rule numbered: gap_free(line_no) per order_id
  rule fd: note determines amount
  rule rising: forbid pair (a, b):
    a.order_id = b.order_id and a.amount < b.amount and a.line_no > b.line_no
}
"""
CUSTOMER = "id,status,credit\n1,open,100\n2,closed,50\n"
ORDERS = """id,customer_id,placed,total
1,1,2024-01-02,60
2,1,2024-01-01,60
3,2,2024-01-01,5
4,9,2024-01-01,0
"""
LINE = """order_id,line_no,amount,note
1,1,20,a
1,2,40,b
2,1,60,a
2,3,1,
3,1,5,c
7,1,1,
"""
EXPECTED = {
    ("orders", "customer_id_reference"): [4],
    ("orders", "closed"): [3],
    ("orders", "sums"): [2],
    ("orders", "within"): [1, 2],
    ("orders", "mostly"): [3, 4],
    ("orders", "later"): [2],
    ("line", "order_id_reference"): [6],
    ("line", "numbered"): [4],
    ("line", "fd"): [1, 3],
    ("line", "rising"): [3, 4],
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop.rules").write_text(RULES)
    for name, text in (("customer", CUSTOMER), ("orders", ORDERS), ("line", LINE)):
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def given(shop: Path, *names: str) -> list[str]:
    return [f"{name}={shop / name}.csv" for name in names]


def test_every_violation_is_found_and_told(call: Call, shop: Path) -> None:
    files = given(shop, "customer", "orders", "line")
    args = ("validate", shop / "shop.rules", *files)
    ran = call(rulecheck.main, *args, "--json")
    assert ran.code == 1
    reports = {r["table"]: r for r in json.loads(ran.out)["tables"]}
    found = {
        (table, rule["name"]): rule["first_rows"]
        for table, report in reports.items()
        for rule in report["rules"]
        if rule["violated"]
    }
    assert found == EXPECTED
    assert [reports[t]["valid_rows"] for t in reports] == [2, 0, 2]
    closed = next(r for r in reports["orders"]["rules"] if r["name"] == "closed")
    assert closed["values"] == [{"total": "5.00", "customer_id": 2, "customer.status": "closed"}]
    sums = next(r for r in reports["orders"]["rules"] if r["name"] == "sums")
    assert sums["values"] == [{"total": "60.00", "id": 2, "sum(amount of line)": 61}]
    assert (closed["required_share"], closed["kept"]) == (None, False)
    text = call(rulecheck.main, *args).out
    assert "50.000% (at least 60.000%: NO)" in text
    assert "closed (Nothing for closed accounts)" in text


def test_a_soft_rule_that_is_kept_is_fine(call: Call, shop: Path) -> None:
    rules = shop / "soft.rules"
    rules.write_text("table t {\n  a integer\n  rule most at least 60%: a > 10\n}\n")
    (shop / "t.csv").write_text("a\n20\n30\n5\n")
    ran = call(rulecheck.main, "validate", rules, shop / "t.csv")
    assert ran.code == 0
    assert "66.667% (at least 60.000%: yes)" in ran.out
    assert "3 rows, 3 of them break nothing" in ran.out
    assert "a = 5" in ran.out
    (shop / "t.csv").write_text("a\n20\n3\n5\n")
    assert call(rulecheck.main, "validate", rules, shop / "t.csv").code == 1


def test_what_needs_a_missing_table_is_named(call: Call, shop: Path) -> None:
    rules = shop / "shop.rules"
    ran = call(rulecheck.main, "validate", rules, *given(shop, "orders"), "--json")
    report = json.loads(ran.out)
    missing = {u["name"]: u["reason"] for u in report["unchecked"]}
    assert set(missing) == {"customer_id_reference", "closed", "sums", "within"}
    assert missing["sums"] == "it needs table line, which is not given"
    text = call(rulecheck.main, "validate", rules, shop / "orders.csv", "--table", "orders").out
    assert "not checked: sums" in text


def test_failures_and_sarif_are_written(call: Call, shop: Path) -> None:
    files = given(shop, "customer", "orders", "line")
    out, log = shop / "failures.parquet", shop / "log.sarif"
    extra = ("--failures", out, "--sarif", log)
    call(rulecheck.main, "validate", shop / "shop.rules", *files, *extra)
    frame = pd.read_parquet(out)
    groups = frame.groupby(["table", "rule"])["row"].apply(list).to_dict()
    assert groups == EXPECTED
    one = frame[(frame["rule"] == "closed")].iloc[0]
    cells = {"total": "5.00", "customer_id": 2, "customer.status": "closed"}
    assert json.loads(one["values"]) == cells
    run = json.loads(log.read_text())["runs"][0]
    assert json.loads(log.read_text())["version"] == "2.1.0"
    closed = next(r for r in run["results"] if r["ruleId"] == "orders.closed")
    region = closed["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 4}
    place = closed["relatedLocations"][0]["physicalLocation"]["region"]["startLine"]
    assert RULES.splitlines()[place - 1].strip().startswith("rule closed")
    assert {r["id"] for r in run["tool"]["driver"]["rules"]} >= {"line.fd", "orders.mostly"}


def test_it_must_be_clear_which_file_is_which(call: Call, shop: Path) -> None:
    rules = shop / "shop.rules"
    for files, words in (
        ([shop / "orders.csv"], "name one of `customer`, `orders`, `line`"),
        ([shop / "orders.csv", shop / "line.csv"], "TABLE=path"),
        ([*given(shop, "line"), *given(shop, "line")], "two files"),
        ([f"lines={shop / 'line.csv'}", *given(shop, "orders")], "`customer`, `line`, `orders`"),
    ):
        ran = call(rulecheck.main, "validate", rules, *files)
        assert ran.code == 2
        assert words in ran.err
    for option, name in (("--failures", "x.csv"), ("--failures", "no/x.parquet")):
        ran = call(rulecheck.main, "validate", rules, *given(shop, "line"), option, shop / name)
        assert ran.code == 2
    assert not list(shop.glob("*.part"))


def test_the_sql_script_enforces_and_asks(call: Call, shop: Path) -> None:
    sql = call(rulecheck.main, "compile", shop / "shop.rules", "--to", "sql").out
    tables, *queries = sql.split("-- ")
    connection = duckdb.connect()
    connection.execute(tables)
    for name, rest in (("customer", ""), ("orders", "customer_id < 9"), ("line", "order_id < 7")):
        where = f" WHERE {rest}" if rest else ""
        connection.execute(f"INSERT INTO {name} SELECT * FROM read_csv('{shop}/{name}.csv'){where}")
    with pytest.raises(duckdb.ConstraintException):
        connection.execute("INSERT INTO line VALUES (7, 1, 1, NULL)")
    found = {}
    for part in queries:
        title, query = part.split("\n", 1)
        rule = title.split(":")[0].split(" ")[0]
        found[rule] = sorted(r[0] + 1 for r in connection.execute(query).fetchall())
    expected = {
        f"{table}.{rule}": [r for r in rows if (table, r) != ("orders", 4)]
        for (table, rule), rows in EXPECTED.items()
        if not rule.endswith("_reference")
    }
    assert found == expected


def test_a_circle_of_references_becomes_a_query(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "circle.rules"
    path.write_text(
        "table a {\n  id integer key\n  b_id integer optional -> b.id\n}\n"
        "table b {\n  id integer key\n  a_id integer optional -> a.id\n}\n"
    )
    sql = call(rulecheck.main, "compile", path, "--to", "sql").out
    assert sql.count("FOREIGN KEY") == 1
    assert "-- a.b_id_reference: the rows that break it" in sql
    duckdb.connect().execute(sql)


def test_other_commands_say_what_they_leave_out(call: Call, shop: Path) -> None:
    args = ("--table", "orders")
    ran = call(rulecheck.main, "plan", shop / "shop.rules", *args)
    assert "Only checked, not part of the plan: customer_id_reference, closed, sums" in ran.out
    smt = call(rulecheck.main, "compile", shop / "shop.rules", "--to", "smt2", *args).out
    assert "; left out, being about several rows: sums" in smt
