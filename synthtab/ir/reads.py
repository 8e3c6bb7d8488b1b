"""What a rule reads: which columns of which tables, its own and others."""

from __future__ import annotations

from collections.abc import Iterable

from synthtab.ir import nodes
from synthtab.ir.context import Definition, separate, separate_pair
from synthtab.ir.references import Tables, follow, link
from synthtab.ir.walk import columns_of

Reads = dict[str, dict[str, None]]
"""Names of columns by table, each once, in the order they are met."""


def reads(rule: nodes.Rule, table: nodes.Table, tables: Tables) -> Reads:
    """Return what a checked rule of a table is judged by."""
    found: Reads = {table.name: {}}
    match rule:
        case nodes.RowRule():
            _node(found, rule.condition, table, tables)
        case nodes.UniqueRule():
            _columns(found, table, rule.columns)
            if rule.where is not None:
                _node(found, rule.where, table, tables)
        case nodes.DeterminesRule():
            _columns(found, table, (*rule.determinants, *rule.dependents))
        case nodes.ReferenceRule():
            _reference(found, rule, table, tables)
        case nodes.NoOverlapRule():
            _columns(found, table, (rule.start, rule.end, *rule.per))
        case nodes.PairRule():
            for _, term in separate_pair(rule, table, tables).sides.values():
                _node(found, term, table, tables)
    return found


def _node(found: Reads, node: nodes.Node, table: nodes.Table, tables: Tables) -> None:
    parts = separate(node, table, tables)
    own = [c for c in columns_of(parts.node) if c not in parts.definitions]
    _columns(found, table, own)
    for what in parts.definitions.values():
        _definition(found, what, table, tables)


def _definition(found: Reads, what: Definition, table: nodes.Table, tables: Tables) -> None:
    if isinstance(what, nodes.ParentRef):
        for step in follow(what.path, table, tables)[0]:
            _reference(found, step, table, tables)
            table = tables[step.parent]
        _columns(found, table, [what.column])
        return
    _columns(found, table, what.per)
    _columns(found, table, getattr(what, "order", ()))
    home = table
    if isinstance(what, nodes.Aggregate) and what.of is not None:
        home = tables[what.of]
        _reference(found, link(home, table, what.via), home, tables)
    if isinstance(what, nodes.Previous) and what.start is not None:
        _node(found, what.start, table, tables)
    if isinstance(what, nodes.Aggregate) and what.where is not None:
        _node(found, what.where, home, tables)
    operand = getattr(what, "operand", None)
    if operand is not None:
        _node(found, operand, home, tables)


def _reference(found: Reads, rule: nodes.ReferenceRule, table: nodes.Table, tables: Tables) -> None:
    _columns(found, table, rule.columns)
    _columns(found, tables[rule.parent], rule.parent_columns)


def _columns(found: Reads, table: nodes.Table, names: Iterable[str]) -> None:
    found.setdefault(table.name, {}).update(dict.fromkeys(names))
