"""Walking over and rebuilding the trees of ir/nodes.py without naming every class."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

from synthtab.ir.expressions import (
    Aggregate,
    ColumnRef,
    GapFree,
    Increasing,
    Node,
    Previous,
)


def children(node: Node) -> Iterator[Node]:
    """Yield the direct sub-terms and sub-conditions of a node, in the order written."""
    for field in fields(node):
        if field.name != "span":
            yield from _nodes_in(getattr(node, field.name))


def descendants(node: Node) -> Iterator[Node]:
    """Yield a node and everything below it, parents first."""
    yield node
    for child in children(node):
        yield from descendants(child)


def columns_of(node: Node) -> tuple[str, ...]:
    """Return the names of the table's own columns that a node reads, each once, as written.

    Those that group or order rows count; those of another table, in ``sum(x of other)``, do not.
    """
    return tuple(dict.fromkeys(_columns_of(node)))


def _columns_of(node: Node) -> Iterator[str]:
    if isinstance(node, ColumnRef):
        yield node.name
    if not (isinstance(node, Aggregate) and node.of is not None):
        for child in children(node):
            yield from _columns_of(child)
    if isinstance(node, Aggregate | Previous | Increasing | GapFree):
        yield from node.per
    if isinstance(node, Previous | Increasing):
        yield from node.order


def rebuild(node: Node, change: Callable[[Node], Node]) -> Node:
    """Return the node with ``change`` applied to each direct child (its span is kept)."""
    new: dict[str, Any] = {}
    for field in fields(node):
        if field.name == "span":
            continue
        old = getattr(node, field.name)
        made = _changed(old, change)
        if made is not old:
            new[field.name] = made
    return replace(node, **new) if new else node


def _nodes_in(value: object) -> Iterator[Node]:
    if isinstance(value, tuple):
        for item in value:
            yield from _nodes_in(item)
    elif _is_node(value):
        yield value  # type: ignore[misc]


def _changed(value: Any, change: Callable[[Node], Node]) -> Any:
    if isinstance(value, tuple):
        made = tuple(_changed(item, change) for item in value)
        return value if all(a is b for a, b in zip(made, value, strict=True)) else made
    return change(value) if _is_node(value) else value


def _is_node(value: object) -> bool:
    return hasattr(value, "span")
