"""parse(format(tables)) == tables, over well-typed tables and over condition trees of any shape."""

import re
import string
from datetime import date, datetime
from decimal import Decimal

import pytest
from condition_trees import COLUMNS, NAMED, conditions, rules
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import make_case

from synthtab.ir import nodes as n
from synthtab.lang.format import WIDTH, format_tables
from synthtab.lang.parse import parse
from synthtab.lang.quoting import (
    RESERVED,
    read_pattern,
    read_quoted,
    write_description,
    write_name,
    write_pattern,
    write_string,
)
from synthtab.lang.resources import grammar_text
from synthtab.lang.write import format_node, format_value
from synthtab.schema import Column, EnumType, IntegerType, Value


@settings(max_examples=300, deadline=None)
@given(conditions(), st.text(min_size=1, max_size=8), st.none() | st.text(max_size=12))
def test_any_condition_survives(condition: n.Condition, name: str, description: str | None) -> None:
    table = n.Table("t", COLUMNS, (n.RowRule(name, condition, description),))
    text = format_tables([table])
    parsed = parse(text)
    assert [d.render() for d in parsed.diagnostics if d.code.startswith("E1")] == []
    assert parsed.tables == (table,), text
    assert repr(parsed.tables) == repr((table,))


@pytest.mark.parametrize("seed", range(60))
def test_well_typed_tables_survive(seed: int) -> None:
    table = make_case(seed).table
    text = format_tables([table])
    parsed = parse(text)
    assert [d.render() for d in parsed.diagnostics if d.severity == "error"] == [], text
    assert parsed.tables == (table,), text
    assert format_tables(parsed.tables) == text


@settings(max_examples=300, deadline=None)
@given(st.lists(rules(), max_size=5))
def test_rules_of_all_kinds_keep_their_order(several: list[n.Rule]) -> None:
    table = n.Table("t", COLUMNS, tuple(several))
    text = format_tables([table])
    parsed = parse(text)
    assert [d.render() for d in parsed.diagnostics if d.code.startswith("E1")] == []
    assert parsed.tables == (table,), text


CONSTANTS = st.dictionaries(
    st.text(min_size=1, max_size=4).filter(lambda name: name not in {c.name for c in COLUMNS}),
    st.integers(-99, 99) | st.dates() | st.text(max_size=3) | st.booleans(),
    max_size=3,
)


@given(CONSTANTS)
def test_constants_keep_their_names(values: dict[str, Value]) -> None:
    named = [n.Literal(value, name) for name, value in values.items()]
    ages = [n.Quantity(v.value, "days", v.constant) for v in named if type(v.value) is int]
    shifts: list[n.Term] = [
        n.Shift(NAMED["end"], amount, "years")
        for v in named
        if type(v.value) is int
        for amount in (v, n.Negate(v))
    ]
    terms = [*named, *ages, *shifts, *map(n.Negate, named)]
    conditions = [n.Compare("=", term, NAMED["a"]) for term in terms]
    table = n.Table("t", COLUMNS, tuple(n.RowRule("r", c) for c in conditions))
    constants = tuple(n.Constant(name, value) for name, value in values.items())
    text = format_tables([table], constants)
    parsed = parse(text)
    assert [d.render() for d in parsed.diagnostics if d.code.startswith("E1")] == []
    assert parsed.constants == constants
    assert repr(parsed.tables) == repr((table,)), text
    assert not named or format_tables([table]) == text


@given(st.text(), st.text(min_size=1))
def test_quoting_is_undone(text: str, name: str) -> None:
    assert read_quoted(write_string(text)) == text
    assert read_quoted(write_description(text)) == text
    assert read_quoted(write_name(name)) == name
    assert read_pattern(write_pattern(text)) == text
    for written in (write_string(text), write_description(text), write_name(name)):
        assert len(written.splitlines()) <= 1


@given(st.text(st.sampled_from("/\\u{2f}a\n"), max_size=8))
def test_pattern_quoting_is_undone(pattern: str) -> None:
    assert read_pattern(write_pattern(pattern)) == pattern


def test_reserved_words_are_those_of_the_grammar() -> None:
    found = re.search(r"^NAME: /\(\?!\(\?:([a-z|]+)\)", grammar_text("rules.lark"), re.MULTILINE)
    assert found is not None
    assert set(found[1].split("|")) == RESERVED


