"""Where the grammars are: inside an installed package, or at the top of a source checkout."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def grammar_text(name: str) -> str:
    """Return the text of ``grammars/<name>``. Raises FileNotFoundError where there is none."""
    installed = files("synthtab") / "grammars" / name
    if installed.is_file():
        return installed.read_text(encoding="utf-8")
    return (Path(__file__).parents[2] / "grammars" / name).read_text(encoding="utf-8")
