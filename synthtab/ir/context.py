"""Rules that look beyond a row, taken apart: hidden columns, and a rule over one row with them.

``parent.x``, ``sum(x) per g``, ``previous(x)`` and the like have one value for each row, so each of
them is a column of the row's context. :func:`separate` puts such a column in the place of each; the
oracle, NumPy and DuckDB all compute the columns in their own way. :func:`simplified` first says
some constructs by others, so that the backends have fewer kinds of columns to compute; the oracle
does without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from synthtab.errors import UsageError
from synthtab.ir import nodes
from synthtab.ir.constants import is_whole
from synthtab.ir.references import Tables, follow
from synthtab.ir.types import BooleanT, DateT, DatetimeT, NumberT, StringT
from synthtab.ir.typing import type_of
from synthtab.ir.walk import descendants, rebuild
from synthtab.schema import (
    BooleanType,
    Column,
    ColumnType,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
)

PREFIX = "\x01"
"""Starts the names of hidden columns; no name in a rules file contains it."""

_ONE = nodes.Literal(1)
# A number that may have digits after the point; only that it is not whole is ever looked at.
_FRACTION = DecimalType(18, 1)
_TEXT = TextType(100_000)


@dataclass(frozen=True)
class Position(nodes.Spanned):
    """The number of the row, from 1, in the group of rows that agree on ``per``, by ``order``."""

    per: tuple[str, ...] = ()
    order: tuple[str, ...] = ()


Definition = (
    nodes.ParentRef | nodes.Aggregate | nodes.Previous | nodes.Increasing | nodes.GapFree | Position
)
_DEFINITIONS = (*nodes.CONTEXT, Position)


@dataclass(frozen=True)
class Separated:
    """``node`` speaks of one row of ``table``, which has the hidden columns besides its own."""

    node: Any
    table: nodes.Table
    definitions: Mapping[str, Definition]


@dataclass(frozen=True)
class Paired:
    """A pair rule's condition over one row of ``table``, all of whose columns are hidden.

    ``sides`` says of each what it is: 0 or 1 for the first or second row, and the term whose value
    in that row it holds.
    """

    condition: nodes.Condition
    table: nodes.Table
    sides: Mapping[str, tuple[int, nodes.Term]]


def separate(node: nodes.Node, table: nodes.Table, tables: Tables) -> Separated:
    """Put a hidden column in the place of each outermost context term of a checked node."""
    names: dict[Definition, str] = {}

    def change(inner: Any) -> Any:
        if isinstance(inner, _DEFINITIONS):
            name = names.setdefault(inner, f"{PREFIX}{len(names)}")
            return nodes.ColumnRef(name, span=inner.span)
        return rebuild(inner, change)

    changed = change(node)
    if not names:
        return Separated(node, table, {})
    hidden = tuple(
        Column(name, kind_of_definition(d, table, tables), optional=True)
        for d, name in names.items()
    )
    extended = nodes.Table(table.name, table.columns + hidden, span=table.span)
    return Separated(changed, extended, {name: d for d, name in names.items()})


def separate_pair(rule: nodes.PairRule, table: nodes.Table, tables: Tables) -> Paired:
    """Put a hidden column in the place of each column of either row of a checked pair rule."""
    names: dict[tuple[int, nodes.Term], str] = {}

    def change(inner: Any) -> Any:
        if isinstance(inner, nodes.ParentRef):
            side = (rule.first, rule.second).index(inner.path[0])
            rest = inner.path[1:]
            term: nodes.Term = (
                nodes.ParentRef(rest, inner.column) if rest else nodes.ColumnRef(inner.column)
            )
            name = names.setdefault((side, term), f"{PREFIX}{len(names)}")
            return nodes.ColumnRef(name, span=inner.span)
        return rebuild(inner, change)

    condition = change(rule.condition)
    columns = tuple(
        Column(name, kind_of(term, table, tables), optional=True)
        for (_, term), name in names.items()
    )
    made = nodes.Table(table.name, columns, span=table.span)
    return Paired(condition, made, {name: key for key, name in names.items()})


def kind_of_definition(what: Definition, table: nodes.Table, tables: Tables) -> ColumnType:
    """Return the type of a hidden column; that of a number says only whether it is whole."""
    match what:
        case nodes.ParentRef(path, column):
            return follow(path, table, tables)[1].column(column).type
        case nodes.Aggregate("count") | Position():
            return IntegerType()
        case nodes.Aggregate("avg"):
            return _FRACTION
        case nodes.Aggregate(_, operand, of=of) if operand is not None:
            return kind_of(operand, table if of is None else tables[of], tables)
        case nodes.Previous(operand):
            return kind_of(operand, table, tables)
    return BooleanType()


def kind_of(term: nodes.Term, table: nodes.Table, tables: Tables) -> ColumnType:
    """Return the type of a column that holds a term's values."""
    parts = separate(term, table, tables)
    if isinstance(parts.node, nodes.ColumnRef):
        return parts.table.column(parts.node.name).type
    match type_of(parts.node, parts.table):
        case NumberT():
            whole = is_whole(parts.node, {c.name: c for c in parts.table.columns})
            return IntegerType() if whole else _FRACTION
        case DateT():
            return DateType()
        case DatetimeT(resolution):
            return DatetimeType(resolution)
        case BooleanT():
            return BooleanType()
        case StringT(values):
            return _TEXT if values is None else EnumType(values)