def test_an_escape_in_the_text_itself() -> None:
    assert write_string(r"C:\new") == r"'C:\new'"
    assert read_quoted(write_string(r"\u{41}")) == r"\u{41}"
    assert read_quoted(r"'\u{41}'") == "A"


def test_values() -> None:
    assert format_value(1234) == "1234"
    assert format_value(-1234567) == "-1_234_567"
    assert format_value(Decimal("12345.60")) == "12_345.60"
    assert format_value(Decimal("1E+3")) == "1000"
    assert format_value(datetime(33, 1, 2, 3)) == "0033-01-02T03:00:00"
    assert format_value(date(33, 1, 2)) == "0033-01-02"


def test_long_rules_are_broken_at_their_loosest_operators() -> None:
    a = NAMED["a"]
    terms = [n.Compare(">", a, n.Literal(10**9 + k)) for k in range(8)]
    names = tuple(n.Literal(letter * 9) for letter in string.ascii_lowercase)
    condition = n.When(
        n.And((n.Or(tuple(terms)), n.Not(n.In(NAMED["unique"], names)))), n.Or(tuple(terms))
    )
    table = n.Table("t", COLUMNS, (n.RowRule("r", condition, "long"),))
    text = format_tables([table])
    assert max(map(len, text.splitlines())) <= WIDTH
    assert text.count("\n") > 12
    assert parse(text).tables == (table,)


def test_an_empty_enum_prints() -> None:
    table = n.Table("t", (Column("e", EnumType(())),))
    assert parse(format_tables([table])).tables == (table,)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("(a + 1) * 2 > 3", "(a + 1) * 2 > 3"),
        ("a + (1 * 2) > 3", "a + 1 * 2 > 3"),
        ("a - (1 - 2) > 3", "a - (1 - 2) > 3"),
        ("not (a > 1 and a < 3)", "not (a > 1 and a < 3)"),
        ("not a in (1, 2)", "a not in (1, 2)"),
        ("a in 1 .. 5", "a between 1 and 5"),
        ("a > 5%", "a > 0.05"),
        ("a > -(5)", "a > -(5)"),
        ("end - 2 years > days", "end - 2 years > days"),
        ("end + a weeks > days", "end + a weeks > days"),
        ("end - days > 1 week", "end - days > 1 weeks"),
        ("(flag or flag) iff flag", "flag or flag iff flag"),
        ("flag and (when flag then flag)", "flag and (when flag then flag)"),
        ("case when flag then 1 else 2 end > 0", "case when flag then 1 else 2 end > 0"),
    ],
)
def test_canonical_text(text: str, same: str) -> None:
    header = "table t { a integer end date days date flag boolean rule r: "
    parsed = parse(header + text + "}")
    assert parsed.diagnostics == ()
    assert format_node(parsed.tables[0].row_rules[0].condition) == same


def test_long_sums_and_cases_are_broken() -> None:
    columns = tuple(Column(f"column_number_{k}", IntegerType()) for k in range(18))
    header = " ".join(f"{c.name} integer" for c in columns)
    total = " + ".join(c.name for c in columns[1:])
    cases = " ".join(f"when column_number_{k} > {k} then {k}" for k in range(9))
    text = (
        f"table t {{ {header} rule a: {total} - 5 <= column_number_0"
        f" rule b: column_number_1 = case {cases} else 7 end"
        f" rule c: case {cases} end = column_number_1 }}"
    )
    model = parse(text)
    assert model.diagnostics == ()
    printed = format_tables(model.tables)
    assert max(map(len, printed.splitlines())) <= WIDTH
    assert parse(printed).tables == model.tables


def test_columns_named_like_types_may_follow_anything() -> None:
    text = """table t {
  id integer -> t.id
  date date
  rule r: id determines date
  text text(3)
  rule q: id -> t.id
  boolean boolean unique
  rule p: date > 2020-01-01 or date < date
  integer integer
  rule o: count() per id, date > 1
  datetime datetime
  rule n: count() per id = count() per date
  decimal decimal(3, 1)
}"""
    parsed = parse(text)
    assert {d.code for d in parsed.diagnostics} == {"E241"}  # of `t.id`, which is no key
    assert len(parsed.tables[0].columns) == 7
    assert parse(format_tables(parsed.tables)).tables == parsed.tables
