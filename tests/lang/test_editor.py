"""The editor grammar: as generated, and with the parser's opinion on every token."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from textmate import scopes

from synthtab.lang.editor import text, textmate
from synthtab.lang.parse import parser

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/language.md").read_text("utf-8")
TEXTS = {
    **{p.stem: p.read_text("utf-8") for p in sorted((ROOT / "rules").glob("*.rules"))},
    **{p.stem: p.read_text("utf-8") for p in sorted((ROOT / "bench").rglob("*.rules"))},
    **{
        f"language.md-{at}": found
        for at, found in enumerate(re.findall(r"^```rules\n(.*?)^```$", PAGE, re.M | re.S))
    },
}
EXPECTED = {
    "STRING": "string.quoted.single",
    "DESCRIPTION": "string.quoted.double",
    "REGEX": "string.regexp",
    "NUMBER": "constant.numeric",
    "DATE": "constant.other.date",
    "DATETIME": "constant.other.datetime",
    "UNIT": "keyword.other.unit",
    "COMPARE": "keyword.operator.comparison",
    "RESOLUTION": "constant.language",
}
NAMES = ("variable.other", "entity.name", "support.function")
WORDS = ("keyword.", "storage.", "constant.language", "support.type")


def test_the_file_is_what_is_generated() -> None:
    told = "run python -m synthtab.lang.editor > grammars/rules.tmLanguage.json"
    assert (ROOT / "grammars/rules.tmLanguage.json").read_text("utf-8") == text(), told


@pytest.mark.parametrize("name", TEXTS)
def test_every_token_is_marked_as_the_parser_reads_it(name: str) -> None:
    source = TEXTS[name]
    marks = scopes(textmate(), source)
    end = 0
    types = set(_types())
    for token in parser().parse_interactive(source).iter_parse():
        between = source[end : token.start_pos]
        for comment in re.finditer(r"#[^\n]*", between):
            _same(marks, end + comment.start(), end + comment.end(), ("comment.",), comment[0])
        start, end = token.start_pos, token.end_pos
        if token.type in ("NAME", "QUOTED", "END_NAME"):
            wanted: tuple[str, ...] = NAMES
        elif token.type in EXPECTED:
            wanted = (EXPECTED[token.type],)
        elif str(token) in types and token.type in types_of_terminals():
            wanted = ("support.type",)
        elif str(token)[0].isalpha():
            wanted = WORDS
        else:
            continue
        _same(marks, start, end, wanted, f"{token.type} {token} on line {token.line}")
    assert source[end:].strip() == "" or source[end:].strip().startswith("#")


def _same(marks: list[str], start: int, end: int, wanted: tuple[str, ...], what: str) -> None:
    found = set(marks[start:end])
    assert all(any(mark.startswith(w) for w in wanted) for mark in found), f"{what}: {found}"


def types_of_terminals() -> set[str]:
    return {r.expansion[0].name for r in parser().rules if r.origin.name == "type"}


def _types() -> list[str]:
    plain = {t.name: t.pattern.value for t in parser().terminals}
    return [plain[name] for name in types_of_terminals()]


def test_the_extension_names_its_files() -> None:
    folder = ROOT / "grammars"
    manifest = json.loads((folder / "package.json").read_text("utf-8"))["contributes"]
    (language,), (grammar,) = manifest["languages"], manifest["grammars"]
    assert (folder / grammar["path"]).read_text("utf-8") == text()
    assert json.loads((folder / language["configuration"]).read_text("utf-8"))["comments"]
    assert grammar["scopeName"] == textmate()["scopeName"]
    assert grammar["language"] == language["id"]
