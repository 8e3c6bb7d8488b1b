"""An option that may stand with or without its number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand

USUAL = 3
"""Rows that are explained where nobody says how many."""


class ExplainCommand(TyperCommand):
    """A command whose option ``--explain`` may stand without a number."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the usual number after an ``--explain`` that has none."""
        return super().parse_args(ctx, numbered(args))


def numbered(args: Sequence[str]) -> list[str]:
    """Return arguments with a number after each bare ``--explain``."""
    out: list[str] = []
    for at, arg in enumerate(args):
        out.append(arg)
        if arg == "--":
            return [*out, *args[at + 1 :]]
        if arg == "--explain" and not (at + 1 < len(args) and args[at + 1].isdigit()):
            out.append(str(USUAL))
    return out
