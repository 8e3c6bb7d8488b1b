"""The language reference: all of it parses and runs, and nothing is left out of it."""

import re
from pathlib import Path
from typing import get_args

import pytest

from synthtab.ir import nodes as n
from synthtab.ir.walk import descendants
from synthtab.lang.calls import FUNCTIONS
from synthtab.lang.model import Model
from synthtab.lang.quoting import RESERVED, SOMETIMES
from synthtab.schema import ColumnType

PAGE = (Path(__file__).parents[2] / "docs" / "language.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
RULES = [text for language, text in BLOCKS if language == "rules"]
PYTHON = [text for language, text in BLOCKS if language == "python"]


@pytest.mark.parametrize("text", RULES, ids=lambda t: t.split("{")[0].split("\n")[-1].strip())
def test_rules_parse_without_warnings(text: str) -> None:
    model = Model.parse(text)
    assert model.warnings == ()
    assert Model.parse(model.to_text()) == model


@pytest.mark.parametrize("text", PYTHON, ids=range(len(PYTHON)))
def test_python_runs(text: str) -> None:
    exec(text, {})


def test_every_construct_has_an_example() -> None:
    tables = [table for text in RULES for table in Model.parse(text).tables]
    nodes = [
        node
        for table in tables
        for rule in table.rules
        if isinstance(rule, n.RowRule)
        for node in descendants(rule.condition)
    ]
    used = {type(node) for node in nodes}
    assert {*get_args(n.Term), *get_args(n.Condition)} <= used
    rules = [rule for table in tables for rule in table.rules]
    assert {type(rule) for rule in rules} == set(get_args(n.Rule))
    assert any(rule.share for rule in rules)
    assert any(rule.where for rule in rules if isinstance(rule, n.UniqueRule))
    figures = [node for node in nodes if isinstance(node, n.Aggregate)]
    assert {f.function for f in figures} == {"count", "sum", "avg", "min", "max"}
    assert any(f.distinct for f in figures)
    assert {type(c.type) for t in tables for c in t.columns} == set(get_args(ColumnType))
    parts = {node.part for node in nodes if isinstance(node, n.DatePart)}
    assert parts == set(get_args(n.Part))


def test_every_word_is_on_the_page() -> None:
    quoted = set(re.findall(r"`([a-z_]+)\b[^`\n]*`", PAGE))
    assert quoted >= RESERVED | SOMETIMES
    assert quoted >= set(FUNCTIONS)


def test_links_lead_somewhere() -> None:
    docs = Path(__file__).parents[2] / "docs"
    targets = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert targets
    assert [t for t in targets if not (docs / t).exists()] == []
