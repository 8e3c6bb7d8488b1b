"""How the tables of a model hang together: who is written before whom, and in whose company.

Each table has at most one *lead*, the reference its rows come by: they are written parent by
parent, as many as the parent has of them. Its other references pick a row of a table that is there
already. *Late* ones close a circle of tables, or lead back into their own table: they are set when
all rows are there. A table without a lead may be a *chain*: its rows come one after the other, all
of them siblings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Codes, Mask
from synthtab.ir import nodes
from synthtab.ir.references import Tables, follow, link, references
from synthtab.ir.walk import descendants
from synthtab.relational.orders import Order, Strand, goes_back, order_of, strand_of
from synthtab.schema import ColumnType, EnumType, TextType

Strings = NDArray[np.object_]


@dataclass(frozen=True)
class Copy:
    """``column`` holds what ``source`` does in the row that ``steps`` lead to.

    ``kinds`` are the types of the two; words may come as text or as an enum.
    """

    column: str
    steps: tuple[nodes.ReferenceRule, ...]
    source: str
    kinds: tuple[ColumnType, ColumnType]

    def cells(self, codes: Codes, nulls: Mask, pool: Strings) -> tuple[tuple[Codes, Mask], Strings]:
        """Return the source's cells as the column's, and the strings that codes of text index.

        A word the column's enum lacks becomes NULL. Numbers and times have one unit on both sides.
        """
        own, other = self.kinds
        if own == other or (isinstance(own, TextType) and isinstance(other, TextType)):
            return (codes, nulls), pool
        words = np.array(other.values, dtype=object) if isinstance(other, EnumType) else pool
        if isinstance(own, TextType):
            return (codes, nulls), words
        if not isinstance(own, EnumType):
            return (codes, nulls), pool
        number = {word: k for k, word in enumerate(own.values)}
        known = np.array([number.get(word, -1) for word in words], dtype=np.int64)
        made = known[np.where(nulls, 0, codes)]
        return (np.maximum(made, 0), nulls | (made < 0)), pool


@dataclass(frozen=True)
class Deal:
    """``column``, unique on its own, holds each of ``words`` once at most.

    They are its enum's, or the only ones by which some children can name rows of the table. They
    are dealt out before rows are written; rows beyond them have other text.
    """

    column: str
    rule: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Home:
    """A table and the references by which its rows find their place.

    ``keys`` says of the columns of picked references what they hold; ``deals`` which of the table's
    own keys come from a list. Rows with one lead have an ``order`` where rules speak of one, and so
    do those of a chain, which has no lead. Those of a ``strand`` have one beside it.
    """

    table: nodes.Table
    lead: nodes.ReferenceRule | None = None
    others: tuple[nodes.ReferenceRule, ...] = ()
    late: tuple[nodes.ReferenceRule, ...] = ()
    copies: tuple[Copy, ...] = ()
    order: Order | None = None
    keys: tuple[Copy, ...] = ()
    deals: tuple[Deal, ...] = ()
    strand: Strand | None = None

    @property
    def picked(self) -> tuple[nodes.ReferenceRule, ...]:
        """The references known before a row's own columns are written."""
        return (() if self.lead is None else (self.lead,)) + self.others

    @property
    def chained(self) -> bool:
        """Whether all rows of the table are siblings that come in an order."""
        return self.lead is None and self.order is not None

    @property
    def together(self) -> frozenset[str] | None:
        """The columns in which siblings agree (none in a chain); None if there are none."""
        if self.lead is None:
            return frozenset() if self.chained else None
        return frozenset(self.lead.columns)

    @property
    def distinct(self) -> tuple[nodes.UniqueRule, ...]:
        """The unique rules that all rows keep, or nearly all."""
        return tuple(
            r
            for r in self.table.rules
            if isinstance(r, nodes.UniqueRule)
            and r.where is None
            and (r.share is None or r.share >= NEARLY)
        )

    @property
    def settled(self) -> tuple[str, ...]:
        """The columns that are known before a row's own ones are written."""
        known = [c for r in self.picked if r.share is None for c in r.columns]
        known += [c.column for c in self.copies]
        for order in (self.order, None if self.strand is None else self.strand.order):
            if order is not None and order.numbered is not None:
                known.append(order.numbered[0])
        known += [
            deal.column
            for deal in self.deals
            if not isinstance(self.table.column(deal.column).type, TextType)
        ]
        return tuple(dict.fromkeys(known))

    @property
    def placed(self) -> frozenset[str]:
        """The columns that are set, not written: keys of other rows, copies, numbers."""
        late = {c for r in self.late if r.share is None for c in r.columns}
        return frozenset({*self.settled, *late})


