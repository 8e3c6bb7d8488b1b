"""What the fixture ``call`` of tests/cli gives: a command line run in this process, and its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Call = Callable[..., Ran]


def words(text: str) -> str:
    """Return what was printed in one line, without the frame around it."""
    return " ".join(text.replace("│", " ").split())
