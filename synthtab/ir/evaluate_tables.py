"""The oracle for rules across rows and tables: loops over all rows, slow and obvious.

It says what these rules mean, as ir/evaluate.py does for conditions on one row:

- a row with a NULL among the columns of ``per`` is in no group: what is asked about its group is
  NULL or UNKNOWN, and no rule about groups is broken by it;
- ``ordered by`` puts NULL first, enum values in their declared order, texts by code points; rows
  that tie, and all rows where nothing is said, keep their order in the table;
- a reference leads to the first row that has the values referred to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from synthtab.ir import nodes
from synthtab.ir.context import Definition, Position, Separated, separate, separate_pair
from synthtab.ir.evaluate import Result, evaluate
from synthtab.ir.references import follow, link
from synthtab.schema import EnumType, Value

Record = Mapping[str, Value | None]


def violations(
    tables: Sequence[nodes.Table], rows: Mapping[str, Sequence[Record]]
) -> dict[tuple[str, str], list[bool]]:
    """Return, by table and rule, which rows break the rule; soft rules are judged like hard ones.

    ``rows`` has the records of each table, a value or None for NULL in each column.
    """
    world = World(tables, rows)
    return {(t.name, r.name): world.violated(t, r) for t in tables for r in t.rules}


class World:
    """Tables with their rows, and the value of any term in any of them."""

    def __init__(self, tables: Sequence[nodes.Table], rows: Mapping[str, Sequence[Record]]) -> None:
        self.tables = {t.name: t for t in tables}
        self.rows = rows
        self._parts: dict[tuple[nodes.Node, str], Separated] = {}

    def violated(self, table: nodes.Table, rule: nodes.Rule) -> list[bool]:
        """Say of each row whether it breaks the rule."""
        every = range(len(self.rows[table.name]))
        match rule:
            case nodes.RowRule():
                return [self.value(rule.condition, table, i) is False for i in every]
            case nodes.UniqueRule():
                asked = [
                    i
                    for i in every
                    if rule.where is None or self.value(rule.where, table, i) is True
                ]
                return [
                    i in asked
                    and any(j < i and self._agree(table, rule.columns, i, j) for j in asked)
                    for i in every
                ]
            case nodes.DeterminesRule():
                return [
                    any(
                        self._cells(table, rule.dependents, i)
                        != self._cells(table, rule.dependents, j)
                        for j in every
                        if self._agree(table, rule.determinants, i, j)
                    )
                    for i in every
                ]
            case nodes.ReferenceRule():
                return [
                    None not in self._cells(table, rule.columns, i)
                    and self._referred(rule, table, i) is None
                    for i in every
                ]
            case nodes.NoOverlapRule():
                return [
                    any(
                        i != j
                        and self._agree(table, rule.per, i, j)
                        and _meet(
                            self._cells(table, (rule.start, rule.end), i),
                            self._cells(table, (rule.start, rule.end), j),
                        )
                        for j in every
                    )
                    for i in every
                ]
            case nodes.PairRule():
                forbidden = {
                    (i, j) for i in every for j in every if i != j and self._pair(rule, table, i, j)
                }
                return [any(i in pair for pair in forbidden) for i in every]

    def value(self, node: nodes.Node, table: nodes.Table, index: int) -> Result:
        """Return the value of a term or condition in the row at ``index``."""
        key = (node, table.name)
        if key not in self._parts:
            self._parts[key] = separate(node, table, self.tables)
        parts = self._parts[key]
        row: dict[str, Any] = dict(self.rows[table.name][index])
        for name, what in parts.definitions.items():
            row[name] = self._context(what, table, index)
        return evaluate(parts.node, row, parts.table)

    def _context(self, what: Definition, table: nodes.Table, index: int) -> Result:
        match what:
            case nodes.ParentRef(path, column):
                place: int | None = index
                for step in follow(path, table, self.tables)[0]:
                    if place is not None:
                        place = self._referred(step, table, place)
                    table = self.tables[step.parent]
                column_of_parent = nodes.ColumnRef(column)
                return None if place is None else self.value(column_of_parent, table, place)
            case nodes.Aggregate():
                return self._aggregate(what, table, index)
            case nodes.Previous(operand, start):
                group = self._ordered(table, what.per, what.order, index)
                if group is None:
                    return None
                at = group.index(index)
                if at > 0:
                    return self.value(operand, table, group[at - 1])
                return None if start is None else self.value(start, table, index)
            case nodes.Increasing(operand):
                before = nodes.Previous(operand, None, what.per, what.order)
                rises = nodes.Compare("<" if what.strict else "<=", before, operand)
                return self.value(rises, table, index)
            case nodes.GapFree(operand, start):
                group = self._ordered(table, what.per, (), index)
                own: Any = self.value(operand, table, index)
                if group is None or own is None:
                    return None
                others = [self.value(operand, table, j) for j in group if j != index]
                return own not in others and (own == start or (own > start and own - 1 in others))
            case Position():
                group = self._ordered(table, what.per, what.order, index)
                return None if group is None else Fraction(group.index(index) + 1)

    def _aggregate(self, what: nodes.Aggregate, table: nodes.Table, index: int) -> Result:
        if what.of is not None:
            home = self.tables[what.of]
            rule = link(home, table, what.via)
            wanted = self._cells(table, rule.parent_columns, index)
            group = [
                i
                for i in range(len(self.rows[home.name]))
                if None not in wanted and self._cells(home, rule.columns, i) == wanted
            ]
        else:
            home = table
            if None in self._cells(table, what.per, index):
                return None
            every = range(len(self.rows[table.name]))
            group = [i for i in every if self._agree(table, what.per, index, i)]
        if what.where is not None:
            group = [i for i in group if self.value(what.where, home, i) is True]
        if what.operand is None:
            return Fraction(len(group))
        found = [self.value(what.operand, home, i) for i in group]
        values: list[Any] = [v for v in found if v is not None]
        if what.distinct:
            values = list(dict.fromkeys(values))
        match what.function:
            case "count":
                return Fraction(len(values))
            case _ if not values:
                return None
            case "sum":
                return sum(values, Fraction(0))
            case "avg":
                return sum(values, Fraction(0)) / len(values)
        least_or_greatest: Result = min(values) if what.function == "min" else max(values)
        return least_or_greatest

    def _ordered(
        self, table: nodes.Table, per: Sequence[str], order: Sequence[str], index: int
    ) -> list[int] | None:
        """Return the row's group in order; None where the row has none."""
        if None in self._cells(table, per, index):
            return None
        every = range(len(self.rows[table.name]))
        group = [i for i in every if self._agree(table, per, index, i)]
        return sorted(group, key=lambda i: [self._place(table, name, i) for name in order])

    def _place(self, table: nodes.Table, name: str, index: int) -> tuple[Any, ...]:
        value = self.rows[table.name][index][name]
        kind = table.column(name).type
        if value is None:
            return (0,)
        return (1, kind.values.index(str(value)) if isinstance(kind, EnumType) else value)

    def _referred(self, rule: nodes.ReferenceRule, table: nodes.Table, index: int) -> int | None:
        wanted = self._cells(table, rule.columns, index)
        parent = self.tables[rule.parent]
        for at in range(len(self.rows[parent.name])):
            if None not in wanted and self._cells(parent, rule.parent_columns, at) == wanted:
                return at
        return None

    def _cells(self, table: nodes.Table, columns: Sequence[str], index: int) -> list[Value | None]:
        return [self.rows[table.name][index][c] for c in columns]

    def _agree(self, table: nodes.Table, columns: Sequence[str], i: int, j: int) -> bool:
        own = self._cells(table, columns, i)
        return None not in own and own == self._cells(table, columns, j)

    def _pair(self, rule: nodes.PairRule, table: nodes.Table, i: int, j: int) -> bool:
        parts = separate_pair(rule, table, self.tables)
        row: dict[str, Any] = {
            name: self.value(term, table, (i, j)[side])
            for name, (side, term) in parts.sides.items()
        }
        return evaluate(parts.condition, row, parts.table) is True


def _meet(first: Sequence[Any], second: Sequence[Any]) -> bool:
    """Say whether two half-open intervals have a point in common."""
    if None in first or None in second or first[0] >= first[1] or second[0] >= second[1]:
        return False
    return bool(first[0] < second[1] and second[0] < first[1])
