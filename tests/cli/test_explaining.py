"""``rulecheck validate --explain``: which rows are explained, as text and JSON, and bad input."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from command_line import Call

from synthtab.cli import rulecheck
from synthtab.cli.bare import numbered

GOLDEN = Path(__file__).parent / "golden"
STAFF = """
table staff {
  id       integer in 1 .. 999 key
  grade    enum('junior', 'senior')
  salary   decimal(8, 2) in 0 .. 100_000
  `left on` date optional
  rule senior_pay "Seniors earn more": when grade = 'senior' then salary >= 1000
  rule left_after: `left on` > 2020-01-01
  rule mostly_junior at least 90%: grade = 'junior'
}
"""
ROWS = """id,grade,salary,left on
1,senior,900,
2,junior,50,2019-05-05
3,senior,2000,
4,senior,10,2018-01-01
5,junior,10,
"""
SHOP = """
table orders {
  id    integer key
  total integer in 0 .. 500
  rule total: total = coalesce(sum(amount of line), 0)
}
table line {
  order_id integer -> orders.id
  amount   integer in 1 .. 100
}
"""


@pytest.fixture
def staff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    Path("staff.rules").write_text(STAFF)
    Path("staff.csv").write_text(ROWS)
    return ["staff.rules", "staff.csv"]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    Path("shop.rules").write_text(SHOP)
    Path("orders.csv").write_text("id,total\n1,30\n2,50\n3,0\n")
    Path("line.csv").write_text("order_id,amount\n1,10\n1,20\n2,20\n9,5\n")
    return ["shop.rules", "orders=orders.csv", "line=line.csv"]


def golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("SYNTHTAB_UPDATE_GOLDEN"):
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")


def test_what_is_said_on_the_terminal(call: Call, staff: list[str]) -> None:
    ran = call(rulecheck.main, "validate", *staff, "--explain")
    assert ran.code == 1
    assert ran.err == ""
    golden("explain.txt", ran.out)


def test_rows_of_different_rules_come_first(call: Call, staff: list[str]) -> None:
    ran = call(rulecheck.main, "validate", *staff, "--explain", "2", "--json")
    found = json.loads(ran.out)
    told = found["explanations"]
    assert [e["row"] for e in told] == [1, 2]
    assert [b["rule"] for b in told[1]["broken"]] == ["left_after"]
    assert told[0]["repair"]["minimal"] is True
    assert told[0]["values"] == {"id": 1, "grade": "senior", "salary": "900.00", "left on": None}
    (core,) = [c for c in told[0]["contradictions"] if c["rules"] == ["senior_pay"]]
    assert set(core["cells"]) == {"grade", "salary"}
    assert "explanations" not in json.loads(call(rulecheck.main, "validate", *staff, "--json").out)


def test_the_whole_line_of_rows(call: Call, staff: list[str]) -> None:
    ran = call(rulecheck.main, "validate", "--explain", "50", *staff, "--json")
    assert [e["row"] for e in json.loads(ran.out)["explanations"]] == [1, 2, 3, 4]


def test_a_soft_rule_that_is_kept_is_none_to_explain(call: Call, staff: list[str]) -> None:
    Path("staff.rules").write_text(STAFF.replace("90%", "10%"))
    ran = call(rulecheck.main, "validate", *staff, "--explain", "9", "--json")
    told = json.loads(ran.out)["explanations"]
    assert [e["row"] for e in told] == [1, 2, 4]
    assert all(b["rule"] != "mostly_junior" for e in told for b in e["broken"])


def test_sound_rows_need_no_explanation(call: Call, staff: list[str]) -> None:
    Path("staff.csv").write_text("id,grade,salary,left on\n5,junior,10,\n")
    ran = call(rulecheck.main, "validate", *staff, "--explain")
    assert ran.code == 0
    assert "breaks" not in ran.out
    ran = call(rulecheck.main, "validate", *staff, "--explain", "--json")
    assert json.loads(ran.out)["explanations"] == []


def test_several_tables(call: Call, shop: list[str]) -> None:
    ran = call(rulecheck.main, "validate", *shop, "--explain")
    assert ran.code == 1
    golden("explain_shop.txt", ran.out)
    found = json.loads(call(rulecheck.main, "validate", *shop, "--explain", "1", "--json").out)
    orders, line = (t["explanations"] for t in found["tables"])
    assert orders[0]["across"][0]["figures"] == {"sum(amount of line)": 20}
    assert line[0]["across"][0]["rows"] == []


def test_rules_that_are_not_checked_are_not_explained(call: Call, shop: list[str]) -> None:
    Path("orders.csv").write_text("id,total\n1,30\n1,700\n")
    ran = call(rulecheck.main, "validate", "shop.rules", "orders=orders.csv", "--explain", "--json")
    (told,) = json.loads(ran.out)["explanations"]
    assert [b["rule"] for b in told["broken"]] == ["total: declaration", "id_key"]


def test_columns_that_are_not_declared(call: Call, staff: list[str]) -> None:
    Path("staff.csv").write_text("id,more,grade,salary,left on\n1,x,senior,900,\n1,x,junior,9,\n")
    ran = call(rulecheck.main, "validate", *staff, "--explain", "--ignore-extra", "--json")
    assert [e["row"] for e in json.loads(ran.out)["explanations"]] == [1, 2]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--explain", "0"], "greater than or equal to 1"),
        (["--explain=x"], "valid integer"),
        (["--explain", "none.csv"], "with several files"),
    ],
)
def test_bad_input(call: Call, staff: list[str], more: list[str], message: str) -> None:
    ran = call(rulecheck.main, "validate", *staff, *more)
    assert ran.code == 2
    assert message in ran.err


def test_the_page_shows_what_is_said(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs" / "explaining.md").read_text("utf-8")
    blocks = [
        "\n".join(line[4:] for line in lines).strip("\n") + "\n"
        for lines in _indented(page.splitlines())
    ]
    monkeypatch.chdir(tmp_path)
    Path("persons.csv").write_text(blocks[0], "utf-8")
    ran = call(
        rulecheck.main, "validate", root / "rules" / "adult.rules", "persons.csv", "--explain"
    )
    assert ran.out.endswith("\n" + blocks[1])


def _indented(lines: list[str]) -> list[list[str]]:
    """Return the blocks of code that are set in by four blanks."""
    blocks: list[list[str]] = []
    within = False
    for line in lines:
        if line.startswith("    ") or (within and not line):
            if not within:
                blocks.append([])
            blocks[-1].append(line)
            within = True
        else:
            within = False
    return blocks


def test_a_bare_option_gets_its_number() -> None:
    assert numbered(["a", "--explain"]) == ["a", "--explain", "3"]
    assert numbered(["--explain", "a", "--json"]) == ["--explain", "3", "a", "--json"]
    assert numbered(["--explain", "7", "a"]) == ["--explain", "7", "a"]
    assert numbered(["--explain=7"]) == ["--explain=7"]
    assert numbered(["--", "--explain"]) == ["--", "--explain"]


@pytest.mark.parametrize("count", [4, 5, 6, 20])
def test_as_many_rows_as_asked_for(call: Call, staff: list[str], count: int) -> None:
    lines = "".join(f"{at},junior,{at},2019-01-01\n" for at in range(1, 31))
    Path("staff.csv").write_text("id,grade,salary,left on\n" + lines)
    ran = call(rulecheck.main, "validate", *staff, "--explain", count, "--json")
    assert [e["row"] for e in json.loads(ran.out)["explanations"]] == [*range(1, count + 1)]
