"""The page on importing: its examples run, and it names what is read."""

import re
from pathlib import Path

import pytest

from synthtab.exchange.pandera_schema import _CHECKS

PAGE = (Path(__file__).parents[2] / "docs" / "importing.md").read_text("utf-8")
PYTHON = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", PYTHON, ids=range(len(PYTHON)))
def test_python_runs(text: str) -> None:
    exec(text, {})


def test_every_check_is_named() -> None:
    short = {"equal_to": "eq", "not_equal_to": "ne", "greater_than": "gt", "less_than": "lt",
             "greater_than_or_equal_to": "ge", "less_than_or_equal_to": "le"}  # fmt: skip
    assert all(f"`{short.get(name, name)}`" in PAGE for name in _CHECKS)
