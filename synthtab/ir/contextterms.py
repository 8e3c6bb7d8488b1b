"""The types of the terms that look beyond their row, with what is wrong about them."""

from __future__ import annotations

import difflib
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Self

from synthtab.diagnostics import Span
from synthtab.ir import nodes
from synthtab.ir.references import candidates, references
from synthtab.ir.terms import Report, TermChecker
from synthtab.ir.types import (
    BooleanT,
    DateT,
    DatetimeT,
    NumberT,
    StringT,
    TermType,
    describe,
    join,
    type_of_column,
)
from synthtab.schema import Column, DecimalType, IntegerType, type_name


class ContextChecker(TermChecker):
    """Adds what looks beyond the row to the terms of one table.

    ``tables`` are all that references may lead to, ``pair`` the names of the two rows of a
    forbidden pair. ``alone`` says why nothing may look beyond the row here, if so; within a figure
    over rows (``inside``) only references may.
    """

    def __init__(
        self,
        table: nodes.Table,
        report: Report,
        tables: Iterable[nodes.Table] = (),
        *,
        pair: tuple[str, ...] = (),
        alone: str | None = None,
        inside: bool = False,
    ) -> None:
        super().__init__(table, report)
        self.tables = {t.name: t for t in (*tables, table)}
        self.pair = pair
        self.alone = alone
        self.inside = inside

    @abstractmethod
    def ordering(self, word: str, term: nodes.Term, kind: TermType) -> None:
        """Report a term whose type has no order for ``word``."""

    def beyond(self, node: nodes.Node) -> TermType | None:
        """Return the type of a term that looks beyond its row."""
        if isinstance(node, nodes.ParentRef):
            if self.pair:
                return self._of_pair(node)
            return None if self._refused(node) else self._reach(node)
        if self._refused(node):
            return None
        match node:
            case nodes.Aggregate():
                return self._aggregate(node)
            case nodes.Previous(operand, start, per, order):
                group = self._group(per, order, "previous", node.span)
                return self._started(operand, start, group)
        return None

    def sequence(self, node: nodes.Increasing | nodes.GapFree) -> None:
        """Check a condition over a sequence of rows."""
        if self._refused(node):
            return
        if isinstance(node, nodes.Increasing):
            word = "increasing" if node.strict else "non_decreasing"
            group = self._group(node.per, node.order, word, node.span)
            kind = group.term(node.operand)
            if kind is not None:
                self.ordering(word, node.operand, kind)
            return
        group = self._group(node.per, None, "gap_free", node.span)
        kind = group.term(node.operand)
        if kind is not None and not (isinstance(kind, NumberT) and group.whole(node.operand)):
            self.report(
                "E211",
                f"`gap_free` numbers rows, but this is {group.shown(node.operand, kind)}",
                node.operand.span,
                "it needs whole numbers",
            )

    def whole_beyond(self, node: nodes.Node) -> bool:
        """Say whether a figure from beyond the row is a whole number, as far as types tell."""
        match node:
            case nodes.ParentRef():
                column = self._column_at(node)
                return column is not None and _is_whole(column)
            case nodes.Aggregate(function="count"):
                return True
            case nodes.Aggregate(function="avg") | nodes.Aggregate(operand=None):
                return False
            case nodes.Aggregate(operand=nodes.ColumnRef(name), of=of):
                table = self.table if of is None else self.tables.get(of)
                return any(_is_whole(c) for c in (table.columns if table else ()) if c.name == name)
            case nodes.Previous(operand, start):
                return self.whole(operand) and (start is None or self.whole(start))
        return False

    # Groups.

    def within(self, table: nodes.Table) -> Self:
        """Return the checker of what is computed for each row of a group of ``table``."""
        return type(self)(table, self.report, self.tables.values(), inside=True)

    def _refused(self, node: nodes.Node) -> bool:
        why = self.alone
        if self.pair:
            why = "a forbidden pair compares the columns of its two rows"
        elif self.inside and not isinstance(node, nodes.ParentRef):
            why = "this is within a figure over rows already"
        if why is not None:
            self.report(
                "E245",
                f"nothing can look beyond the row here: {why}",
                node.span,
                "make two rules of it, or keep the figure in a column of its own",
            )
        return why is not None

    def _group(
        self, per: Sequence[str], order: Sequence[str] | None, word: str, span: Span | None
    ) -> Self:
        self._listed(per, "per", span)
        if order is not None:
            self._listed(order, "ordered by", span)
            for name in order:
                if name in self.columns:
                    term = nodes.ColumnRef(name, span=span)
                    self.ordering("ordered by", term, type_of_column(self.columns[name].type))
            if not order:
                self.report(
                    "E247",
                    f"`{word}` needs to know in what order the rows come",
                    span,
                    f"write `{word}(...) ordered by day`, or `per account ordered by day`",
                )
            elif set(per) | set(order) <= set(self.columns):
                self._told_apart(per, order, span)
        return self.within(self.table)

    def _listed(self, names: Sequence[str], word: str, span: Span | None) -> None:
        for name in dict.fromkeys(names):
            if name not in self.columns:
                self.unknown_column(self.table, name, span)
            elif names.count(name) > 1:
                self.report("E250", f"`{word}` names `{name}` twice", span, "name it once")

    def _told_apart(self, per: Sequence[str], order: Sequence[str], span: Span | None) -> None:
        known = {*per, *order}
        if any(known.issuperset(columns) for columns in _unique(self.table)):
            return
        self.report(
            "W204",
            f"two rows of a group may have the same {' and '.join(f'`{n}`' for n in order)}, "
            "and which of them comes first is then open",
            span,
            "order by a key as well, or declare what is unique: `unique (...)`",
            warning=True,
        )

    def _started(
        self, operand: nodes.Term, start: nodes.Term | None, group: ContextChecker
    ) -> TermType | None:
        kind = group.term(operand)
        first = None if start is None else self.term(start)
        if kind is None or start is None or first is None:
            return kind
        values = [t.value if isinstance(t, nodes.Literal) else None for t in (operand, start)]
        joined = join([(kind, values[0]), (first, values[1])])
        if joined is None:
            self.report(
                "E211",
                f"`previous` of {group.shown(operand, kind)} cannot start with "
                f"{self.shown(start, first)}",
                start.span,
                "both need one type",
            )
        return joined

    def _aggregate(self, node: nodes.Aggregate) -> TermType | None:
        function, span = node.function, node.span
        table: nodes.Table | None = self.table
        if node.of is None:
            self._listed(node.per, "per", span)
        else:
            table = self._child(node.of, node.via, span)
            if node.per:
                self.report(
                    "E246",
                    f"`of` and `per` do not go together in `{function}`",
                    span,
                    f"`of {node.of}` takes the rows that refer to this one; leave `per` out",
                )
        if node.distinct and (function != "count" or node.operand is None):
            self.report("E246", f"`{function}` takes no `distinct`", span, "only count(...) does")
        kind = None
        if table is not None:
            group = self.within(table)
            if node.where is not None:
                group.condition(node.where)
            kind = None if node.operand is None else group.term(node.operand)
            if not self._summed(function, node.operand, kind, group):
                kind = None
        if node.operand is None and function != "count":
            self.report("E218", f"`{function}` takes one value, not 0", span)
        return kind if function in ("min", "max") else NumberT()

    def _summed(
        self,
        function: str,
        operand: nodes.Term | None,
        kind: TermType | None,
        group: ContextChecker,
    ) -> bool:
        """Say whether the function is over such values, after reporting that it is not."""
        fits = NumberT if function in ("sum", "avg") else NumberT | DateT | DatetimeT
        if operand is None or kind is None or function == "count" or isinstance(kind, fits):
            return True
        needs = "numbers" if fits is NumberT else "numbers, dates or datetimes"
        self.report(
            "E211",
            f"`{function}` is over {needs}, but this is {group.shown(operand, kind)}",
            operand.span,
            "count(... where ...) counts the rows where a condition holds"
            if isinstance(kind, BooleanT | StringT)
            else None,
        )
        return False

    # References.

    def _of_pair(self, node: nodes.ParentRef) -> TermType | None:
        if len(node.path) != 1 or node.path[0] not in self.pair:
            first, second = self.pair
            self.report(
                "E252",
                f"`{'.'.join(node.path)}` is none of the two rows of the pair",
                node.span,
                f"write `{first}.{node.column}` or `{second}.{node.column}`",
            )
            return None
        if node.column not in self.columns:
            self.unknown_column(self.table, node.column, node.span)
            return None
        return type_of_column(self.columns[node.column].type)

    def _reach(self, node: nodes.ParentRef) -> TermType | None:
        table = self.table
        for name in node.path:
            found = candidates(table, name)
            if len(found) != 1:
                self.no_reference(table, name, found, node.span)
                return None
            if found[0].parent not in self.tables:
                self.unknown_table(found[0].parent, node.span)
                return None
            table = self.tables[found[0].parent]
        for column in table.columns:
            if column.name == node.column:
                return type_of_column(column.type)
        self.unknown_column(table, node.column, node.span)
        return None

    def _column_at(self, node: nodes.ParentRef) -> Column | None:
        table: nodes.Table | None = self.table
        for name in () if self.pair else node.path:
            found = candidates(table, name) if table else ()
            table = self.tables.get(found[0].parent) if len(found) == 1 else None
        columns = table.columns if table is not None else ()
        return next((c for c in columns if c.name == node.column), None)

    def _child(self, name: str, via: str | None, span: Span | None) -> nodes.Table | None:
        """Return the table of ``of``, after seeing to it that it refers to this one."""
        child = self.tables.get(name)
        if child is None:
            self.unknown_table(name, span)
            return None
        steps = references(child) if via is None else candidates(child, via)
        found = [r for r in steps if r.parent == self.table.name]
        if not found:
            which = "" if via is None else f" by `{via}`"
            self.report(
                "E243",
                f"table `{name}` does not refer to `{self.table.name}`{which}",
                span,
                "`of` counts the rows that refer to this one: declare the reference with `->`",
            )
        elif len(found) > 1:
            ways = [r.columns[0] for r in found]
            self.report(
                "E244",
                f"table `{name}` refers to `{self.table.name}` by {_listing(ways)}",
                span,
                f"say which is meant: `of {name} via {ways[0]}`",
            )
        return child

    def no_reference(
        self,
        table: nodes.Table,
        name: str,
        found: Sequence[nodes.ReferenceRule],
        span: Span | None,
    ) -> None:
        """Report a step of a path that is none, or more than one, of a table's references."""
        if found:
            ways = [r.columns[0] for r in found]
            self.report(
                "E244",
                f"`{name}` may mean several references of table `{table.name}`",
                span,
                f"name a column instead: {_listing(ways)}",
            )
            return
        known = [c for r in references(table) for c in (*r.columns, r.parent)]
        near = difflib.get_close_matches(name, known, 1)
        if near:
            help_ = f"did you mean `{near[0]}`?"
        elif known:
            help_ = f"its references are {_listing(dict.fromkeys(known))}"
        else:
            help_ = "it has no references; declare one: `dept_id integer -> department.id`"
        self.report("E243", f"table `{table.name}` has no reference `{name}`", span, help_)

    def unknown_table(self, name: str, span: Span | None) -> None:
        """Report a table that is not declared."""
        near = difflib.get_close_matches(name, list(self.tables), 1)
        help_ = f"did you mean `{near[0]}`?" if near else f"there are {_listing(self.tables)}"
        self.report("E240", f"there is no table `{name}`", span, help_)

    def shown(self, node: nodes.Term, kind: TermType) -> str:
        """Name a term and its type for a message."""
        if isinstance(node, nodes.ParentRef):
            path = ".".join((*node.path, node.column))
            column = self._column_at(node)
            return f"`{path}` ({type_name(column.type) if column else describe(kind)})"
        return super().shown(node, kind)


def _unique(table: nodes.Table) -> Iterator[tuple[str, ...]]:
    """Yield columns whose values are there once: keys, unique rules, gap-free numbers."""
    yield from (rule.columns for rule in table.unique_rules)
    for rule in table.rules:
        match rule:
            case nodes.RowRule(
                condition=nodes.GapFree(operand=nodes.ColumnRef(name), per=per), share=None
            ):
                yield (name, *per)


def _is_whole(column: Column) -> bool:
    kind = column.type
    return isinstance(kind, IntegerType) or (isinstance(kind, DecimalType) and kind.scale == 0)


def _listing(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
