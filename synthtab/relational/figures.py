"""Figures over rows of other tables, as parts of conditions: told apart, replaced, over no rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from synthtab.ir import nodes
from synthtab.ir.walk import descendants
from synthtab.relational.hidden import rewritten

ONE = nodes.Literal(1)
ZERO = nodes.Literal(0)
TRUE = nodes.Compare("=", ONE, ONE)
NULL = nodes.Case(((nodes.Compare("=", ONE, ZERO), ONE),))


def is_plain(aggregate: nodes.Aggregate) -> bool:
    """Say whether a figure is the number of rows, whatever they hold."""
    return aggregate.function == "count" and aggregate.operand is None and aggregate.where is None


def differing(condition: nodes.Condition) -> nodes.ColumnRef | None:
    """Return the column that children must not all hold one value of, if a condition says that."""
    match condition:
        case nodes.Compare(
            op,
            nodes.Aggregate("count", nodes.ColumnRef() as column, where=None, distinct=True),
            nodes.Literal(least),
        ) if (op, least) in ((">=", 2), (">", 1)):
            return column
    return None


def replaced(condition: Any, change: Callable[[nodes.Aggregate], Any]) -> Any:
    """Return a condition with other terms in the place of its figures."""
    return rewritten(condition, lambda n: change(n) if isinstance(n, nodes.Aggregate) else None)


def of_nobody(node: Any) -> Any | None:
    """Put what figures are over no rows: 0 for a count, and NULL for the others.

    What is compared with NULL is unknown, whatever its type.
    """
    if isinstance(node, nodes.Compare | nodes.Between | nodes.In):
        inside = list(descendants(node))
        plain = not any(isinstance(n, nodes.Coalesce | nodes.Case) for n in inside)
        if plain and any(isinstance(n, nodes.Aggregate) and n.function != "count" for n in inside):
            return nodes.Compare("=", NULL, ONE)
    if isinstance(node, nodes.Aggregate):
        return ZERO if node.function == "count" else NULL
    return None
