"""rulecheck's check, diff and witness: output, exit codes, completion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from command_line import Call

from synthtab.cli import proving, rulecheck, synthtab
from synthtab.lang.model import Model
from synthtab.solver.witness import broken_rules

RULES = """table staff {
  id      integer in 1 .. 500 key
  grade   enum('junior', 'senior')
  salary  decimal(8, 2) in 0 .. 100_000
  left_on date optional
  rule senior_pay: when grade = 'senior' then salary >= 1000
  rule left_after: left_on > 2020-01-01
}
"""


def write(folder: Path, text: str, name: str = "staff.rules") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_check_counts_errors_warnings_and_notes(call: Call, tmp_path: Path) -> None:
    good = write(tmp_path, RULES)
    ran = call(rulecheck.main, "check", good)
    assert (ran.code, ran.out) == (0, f"{good}: 0 errors, 0 warnings\n")
    text = RULES.replace("}\n", "  rule more: salary >= -1\n  rule cap: salary <= 90_000\n}\n")
    path = write(tmp_path, text, "more.rules")
    ran = call(rulecheck.main, "check", path)
    assert ran.code == 0
    assert f"{path}: 0 errors, 1 warning, 1 note" in ran.out
    found = json.loads(call(rulecheck.main, "check", path, "--json").out)
    assert found["not_examined"] == []
    note, warning = found["findings"]
    assert (note["code"], note["severity"], note["line"]) == ("W311", "note", 4)
    assert [label["text"] for label in note["labels"]] == ["rule cap"]
    assert note["labels"][0]["line"] == 9
    assert (warning["code"], warning["severity"], warning["line"]) == ("W305", "warning", 8)


def test_check_asks_whether_so_many_rows_can_exist(call: Call, tmp_path: Path) -> None:
    path = write(tmp_path, RULES)
    assert call(rulecheck.main, "check", path, "--rows", 500).code == 0
    ran = call(rulecheck.main, "check", path, "--rows", 501)
    assert ran.code == 1
    assert "error[E304]" in ran.out
    assert "at most 500" in ran.out


TOGETHER = """table bill {
  id integer key
  rule two: count(of line) >= 2
  rule most at least 90%: id > 0
}

