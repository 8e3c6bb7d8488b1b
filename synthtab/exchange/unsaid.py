"""The reason why a piece of SQL has no words in the language."""

from __future__ import annotations

from sqlglot import exp


class UnsaidError(Exception):
    """The language cannot say an expression, or would mean something else by it."""


def unsaid(node: exp.Expr, reason: str) -> UnsaidError:
    """Return the error about an expression, showing it."""
    shown = node.sql()
    return UnsaidError(f"{shown if len(shown) <= 80 else shown[:77] + '...'}: {reason}")
