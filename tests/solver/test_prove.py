"""Findings as users see them, what they name, and that nothing undecided is passed over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from synthtab.diagnostics import Diagnostic
from synthtab.lang.model import Model
from synthtab.solver.prove import examine

GOLDEN = Path(__file__).parent / "golden"
ROWS = {"keys": 100, "together": {"bill": 10, "line": 19, "tax": 51, "note": 10}}
FILES = sorted(GOLDEN.glob("*.rules"))


def findings(
    text: str, *, rows: int | dict[str, int] | None = None, budget_s: float = 20
) -> list[Diagnostic]:
    model = Model.parse(text, "m.rules")
    return examine(model.tables, model.source, budget_s=budget_s, rows=rows)


def codes(text: str, **more: float) -> list[str]:
    return [d.code for d in findings(text, **more)]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_messages(path: Path) -> None:
    """SYNTHTAB_UPDATE_GOLDEN=1 writes them anew, for review in git."""
    model = Model.load(path)
    found = examine(model.tables, model.source, budget_s=30, rows=ROWS.get(path.stem))
    text = "\n\n".join(d.render() for d in found) + "\n"
    text = text.replace(str(path), path.name)
    expected = path.with_suffix(".txt")
    if os.environ.get("SYNTHTAB_UPDATE_GOLDEN"):
        expected.write_text(text, "utf-8")
    assert text == expected.read_text("utf-8")


def test_findings_are_ordered_by_place() -> None:
    found = findings((GOLDEN / "dead.rules").read_text("utf-8"))
    places = [(d.span.line, d.span.column) for d in found if d.span is not None]
    assert len(places) == len(found) > 5
    assert places == sorted(places)


def test_the_reason_is_a_smallest_set() -> None:
    (found,) = findings(
        """table t {
  a integer
  b integer
  c integer
  d integer
  rule one: a <= b
  rule aside: d > 0
  rule two: b <= c
  rule three: a <= c + 5
}
"""
    )
    assert found.code == "W304"
    assert "rule one and rule two" in found.message
    assert [label.text for label in found.labels] == ["rule one", "rule two"]
    assert "aside" not in found.render()


def test_of_rules_that_say_the_same_one_is_left() -> None:
    text = """table t {
  a integer
  b integer
  rule one: a < b
  rule two: b > a
  rule three: not (a >= b)
}
"""
    found = findings(text)
    assert [d.message.split()[1] for d in found] == ["two", "three"]
    kept = text.replace("  rule two: b > a\n", "").replace("  rule three: not (a >= b)\n", "")
    assert findings(kept) == []


def test_forbidding_with_false_is_no_mistake() -> None:
    assert (
        codes("table t { a integer in 0 .. 9  b boolean rule no: when a > 5 and b then false }")
        == []
    )
    assert codes("table t { a integer in 0 .. 9  b boolean rule no: not (a > 5 or b) }") == [
        "W311",
        "W307",
    ]


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("price * amount <= 9_900", []),
        ("price * amount <= 10_000", ["W305"]),
        ("when price > 50 then amount < 10 or price * amount >= 510", ["W305"]),
        ("price * price >= 0", ["W305"]),
        ("when price * amount = 7_919 then price = 1", ["W306"]),
        ("born + 12 months >= born + 365 days", ["W305"]),
        ("when month(born) = 2 then day(born) <= 29", ["W305"]),
        ("when day(born) = 31 then month(born) in (1, 3, 5, 7, 8, 10, 12)", ["W305"]),
        ("year(born + 1 months) <= year(born) + 1", ["W305"]),
        ("when year(born) = 2000 then quarter(born) = 1", []),
        ("when code = 'AB' then length(code) = 2", ["W305"]),
        ("when code = 'ABC' then code like 'AB%'", ["W305"]),
        ("when code = other then length(code) = length(other)", ["W305"]),
        ("length(code) <= 6", ["W305"]),
        ("code = 'abc' or price > 3", ["W306", "W311"]),
        ("when code like 'A%' then other like 'B%'", []),
        ("not (code like '%7%')", ["W305"]),
        ("when code matching /A+/ then code like 'A%' and not (code like '%B%')", ["W305"]),
        ("when code matching /(A|B)*A(A|B)/ then code matching /(A|B)*B(A|B)/", ["W306"]),
        ("when code like '_%' and length(code) > 5 then length(code) = 6", ["W305"]),
        ("when other like '% %' and length(other) = 1 then other = ' '", ["W305"]),
    ],
)
def test_terms_the_solver_cannot_see_into(rule: str, code: list[str]) -> None:
    """Products, calendars and texts: refined until decided."""
    text = f"""table t {{
  price  integer in 0 .. 100
  amount integer in 0 .. 100
  born   date in 1999-06-01 .. 2001-06-30
  code   text(6) matching /[A-Z]+/
  other  text(6)
  rule r: {rule}
}}
"""
    assert sorted(codes(text)) == sorted(code)


def test_what_time_does_not_allow_is_said() -> None:
    text = (
        "table t {\n  a integer in 0 .. 9\n  b integer\n  rule one: a < b\n  rule two: a <= b\n}\n"
    )
    (found,) = findings(text, budget_s=0)
    assert found.code == "W303"
    assert "whether the rules of table 't' can be satisfied" in found.message
    asked = findings(text, budget_s=0, rows=5)
    assert any("whether 5 rows can exist" in d.message for d in asked)


@pytest.mark.parametrize(("rows", "expected"), [(36, []), (37, ["E304"]), (10**9, ["E304"])])
def test_a_composite_key_is_counted(rows: int, expected: list[str]) -> None:
    text = """table seat {
  row_no integer in 1 .. 10
  letter enum('A', 'B', 'C', 'D')
  rule narrow: when row_no <= 2 then letter in ('A', 'D')
  key (row_no, letter)
}
"""
    found = findings(text, rows=rows)
    assert [d.code for d in found] == expected
    if found:
        assert "at most 36 different values of (row_no, letter)" in found[0].message


def test_rows_that_can_exist_are_shown_to() -> None:
    wide = "table t {\n  id integer key\n  a integer in 0 .. 9\n  rule r: a < 9 or a > 8\n}\n"
    assert "E304" not in codes(wide, rows=10**12)
    assert "W303" not in codes(wide, rows=10**12)
    two = """table t {
  a integer in 1 .. 100 key
  b integer in 1 .. 100 unique
  rule r: a <= b
}
"""
    assert codes(two, rows=50) == []
    assert codes(two, rows=101) == ["E304"]
    # The only way is a = b in every row; what is not shown either way is said to be open.
    assert set(codes(two, rows=100)) <= {"W303"}
    optional = "table t {\n  a integer in 1 .. 3 optional\n  unique (a)\n}\n"
    assert codes(optional, rows=1000) == []


def test_a_table_without_row_rules_has_room_for_its_key_only() -> None:
    text = "table t {\n  a boolean\n  b enum('x', 'y', 'z')\n  key (a, b)\n}\n"
    assert codes(text, rows=6) == []
    assert codes(text, rows=7) == ["E304"]