@dataclass(frozen=True)
class Structure:
    """The homes of all tables, in the order in which they are written."""

    homes: Mapping[str, Home]

    @property
    def tables(self) -> dict[str, nodes.Table]:
        """The tables by name."""
        return {name: home.table for name, home in self.homes.items()}

    def vocabulary(self, table: str) -> dict[str, tuple[str, ...]]:
        """Return the text columns of a table that are copied into enums, with the enums' words."""
        return {
            copy.source: copy.kinds[0].values
            for home in self.homes.values()
            for copy in home.copies
            if copy.steps[-1].parent == table
            and isinstance(copy.kinds[0], EnumType)
            and isinstance(copy.kinds[1], TextType)
        }

    def children(self, parent: str) -> Iterator[tuple[Home, nodes.ReferenceRule]]:
        """Yield the tables whose rows come by a row of ``parent`` or pick one, and how."""
        for home in self.homes.values():
            for rule in home.picked:
                if rule.parent == parent:
                    yield home, rule


def structure(tables: Sequence[nodes.Table], *, chains: bool = False) -> Structure:
    """Work out how the tables hang together. Every table that is referred to is among them.

    With ``chains`` a table without a lead is a chain if a rule goes from each of its rows to the
    one before, and rows have a strand if one goes to the one before by another reference than the
    lead. Such tables take a step for each row to write.
    """
    named = {t.name: t for t in tables}
    late = _late(tables)
    homes: dict[str, Home] = {}
    waiting = list(tables)
    while waiting:
        ready = next(
            t for t in waiting if all(r in late[t.name] or r.parent in homes for r in references(t))
        )
        homes[ready.name] = _home(ready, named, late[ready.name], chains)
        waiting.remove(ready)
    return Structure(
        {name: replace(home, deals=tuple(_deals(home, homes))) for name, home in homes.items()}
    )


def _deals(home: Home, homes: Mapping[str, Home]) -> Iterator[Deal]:
    """Yield the keys of a table that come from a list."""
    seen = set(home.placed)
    for rule in home.table.unique_rules:
        column = home.table.column(rule.columns[0])
        alone = len(rule.columns) == 1 and rule.share is None and rule.where is None
        if not alone or column.optional or column.name in seen:
            continue
        words: tuple[str, ...] = ()
        if isinstance(column.type, EnumType):
            words = column.type.values
        elif isinstance(column.type, TextType):
            words = tuple(dict.fromkeys(_named(home.table.name, column.name, homes)))
        if words:
            seen.add(column.name)
            yield Deal(column.name, rule.name, words)


def _named(table: str, column: str, homes: Mapping[str, Home]) -> Iterator[str]:
    """Yield the words by which children that have a list of them name a table's rows."""
    for home in homes.values():
        for copy in home.keys:
            if (copy.steps[-1].parent, copy.source) == (table, column):
                kind = copy.kinds[0]
                yield from kind.values if isinstance(kind, EnumType) else ()


def _late(tables: Sequence[nodes.Table]) -> dict[str, tuple[nodes.ReferenceRule, ...]]:
    """Return the references of each table that have to wait: the fewest that break all circles.

    An optional or soft reference waits rather than one that each row must have.
    """
    late: dict[str, list[nodes.ReferenceRule]] = {
        t.name: [r for r in references(t) if r.parent == t.name] for t in tables
    }
    done: set[str] = set()
    waiting = list(tables)
    while waiting:
        ready = [
            t for t in waiting if all(r.parent in done or r in late[t.name] for r in references(t))
        ]
        if not ready:
            circle = _on_circle(waiting, late, done)
            table, rule = min(circle, key=lambda pair: not may_lack(*pair))
            late[table.name].append(rule)
            continue
        done |= {t.name for t in ready}
        waiting = [t for t in waiting if t.name not in done]
    return {name: tuple(rules) for name, rules in late.items()}


def _on_circle(
    waiting: Sequence[nodes.Table],
    late: Mapping[str, Sequence[nodes.ReferenceRule]],
    done: set[str],
) -> list[tuple[nodes.Table, nodes.ReferenceRule]]:
    """Return the references that lie on a circle of the tables that wait."""
    edges = {
        t.name: {r.parent for r in references(t) if r not in late[t.name] and r.parent not in done}
        for t in waiting
    }

    def reaches(start: str, goal: str) -> bool:
        seen, stack = set(), [start]
        while stack:
            top = stack.pop()
            if top == goal:
                return True
            if top not in seen:
                seen.add(top)
                stack += edges[top]
        return False

    return [
        (t, r)
        for t in waiting
        for r in references(t)
        if r not in late[t.name] and r.parent not in done and reaches(r.parent, t.name)
    ]


def may_lack(table: nodes.Table, rule: nodes.ReferenceRule) -> bool:
    """Say whether rows may do without a reference: it is optional, or soft."""
    return rule.share is not None or any(table.column(c).optional for c in rule.columns)


