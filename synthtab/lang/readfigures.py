"""From parsed English to figures over rows: totals, counts, the row before."""

from __future__ import annotations

import re
from typing import Literal

from lark import Token, Tree

from synthtab.ir import nodes
from synthtab.ir.references import references
from synthtab.ir.walk import descendants
from synthtab.lang.readterms import DETOUR, FIGURES, Misfit, Parsed, Said, TermReader

Figure = Literal["count", "sum", "min", "max", "avg"]


class FigureReader(TermReader):
    """Adds figures over rows to the terms."""

    def where(self, limits: list[nodes.Condition]) -> nodes.Condition | None:
        """Return conditions as one, None for none."""
        if len(limits) > 1:
            return nodes.And(tuple(limits))
        return limits[0] if limits else None

    def limits(self, trees: list[Parsed]) -> list[nodes.Condition]:
        """Return what picks rows of the home; conditions know how."""
        raise NotImplementedError

    def children(self, token: Token) -> tuple[nodes.Table, str | None]:
        """Return a table that refers to the home, and by which reference if there are several."""
        senses = self.world.lexicon.senses("TABLE", str(token))
        found: list[tuple[tuple[nodes.Table, str | None], int]] = []
        for sense in senses:
            table = self.world.tables[sense.table]
            found += [(link, sense.cost) for link in self._links(table)]
        if not found:
            raise Misfit(f"“{token}” has no reference to table {self.table.name}", 3)
        least = min(cost for _, cost in found)
        return self.choices.pick([f for f in found if f[1] == least])

    def _links(self, child: nodes.Table) -> list[tuple[nodes.Table, str | None]]:
        leading = [r for r in references(child) if r.parent == self.table.name]
        if len(leading) == 1:
            return [(child, None)]
        return [(child, r.columns[0]) for r in leading if len(r.columns) == 1]

    def term_counted(self, *parts: Parsed) -> Said:
        """``the number of lines``."""
        return self.count(list(parts), whole=True)

    def count(self, parts: list[Parsed], *, whole: bool) -> nodes.Aggregate:
        """Return the number of rows of ``kind? TABLE limit* per?``; a kind may name the table.

        ``whole``: of the home itself, all rows are meant, and not those that refer to this one.
        """
        parts, key = _without_key(parts)
        token = next((p for p in parts if isinstance(p, Token) and p.type == "TABLE"), None)
        limits = [p for p in parts if p is not token]
        if token is not None and key is not None and not self._names_home(key):
            if not self.is_home(token):
                raise Misfit(f"“{token}” is not table {self.table.name}")
            where = self.where(self.limits(limits))
            return nodes.Aggregate("count", where=where, per=(self.key_column(key),))
        if token is not None and key is None and whole and self.is_home(token):
            return nodes.Aggregate("count", where=self.where(self.limits(limits)))
        child, via = self._of_kind(parts[0]) if token is None else self.children(token)
        reader = self.within(child)
        where = reader.where(reader.limits(limits))
        return nodes.Aggregate("count", where=where, of=child.name, via=via)

    def _of_kind(self, kind: Parsed) -> tuple[nodes.Table, str | None]:
        """Return the table that refers to the home and has rows of a kind: heads are employees."""
        assert isinstance(kind, Tree)
        token = kind.children[0]
        assert isinstance(token, Token)
        senses = self.world.lexicon.senses(token.type, str(token))  # type: ignore[arg-type]
        tables = dict.fromkeys(s.table for s in senses)
        links = [link for t in tables for link in self._links(self.world.tables[t])]
        if not links:
            raise Misfit(f"no table that refers to {self.table.name} has “{token}”", 2)
        return self.choices.pick([(link, 1) for link in links])

    def _names_home(self, key: Token) -> bool:
        if key.type != "TABLE":
            return False
        senses = self.world.lexicon.senses("TABLE", str(key))
        return any(s.table == self.table.name for s in senses)

    def key_column(self, key: Token) -> str:
        """Return the column that a key names, or that refers to the table it names."""
        tables = {s.table for s in self.world.lexicon.senses("TABLE", str(key))}
        referring = [
            (r.columns[0], 1)
            for r in references(self.table)
            if r.parent in tables and len(r.columns) == 1
        ]
        senses = self.world.lexicon.senses("COLUMN", str(key))
        own = [(s.column, s.cost + 1) for s in senses if s.table == self.table.name]
        among = [r for r in referring if r[0] in {c for c, _ in own}] or referring or own
        if not among:
            raise Misfit(f"“{key}” is not a column of table {self.table.name}", 2)
        least = min(cost for _, cost in among)
        return self.choices.pick([o for o in among if o[1] == least])

    def term_figure(self, word: Token, token: Token, per: Parsed | None = None) -> Said:
        """``the total amount per order``."""
        function, key = _function(word), _key(per)
        own = any(
            s.table == self.table.name for s in self.world.lexicon.senses("COLUMN", str(token))
        )
        if key is not None and self._names_home(key):
            return self._child_figure(function, token)
        if own:
            columns = () if key is None else (self.key_column(key),)
            return nodes.Aggregate(function, self.column(token), per=columns)
        self.choices.cost += DETOUR
        return self._child_figure(function, token)

    def _child_figure(self, function: Figure, token: Token) -> nodes.Aggregate:
        """Return a figure of a column of whichever table refers to the home and has it."""
        senses = self.world.lexicon.senses("COLUMN", str(token))
        found = [
            ((child, via, s.column), s.cost)
            for s in senses
            for child, via in self._links(self.world.tables[s.table])
        ]
        if not found:
            raise Misfit(f"no table that refers to {self.table.name} has “{token}”", 2)
        least = min(cost for _, cost in found)
        child, via, column = self.choices.pick([f for f in found if f[1] == least])
        return nodes.Aggregate(function, nodes.ColumnRef(column), of=child.name, via=via)

    def term_figure_of(self, word: Token, token: Token, *parts: Parsed) -> Said:
        """``the total of the amounts of the lines``."""
        rest, key = _without_key(list(parts))
        at = next(k for k, p in enumerate(rest) if isinstance(p, Token) and p.type == "TABLE")
        table, limits = rest[at], [*rest[:at], *rest[at + 1 :]]
        assert isinstance(table, Token)
        function = _function(word)
        if key is None and self.is_home(table):
            where = self.where(self.limits(limits))
            return nodes.Aggregate(function, self.column(token), where=where)
        if key is not None and not self._names_home(key):
            if not self.is_home(table):
                raise Misfit(f"“{table}” is not table {self.table.name}")
            where = self.where(self.limits(limits))
            per = (self.key_column(key),)
            return nodes.Aggregate(function, self.column(token), where=where, per=per)
        child, via = self.children(table)
        reader = self.within(child)
        return nodes.Aggregate(
            function,
            reader.column(token),
            where=reader.where(reader.limits(limits)),
            of=child.name,
            via=via,
        )

    def term_figure_owned(self, word: Token, table: Token, token: Token, *rest: Parsed) -> Said:
        """``the total of the lines' amount``."""
        return self.term_figure_of(word, token, table, *rest)

    def term_figure_product(self, word: Token, one: Token, two: Token, *rest: Parsed) -> Said:
        """``the sum of the price times quantity of its items``."""
        table, *limits = rest
        assert isinstance(table, Token)
        child, via = self.children(table)
        reader = self.within(child)
        product = nodes.Multiply(reader.column(one), reader.column(two))
        where = reader.where(reader.limits(limits))
        return nodes.Aggregate(_function(word), product, where=where, of=child.name, via=via)

    # The row before.

    def term_previous(self, token: Token, order: Parsed | None = None) -> Said:
        """``the previous balance``."""
        per, by = self.read_order(order) if order is not None else (self.per, self.order)
        column = self.column(token)
        per, by = self.settled_order(column, per, by)
        return nodes.Previous(column, per=per, order=by)

    def read_order(self, tree: Parsed) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the columns of ``per account, in the order of number``."""
        assert isinstance(tree, Tree)
        lists = {c.data: self.columns(c) for c in tree.children if isinstance(c, Tree)}
        return lists.get("grouping", ()), lists.get("ordering", ())

    def columns(self, tree: Parsed) -> tuple[str, ...]:
        """Return the columns of the home that a list names, or that refer to a table it names."""
        assert isinstance(tree, Tree)
        names: list[str] = []
        for child in tree.children:
            if isinstance(child, Tree):
                names += self.columns(child)
            elif child.type in ("COLUMN", "TABLE"):
                names.append(self.key_column(child))
        return tuple(dict.fromkeys(names))

    def settled_order(
        self, column: nodes.ColumnRef, per: tuple[str, ...], order: tuple[str, ...]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return a grouping and an order, those the table's other rules have where none is said."""
        if per and order:
            return per, order
        known: dict[tuple[tuple[str, ...], tuple[str, ...]], bool] = {}
        for rule in self.table.rules:
            for node in descendants(rule.condition) if isinstance(rule, nodes.RowRule) else ():
                match node:
                    case nodes.Previous(per=p, order=o) | nodes.Increasing(per=p, order=o) if o:
                        known[p, o] = known.get((p, o), False) or node.operand == column
                    case nodes.GapFree(operand=nodes.ColumnRef(name), per=p):
                        known.setdefault((p, (name,)), False)
        if any(known.values()):
            known = {k: own for k, own in known.items() if own}
        fits = [k for k in known if (not per or k[0] == per) and (not order or k[1] == order)]
        if not fits and order:
            return per, order
        if not fits:
            raise Misfit(
                "the row before depends on an order: say it, as in “per account, in the order of "
                "number”",
                6,
            )
        return self.choices.pick([(f, 0) for f in fits])


def _function(word: Token) -> Figure:
    return next(name for name, said in FIGURES if re.search(rf"\b({said})\b", word.lower()))


def _key(per: Parsed | None) -> Token | None:
    if per is None:
        return None
    assert isinstance(per, Tree)
    key = per.children[0]
    assert isinstance(key, Tree)
    token = key.children[0]
    assert isinstance(token, Token)
    return token


def _without_key(parts: list[Parsed]) -> tuple[list[Parsed], Token | None]:
    keys = [p for p in parts if isinstance(p, Tree) and p.data == "per"]
    rest = [p for p in parts if not (isinstance(p, Tree) and p.data == "per")]
    return rest, _key(keys[0]) if keys else None