table line {
  bill_id integer -> bill.id
  no      integer in 1 .. 5
  key (bill_id, no)
  rule same: no determines bill_id
}
"""


def test_check_asks_whether_tables_can_have_rows_together(call: Call, tmp_path: Path) -> None:
    path = write(tmp_path, TOGETHER)
    assert call(rulecheck.main, "check", path, "--rows", "bill=10", "--rows", "line=50").code == 0
    ran = call(rulecheck.main, "check", path, "--rows", "bill=10", "--rows", "line=51")
    assert ran.code == 1
    assert "ask for at most 50 rows of 'line' or at least 11 of 'bill'" in ran.out
    ran = call(rulecheck.main, "check", path, "--rows", "bill=10", "--rows", "line=19")
    assert "error[E306]" in ran.out


@pytest.mark.parametrize("given", [["-4"], ["4.5"], ["x=3"], ["bill=1", "9"], ["9", "9"], ["=3="]])
def test_check_refuses_numbers_of_rows_that_are_none(
    call: Call, tmp_path: Path, given: list[str]
) -> None:
    path = write(tmp_path, TOGETHER)
    ran = call(rulecheck.main, "check", path, *(part for g in given for part in ("--rows", g)))
    assert ran.code == 2
    assert "--rows" in ran.err or "no table `x`" in ran.err


def test_check_says_what_it_does_not_look_at_and_why(call: Call, tmp_path: Path) -> None:
    path = write(tmp_path, TOGETHER)
    ran = call(rulecheck.main, "check", path)
    assert "not examined, as a share of the rows may break it: bill.most" in ran.out
    assert "not examined, as it compares rows with each other: line.same" in ran.out
    found = json.loads(call(rulecheck.main, "check", path, "--json").out)
    assert found["examined_in_part"] == ["bill.two"]
    assert [one["rule"] for one in found["not_examined"]] == ["bill.most", "line.same"]


def test_check_keeps_to_its_budget_and_says_what_it_left(call: Call, tmp_path: Path) -> None:
    sums = "  rule total: 12_223 * a + 12_224 * b + 36_674 * c + 61_119 * d = 89_643_481\n"
    columns = "".join(f"  {c} integer in 0 .. 1_000_000\n" for c in "abcd")
    path = write(tmp_path, f"table t {{\n{columns}{sums}}}\n")
    ran = call(rulecheck.main, "check", path, "--budget", "0.1")
    # A fast machine may just prove that no sum comes out: then that is said, and nothing else.
    assert ("W303" in ran.out) != ("E301" in ran.out)
    assert ran.code == int("E301" in ran.out)


def test_diff_shows_rows_and_exits_by_its_verdict(call: Call, tmp_path: Path) -> None:
    old = write(tmp_path, RULES)
    new = write(tmp_path, RULES.replace(">= 1000", ">= 2000"), "new.rules")
    ran = call(rulecheck.main, "diff", old, new)
    assert ran.code == 1
    assert "table staff: stricter" in ran.out
    assert "rule senior_pay" in ran.out
    assert "grade = 'senior'" in ran.out
    found = json.loads(call(rulecheck.main, "diff", new, old, "--json").out)
    assert found["verdict"] == "looser"
    (cause,) = found["tables"][0]["allowed_now"]
    assert cause["because"] == "rule senior_pay"
    assert 1000 <= float(cause["rows"][0]["salary"]) < 2000
    assert found["tables"][0]["refused_now"] == []
    same = write(tmp_path, RULES.replace("salary >= 1000", "not (salary < 1000)"), "same.rules")
    ran = call(rulecheck.main, "diff", old, same)
    assert (ran.code, "equivalent" in ran.out) == (0, True)
    assert call(rulecheck.main, "diff", old, tmp_path / "none.rules").code == 2


def test_witness_prints_and_writes_rows(call: Call, tmp_path: Path) -> None:
    rules, out = write(tmp_path, RULES), tmp_path / "rows.csv"
    ran = call(rulecheck.main, "witness", rules, "-n", 12, "--csv", out, "--seed", 3)
    assert ran.code == 0
    assert "12 rows of staff that keep every rule" in ran.out
    assert call(rulecheck.main, "validate", rules, out).code == 0
    assert len(pd.read_csv(out)) == 12
    again = tmp_path / "again.csv"
    call(rulecheck.main, "witness", rules, "-n", 12, "--csv", again, "--seed", 3)
    assert again.read_text() == out.read_text()
    assert call(rulecheck.main, "witness", rules, "--csv", tmp_path / "no" / "x.csv").code == 2


def test_witness_makes_test_data_for_a_validator(call: Call, tmp_path: Path) -> None:
    rules, out = write(tmp_path, RULES), tmp_path / "cases.csv"
    ran = call(rulecheck.main, "witness", rules, "-n", 3, "--breaking", "--csv", out, "--json")
    report = json.loads(ran.out)
    assert len(report["rows"]) == 3
    assert [b["rule"] for b in report["breaking"]] == ["id_key", "senior_pay", "left_after"]
    assert [len(b["rows"]) for b in report["breaking"]] == [2, 1, 1]
    assert list(pd.read_csv(out)["breaks"].fillna("")) == [
        "",
        "",
        "",
        "id_key",
        "id_key",
        "senior_pay",
        "left_after",
    ]
    ran = call(rulecheck.main, "validate", rules, out, "--ignore-extra", "--json")
    counts = {r["name"]: r["violated"] for r in json.loads(ran.out)["rules"]}
    assert (counts["id_key"], counts["senior_pay"], counts["left_after"]) == (1, 1, 1)
    text = call(rulecheck.main, "witness", rules, "--breaking").out
    assert "a row that breaks it and no other" in text


def test_witness_of_rules_nobody_can_keep(call: Call, tmp_path: Path) -> None:
    path = write(tmp_path, RULES.replace("}\n", "  rule none: salary < 0\n}\n"))
    ran = call(rulecheck.main, "witness", path)
    assert ran.code == 1
    assert "no row of table 'staff' can keep its rules: rule none" in ran.err
    # Rules can still be broken alone, where the others leave room.
    ran = call(rulecheck.main, "witness", path, "--breaking", "--json")
    assert ran.code == 1
    report = json.loads(ran.out)
    assert "no row" in report["problem"]
    assert [bool(b["rows"]) for b in report["breaking"]] == [False, False, False, True]


def test_wide_rows_are_listed_by_name(call: Call, tmp_path: Path) -> None:
    columns = "".join(f"  c{k} integer in 0 .. 9\n" for k in range(proving.MAX_COLUMNS + 1))
    path = write(tmp_path, f"table wide {{\n{columns}}}\n")
    assert "c0 = " in call(rulecheck.main, "witness", path, "-n", 2).out


@pytest.mark.parametrize("module", [rulecheck, synthtab], ids=["rulecheck", "synthtab"])
def test_shells_get_completions(module: object) -> None:
    """The shell calls the program with the words so far, and gets the words that may follow."""
    name = module.__name__.rsplit(".", 1)[1]
    code = f"import sys; sys.argv = [{name!r}]; from {module.__name__} import app; app()"
    env = {
        **os.environ,
        f"_{name.upper()}_COMPLETE": "complete_bash",
        "_TYPER_COMPLETE_ARGS": f"{name} ",
        "COMP_WORDS": f"{name} ",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False
    )
    words = done.stdout.split()
    assert {"rulecheck": "witness", "synthtab": "sample"}[name] in words


@pytest.mark.parametrize("path", sorted(Path(__file__).parents[2].glob("rules/*.rules")), ids=str)
def test_shipped_rules_have_witnesses(path: Path) -> None:
    for table in Model.load(path).tables:
        for row in proving.examples(table, 3):
            assert broken_rules(table, row) == []