def _home(
    table: nodes.Table, tables: Tables, late: tuple[nodes.ReferenceRule, ...], chains: bool
) -> Home:
    early = [r for r in references(table) if r not in late]
    copies = tuple(_copies(table, tables, late))
    copied = {c.column for c in copies}
    leads = [r for r in early if not may_lack(table, r) and not set(r.columns) <= copied]
    weight = {r: _weight(r, table, tables, copies) for r in leads}
    lead = max(leads, key=lambda r: weight[r], default=None)
    others = tuple(r for r in early if r != lead and not set(r.columns) <= copied)
    # What is copied by way of a reference that is itself copied cannot be known in time.
    known = {r for r in (lead, *others) if r is not None}
    copies = tuple(c for c in copies if c.steps[0] in known)
    placed = {c.column for c in copies} | {c for r in known for c in r.columns}
    rest = tuple(r for r in early if r not in known and not set(r.columns) <= placed)
    order = None
    if lead is not None:
        order = order_of(table, frozenset(lead.columns))
    elif chains and any(goes_back(r, frozenset()) or _apart(r) for r in table.rules):
        order = order_of(table, frozenset())
    strand = None
    if chains:
        sure = [r for r in (*others, *rest) if not may_lack(table, r)]
        number = {order.numbered[0]} if order is not None and order.numbered is not None else set()
        strand = strand_of(table, tables, lead, sure, placed | number)
    picked = (*(() if lead is None else (lead,)), *others, *rest)
    keys = tuple(k for r in picked for k in _keys(r, table, tables))
    return Home(table, lead, (*others, *rest), late, copies, order, keys, strand=strand)


def _apart(rule: nodes.Rule) -> bool:
    """Say whether a rule keeps intervals of a whole table apart."""
    return isinstance(rule, nodes.NoOverlapRule) and rule.share is None and not rule.per


def _keys(rule: nodes.ReferenceRule, table: nodes.Table, tables: Tables) -> Iterator[Copy]:
    parent = tables[rule.parent]
    for own, other in zip(rule.columns, rule.parent_columns, strict=True):
        kinds = table.column(own).type, parent.column(other).type
        yield Copy(own, (rule,), other, kinds)


def _weight(
    rule: nodes.ReferenceRule, table: nodes.Table, tables: Tables, copies: Sequence[Copy]
) -> int:
    """Say how much speaks for a reference as the one that rows come by."""
    weight = 0
    keys = {c for r in references(table) for c in r.columns}
    if any(c.column in keys and c.steps[0] == rule for c in copies):
        weight += 8
    own = set(rule.columns)
    for other in table.rules:
        per = [getattr(n, "per", None) for n in _context_terms(other)]
        if isinstance(other, nodes.NoOverlapRule):
            per.append(other.per)
        if any(p is not None and set(p) == own for p in per):
            weight += 4
            break
    for other in tables[rule.parent].rules:
        for term in _context_terms(other):
            if isinstance(term, nodes.Aggregate) and term.of == table.name:
                weight += 2 * (link(table, tables[rule.parent], term.via) == rule)
    return weight


def _context_terms(rule: nodes.Rule) -> Iterator[nodes.Node]:
    if isinstance(rule, nodes.RowRule):
        for node in descendants(rule.condition):
            if isinstance(node, nodes.CONTEXT):
                yield node


def _copies(
    table: nodes.Table, tables: Tables, late: Sequence[nodes.ReferenceRule]
) -> Iterator[Copy]:
    """Yield ``column = parent.column`` rules: whoever knows the parent need not write the column.

    A soft one counts where nearly all rows keep it; the others are copied as well.
    """
    seen: set[str] = set()
    for rule in table.rules:
        if not isinstance(rule, nodes.RowRule) or (rule.share is not None and rule.share < NEARLY):
            continue
        for part in conjuncts(rule.condition):
            match part:
                case nodes.Compare("=", nodes.ColumnRef(column), nodes.ParentRef(path, source)):
                    pass
                case nodes.Compare("=", nodes.ParentRef(path, source), nodes.ColumnRef(column)):
                    pass
                case _:
                    continue
            steps, end = follow(path, table, tables)
            kinds = table.column(column).type, end.column(source).type
            if column not in seen and steps[0] not in late and _alike(*kinds):
                seen.add(column)
                yield Copy(column, steps, source, kinds)


NEARLY = 0.99


def _alike(one: ColumnType, other: ColumnType) -> bool:
    words = TextType | EnumType
    return one == other or (isinstance(one, words) and isinstance(other, words))


def conjuncts(condition: nodes.Condition) -> Iterator[nodes.Condition]:
    """Yield the conditions that all have to hold for this one to hold."""
    if isinstance(condition, nodes.And):
        for part in condition.args:
            yield from conjuncts(part)
    else:
        yield condition
