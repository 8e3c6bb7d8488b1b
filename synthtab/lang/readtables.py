"""From parsed English to whole rules: those about a row, and those across rows and tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from lark import Token, Tree

from synthtab.ir import nodes
from synthtab.ir.references import references
from synthtab.ir.walk import descendants
from synthtab.lang import quantities
from synthtab.lang.lexicon import words_of
from synthtab.lang.readcompare import operator
from synthtab.lang.readrows import RowReader, implied
from synthtab.lang.readterms import Misfit, Parsed, name_token
from synthtab.schema import DatetimeType, DateType

_STARTS = re.compile(r"^(start|begin|first|from|since|open|rent|issue|valid_from|arriv|check_?in)")
_ENDS = re.compile(r"^(end|last|to$|until|left|leav|clos|return|back|valid_to|depart|check_?out)")


class RuleReader(RowReader):
    """Reads whole sentences. Rules come nameless; :mod:`synthtab.lang.english` names them."""

    def rule(self, tree: Parsed, share: Decimal | None = None) -> nodes.Rule:
        """Return the rule that a parsed sentence states."""
        assert isinstance(tree, Tree)
        parts = tree.children
        match tree.data:
            case "soft":
                number, rows, predicate = parts
                clause = self.say_clause(rows, predicate)
                return nodes.RowRule("", clause, share=_share(number))
            case "soft_cases":
                return self.rule(parts[1], _share(parts[0]))
            case "soft_after":
                return self.rule(parts[0], _share(parts[1]))
        method = getattr(self, f"rule_{tree.data}", None)
        if method is None:
            return nodes.RowRule("", self.condition(tree), share=share)
        made: nodes.Rule = method(share, *parts)
        return made

    # Keys and dependencies.

    def rule_unique(self, share: Decimal | None, *parts: Parsed) -> nodes.Rule:
        """``badges are unique``."""
        lists = [p for p in parts if isinstance(p, Tree) and p.data in ("columns", "key")]
        columns = tuple(dict.fromkeys(c for p in lists[::-1] for c in self._named(p)))
        others = [p for p in parts if isinstance(p, Tree) and p not in lists]
        subjects = lists[0].scan_values(lambda v: isinstance(v, Token) and v.type == "COLUMN")
        if any(self._names_home(Token("TABLE", str(t))) for t in subjects):
            raise Misfit("rows are unique by some of their columns: say which", 3)
        return nodes.UniqueRule("", columns, where=self.where(self.limits(others)), share=share)

    def rule_unique_rows(self, share: Decimal | None, *parts: Parsed) -> nodes.Rule:
        """``orders are unique per customer and date``."""
        self._home(next(p for p in parts if isinstance(p, Token) and p.type == "TABLE"))
        columns = self.columns(next(p for p in parts if isinstance(p, Tree)))
        return nodes.UniqueRule("", columns, share=share)

    def rule_unique_among(self, share: Decimal | None, *parts: Parsed) -> nodes.Rule:
        """``policies are unique among insured patients``."""
        where = self.where(list(self.who(parts[-1]).premise))
        return nodes.UniqueRule("", self.columns(parts[0]), where=where, share=share)

    def rule_unique_has(self, share: Decimal | None, *parts: Parsed) -> nodes.Rule:
        """``employees have a unique badge``."""
        self._home(next(p for p in parts if isinstance(p, Token) and p.type == "TABLE"))
        named = parts[-1]
        columns = self.columns(named) if isinstance(named, Tree) else (self.column(named).name,)
        return nodes.UniqueRule("", columns, share=share)

    def rule_no_two(self, share: Decimal | None, *parts: Parsed) -> nodes.Rule:
        """``no two employees may have the same badge``."""
        trees = [p for p in parts if isinstance(p, Tree)]
        self._home(next(p for p in parts if isinstance(p, Token) and p.type == "TABLE"))
        where = self.where(self.limits([t for t in trees if t.data != "columns"]))
        columns = self.columns(next(t for t in trees if t.data == "columns"))
        return nodes.UniqueRule("", columns, where=where, share=share)

    def rule_no_two_of(self, share: Decimal | None, *parts: Parsed) -> nodes.Rule:
        """``no two employees of the same department may have the same email``."""
        self._home(next(p for p in parts if isinstance(p, Token) and p.type == "TABLE"))
        groups, same = (self._named(p) for p in parts if isinstance(p, Tree))
        return nodes.UniqueRule("", tuple(dict.fromkeys((*groups, *same))), share=share)

    def rule_determines(self, share: Decimal | None, left: Parsed, right: Parsed) -> nodes.Rule:
        """``the zip determines the city``."""
        return nodes.DeterminesRule("", self._named(left), self._named(right), share=share)

    def rule_determines_one(self, share: Decimal | None, *parts: Parsed) -> nodes.Rule:
        """``each zip has one city``."""
        left, right = (self.column(name_token(p)).name for p in (parts[0], parts[-1]))
        return nodes.DeterminesRule("", (left,), (right,), share=share)

    def rule_determines_same(self, share: Decimal | None, *parts: Parsed) -> nodes.Rule:
        """``customers with the same zip have the same city``."""
        who = self.who(parts[0])
        if who.premise:
            raise Misfit("a dependency is about all rows", 2)
        left, right = (self._named(p) for p in parts[1:] if isinstance(p, Tree))
        return nodes.DeterminesRule("", left, right, share=share)

    def rule_determines_per(self, share: Decimal | None, *parts: Parsed) -> nodes.Rule:
        """``there is only one city per zip``."""
        right, left = self.column(name_token(parts[0])).name, self._named(parts[1])
        return nodes.DeterminesRule("", left, (right,), share=share)

    def _named(self, tree: Parsed) -> tuple[str, ...]:
        """Return the columns of a list; a reference of several columns stands for all of them."""
        return self.columns(tree)

    def _home(self, token: Token) -> None:
        if not self.is_home(token):
            raise Misfit(f"“{token}” is not table {self.table.name}")

    # References, intervals.

    def rule_refers(self, share: Decimal | None, *parts: Parsed) -> nodes.Rule:
        """``every employee must refer to an existing department``."""
        names = [p for p in parts if isinstance(p, Token) and p.type in ("TABLE", "COLUMN")]
        parent = self.table_named(names[-1])
        column = next((self.column(t).name for t in names[:-1] if t.type == "COLUMN"), None)
        if column is not None:
            declared = self.reference_of(column)
            if declared is not None and declared.parent != parent.name:
                raise Misfit(f"`{column}` refers to {declared.parent} already", 2)
            self.choices.cost += 1
        for token in names[:-1]:
            if token.type == "TABLE":
                self._home(token)
        if parent.name == self.table.name and column is None:
            raise Misfit("a row refers to another table, or say by which column", 2)
        key = next((r for r in parent.rules if isinstance(r, nodes.UniqueRule) and r.primary), None)
        if key is None or len(key.columns) != 1:
            raise Misfit(f"table {parent.name} has no key of one column to refer to", 4)
        columns = [column] if column is not None else self._referring(parent, key.columns[0])
        chosen = self.choices.pick([(c, 0) for c in columns])
        return nodes.ReferenceRule("", (chosen,), parent.name, key.columns, share=share)

    def _referring(self, parent: nodes.Table, key: str) -> list[str]:
        """Return the columns that refer to a table, or by their name could."""
        declared = [
            r.columns[0]
            for r in references(self.table)
            if r.parent == parent.name and len(r.columns) == 1
        ]
        own = set(self.table.column_names)
        like = [c for c in (key, f"{parent.name}_{key}", f"{parent.name}_id") if c in own]
        found = declared or list(dict.fromkeys(like))
        if not found:
            raise Misfit(
                f"no column of {self.table.name} is known to refer to {parent.name}: name it, as "
                f"in “the column must refer to an existing {parent.name}”",
                4,
            )
        return found

    def rule_no_overlap(self, share: Decimal | None, *parts: Parsed) -> nodes.Rule:
        """``bookings of the same room must not overlap``."""
        tokens = [p for p in parts if isinstance(p, Token)]
        self._home(next(t for t in tokens if t.type == "TABLE"))
        per = tuple(c for p in parts if isinstance(p, Tree) for c in self._named(p))
        ends = [self.column(t).name for t in tokens if t.type == "COLUMN"]
        start, end = ends if len(ends) == 2 else self._interval()
        return nodes.NoOverlapRule("", start, end, tuple(dict.fromkeys(per)), share=share)

    def _interval(self) -> tuple[str, str]:
        """Return the two columns that are a row's start and end."""
        known = [(r.start, r.end) for r in self.table.rules if isinstance(r, nodes.NoOverlapRule)]
        if known:
            return known[0]
        times = [c for c in self.table.columns if isinstance(c.type, DateType | DatetimeType)]
        starts = [c.name for c in times if _STARTS.match("_".join(words_of(c.name)))]
        ends = [c.name for c in times if _ENDS.match("_".join(words_of(c.name)))]
        one_of_them = (starts or ends) and ends != [times[0].name] and len(starts) < 2
        if len(times) == 2 and one_of_them and type(times[0].type) is type(times[1].type):
            starts, ends = [times[0].name], [times[1].name]
        if len(starts) != 1 or len(ends) != 1:
            raise Misfit(
                f"it is not clear when a row of {self.table.name} starts and ends: say “must not "
                "overlap from X to Y”",
                6,
            )
        return starts[0], ends[0]

    # Sequences.

    def rule_numbered(self, share: Decimal | None, *parts: Parsed) -> nodes.Rule:
        """``lines are numbered without gaps per bill``."""
        tokens = [p for p in parts if isinstance(p, Token)]
        self._home(next(t for t in tokens if t.type == "TABLE"))
        per = self._group(parts)
        said = [self.column(t).name for t in tokens if t.type == "COLUMN"]
        number = said[0] if said else self._number(per)
        return self._gap_free(share, number, per)

    def _number(self, per: tuple[str, ...]) -> str:
        """Return the column that numbers the rows of the table, within the groups of ``per``."""
        known = {
            node.operand.name
            for rule in self.table.rules
            if isinstance(rule, nodes.RowRule)
            for node in (rule.condition,)
            if isinstance(node, nodes.GapFree)
            and isinstance(node.operand, nodes.ColumnRef)
            and node.per == per
        }
        named = [c for c in self.table.column_names if words_of(c)[-1:] in (["number"], ["seq"])]
        named += [c for c in self.table.column_names if c.endswith("_no") or c == "line"]
        found = sorted(known) or named
        if not found:
            raise Misfit("say which column is the number, as in “numbered by seq”", 6)
        return self.choices.pick([(c, 0) for c in found])

    def rule_gap_free(self, share: Decimal | None, *parts: Parsed) -> nodes.Rule:
        """``the line number has no gaps per bill``."""
        tokens = [p for p in parts if isinstance(p, Token)]
        for token in tokens:
            if token.type == "TABLE":
                self._home(token)
        column = self.column(next(t for t in tokens if t.type == "COLUMN")).name
        return self._gap_free(share, column, self._group(parts))

    @staticmethod
    def _gap_free(share: Decimal | None, column: str, per: tuple[str, ...]) -> nodes.Rule:
        return nodes.RowRule("", nodes.GapFree(nodes.ColumnRef(column), 1, per), share=share)

    def _group(self, parts: Sequence[Parsed]) -> tuple[str, ...]:
        found = (c for p in parts if isinstance(p, Tree) for c in self._named(p))
        return tuple(dict.fromkeys(found))

    def rule_rising(self, share: Decimal | None, *parts: Parsed) -> nodes.Rule:
        """``the date never decreases per account``."""
        tokens = [p for p in parts if isinstance(p, Token)]
        for token in tokens:
            if token.type == "TABLE":
                self._home(token)
        column = self.column(next(t for t in tokens if t.type == "COLUMN"))
        words = next(str(t) for t in tokens if t.type == "RISES").lower()
        orders = [p for p in parts if isinstance(p, Tree)]
        per, by = self.read_order(orders[0]) if orders else ((), ())
        per, by = self.settled_order(column, per, by)
        strict = not re.search(r"\b(never|not|cannot)\b", words)
        return nodes.RowRule("", nodes.Increasing(column, strict, per, by), share=share)

    def rule_in_order(self, share: Decimal | None, *parts: Parsed) -> nodes.Rule:
        """``..., per account, in the order of number``."""
        order = next(p for p in parts if isinstance(p, Tree) and p.data == "order")
        statement = next(p for p in parts if isinstance(p, Tree) and p.data != "order")
        self.per, self.order = self.read_order(order)
        said = self.condition(statement)
        rows = (nodes.Previous, nodes.Aggregate)
        if not any(isinstance(n, rows) for n in descendants(said)):
            raise Misfit("nothing in it depends on other rows", 2)
        return nodes.RowRule("", said, share=share)

    # How many.

    def rule_per_key(self, share: Decimal | None, *parts: Parsed) -> nodes.Rule:
        """``at most 12 employees per manager``."""
        op, number, rest = _how_many(parts)
        keys: list[Parsed] = [p for p in rest if isinstance(p, Tree) and p.data == "key"]
        others = [p for p in rest if p not in keys]
        counted = self.count([*others, Tree("per", keys)], whole=False)
        return nodes.RowRule("", nodes.Compare(op, counted, nodes.Literal(number)), share=share)

    def rule_key_has(self, share: Decimal | None, *parts: Parsed) -> nodes.Rule:
        """``a manager has at most 12 employees``."""
        key, _, *said = parts
        assert isinstance(key, Tree)
        if name_token(key.children[0]).type == "TABLE":
            raise Misfit("rows of a table are counted by their references", 0)
        return self.rule_per_key(share, *said, key)

    def say_required_first(self, _words: Parsed, term: Parsed) -> nodes.Condition:
        """``there must be an email``."""
        return implied((), nodes.Not(nodes.IsNull(self.value(term))))


def _share(token: Parsed) -> Decimal:
    share = quantities.percentage(str(token))
    if not 0 < share <= 1:
        raise Misfit(f"“{token}” is no share: it is more than 0% and at most 100%", 6)
    return share


def _how_many(parts: Sequence[Parsed]) -> tuple[nodes.CompareOp, int, list[Parsed]]:
    op: nodes.CompareOp = "<="
    number = 1
    rest: list[Parsed] = []
    for part in parts:
        if isinstance(part, Token) and part.type == "OP":
            op = operator(str(part))
        elif isinstance(part, Token) and part.type == "NUMBER":
            number = int(quantities.number(str(part)))
        elif not (isinstance(part, Token) and part.type == "NO_MORE_ONE"):
            rest.append(part)
    return op, number, rest
