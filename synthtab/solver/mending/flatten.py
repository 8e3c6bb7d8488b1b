"""A group of rows as one wide row, on which every rule of the group is a rule about one row.

Who belongs to which group, and in what order, stays as it is. Then each cell of the group is a
column of the wide row, and what a rule says beyond its row becomes arithmetic: the row before is
another column, a sum is an addition, and two rows that must not meet are a condition on their
cells. So the solver for single rows mends groups as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from synthtab.backends.context import Context
from synthtab.ir import nodes
from synthtab.ir.context import Position, simplified
from synthtab.ir.references import follow, link
from synthtab.ir.walk import rebuild
from synthtab.schema import Column
from synthtab.solver.mending.places import shared

MOST_TERMS = 120
_ZERO, _ONE = nodes.Literal(0), nodes.Literal(1)

CellName = tuple[str, int, str]
"""A table, a row of it, a column."""


class TooMuchError(Exception):
    """A rule is not said on a wide row, or only with more terms than are worth it."""


@dataclass
class Flattener:
    """Writes rules for given rows of the tables of a context; collects the cells they read."""

    context: Context
    members: dict[tuple[str, str, Any], dict[int, list[int]]] = field(default_factory=dict)
    """Groups once looked up, for all flatteners of one context to share."""

    def __post_init__(self) -> None:
        self.cells: dict[CellName, Column] = {}

    def rule(self, table: str, rule: nodes.Rule, row: int) -> list[nodes.Condition]:
        """Return what must not be FALSE for a row to keep a rule; TooMuchError where none is said.

        Of keys and references nothing is said: who is who stays as it is.
        """
        match rule:
            case nodes.RowRule():
                return [self.node(simplified(rule.condition), table, row)]
            case nodes.DeterminesRule():
                return [
                    self._same(table, name, row, other)
                    for other in self._mates(table, rule.determinants, row)
                    for name in rule.dependents
                ]
            case nodes.NoOverlapRule():
                return [
                    self._apart(table, rule, row, other)
                    for other in self._mates(table, rule.per, row)
                ]
            case nodes.PairRule():
                return [
                    nodes.Not(self._pair(rule, rule.condition, table, pair))
                    for other in self._mates(table, shared(rule), row)
                    for pair in ((row, other), (other, row))
                ]
        return []

    def node(self, node: Any, table: str, row: int) -> Any:
        """Return a simplified node for one row, over columns of the wide row."""
        match node:
            case nodes.ColumnRef(name):
                return self._cell(table, row, name)
            case nodes.ParentRef(path, column):
                return self._parent(path, column, table, row)
            case Position(per, order):
                return nodes.Literal(self._place(table, per, order, row)[1])
            case nodes.Previous(operand, _, per, order):
                before, _ = self._place(table, per, order, row)
                there = row if before < 0 else before
                inner = self.node(simplified(operand), table, there)
                return inner if before >= 0 else _null(inner)
            case nodes.Aggregate():
                return self._figure(node, table, row)
            case nodes.GapFree(operand, start, per):
                return self._gap_free(operand, start, table, per, row)
        return rebuild(node, lambda inner: self.node(inner, table, row))

    # Cells.

    def _cell(self, table: str, row: int, name: str) -> nodes.ColumnRef:
        key = (table, row, name)
        if key not in self.cells:
            declared = self.context.tables[table].column(name)
            self.cells[key] = replace(declared, name=cell_name(key))
        return nodes.ColumnRef(cell_name(key))

    def _parent(self, path: tuple[str, ...], column: str, table: str, row: int) -> Any:
        name, place = table, row
        for step in follow(path, self.context.tables[table], self.context.tables)[0]:
            if place >= 0:
                place = int(self.context.referred(name, step)[place])
            name = step.parent
        if place >= 0:
            return self._cell(name, place, column)
        if not self.context.rows(name):
            raise TooMuchError("there is no row whose cell could stand for a NULL")
        return _null(self._cell(name, 0, column))

    # Groups.

    def _place(
        self, table: str, per: tuple[str, ...], order: tuple[str, ...], row: int
    ) -> tuple[int, int]:
        """Return the row before, -1 for none, and the row's number in its group, from 1."""
        ids = self.context.groups(table, per).ids
        key = (table, "order", (per, order))
        if key not in self.members:
            found: dict[int, list[int]] = {}
            before = -1
            count = 0
            last = -2
            for at in self.context.ordered(table, per, order).tolist():
                same = int(ids[at]) == last
                count = count + 1 if same else 1
                found[at] = [before if same else -1, count]
                before, last = at, int(ids[at])
            self.members[key] = found
        known = self.members[key].get(row)
        if known is None:
            raise TooMuchError("the row is in no group")
        return known[0], known[1]

    def _group(self, table: str, per: tuple[str, ...], row: int) -> list[int] | None:
        """Return the rows of a row's group; None where it is in none."""
        ids = self.context.groups(table, per).ids
        return self._bucket(table, ("per", per), ids, int(ids[row]))

    def _bucket(self, table: str, key: Any, ids: Any, wanted: int) -> list[int] | None:
        if wanted < 0:
            return None
        known = self.members.setdefault((table, "group", key), {})
        if not known:
            for at, group in enumerate(ids.tolist()):
                known.setdefault(group, []).append(at)
        rows = known.get(wanted, [])
        if len(rows) > MOST_TERMS:
            raise TooMuchError(f"the group has {len(rows)} rows")
        return rows

    def _mates(self, table: str, per: tuple[str, ...], row: int) -> list[int]:
        return [other for other in self._group(table, per, row) or [] if other != row]

    def _figure(self, what: nodes.Aggregate, table: str, row: int) -> Any:
        home = table
        if what.of is None:
            members = self._group(table, what.per, row)
            if members is None:
                raise TooMuchError("the row is in no group")
        else:
            home = what.of
            step = link(self.context.tables[home], self.context.tables[table], what.via)
            child, parent = self.context.shared_keys(home, step)
            members = self._bucket(home, (table, step), child.ids, int(parent.ids[row])) or []
        asked, values = [], []
        for at in members:
            parts = [] if what.where is None else [self.node(simplified(what.where), home, at)]
            value = None
            if what.operand is not None:
                value = self.node(simplified(what.operand), home, at)
                if self._may_be_null(value):
                    parts.append(nodes.Not(nodes.IsNull(value)))
            asked.append(_all(parts))
            values.append(value)
        if what.function == "count":
            if what.distinct:
                asked = [_first_of_its_kind(asked, values, k) for k in range(len(asked))]
            return _added([_counted(c, _ONE) for c in asked])
        return _of_values(what, asked, values)

    def _may_be_null(self, value: Any) -> bool:
        """Say whether a term may be NULL, as far as a look at it tells."""
        by_name = {c.name: c for c in self.cells.values()}
        if isinstance(value, nodes.ColumnRef):
            return by_name[value.name].optional
        match value:
            case nodes.Literal():
                return False
            case nodes.Add(a, b) | nodes.Subtract(a, b) | nodes.Multiply(a, b):
                return self._may_be_null(a) or self._may_be_null(b)
            case nodes.Negate(a):
                return self._may_be_null(a)
        return True

    def _gap_free(
        self, operand: nodes.Term, start: int, table: str, per: tuple[str, ...], row: int
    ) -> Any:
        members = self._group(table, per, row)
        if members is None:
            raise TooMuchError("the row is in no group")
        own = self.node(simplified(operand), table, row)
        others = [self.node(simplified(operand), table, at) for at in members if at != row]
        apart = [nodes.Compare("!=", own, other) for other in others]
        follows = [nodes.Compare("=", own, nodes.Add(other, _ONE)) for other in others]
        first = nodes.Compare("=", own, nodes.Literal(start))
        after = nodes.Compare(">", own, nodes.Literal(start))
        later = [_all([after, _any(follows)])] if follows else []
        return _all([*apart, _any([first, *later])])

    # Two rows.

    def _same(self, table: str, name: str, row: int, other: int) -> Any:
        one, two = self._cell(table, row, name), self._cell(table, other, name)
        equal = nodes.Compare("=", one, two)
        if not self._may_be_null(one):
            return equal
        return nodes.And(
            (
                nodes.Iff(nodes.IsNull(one), nodes.IsNull(two)),
                nodes.Or((nodes.IsNull(one), equal)),
            )
        )

    def _apart(self, table: str, rule: nodes.NoOverlapRule, row: int, other: int) -> Any:
        (s, e), (t, f) = (
            (self._cell(table, at, rule.start), self._cell(table, at, rule.end))
            for at in (row, other)
        )
        return nodes.Or(
            tuple(nodes.Compare("<=", a, b) for a, b in ((e, t), (f, s), (e, s), (f, t)))
        )

    def _pair(self, rule: nodes.PairRule, node: Any, table: str, rows: tuple[int, int]) -> Any:
        if isinstance(node, nodes.ParentRef):
            row = rows[(rule.first, rule.second).index(node.path[0])]
            if len(node.path) > 1:
                return self._parent(node.path[1:], node.column, table, row)
            return self._cell(table, row, node.column)
        return rebuild(node, lambda inner: self._pair(rule, inner, table, rows))


