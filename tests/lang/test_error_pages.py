"""Codes and their pages belong together, and each page's example gives its code."""

import re
from pathlib import Path

import pytest

from synthtab.diagnostics import CODES, Diagnostic
from synthtab.errors import ModelError
from synthtab.lang.model import Model
from synthtab.lang.parse import parse
from synthtab.solver.prove import examine
from synthtab.solver.satisfy import contradictions

PAGES = Path(__file__).parents[2] / "docs" / "errors"
ROOT = PAGES.parents[1]
ROWS = 100
BLOCK = re.compile(r"^```(rules|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def findings(
    language: str, text: str, *, whole: bool = False, budget_s: float = 5.0
) -> list[Diagnostic]:
    if language == "python":
        try:
            exec(text, {})
        except ModelError as error:
            return list(error.diagnostics)
        return []
    found = list(parse(text).diagnostics)
    if not any(d.severity == "error" for d in found):
        model = Model.parse(text)
        if whole:
            found += examine(model.tables, model.source, budget_s=budget_s, rows=ROWS)
        else:
            found += contradictions(model.tables, model.source, budget_s=budget_s)
    return found


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert {p.stem for p in PAGES.glob("*.md")} == {*CODES, "README"}


@pytest.mark.parametrize("code", CODES)
def test_the_example_gives_the_code_and_the_fix_mends_it(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (PAGES / f"{code}.md").read_text("utf-8")
    assert text.startswith(f"# {code}: {CODES[code]}\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Why it matters", "Example", "Fix"]
    bad, good = BLOCK.findall(text)
    # The page about time running out needs too little of it.
    whole = code[1] == "3"
    found = findings(*bad, whole=whole, budget_s=0.01 if code == "W303" else 5.0)
    assert {d.code for d in found} == {code}
    assert all((d.severity != "error") == code.startswith("W") for d in found)
    assert [d.render() for d in findings(*good, whole=whole)] == []


def test_the_index_lists_every_code() -> None:
    listed = re.findall(r"^- \[(\w+)\]\(\1\.md\): (.*)$", (PAGES / "README.md").read_text(), re.M)
    assert dict(listed) == dict(CODES)


def test_codes_in_the_source_are_registered() -> None:
    for path in (ROOT / "synthtab").rglob("*.py"):
        used = set(re.findall(r'"([EW]\d{3})"', path.read_text("utf-8")))
        assert used <= set(CODES), path
