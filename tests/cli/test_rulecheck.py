"""rulecheck's commands: what they print, write and answer to the shell."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pandas as pd
import pytest

from synthtab.cli import rulecheck
from synthtab.lang.model import Model

if TYPE_CHECKING:
    from conftest import Call

RULES = """
table staff {
  id       integer in 1 .. 999 key
  grade    enum('junior', 'senior')
  salary   decimal(8, 2) in 0 .. 100_000
  `left on` date optional
  rule senior_pay "Seniors earn more": when grade = 'senior' then salary >= 1000
  rule left_after: `left on` > 2020-01-01
}
"""
GOOD = [(1, "junior", "500.00", None), (2, "senior", "1500.50", "2021-05-01")]


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "staff.rules"
    path.write_text(RULES)
    return path


def data(folder: Path, rows: list[tuple[object, ...]], name: str = "staff.csv") -> Path:
    path = folder / name
    frame = pd.DataFrame(rows, columns=["id", "grade", "salary", "left on"])
    frame.to_csv(path, index=False)
    return path


def test_check_says_that_all_is_well(call: Call, rules: Path) -> None:
    ran = call(rulecheck.main, "check", rules)
    assert ran.code == 0
    assert "0 errors" in ran.out


def test_check_reports_every_mistake_with_its_place(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "bad.rules"
    path.write_text("table t {\n  a integer\n  rule x: b > 1\n  rule y: a = 'z'\n}\n")
    ran = call(rulecheck.main, "check", path)
    assert ran.code == 1
    assert f"{path}:3:11" in ran.out
    assert f"{path}:4:" in ran.out
    assert "help:" in ran.out
    found = json.loads(call(rulecheck.main, "check", path, "--json").out)["findings"]
    assert [(f["line"], f["severity"]) for f in found] == [(3, "error"), (4, "error")]
    assert all(f["code"].startswith("E") for f in found)


def test_check_names_rules_that_exclude_each_other(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "bad.rules"
    path.write_text(
        "table t {\n  a integer\n  b integer\n  rule one: a > b\n  rule two: b > a\n"
        "  rule fine: a < 10\n}\n"
    )
    ran = call(rulecheck.main, "check", path, "--budget", "5")
    assert ran.code == 1
    assert "one" in ran.out
    assert "two" in ran.out
    assert "rule fine" not in ran.out


def test_a_rules_file_that_is_not_there_is_wrong_use(call: Call, tmp_path: Path) -> None:
    for command in (["check"], ["plan"], ["compile", "--to", "sql"]):
        ran = call(rulecheck.main, command[0], tmp_path / "none.rules", *command[1:])
        assert ran.code == 2
        assert "none.rules" in ran.err
        assert ran.out == ""


def test_broken_rules_are_bad_input_for_other_commands(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "bad.rules"
    path.write_text("table t {\n  a integre\n}\n")
    ran = call(rulecheck.main, "plan", path)
    assert ran.code == 2
    assert "bad.rules:2" in ran.err


def test_wrong_arguments_exit_with_2(call: Call, rules: Path) -> None:
    assert call(rulecheck.main, "compile", rules, "--to", "cobol").code == 2
    assert call(rulecheck.main, "frobnicate").code == 2
    assert call(rulecheck.main).code == 2


def test_compile_makes_every_form(call: Call, rules: Path, tmp_path: Path) -> None:
    sql = call(rulecheck.main, "compile", rules, "--to", "sql").out
    connection = duckdb.connect()
    connection.execute(sql)
    connection.execute("INSERT INTO staff VALUES (1, 'senior', 1500, NULL)")
    with pytest.raises(duckdb.ConstraintException):
        connection.execute("INSERT INTO staff VALUES (2, 'senior', 10, NULL)")
    schema = json.loads(call(rulecheck.main, "compile", rules, "--to", "json-schema").out)
    assert set(schema["properties"]) == {"id", "grade", "salary", "left on"}
    assert "(check-sat)" in call(rulecheck.main, "compile", rules, "--to", "smt2").out
    out = tmp_path / "row.regex"
    assert call(rulecheck.main, "compile", rules, "--to", "regex", "-o", out).out == ""
    assert "junior" in out.read_text()
    lite = call(rulecheck.main, "compile", rules, "--to", "sql", "--dialect", "sqlite").out
    assert lite.startswith("PRAGMA foreign_keys = ON;\n\nCREATE TABLE")
    sqlite3.connect(":memory:").executescript(lite)
    post = call(rulecheck.main, "compile", rules, "--to", "sql", "--dialect", "postgresql").out
    assert "NUMERIC" in post or "BIGINT" in post
    ran = call(rulecheck.main, "compile", rules, "--to", "regex", "--dialect", "sqlite")
    assert ran.code == 2
    assert "--dialect sqlite is for --to sql; regex has no dialects" in ran.err
    assert call(rulecheck.main, "compile", rules, "--to", "sql", "--dialect", "db2").code == 2
    ran = call(rulecheck.main, "compile", rules, "--to", "sql", "-o", tmp_path / "no" / "x.sql")
    assert ran.code == 2
    assert "no directory" in ran.err


def test_validate_counts_and_shows_what_is_broken(call: Call, rules: Path, tmp_path: Path) -> None:
    path = data(tmp_path, GOOD)
    assert call(rulecheck.main, "validate", rules, path).code == 0
    rows = [*GOOD, (2, "senior", "10", "2019-01-01"), (1000, "junior", "1", None)]
    path = data(tmp_path, rows)
    ran = call(rulecheck.main, "validate", rules, path)
    assert ran.code == 1
    assert "4 rows, 2 of them break nothing" in ran.out
    assert "grade = senior, salary = 10.00" in ran.out
    report = json.loads(call(rulecheck.main, "validate", rules, path, "--json").out)
    counts = {r["name"]: (r["violated"], r["first_rows"]) for r in report["rules"]}
    assert counts["senior_pay"] == (1, [3])
    assert counts["left_after"] == (1, [3])
    assert counts["id: declaration"] == (1, [4])
    assert (report["rows"], report["valid_rows"]) == (4, 2)
    assert [r["row"] for r in report["first_rows"]] == [3, 4]


def test_validate_refuses_data_that_do_not_fit(call: Call, rules: Path, tmp_path: Path) -> None:
    path = data(tmp_path, [(1, "chief", "x", "soon")])
    ran = call(rulecheck.main, "validate", rules, path)
    assert ran.code == 2
    for words in ("'chief' in row 1; accepted: 'junior', 'senior'", "'x' in row 1", "'soon'"):
        assert words in ran.err
    extra = tmp_path / "extra.csv"
    extra.write_text("id,grade,salary,left on,more\n1,junior,5,,x\n")
    ran = call(rulecheck.main, "validate", rules, extra)
    assert ran.code == 2
    assert "'more' is not declared" in ran.err
    assert call(rulecheck.main, "validate", rules, extra, "--ignore-extra").code == 0


def test_repair_writes_valid_rows_and_leaves_the_others_alone(
    call: Call, rules: Path, tmp_path: Path
) -> None:
    rows = [(at, "junior", "500.00", None) for at in range(1, 40)]
    rows += [(at, "senior", "10.00", "2021-01-01") for at in range(40, 50)]
    path, out = data(tmp_path, rows), tmp_path / "mended.csv"
    ran = call(rulecheck.main, "repair", rules, path, "-o", out, "--seed", "1", "--json")
    assert ran.code == 0
    report = json.loads(ran.out)
    assert (report["rows"], report["rows_broken"], report["rows_changed"]) == (49, 10, 10)
    assert call(rulecheck.main, "validate", rules, out).code == 0
    before, after = pd.read_csv(path), pd.read_csv(out)
    assert before.head(39).equals(after.head(39))
    again = tmp_path / "again.csv"
    call(rulecheck.main, "repair", rules, path, "-o", again, "--seed", "1")
    assert again.read_text() == out.read_text()


def test_repair_writes_nothing_while_rows_are_broken(
    call: Call, rules: Path, tmp_path: Path
) -> None:
    path, out = data(tmp_path, [GOOD[0], GOOD[0]]), tmp_path / "mended.csv"
    ran = call(rulecheck.main, "repair", rules, path, "-o", out)
    assert ran.code == 1
    assert "not written" in ran.out
    assert not out.exists()
    ran = call(rulecheck.main, "repair", rules, path, "-o", tmp_path / "none" / "x.csv")
    assert ran.code == 2


def test_plan_shows_every_column_and_takes_an_order(call: Call, rules: Path) -> None:
    ran = call(rulecheck.main, "plan", rules)
    assert ran.code == 0
    for name in ("id", "grade", "salary", "left on", "senior_pay", "Exact"):
        assert name in ran.out
    order = "salary,left on,grade,id"
    report = json.loads(call(rulecheck.main, "plan", rules, "--order", order, "--json").out)
    assert report["exact"] is True
    assert [s["column"] for s in report["steps"]] == order.split(",")
    grade = report["steps"][2]
    assert grade["given"] == ["salary"]
    ran = call(rulecheck.main, "plan", rules, "--order", "salary,salry")
    assert ran.code == 2
    assert "unknown: salry; missing: id, grade, left on" in ran.err


def test_infer_drafts_rules_that_the_data_keep(call: Call, tmp_path: Path) -> None:
    path = data(tmp_path, [*GOOD, (3, "senior", "88", None)])
    out = tmp_path / "draft.rules"
    assert call(rulecheck.main, "infer", path, "-o", out, "--name", "people").code == 0
    table = Model.load(out).table()
    assert table.name == "people"
    assert table.column_names == ("id", "grade", "salary", "left on")
    assert call(rulecheck.main, "validate", out, path).code == 0
    assert "table staff" in call(rulecheck.main, "infer", path).out


def test_a_file_of_several_tables_asks_which_one(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "two.rules"
    path.write_text("table a {\n  x integer\n}\ntable b {\n  y integer\n}\n")
    ran = call(rulecheck.main, "plan", path)
    assert ran.code == 2
    assert "`a`" in ran.err
    assert call(rulecheck.main, "plan", path, "--table", "b").code == 0


def test_infer_learns_rules_of_several_tables(call: Call, tmp_path: Path) -> None:
    staff, teams = tmp_path / "staff.csv", tmp_path / "team.csv"
    rows = [f"{k},{k % 40 + 1},{k * 7 % 50},{k * 7 % 50 + 1 + k % 3}" for k in range(400)]
    staff.write_text("\n".join(["staff_id,team_id,low,high", *rows]) + "\n")
    teams.write_text("\n".join(["team_id", *(str(k + 1) for k in range(40))]) + "\n")
    out = tmp_path / "draft.rules"
    ran = call(rulecheck.main, "infer", f"people={staff}", teams, "-o", out)
    assert ran.code == 0
    text = out.read_text()
    assert "-> team.team_id" in text
    assert "rule low_below_high: low < high" in text
    assert "# inferred: support 400, confidence 100%" in text
    ran = call(rulecheck.main, "validate", out, f"people={staff}", f"team={teams}")
    assert ran.code == 0
    assert call(rulecheck.main, "fmt", out, "--check").code == 0
    bare = call(rulecheck.main, "infer", staff, "--no-rules").out
    assert "rule" not in bare
    assert "table staff" in bare
    assert "rule" not in call(rulecheck.main, "infer", staff, "--min-support", "401").out
    assert "rule" not in call(rulecheck.main, "infer", staff, "--max-rules", "0").out


def test_infer_says_what_it_was_not_told(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x\n1\n")
    for arguments, message in (
        ([path, path], "two files are given for table `a`"),
        ([path, f"b={path}", "--name", "c"], "--name is for one table"),
        ([f"={path}"], "write TABLE=path"),
    ):
        ran = call(rulecheck.main, "infer", *arguments)
        assert ran.code == 2
        assert message in ran.err
