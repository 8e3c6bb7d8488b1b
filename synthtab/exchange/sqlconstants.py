"""Constants of SQL: numbers, dates, patterns and lists of them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from sqlglot import exp

from synthtab.exchange.unsaid import UnsaidError, unsaid
from synthtab.ir import nodes


def listed(node: exp.Expr) -> list[exp.Expr]:
    """Return the members of ``ANY (ARRAY[...])``."""
    inner = node.this.unnest()
    while isinstance(inner, exp.Cast):
        inner = inner.this.unnest()
    return list(inner.expressions) if isinstance(inner, exp.Array | exp.Tuple) else []


def text(node: exp.Expr) -> str:
    """Return a text constant, whatever it is cast to."""
    inner = node.unnest()
    while isinstance(inner, exp.Cast):
        inner = inner.this.unnest()
    if isinstance(inner, exp.Anonymous) and inner.name.lower() == "like_escape":
        return text(inner.expressions[0])
    if not isinstance(inner, exp.Literal) or not inner.is_string:
        raise unsaid(node, "a pattern has to be a constant")
    return str(inner.this)


def literal(node: exp.Literal) -> nodes.Literal:
    """Return a number or a text."""
    return nodes.Literal(str(node.this) if node.is_string else number(str(node.this)))


def number(shown: str) -> int | Decimal:
    """Return an exact number. Raises UnsaidError for another text."""
    try:
        value = Decimal(shown)
    except InvalidOperation as error:
        raise UnsaidError(f"{shown!r} is no number") from error
    return int(value) if value == value.to_integral_value() else value


def moment(shown: str) -> date | datetime:
    """Return a date or datetime. Raises UnsaidError for another text."""
    try:
        return date.fromisoformat(shown) if len(shown) <= 10 else _no_zone(shown)
    except ValueError as error:
        raise UnsaidError(f"{shown!r} is no date") from error


def _no_zone(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    if value.utcoffset() not in (None, timedelta(0)) or value.microsecond:
        raise ValueError(text)
    return value.replace(tzinfo=None)
