"""The order in which siblings come: the one that rules of their table speak of."""

from __future__ import annotations

from dataclasses import dataclass

from synthtab.ir import nodes
from synthtab.ir.context import Position, simplified
from synthtab.ir.walk import descendants


@dataclass(frozen=True)
class Order:
    """Siblings come in an order: of the values of ``columns``.

    ``numbered`` is a column that counts them, and its first number.
    """

    columns: tuple[str, ...]
    numbered: tuple[str, int] | None = None


def goes_back(rule: nodes.Rule) -> bool:
    """Say whether a rule goes from each row of a table to the one before.

    That a column rises, or numbers the rows, takes no more than a sort when all are there.
    """
    if rule.share is not None:
        return False
    if isinstance(rule, nodes.NoOverlapRule):
        return not rule.per
    if not isinstance(rule, nodes.RowRule):
        return False
    match rule.condition:
        case nodes.Increasing(nodes.ColumnRef()) | nodes.GapFree(nodes.ColumnRef()):
            return False
    return any(
        isinstance(node, nodes.Previous | Position) and not node.per
        for node in descendants(simplified(rule.condition))
    )


def order_of(table: nodes.Table, own: frozenset[str]) -> Order | None:
    """Return the order of siblings, which agree on ``own``, that the table's rules speak of.

    Of several the first; intervals that do not overlap can be put into any other order.
    """
    numbered: tuple[str, int] | None = None
    columns: list[tuple[str, ...]] = []
    starts: list[tuple[str, ...]] = []
    for rule in table.rules:
        if rule.share is not None:
            continue
        if isinstance(rule, nodes.NoOverlapRule) and set(rule.per) == own:
            (columns if own else starts).append((rule.start,))
        if not isinstance(rule, nodes.RowRule):
            continue
        for node in descendants(simplified(rule.condition)):
            if isinstance(node, nodes.GapFree) and set(node.per) == own:
                if isinstance(node.operand, nodes.ColumnRef):
                    numbered = node.operand.name, node.start
            elif isinstance(node, nodes.Previous | Position) and set(node.per) == own:
                columns.append(node.order)
    columns += starts
    if numbered is not None:
        return Order(columns[0] if columns else (numbered[0],), numbered)
    return Order(columns[0]) if columns else None
