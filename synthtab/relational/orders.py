"""The order in which siblings come: the one that rules of their table speak of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from synthtab.ir import nodes
from synthtab.ir.context import Position, simplified
from synthtab.ir.references import Tables, follow
from synthtab.ir.walk import descendants


@dataclass(frozen=True)
class Order:
    """Siblings come in an order: of the values of ``columns``.

    ``numbered`` is a column that counts them, and its first number.
    """

    columns: tuple[str, ...]
    numbered: tuple[str, int] | None = None


@dataclass(frozen=True)
class Strand:
    """Rows that have ``reference`` in common, not the one they come by, follow an ``order`` too.

    ``rising`` are columns, and how to get there, that rise along it and belong to the row that a
    row comes by, or to one further up.
    """

    reference: nodes.ReferenceRule
    order: Order
    rising: tuple[tuple[tuple[nodes.ReferenceRule, ...], str], ...] = ()


def goes_back(rule: nodes.Rule, own: frozenset[str]) -> bool:
    """Say whether a rule goes from each row to the one before that agrees with it on ``own``.

    That a column rises, or numbers the rows, takes no more than a sort when all are there.
    """
    if rule.share is not None or not isinstance(rule, nodes.RowRule):
        return False
    match rule.condition:
        case nodes.Increasing(nodes.ColumnRef()) | nodes.GapFree(nodes.ColumnRef()):
            return False
    return any(
        isinstance(node, nodes.Previous | Position) and set(node.per) == own
        for node in descendants(simplified(rule.condition))
    )


def strand_of(
    table: nodes.Table,
    tables: Tables,
    lead: nodes.ReferenceRule | None,
    references: Iterable[nodes.ReferenceRule],
    placed: Collection[str],
) -> Strand | None:
    """Return the first of some references, not the ``lead``, by which rows follow an order.

    Its number of the rows must not be ``placed`` otherwise.
    """
    for reference in references:
        own = frozenset(reference.columns)
        order = order_of(table, own) if any(goes_back(r, own) for r in table.rules) else None
        if order is not None and (order.numbered is None or order.numbered[0] not in placed):
            return Strand(reference, order, tuple(_rising(table, tables, lead, own, order)))
    return None


def _rising(
    table: nodes.Table,
    tables: Tables,
    lead: nodes.ReferenceRule | None,
    own: frozenset[str],
    order: Order,
) -> Iterator[tuple[tuple[nodes.ReferenceRule, ...], str]]:
    for rule in table.rules:
        if not isinstance(rule, nodes.RowRule) or rule.share is not None:
            continue
        match rule.condition:
            case nodes.Increasing(nodes.ParentRef(path, column), _, per, by):
                steps = follow(path, table, tables)[0]
                if frozenset(per) == own and by == order.columns and steps[0] == lead:
                    yield steps, column


def rises(column: nodes.ColumnRef, table: nodes.Table, own: frozenset[str], order: Order) -> bool:
    """Say whether a rule has a column rise among the rows that agree on ``own``, in their order."""
    return any(
        isinstance(rule, nodes.RowRule)
        and rule.share is None
        and isinstance(rule.condition, nodes.Increasing)
        and rule.condition.operand == column
        and frozenset(rule.condition.per) == own
        and rule.condition.order == order.columns
        for rule in table.rules
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
