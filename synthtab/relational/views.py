"""A table as its rows are written: with their context as columns, and the rules said in these.

Context is columns. What a rule reads beyond the row (a parent's column, the sibling before, a sum
over siblings) is known when the row is written, or is bounded by what the siblings to come can add.
So such a rule is one over a single row again, and the Plan masks what would break it. How many
children a row has is a column of the parent, and rules about that number are the parent's.

What cannot be said this way is listed, and mended once all rows are there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from synthtab.distinct.tuples import capacity
from synthtab.ir import nodes
from synthtab.ir.context import Position, simplified
from synthtab.ir.references import follow, link
from synthtab.ir.walk import columns_of, descendants
from synthtab.relational.amounts import Amounts
from synthtab.relational.figures import ONE, TRUE, ZERO, differing, is_plain, of_nobody, replaced
from synthtab.relational.hidden import FARTHEST, BeyondError, Hiding, Parent, Rest, rewritten
from synthtab.relational.kinds import kinds
from synthtab.relational.orders import Order, rises
from synthtab.relational.seen import about_parent, as_count
from synthtab.relational.structure import Home, Structure
from synthtab.relational.view import Fit, View, count_column
from synthtab.schema import Column, IntegerType, TextType, domain


def views(
    whole: Structure, unwritten: Mapping[str, frozenset[str]], amounts: Mapping[str, Amounts]
) -> dict[str, View]:
    """Return the view of every table.

    ``unwritten`` names the columns of each table that are made up last: no rule about them can be
    kept while rows are written. ``amounts`` has, by table, the codes that are written at all: what
    siblings can come to depends on them.
    """
    makers = {
        name: _Maker(home, whole, unwritten[name], amounts.get(name, Amounts()))
        for name, home in whole.homes.items()
    }
    for maker in makers.values():
        maker.in_order(makers)
        for rule in maker.home.table.rules:
            if isinstance(rule, nodes.RowRule) and rule.share is not None:
                maker.soft_rule(rule)
            elif isinstance(rule, nodes.RowRule):
                maker.own_rule(rule, makers)
            elif isinstance(rule, nodes.UniqueRule) and rule.share is None and rule.where is None:
                maker.unique(rule, makers)
            elif rule.share is None and not isinstance(rule, nodes.ReferenceRule):
                maker.across(rule)
    for maker in makers.values():
        maker.jointly(makers)
    return {name: maker.view() for name, maker in makers.items()}


class _Maker:
    """Gathers what becomes one table's view."""

    def __init__(
        self, home: Home, whole: Structure, unwritten: frozenset[str], amounts: Amounts
    ) -> None:
        self.home, self.whole, self._amounts = home, whole, amounts
        ranges = amounts.ranges
        self._tables = whole.tables
        counts = {
            count_column(h.table.name, r): (h.table.name, r)
            for h, r in whole.children(home.table.name)
        }
        self.counts = counts
        numbers = tuple(Column(name, IntegerType(), lo=0, hi=10**9) for name in counts)
        table = home.table
        own = [
            replace(c, lo=ranges[c.name][0], hi=ranges[c.name][1]) if c.name in ranges else c
            for c in table.columns
        ]
        self.hiding = Hiding(
            nodes.Table(table.name, (*own, *numbers), span=table.span), amounts.grids
        )
        late = {c for r in home.late for c in r.columns}
        self._unwritten = unwritten | late
        self._rules: list[nodes.RowRule] = []
        self._fits: list[Fit] = []
        self._left: list[str] = []

    def view(self) -> View:
        rules = (*self._rules, *self.hiding.extra)
        table = self.hiding.table
        made = nodes.Table(table.name, table.columns, rules, span=table.span)
        return View(
            self.home,
            made,
            self.hiding.hidden,
            self.counts,
            tuple(self._fits),
            tuple(self._left),
            self._amounts,
        )

    def in_order(self, makers: Mapping[str, _Maker]) -> None:
        """Have siblings come in the order that rules speak of, and none begin before others end.

        There are no more of them than there are numbers for them.
        """
        home = self.home
        if home.strand is not None:
            self._along(home.strand.order, home.strand.reference.columns, strand=True)
        if home.order is None or home.together is None:
            return
        first = home.order.columns[0]
        self._along(home.order, home.together, strand=False)
        if home.order.numbered is not None and home.lead is not None:
            name, least = home.order.numbered
            most = nodes.Literal(max(0, domain(home.table.column(name))[1] - least + 1))
            number = nodes.ColumnRef(count_column(home.table.name, home.lead))
            makers[home.lead.parent].add(
                f"{home.table.name}.{name}", nodes.Compare("<=", number, most)
            )
        for rule in home.table.rules:
            if not isinstance(rule, nodes.NoOverlapRule) or rule.share is not None:
                continue
            start = nodes.ColumnRef(rule.start)
            in_turn = rule.start == first or self._rising(start)
            # The keys of a chain are made up as its rows come, in whatever order that is.
            in_turn |= home.chained and first in self._unwritten
            if frozenset(rule.per) == home.together and in_turn:
                end = self.hiding.greatest_before(nodes.ColumnRef(rule.end))
                self.add(rule.name, nodes.Compare("<=", end, start))

    def _along(self, order: Order, together: Collection[str], *, strand: bool) -> None:
        """Have the column that rows are ordered by rise, unless it is numbered or made up."""
        first, table = order.columns[0], self.home.table
        numbered = order.numbered is not None and first == order.numbered[0]
        text = isinstance(table.column(first).type, TextType)
        if not (numbered or text or first in self._unwritten):
            own = nodes.ColumnRef(first)
            apart = any(set(r.columns) <= {*together, first} for r in table.unique_rules)
            before = self.hiding.before(own, strand=strand)
            self.add("order", nodes.Compare("<" if apart else "<=", before, own))

    # Rules of the table itself.

    def own_rule(self, rule: nodes.RowRule, makers: Mapping[str, _Maker]) -> None:
        """Take in a rule of the table, here or where the rows it speaks of are written."""
        condition = simplified(rule.condition)
        aggregates = [
            n for n in descendants(condition) if isinstance(n, nodes.Aggregate) and n.of is not None
        ]
        try:
            if aggregates:
                self._about_children(rule, condition, aggregates, makers)
            else:
                self._about_row(rule, condition, makers)
        except (BeyondError, LookupError):
            self._left.append(rule.name)

    def soft_rule(self, rule: nodes.RowRule) -> None:
        """Take in a rule that most rows have to keep; one that cannot be said is only learned."""
        try:
            condition = self.said(simplified(rule.condition))
        except (BeyondError, LookupError):
            return
        exempt = nodes.Compare("=", self.hiding.exempt(rule.name), nodes.Literal(True))
        self.add(rule.name, nodes.Or((exempt, condition)))

    def _about_row(
        self, rule: nodes.RowRule, condition: nodes.Condition, makers: Mapping[str, _Maker]
    ) -> None:
        counted = as_count(condition, self.home, self._tables)
        if counted is not None:
            reference, of_parent = counted
            makers[reference.parent].when_some(self.home, reference, rule, of_parent)
            return
        made = self.said(condition)
        if made == TRUE:
            return
        self.add(rule.name, made)
        for reference in self.home.picked:
            parents = about_parent(condition, reference, self.home, self._tables)
            if parents is not None:
                makers[reference.parent].when_some(self.home, reference, rule, parents)
                self._fits.append(Fit(reference, parents, rule.name))

    def across(self, rule: nodes.Rule) -> None:
        """Take in a rule about rows together: dependencies are looked up, the others mended."""
        said = {mine.name for mine in self._rules}
        if rule.name not in said and not isinstance(rule, nodes.DeterminesRule):
            self._left.append(rule.name)

    def unique(self, rule: nodes.UniqueRule, makers: Mapping[str, _Maker]) -> None:
        """Take in ``unique`` over the columns of a reference: few children, or one at most."""
        for reference in self.home.picked:
            if not set(reference.columns) <= set(rule.columns):
                continue
            rest = [self.hiding.own.column(c) for c in rule.columns if c not in reference.columns]
            if any(c.optional or c.name in self.home.placed | self._unwritten for c in rest):
                continue
            number = nodes.ColumnRef(count_column(self.home.table.name, reference))
            most = nodes.Literal(min(capacity(rest), FARTHEST))
            makers[reference.parent].add(rule.name, nodes.Compare("<=", number, most))

    def add(self, name: str, condition: nodes.Condition) -> None:
        """Add a condition that is said in the view's columns."""
        while any(r.name == name for r in self._rules):
            name += "'"
        self._rules.append(nodes.RowRule(name, condition))

    def when_some(
        self,
        child: Home,
        reference: nodes.ReferenceRule,
        rule: nodes.RowRule,
        condition: nodes.Condition,
    ) -> None:
        """Let rows have children by ``reference`` only where ``condition``, their own, holds."""
        number = nodes.ColumnRef(count_column(child.table.name, reference))
        some = nodes.Compare(">=", number, ONE)
        try:
            self.add(f"{child.table.name}.{rule.name}", nodes.When(some, self.said(condition)))
        except BeyondError:
            self._left.append(f"{child.table.name}.{rule.name}")

    # Conditions said in the view's columns.

    def said(self, condition: Any) -> Any:
        """Return a condition or term of the table in the columns of its view.

        Raises BeyondError where that cannot be.
        """
        made = rewritten(condition, self._own)
        if self._unwritten & set(columns_of(made)):
            raise BeyondError
        return made

    def _own(self, node: Any) -> Any | None:
        own, strand = frozenset(getattr(node, "per", ())), self.home.strand
        siblings = own == self.home.together
        order = self.home.order if siblings else None
        along = strand is not None and own == frozenset(strand.reference.columns)
        if along and strand is not None and not siblings:
            order = strand.order
        match node:
            case nodes.ParentRef(path, column):
                return self._parent(follow(path, self.home.table, self._tables)[0], column)
            case nodes.Multiply(left, right):
                # With a factor that is always the same a product is linear, and is seen ahead.
                factors = (self.hiding.fixed(self.said(f)) for f in (left, right))
                return nodes.Multiply(*factors)
            case nodes.Previous(operand, _, _, by) if order and by == order.columns:
                return self.hiding.before(self.said(operand), strand=not siblings)
            case Position(_, by) if order and by == order.columns:
                return self.hiding.place(strand=not siblings)
            case nodes.GapFree(nodes.ColumnRef(name), start) if order and order.numbered == (
                name,
                start,
            ):
                return TRUE
            case nodes.Aggregate() if siblings and node.of is None:
                return self._figure(node)
            case nodes.Previous() | Position() | nodes.GapFree() | nodes.Aggregate():
                raise BeyondError
        return None

    def _parent(self, steps: Sequence[nodes.ReferenceRule], column: str) -> nodes.ColumnRef:
        if steps[0] in self.home.late:
            raise BeyondError
        end = self._tables[steps[-1].parent]
        return self.hiding.hide(Parent(tuple(steps), column), end.column(column))

    def _figure(self, node: nodes.Aggregate) -> nodes.Term:
        """Return a figure over the siblings in the view's columns."""
        if node.distinct:
            raise BeyondError
        if node.function == "count" and node.operand is None and node.where is None:
            return self.hiding.size()
        operand, order = node.operand, self.home.order
        if node.function == "min" and node.where is None and isinstance(operand, nodes.ColumnRef):
            ordered = order is not None and order.columns[:1] == (operand.name,)
            if ordered or self._rising(operand):
                return self.hiding.first(self.said(operand))
        return self.hiding.total(self.share(node))

    def share(self, node: nodes.Aggregate) -> nodes.Term:
        """Return what a row adds to a sum or a count. Raises BeyondError for other figures."""
        if node.distinct:
            raise BeyondError
        where = None if node.where is None else self.said(node.where)
        operand = None if node.operand is None else self.said(node.operand)
        if node.function == "count":
            counts: Any = where
            if operand is not None:
                counts = nodes.Not(nodes.IsNull(operand))
                counts = counts if where is None else nodes.And((counts, where))
            return nodes.Case(((counts, ONE),), ZERO)
        if node.function == "sum" and operand is not None:
            own: nodes.Term = operand
            if self._may_be_null(operand):
                own = nodes.Coalesce((operand, ZERO))
            return own if where is None else nodes.Case(((where, own),), ZERO)
        raise BeyondError

    def _may_be_null(self, term: nodes.Term) -> bool:
        table = self.hiding.table
        optional = any(table.column(c).optional for c in columns_of(term))
        return optional or any(isinstance(n, nodes.Divide | nodes.Case) for n in descendants(term))

    def _rising(self, column: nodes.ColumnRef) -> bool:
        """Say whether a rule has the column rise from sibling to sibling."""
        home = self.home
        if home.order is None or home.together is None:
            return False
        return rises(column, home.table, home.together, home.order)

    # Rules about children.

    def _about_children(
        self,
        rule: nodes.RowRule,
        condition: nodes.Condition,
        aggregates: Sequence[nodes.Aggregate],
        makers: Mapping[str, _Maker],
    ) -> None:
        """Take in a rule that counts or adds up rows of other tables."""
        table = self.home.table
        links = {a: link(self._tables[a.of or ""], table, a.via) for a in aggregates}
        plain = all(
            is_plain(a) and count_column(a.of or "", links[a]) in self.counts for a in aggregates
        )
        if plain:
            self.add(
                rule.name,
                self.said(
                    replaced(
                        condition, lambda a: nodes.ColumnRef(count_column(a.of or "", links[a]))
                    )
                ),
            )
            return
        children = {a.of for a in aggregates}
        child = makers[aggregates[0].of or ""]
        if len(children) > 1 or any(links[a] != child.home.lead for a in aggregates):
            raise BeyondError
        if (column := differing(condition)) is not None:
            child.add(f"{table.name}.{rule.name}", child.hiding.differs(child.said(column)))
            two = nodes.ColumnRef(count_column(child.home.table.name, links[aggregates[0]]))
            self.add(rule.name, nodes.Compare(">=", two, nodes.Literal(2)))
            return
        child.of_parent(f"{table.name}.{rule.name}", condition, table)
        # A row without children has to keep the rule as well.
        none = rewritten(condition, of_nobody)
        number = nodes.ColumnRef(count_column(child.home.table.name, links[aggregates[0]]))
        without = nodes.Compare("=", number, ZERO)
        self.add(rule.name, nodes.When(without, self.said(none)))
        self._within_reach(rule, condition, child, number)

    def _within_reach(
        self,
        rule: nodes.RowRule,
        condition: nodes.Condition,
        child: _Maker,
        number: nodes.ColumnRef,
    ) -> None:
        """Have a row ask of its children only what as many of them can come to."""

        def change(node: nodes.Aggregate) -> nodes.Term:
            if is_plain(node):
                return number
            share = child.share(node)
            return self.hiding.reach(Rest(node), share, child.hiding.amount(share), number)

        some = nodes.Compare(">=", number, ONE)
        # A figure without such bounds is left to the children.
        with suppress(BeyondError):
            self.add(rule.name, nodes.When(some, self.said(replaced(condition, change))))

    def jointly(self, makers: Mapping[str, _Maker]) -> None:
        """Have sums over the same rows to come add up together from the kinds of rows there are."""
        for number, sums in self.hiding.reaches.items():
            child = makers[self.counts[number][0]] if number in self.counts else self
            view = child.hiding.table
            alone = nodes.Table(view.name, view.columns, child.home.table.row_rules)
            found = kinds(alone, sums)
            if found is not None:
                self.hiding.jointly(nodes.ColumnRef(number), found.sums, found.kinds)

    def of_parent(self, name: str, condition: nodes.Condition, parent: nodes.Table) -> None:
        """Take in a rule of the parent about the figures of its children, who are this table's."""
        lead = self.home.lead
        assert lead is not None

        def change(node: Any) -> Any | None:
            match node:
                case nodes.Aggregate():
                    return self._figure(node)
                case nodes.ColumnRef(column):
                    return self._parent((lead,), column)
                case nodes.ParentRef(path, column):
                    steps = follow(path, parent, self._tables)[0]
                    return self._parent((lead, *steps), column)
                case nodes.Previous() | Position() | nodes.GapFree():
                    raise BeyondError
            return None

        self.add(name, rewritten(condition, change))
