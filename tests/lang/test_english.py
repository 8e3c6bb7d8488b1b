"""English: what it is read as, what is refused and why, and that readings mean what they say."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthtab.ir import nodes
from synthtab.ir.evaluate import evaluate
from synthtab.lang.amend import parse_rule, text_with_rule, with_rule
from synthtab.lang.english import NotUnderstoodError, Reading, read_english, rule_name
from synthtab.lang.format import format_rule
from synthtab.lang.inflect import plurals, verb_forms
from synthtab.lang.model import Model
from synthtab.lang.quantities import day, number, percentage
from synthtab.lang.readcompare import negated

HERE = Path(__file__).parent
RULES = HERE.parents[1] / "rules"


def cases(name: str) -> list[tuple[str, str, str]]:
    lines = (HERE / name).read_text("utf-8").splitlines()
    split = [line.split(" | ") for line in lines if not line.startswith("#")]
    return [(where, sentence, expected) for where, sentence, expected in split]


@cache
def shipped(name: str) -> Model:
    return Model.load(RULES / f"{name}.rules")


def place(where: str) -> tuple[Model, str | None]:
    name, _, table = where.partition(":")
    return shipped(name), table or None


@cache
def read(where: str, sentence: str) -> Reading:
    model, table = place(where)
    return read_english(sentence, model, table)


UNDERSTOOD, REFUSED = cases("english.txt"), cases("english_refused.txt")


def test_there_are_many_and_of_many_kinds() -> None:
    assert len(UNDERSTOOD) >= 200
    assert len(REFUSED) >= 60
    assert len({where.partition(":")[0] for where, _, _ in UNDERSTOOD}) >= 7
    # What is expected says the kinds as well, and need not be read once more.
    rules = [expected for _, _, expected in UNDERSTOOD]
    for sign in (" >= ", "unique (", " determines ", " -> ", "no overlap ("):
        assert any(sign in r for r in rules), sign
    assert sum(": at least " in r for r in rules) >= 5


@pytest.mark.parametrize(("where", "sentence", "expected"), UNDERSTOOD)
def test_sentences_are_read(where: str, sentence: str, expected: str) -> None:
    found = read(where, sentence)
    assert found.rule.description is not None
    text = format_rule(replace(found.rule, name="r", description=None)).removeprefix("rule r")
    shown = f"{found.table}: {text.removeprefix(':').strip()}"
    assert " ".join(shown.split()) == " ".join(expected.split())


@pytest.mark.parametrize("name", sorted({where.partition(":")[0] for where, _, _ in UNDERSTOOD}))
def test_all_that_is_read_parses_again(name: str) -> None:
    tables = {t.name: t for t in shipped(name).tables}
    for at, (where, sentence, _) in enumerate(UNDERSTOOD):
        if where.partition(":")[0] == name:
            found = read(where, sentence)
            home = tables[found.table]
            # A second reference of the same columns would make paths ambiguous.
            if not isinstance(found.rule, nodes.ReferenceRule):
                rule = replace(found.rule, name=f"new_{at}")
                tables[home.name] = replace(home, rules=(*home.rules, rule))
    model = Model.of(list(tables.values()), shipped(name).constants)
    assert Model.parse(model.to_text()) == model


@pytest.mark.parametrize(("where", "sentence", "beginning"), REFUSED)
def test_sentences_are_refused(where: str, sentence: str, beginning: str) -> None:
    model, table = place(where)
    with pytest.raises(NotUnderstoodError) as refused:
        read_english(sentence, model, table)
    assert str(refused.value).startswith(beginning)


def test_an_ambiguous_sentence_lists_its_readings() -> None:
    with pytest.raises(NotUnderstoodError) as refused:
        read_english("The amount must be positive", shipped("berka_bank"))
    assert [r.table for r in refused.value.readings] == ["loan", "order", "trans"]
    assert "--table" in str(refused.value)
    assert (
        read_english("The amount must be positive", shipped("berka_bank"), "loan").table == "loan"
    )


@pytest.mark.parametrize(
    ("sentence", "nearest"),
    [("The sallary must be positive", "salary"), ("Emploees must have an email", "employee")],
)
def test_an_unknown_word_is_named_with_the_nearest(sentence: str, nearest: str) -> None:
    with pytest.raises(NotUnderstoodError, match=nearest):
        read_english(sentence, shipped("employment"))


ODD = ["", "   ", "...", "?", "'", "'x", "%", "\x00", "ü" * 500, "a" * 401, "() {}", "the " * 80]


@pytest.mark.parametrize("text", [*ODD, "9" * 300])
def test_odd_sentences_are_refused_in_words(text: str) -> None:
    with pytest.raises(NotUnderstoodError):
        read_english(text, shipped("employment"))


WORDS = [
    "the",
    "salary",
    "bonus",
    "must",
    "be",
    "not",
    "at",
    "least",
    "more",
    "than",
    "5",
    "and",
    "or",
    "if",
    "when",
    "employees",
    "hired",
    "before",
    "is",
    "a",
    "of",
    "unique",
    "per",
    "have",
    "no",
    "two",
]


@given(st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join))
def test_any_words_in_any_order_are_a_rule_or_refused(sentence: str) -> None:
    model = shipped("employment")
    try:
        found = read_english(sentence, model, "employee")
    except NotUnderstoodError:
        return
    with_rule(model, found.table, found.rule)


def test_names_are_made_of_the_sentence_and_free() -> None:
    table = shipped("northwind").table("employees")
    assert rule_name("Employees must be at least 18 when hired", table) == (
        "employees_at_least_18_when_hired"
    )
    assert rule_name("of age", table) == "age"
    assert rule_name(
        "of_age", replace(table, rules=(nodes.RowRule("age", nodes.Literal(True)),))
    ) == ("age_2")
    assert rule_name("98% of them", table) == "rule_98_them"


def test_ages_count_completed_years() -> None:
    model = Model.parse("table p { born date\n hired date }")
    at_most = read_english("P must be at most 67 years old when hired", model).rule
    over = read_english("P must be older than 17 when hired", model).rule
    assert isinstance(at_most, nodes.RowRule)
    assert isinstance(over, nodes.RowRule)
    table = model.tables[0]
    for rule, birth, hired, keeps in (
        (at_most, "1950-06-01", "2018-05-31", True),
        (at_most, "1950-06-01", "2018-06-01", False),
        (over, "2000-06-01", "2018-05-31", False),
        (over, "2000-06-01", "2018-06-01", True),
    ):
        row = {"born": day(birth), "hired": day(hired)}
        assert evaluate(rule.condition, row, table) is keeps


BITS = st.sampled_from([None, -1, 0, 1, 2])
SIMPLE = st.sampled_from(
    ["a = 1", "a < b", "a >= 0", "b is null", "a in (1, 2)", "b != 0", "a between 0 and 1"]
)


@given(st.lists(SIMPLE, min_size=1, max_size=3), st.sampled_from([" and ", " or "]), BITS, BITS)
def test_the_opposite_is_the_opposite_in_every_row(
    parts: list[str], word: str, a: int | None, b: int | None
) -> None:
    model = Model.parse("table t { a integer optional\n b integer optional }")
    rule = parse_rule(word.join(parts), model, "t", "r")
    assert isinstance(rule, nodes.RowRule)
    table, row = model.tables[0], {"a": a, "b": b}
    plain = evaluate(rule.condition, row, table)
    opposite = evaluate(negated(rule.condition), row, table)
    assert opposite == (None if plain is None else not plain)


@pytest.mark.parametrize(
    ("text", "value"),
    [("5k", 5000), ("$5,000", 5000), ("2 million", 2_000_000), ("eighteen", 18), ("1.5k", 1500)],
)
def test_numbers(text: str, value: int) -> None:
    assert number(text) == value
    assert str(percentage("2.5 percent")) == "0.025"
    assert str(day("31 January 2020")) == str(day("January 31, 2020")) == "2020-01-31"


def test_forms_of_words() -> None:
    assert {"city", "cities"} <= set(plurals("city")) & set(plurals("cities"))
    assert {"hired", "hire", "hiring"} <= set(verb_forms("hire")) & set(verb_forms("hired"))
    assert {"shipped", "ship", "ships"} <= set(verb_forms("shipped"))
    assert {"left", "leave", "leaves"} <= set(verb_forms("left"))


def test_a_rule_is_added_and_everything_else_is_left_as_it_was() -> None:
    for name in ("employment", "sakila", "adult"):
        model = shipped(name)
        assert model.source is not None
        for table in model.tables:
            column = nodes.ColumnRef(table.column_names[0])
            rule = nodes.RowRule("new", nodes.Not(nodes.IsNull(column)), "Why")
            text = text_with_rule(model, table.name, rule)
            assert Model.parse(text) == with_rule(model, table.name, rule)
            lines = text.split("\n")
            lines.remove(f'  rule new "Why": {format_rule(rule).split(": ", 1)[1]}')
            assert "\n".join(lines) == model.source.text


def test_a_table_on_one_line_is_laid_out_anew() -> None:
    model = Model.parse("# top\ntable t { a integer } # behind\n")
    rule = nodes.RowRule("r", nodes.Not(nodes.IsNull(nodes.ColumnRef("a"))))
    text = text_with_rule(model, "t", rule)
    assert Model.parse(text) == with_rule(model, "t", rule)
    assert "# top" in text
    assert "# behind" in text
