"""The messages as users see them. SYNTHTAB_UPDATE_GOLDEN=1 writes them anew, for review in git."""

import os
from pathlib import Path

import pytest

from synthtab.diagnostics import CODES
from synthtab.lang.parse import parse

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(GOLDEN.glob("*.rules"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_messages(path: Path) -> None:
    found = parse(path.read_text("utf-8"), path.name).diagnostics
    text = "\n\n".join(d.render() for d in found) + "\n"
    expected = path.with_suffix(".txt")
    if os.environ.get("SYNTHTAB_UPDATE_GOLDEN"):
        expected.write_text(text, "utf-8")
    assert text == expected.read_text("utf-8")
    assert {d.code for d in found} <= set(CODES)


def test_there_are_golden_files() -> None:
    assert len(FILES) >= 9