def cell_name(cell: CellName) -> str:
    """Return the name of a cell's column in the wide row."""
    table, row, column = cell
    return f"{table}[{row}].{column}"


def _null(like: Any) -> nodes.Case:
    """Return a NULL of a term's type."""
    return nodes.Case(((nodes.Literal(False), like),), None)


def _all(parts: list[Any]) -> Any:
    if not parts:
        return nodes.Literal(True)
    return parts[0] if len(parts) == 1 else nodes.And(tuple(parts))


def _any(parts: list[Any]) -> Any:
    if not parts:
        return nodes.Literal(False)
    return parts[0] if len(parts) == 1 else nodes.Or(tuple(parts))


def _added(terms: list[Any]) -> Any:
    """Return a sum, nested no deeper than need be."""
    if len(terms) < 2:
        return terms[0] if terms else _ZERO
    half = len(terms) // 2
    return nodes.Add(_added(terms[:half]), _added(terms[half:]))


def _counted(asked: Any, value: Any) -> Any:
    if asked == nodes.Literal(True):
        return value
    return nodes.Case(((asked, value),), _ZERO)


def _first_of_its_kind(asked: list[Any], values: list[Any], k: int) -> Any:
    if len(asked) > 12:
        raise TooMuchError("too many values to tell apart")
    same = [nodes.Not(_all([asked[j], nodes.Compare("=", values[j], values[k])])) for j in range(k)]
    return _all([asked[k], *same])


def _of_values(what: nodes.Aggregate, asked: list[Any], values: list[Any]) -> Any:
    always = all(c == nodes.Literal(True) for c in asked)
    if not values:
        raise TooMuchError("the group is empty")
    if what.function == "sum" and not what.distinct:
        total = _added([_counted(c, v) for c, v in zip(asked, values, strict=True)])
        return total if always else nodes.Case(((_any(asked), total),), None)
    if what.function in ("min", "max") and always and len(values) <= 12:
        kind: Any = nodes.Minimum if what.function == "min" else nodes.Maximum
        return values[0] if len(values) == 1 else kind(tuple(values))
    raise TooMuchError(f"{what.function} of rows that may count or not")
