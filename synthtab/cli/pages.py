"""The pages about diagnostic codes: inside an installed package, or in a source checkout's docs."""

from __future__ import annotations

import difflib
from importlib.resources import files
from pathlib import Path

from synthtab.diagnostics import CODES
from synthtab.errors import UsageError


def page(code: str) -> str:
    """Return the page of a diagnostic code as Markdown. Raises UsageError for an unknown code."""
    wanted = code.strip().upper()
    if wanted not in CODES:
        close = difflib.get_close_matches(wanted, CODES, n=3)
        hint = f" (is it {' or '.join(close)}?)" if close else ""
        raise UsageError(
            f"there is no diagnostic {code!r}{hint}; `rulecheck explain` lists all codes"
        )
    installed = files("synthtab") / "error_pages" / f"{wanted}.md"
    if installed.is_file():
        return installed.read_text(encoding="utf-8")
    return (Path(__file__).parents[2] / "docs" / "errors" / f"{wanted}.md").read_text("utf-8")


def listing() -> str:
    """Return every code with its title, one a line."""
    return "\n".join(f"{code}  {title}" for code, title in sorted(CODES.items()))
