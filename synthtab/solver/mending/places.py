"""Where a rule looks: its own row, and by which links it comes to other rows.

A rule's places form a tree. The root is the row it is about; every other place is a set of rows
that the rows of the place before it read: those of the same group, the row before, the row referred
to, the rows that refer to it. Followed downwards, the links give what a row's verdict depends on;
followed upwards, they give the rows whose verdict a cell may change.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from synthtab.ir import nodes
from synthtab.ir.context import Definition, separate, separate_pair
from synthtab.ir.references import Tables, follow, link
from synthtab.ir.walk import columns_of


@dataclass(frozen=True)
class Group:
    """To the rows of the same table that agree on ``per``."""

    per: tuple[str, ...]


@dataclass(frozen=True)
class Before:
    """To the row before, by ``order``, among those that agree on ``per``."""

    per: tuple[str, ...]
    order: tuple[str, ...]


@dataclass(frozen=True)
class Up:
    """From rows of ``child`` to the row of its parent that each refers to."""

    child: str
    rule: nodes.ReferenceRule


@dataclass(frozen=True)
class Down:
    """From rows of a parent to the rows of ``child`` that refer to it."""

    child: str
    rule: nodes.ReferenceRule


Link = Group | Before | Up | Down


@dataclass(frozen=True)
class Place:
    """Rows of ``table`` whose ``columns`` are read; ``reader`` is the place that reads them."""

    table: str
    columns: frozenset[str]
    link: Link | None
    reader: int


def far_columns(what: Link) -> frozenset[str]:
    """Return the columns by which a link finds the rows that are read."""
    match what:
        case Group(per):
            return frozenset(per)
        case Before(per, order):
            return frozenset((*per, *order))
        case Up(_, rule):
            return frozenset(rule.parent_columns)
        case Down(_, rule):
            return frozenset(rule.columns)


def near_columns(what: Link) -> frozenset[str]:
    """Return the columns of the reading row by which a link finds rows."""
    match what:
        case Up(_, rule):
            return frozenset(rule.columns)
        case Down(_, rule):
            return frozenset(rule.parent_columns)
    return far_columns(what)


@dataclass
class _Draft:
    table: str
    link: Link | None
    reader: int
    columns: set[str] = field(default_factory=set)


def places(rule: nodes.Rule, table: nodes.Table, tables: Tables) -> tuple[Place, ...]:
    """Return a checked rule's places, the root first, each after the one that reads it."""
    maker = _Maker(tables)
    root = maker.add(table.name, None, -1)
    match rule:
        case nodes.RowRule():
            maker.node(root, rule.condition)
        case nodes.UniqueRule():
            maker.pair(root, rule.columns, rule.columns, rule.where)
        case nodes.DeterminesRule():
            maker.pair(root, rule.determinants, rule.dependents, None)
        case nodes.NoOverlapRule():
            maker.pair(root, rule.per, (rule.start, rule.end), None)
        case nodes.ReferenceRule():
            maker.add(rule.parent, Up(table.name, rule), root)
        case nodes.PairRule():
            other = maker.add(table.name, Group(shared(rule)), root)
            for _, term in separate_pair(rule, table, tables).sides.values():
                maker.node(root, term)
                maker.node(other, term)
    return tuple(Place(d.table, frozenset(d.columns), d.link, d.reader) for d in maker.drafts)


def shared(rule: nodes.PairRule) -> tuple[str, ...]:
    """Return the columns on which the two rows of a forbidden pair agree."""
    parts = rule.condition.args if isinstance(rule.condition, nodes.And) else (rule.condition,)
    found = []
    for part in parts:
        match part:
            case nodes.Compare("=", nodes.ParentRef((a,), left), nodes.ParentRef((b,), right)):
                if left == right and {a, b} == {rule.first, rule.second}:
                    found.append(left)
    return tuple(dict.fromkeys(found))


class _Maker:
    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.drafts: list[_Draft] = []

    def add(self, table: str, to: Link | None, reader: int) -> int:
        """Return the number of a place, a new one where there is none like it."""
        for k, draft in enumerate(self.drafts):
            if (draft.table, draft.link, draft.reader) == (table, to, reader):
                return k
        self.drafts.append(_Draft(table, to, reader))
        return len(self.drafts) - 1

    def pair(
        self,
        root: int,
        per: tuple[str, ...],
        columns: tuple[str, ...],
        where: nodes.Condition | None,
    ) -> None:
        """Let rows of a group read each other's ``columns``, and ``where``."""
        other = self.add(self.drafts[root].table, Group(per), root)
        for at in (root, other):
            self.drafts[at].columns.update(columns)
            if where is not None:
                self.node(at, where)

    def node(self, at: int, node: nodes.Node) -> None:
        """Add what a node reads that is evaluated for the rows of a place."""
        table = self.tables[self.drafts[at].table]
        parts = separate(node, table, self.tables)
        own = {c for c in columns_of(parts.node) if c not in parts.definitions}
        self.drafts[at].columns.update(own)
        for what in parts.definitions.values():
            self._definition(at, what, table)

    def _definition(self, at: int, what: Definition, table: nodes.Table) -> None:
        match what:
            case nodes.ParentRef(path, column):
                for step in follow(path, table, self.tables)[0]:
                    at = self.add(step.parent, Up(table.name, step), at)
                    table = self.tables[step.parent]
                self.drafts[at].columns.add(column)
            case nodes.Aggregate(_, operand, _, where, of, per, via):
                if of is None:
                    there = self.add(table.name, Group(per), at)
                else:
                    home = self.tables[of]
                    there = self.add(of, Down(of, link(home, table, via)), at)
                for inner in (operand, where):
                    if inner is not None:
                        self.node(there, inner)
            case nodes.GapFree(operand, _, per):
                self.node(self.add(table.name, Group(per), at), operand)
                self.node(at, operand)
            case nodes.Previous(operand, start, per, order):
                self.node(self.add(table.name, Before(per, order), at), operand)
                if start is not None:
                    self.node(at, start)
            case nodes.Increasing(operand, _, per, order):
                self.node(self.add(table.name, Before(per, order), at), operand)
                self.node(at, operand)
