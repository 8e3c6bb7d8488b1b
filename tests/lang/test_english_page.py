"""docs/english.md: every sentence on it is read, or refused, as the page says."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from synthtab.ir.relations import percent
from synthtab.lang.english import NotUnderstoodError, read_english
from synthtab.lang.format import format_rule
from synthtab.lang.model import Model

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "english.md").read_text("utf-8")
ROWS = re.findall(r"^\| (\w+): (.*?) \| (.*?) \|$", PAGE, re.MULTILINE)
READ = [row for row in ROWS if "`" in row[2]]
REFUSED = [row for row in ROWS if "`" not in row[2]]


@cache
def shipped(name: str) -> Model:
    return Model.load(ROOT / "rules" / f"{name}.rules")


@pytest.mark.parametrize(("name", "sentence", "rule"), READ)
def test_what_the_page_reads_is_read(name: str, sentence: str, rule: str) -> None:
    table = "customers" if "city must" in sentence else None
    found = read_english(sentence, shipped(name), table).rule
    bare = replace(found, name="r", description=None, share=None)
    text = " ".join(format_rule(bare).removeprefix("rule r:").split())
    share = "" if found.share is None else f"at least {percent(found.share)}: "
    assert f"{share}`{text}`" == rule


@pytest.mark.parametrize(("name", "sentence", "reason"), REFUSED)
def test_what_the_page_refuses_is_refused(name: str, sentence: str, reason: str) -> None:
    with pytest.raises(NotUnderstoodError, match=re.escape(reason)):
        read_english(sentence, shipped(name))


def test_the_page_has_all_of_them() -> None:
    assert len(READ) >= 30
    assert len(REFUSED) >= 7