# Constructs said by others.


def simplified(node: nodes.Node) -> Any:
    """Say the same without ``increasing``, start values and ``avg``.

    What an average is compared with is multiplied by the number of values instead, so that nothing
    is divided. Raises UsageError where an average is used in another way.
    """
    made = _simple(node)
    for inner in descendants(made):
        if isinstance(inner, nodes.Aggregate) and inner.function == "avg":
            raise UsageError("an average can be compared, and nothing else done with it")
    return made


def _simple(node: Any) -> Any:
    match node:
        case nodes.Increasing(operand, strict, per, order):
            before = nodes.Previous(operand, None, per, order)
            return nodes.Compare("<" if strict else "<=", before, _simple(operand))
        case nodes.Previous(operand, start, per, order) if start is not None:
            first: Any = Position(per, order)
            before = nodes.Previous(operand, None, per, order)
            return nodes.Case(((nodes.Compare("=", first, _ONE), _simple(start)),), before)
        case nodes.Compare(op, left, right):
            return replace(_without_average(op, _simple(left), _simple(right)), span=node.span)
        case nodes.Between(operand, lo, hi) if _averages(node):
            inner = _simple(operand)
            low = _without_average(">=", inner, _simple(lo))
            return nodes.And((low, _without_average("<=", inner, _simple(hi))))
        case nodes.In(operand, options) if _averages(node):
            inner = _simple(operand)
            either = tuple(_without_average("=", inner, option) for option in options)
            return either[0] if len(either) == 1 else nodes.Or(either)
        case nodes.IsNull(operand) if _averages(node):
            return nodes.IsNull(_replaced(_simple(operand), _total))
        case _ if isinstance(node, nodes.CONTEXT):
            return node  # what is within it is another row's matter
    return rebuild(node, _simple)


def _averages(node: nodes.Node) -> list[nodes.Aggregate]:
    """Return the averages of a node that are not within another context term."""
    if isinstance(node, nodes.CONTEXT):
        return [node] if isinstance(node, nodes.Aggregate) and node.function == "avg" else []
    found: list[nodes.Aggregate] = []

    def look(inner: Any) -> Any:
        found.extend(_averages(inner))
        return inner

    rebuild(node, look)
    return found


def _without_average(op: Any, left: Any, right: Any) -> nodes.Condition:
    """Return ``left op right`` with both sides multiplied by the counts of its averages."""
    while averages := _averages(left) or _averages(right):
        left, right = _times(left, averages[0]), _times(right, averages[0])
    return nodes.Compare(op, left, right)


def _times(term: Any, average: nodes.Aggregate) -> Any:
    """Return the term multiplied by the average's count, or by 1 where there is none."""

    def inside(inner: Any) -> Any:
        return _times(inner, average)

    if average not in _averages(term):
        return nodes.Multiply(term, _count(average))
    match term:
        case nodes.Aggregate():
            return _total(term)
        case nodes.Multiply(left, right):
            if average in _averages(left):
                return nodes.Multiply(inside(left), right)
            return nodes.Multiply(left, inside(right))
        case nodes.Divide(left, right):
            return nodes.Divide(inside(left), right)
        case nodes.Case(branches, otherwise):
            last = None if otherwise is None else inside(otherwise)
            return nodes.Case(tuple((c, inside(t)) for c, t in branches), last)
        case (
            nodes.Negate()
            | nodes.Absolute()
            | nodes.Add()
            | nodes.Subtract()
            | nodes.Minimum()
            | nodes.Maximum()
            | nodes.Coalesce()
        ):
            return rebuild(term, inside)
    raise UsageError("an average can be compared, and nothing else done with it")


def _total(average: nodes.Aggregate) -> nodes.Aggregate:
    return _like(average, "sum")


def _count(average: nodes.Aggregate) -> nodes.Term:
    count = _like(average, "count")
    some = nodes.Compare(">", count, nodes.Literal(0))
    return nodes.Case(((some, count),), _ONE)


def _like(average: nodes.Aggregate, function: Any) -> nodes.Aggregate:
    return replace(average, function=function)


def _replaced(node: Any, change: Callable[[nodes.Aggregate], nodes.Aggregate]) -> Any:
    """Return the node with ``change`` applied to its averages."""
    if isinstance(node, nodes.CONTEXT):
        return change(node) if _averages(node) and isinstance(node, nodes.Aggregate) else node
    return rebuild(node, lambda inner: _replaced(inner, change))
