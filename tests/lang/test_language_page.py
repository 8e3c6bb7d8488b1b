"""The language reference: all of it parses and runs, and nothing is left out of it."""

import re
from pathlib import Path
from typing import get_args

import pytest

from synthtab.ir import nodes as n
from synthtab.ir.walk import descendants
from synthtab.lang.calls import FUNCTIONS
from synthtab.lang.model import Model
from synthtab.lang.quoting import RESERVED
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
    tables = [Model.parse(text).table() for text in RULES]
    used = {
        type(node)
        for table in tables
        for rule in table.row_rules
        for node in descendants(rule.condition)
    }
    assert {*get_args(n.Term), *get_args(n.Condition)} <= used
    assert {type(c.type) for t in tables for c in t.columns} == set(get_args(ColumnType))
    parts = {
        node.part
        for table in tables
        for rule in table.row_rules
        for node in descendants(rule.condition)
        if isinstance(node, n.DatePart)
    }
    assert parts == set(get_args(n.Part))


def test_every_word_is_on_the_page() -> None:
    quoted = set(re.findall(r"`([a-z]+)`", PAGE))
    assert quoted >= RESERVED
    assert quoted >= set(FUNCTIONS)


def test_links_lead_somewhere() -> None:
    docs = Path(__file__).parents[2] / "docs"
    targets = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert targets
    assert [t for t in targets if not (docs / t).exists()] == []
