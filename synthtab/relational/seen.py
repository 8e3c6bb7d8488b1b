"""Rules of a table that say something of its parents alone, as the parent would say them."""

from __future__ import annotations

from typing import Any

from synthtab.ir import nodes
from synthtab.ir.references import Tables, follow
from synthtab.ir.walk import descendants
from synthtab.relational.hidden import BeyondError, rewritten
from synthtab.relational.structure import Home
from synthtab.relational.view import count_column


def as_count(
    condition: nodes.Condition, home: Home, tables: Tables
) -> tuple[nodes.ReferenceRule, nodes.Condition] | None:
    """Return a condition on ``count() per`` a reference's columns as one on the parent."""
    found = [n for n in descendants(condition) if isinstance(n, nodes.Aggregate)]
    if not found or any(n.function != "count" or n.operand or n.where or n.of for n in found):
        return None
    per = {frozenset(n.per) for n in found}
    references = [r for r in home.picked if {frozenset(r.columns)} == per]
    if not references:
        return None
    reference = references[0]
    number = nodes.ColumnRef(count_column(home.table.name, reference))

    def change(node: Any) -> Any | None:
        if isinstance(node, nodes.Aggregate):
            return number
        return _from_parent(node, reference, home, tables)

    try:
        return reference, rewritten(condition, change)
    except BeyondError:
        return None


def about_parent(
    condition: nodes.Condition, reference: nodes.ReferenceRule, home: Home, tables: Tables
) -> nodes.Condition | None:
    """Return a condition that speaks only of the row referred to, as one of that table."""
    if any(
        isinstance(n, nodes.CONTEXT) and not isinstance(n, nodes.ParentRef)
        for n in descendants(condition)
    ):
        return None
    try:
        made: nodes.Condition = rewritten(
            condition, lambda n: _from_parent(n, reference, home, tables)
        )
    except BeyondError:
        return None
    return made


def _from_parent(
    node: Any, reference: nodes.ReferenceRule, home: Home, tables: Tables
) -> Any | None:
    if isinstance(node, nodes.ColumnRef):
        raise BeyondError
    if isinstance(node, nodes.ParentRef):
        steps = follow(node.path, home.table, tables)[0]
        if steps[0] != reference:
            raise BeyondError
        if len(steps) == 1:
            return nodes.ColumnRef(node.column)
        return nodes.ParentRef(node.path[1:], node.column)
    return None
