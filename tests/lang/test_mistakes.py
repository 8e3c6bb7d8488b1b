"""Each common mistake is recognised by its own example, and hides no other finding."""

import pytest

from synthtab.lang.parse import MAX_SYNTAX_ERRORS, parse
from synthtab.lang.phrases import MISTAKES, TYPE_ALIASES, Mistake

HEADER = """table x {
  a integer
  b integer
  c enum('x', 'y')
  d date
  t datetime
  s text(9)
"""
FOOTER = """
  rule last: a > 2
  rule other: zz > 2
}
"""


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.example.splitlines()[0])
def test_the_example_is_recognised(mistake: Mistake) -> None:
    found = parse(f"{HEADER}  {mistake.example}{FOOTER}").diagnostics
    assert (found[0].code, found[0].message) == (mistake.code, mistake.message)
    assert found[0].span is not None
    assert 7 <= found[0].span.line <= 9
    if "not closed" not in mistake.message:
        assert [d.code for d in found[1:]] == ["E201"]


@pytest.mark.parametrize("alias", sorted(TYPE_ALIASES))
def test_types_of_other_languages(alias: str) -> None:
    found = parse(f"table x {{\n  a {alias}\n  b integer\n}}").diagnostics
    assert [d.code for d in found] == ["E104"]
    assert found[0].help is not None
    assert TYPE_ALIASES[alias] in found[0].help


@pytest.mark.parametrize("text", ["", " \n", "# only this\n", "\ufeff", "\ufeff# x\r\n"])
def test_nothing_there(text: str) -> None:
    assert [d.code for d in parse(text).diagnostics] == ["E115"]


@pytest.mark.parametrize(
    "text",
    [
        "table",
        "table x",
        "table x {",
        "table x { a",
        "table x { a integer",
        "}",
        "x",
        "table x { a integer } y",
        "table x { a integer, b integer }",
        "table x {\n a integer }\n }\n",
        "table x { rule r: a = 'b }",
        "\0",
        "table x { a integer \x0c ? }",
        "rule r: a > 1",
        "table x {\n  a integer\n  rule r: " + "(" * 2000 + "\n}",
        "table 1 { a integer }",
        "table `` { a integer }",
        "table x { a integer rule `r: a > 1 }",
        "table x {\n  ????\n  b integer\n}",
    ],
)
def test_nonsense_gets_a_finding_and_no_traceback(text: str) -> None:
    found = parse(text).diagnostics
    assert any(d.severity == "error" for d in found)
    assert all(d.render() for d in found)


def test_findings_are_limited() -> None:
    lines = "\n".join(f"  rule r{k}: a == {k}" for k in range(100))
    found = parse(f"table x {{\n  a integer\n{lines}\n}}").diagnostics
    assert len(found) == MAX_SYNTAX_ERRORS


def test_a_bad_column_is_not_reported_again_where_it_is_used() -> None:
    found = parse("table x {\n  age int\n  b integer\n  rule r: age > b and c > b\n}").diagnostics
    assert [d.code for d in found] == ["E104", "E201"]
    assert "`c`" in found[1].message


def test_line_ends_and_marks_do_not_move_the_place() -> None:
    text = "\ufefftable x {\r\n  a integer\r\n  rule r: zz > 1\r\n}\r\n"
    (finding,) = parse(text, "m.rules").diagnostics
    assert "--> m.rules:3:11" in finding.render()
    assert "3 |   rule r: zz > 1" in finding.render()


def test_tabs_keep_carets_in_place() -> None:
    (finding,) = parse("table x {\n\ta integer\n\trule r:\tzz > 1\n}").diagnostics
    lines = finding.render().splitlines()
    assert lines[3].index("zz") == lines[4].index("^")


def test_deep_nesting_is_a_finding_and_long_chains_are_not_deep() -> None:
    header = "table x { a integer flag boolean rule r: "
    deep = parse(f"{header}{'not ' * 20_000}flag }}").diagnostics
    assert [d.code for d in deep] == ["E116"]
    assert parse(f"{header}{' and '.join(['a > 1'] * 2000)} }}").diagnostics == ()
    assert parse(f"{header}{' + '.join(['a'] * 100)} > 1 }}").diagnostics == ()


@pytest.mark.parametrize("names", ["x, y", "x, 'x'", "'x', a"])
def test_a_list_of_values_names_constants_only(names: str) -> None:
    found = parse(f"{HEADER}  rule r: c in ({names}){FOOTER}").diagnostics
    assert found[0].code == "E103"
    assert "constants" in found[0].message
    assert {d.code for d in found[1:]} <= {"E103", "E201"}
