"""synthtab assess --report: the page is written whole, where it was asked for, or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Call
from things import frame

from synthtab.cli import synthtab

RULES = """
table things {
  n integer optional
  m integer
  e enum('a', 'b', 'c') optional
  d date optional
  f boolean
  rule most "No m is far below zero": m >= -200
  rule small: m < 120
}
"""
SHOP = """
table customer {
  id integer key
  age integer in 18 .. 99
}
table visit {
  customer_id integer -> customer.id
  cost integer in 0 .. 500
}
"""
QUICK = ("--parts", "rules,columns,pairs,copies")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "things.rules").write_text(RULES)
    for seed, name in enumerate(("real", "made", "rest")):
        frame(seed, 120).drop(columns="t").to_csv(tmp_path / f"{name}.csv", index=False)
    return tmp_path


def arguments(place: Path, *more: object) -> list[object]:
    return ["assess", place / "things.rules", place / "real.csv", place / "made.csv", *more]


def left_behind(place: Path) -> list[str]:
    return [p.name for p in place.iterdir() if p.name.endswith(".part")]


def test_the_report_is_written_and_said_to_be_there(call: Call, place: Path) -> None:
    target = place / "report.html"
    ran = call(synthtab.main, *arguments(place, *QUICK, "--report", target))
    assert ran.code == 1  # a rule is broken
    assert f"The report is in {target}" in ran.out.replace("\n", "")
    page = target.read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    for said in (
        "made.csv",
        "things.rules",
        "small",
        "No m is far below zero",
        "m &lt; 120",
    ):
        assert said in page, said
    assert "The first synthetic rows that break each rule" in page
    assert left_behind(place) == []


def test_the_report_and_json_go_together(call: Call, place: Path) -> None:
    target = place / "report.html"
    ran = call(synthtab.main, *arguments(place, *QUICK, "--report", target, "--json"))
    plain = json.loads(ran.out)
    page = target.read_text(encoding="utf-8")
    assert plain["verdict"]["headline"] in page
    broken = next(r for r in plain["rules"]["rules"] if r["name"] == "small")
    assert broken["text"] == "rule small: m < 120"
    first = broken["examples"][0]
    assert first["values"][0][0] == "m"
    assert int(first["values"][0][1]) >= 120


def test_a_directory_is_not_overwritten(call: Call, place: Path) -> None:
    (place / "folder").mkdir()
    ran = call(synthtab.main, *arguments(place, "--report", place / "folder"))
    assert ran.code == 2
    assert "it is a directory" in ran.err
    assert ran.out == ""


def test_a_place_that_is_not_there_is_said_before_any_work(call: Call, place: Path) -> None:
    ran = call(synthtab.main, *arguments(place, "--report", place / "nowhere" / "report.html"))
    assert ran.code == 2
    assert "there is no directory" in ran.err
    assert ran.out == ""


def test_an_assessment_that_fails_leaves_the_old_report(call: Call, place: Path) -> None:
    target = place / "report.html"
    target.write_text("the old one")
    (place / "made.csv").write_text("n,m,e,d,f\n")
    ran = call(synthtab.main, *arguments(place, "--report", target))
    assert ran.code == 2
    assert target.read_text() == "the old one"
    assert left_behind(place) == []


def test_an_old_report_is_replaced(call: Call, place: Path) -> None:
    target = place / "report.html"
    target.write_text("the old one")
    call(synthtab.main, *arguments(place, *QUICK, "--report", target))
    assert "the old one" not in target.read_text(encoding="utf-8")


def test_several_tables_are_one_page(call: Call, tmp_path: Path) -> None:
    (tmp_path / "shop.rules").write_text(SHOP)
    for side, shift in (("real", 0), ("made", 1)):
        folder = tmp_path / side
        folder.mkdir()
        customers = "\n".join(f"{k},{18 + (7 * k + shift) % 80}" for k in range(40))
        visits = "\n".join(f"{k % 40},{(37 * k + shift) % 500}" for k in range(90))
        (folder / "customer.csv").write_text(f"id,age\n{customers}\n")
        (folder / "visit.csv").write_text(f"customer_id,cost\n{visits}\n")
    ran = call(
        synthtab.main,
        *("assess", tmp_path / "shop.rules", tmp_path / "real", tmp_path / "made"),
        *(*QUICK, "--report", tmp_path / "report.html"),
    )
    assert ran.code == 0, ran.err
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "visit.customer_id -&gt; customer" in page
    for table in ("customer", "visit"):
        assert f"made/{table}.csv" in page
