"""Where grammars and pages are: inside an installed package, or at the top of a source checkout."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def grammar_text(name: str) -> str:
    """Return the text of ``grammars/<name>``. Raises FileNotFoundError where there is none."""
    return _text("grammars", name)


def error_page(code: str) -> str:
    """Return the page of a code, in Markdown. Raises FileNotFoundError where there is none."""
    return _text("docs/errors", f"{code}.md")


def _text(folder: str, name: str) -> str:
    installed = files("synthtab") / folder / name
    if installed.is_file():
        return installed.read_text(encoding="utf-8")
    return (Path(__file__).parents[2] / folder / name).read_text(encoding="utf-8")
