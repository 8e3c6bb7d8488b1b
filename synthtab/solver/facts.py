"""What is true of the figures a rule takes from other rows, whatever those rows are.

``manager_id.level``, ``count() per k`` or ``previous(x)`` are hidden columns of a row's context to
the solver. Every fact here holds in all tables that keep the model's rules, so a proof that uses
facts is a proof; they do not say all there is to say: a row that agrees with them need not exist.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from synthtab.diagnostics import Span
from synthtab.ir import nodes
from synthtab.ir.context import Definition, Position
from synthtab.ir.references import Tables, follow, link
from synthtab.ir.walk import columns_of, descendants, rebuild
from synthtab.lang.write import format_node
from synthtab.schema import (
    BooleanType,
    Column,
    DecimalType,
    IntegerType,
    TextType,
    decode_value,
    domain,
)
from synthtab.solver.components import groups
from synthtab.solver.steps import by_steps

# Groups of at most so many rows are told from keys; larger limits decide nothing in practice.
MAX_ROWS_OF_KEYS = 10**9

Path = tuple[str, ...]


@dataclass(frozen=True)
class Fact:
    """A condition that is FALSE in no row; ``title`` says where it comes from.

    ``is_rule`` tells what somebody wrote as a rule (a key, a rule of the row referred to) from what
    is so in any case.
    """

    title: str
    condition: nodes.Condition
    span: Span | None = None
    is_rule: bool = False


def facts_about(
    what: Definition, table: nodes.Table, tables: Tables, paths: frozenset[Path]
) -> Iterator[Fact]:
    """Yield what is known of a context term of ``table``.

    Rules of the rows referred to are told as far as they follow no path but ``paths``.
    """
    title = f"the meaning of {format_node(what)}" if not isinstance(what, Position) else "an order"
    for fact in _facts(what, table, tables, paths):
        yield fact if fact.title else replace(fact, title=title)


def _facts(
    what: Definition, table: nodes.Table, tables: Tables, paths: frozenset[Path]
) -> Iterator[Fact]:
    match what:
        case nodes.ParentRef():
            yield from _of_parent(what, table, tables, paths)
        case nodes.Aggregate(function="count"):
            yield from _of_count(what, table, tables)
        case nodes.Aggregate():
            yield from _of_figure(what, table, tables)
        case nodes.Previous():
            yield from _of_previous(what, table)
        case nodes.GapFree(operand, start):
            least = nodes.Compare(">=", operand, nodes.Literal(start))
            yield _known(nodes.When(_true(what), least))
        case Position():
            yield _known(_exists_with(what, table))


# References.


def _of_parent(
    what: nodes.ParentRef, table: nodes.Table, tables: Tables, paths: frozenset[Path]
) -> Iterator[Fact]:
    steps, home = follow(what.path, table, tables)
    for length in range(1, len(steps) + 1):
        yield from _of_step(what.path[:length], steps[length - 1])
    there = _there(what.path, steps[-1])
    if what.column not in steps[-1].parent_columns:
        filled = _filled(what)
        if home.column(what.column).optional:
            yield _known(nodes.When(filled, there))
        else:
            yield _known(nodes.Iff(filled, there))
    rules = [
        replace(r, condition=by_steps(r.condition, home, tables))
        for r in home.rules
        if isinstance(r, nodes.RowRule) and r.share is None
    ]
    rules = [r for r in rules if _is_followed(r.condition, what.path, paths)]
    spoken = [columns_of(r.condition) for r in rules]
    for group in groups(home.column_names, spoken):
        if what.column in group.columns:
            for at in group.rules:
                rule = rules[at]
                said = nodes.When(there, _seen_from(rule.condition, what.path))
                yield Fact(f"rule {home.name}.{rule.name}", said, rule.span, is_rule=True)


def _of_step(path: Path, step: nodes.ReferenceRule) -> Iterator[Fact]:
    there = _there(path, step)
    own = [_at(path[:-1], c) for c in step.columns]
    theirs = [nodes.ParentRef(path, c) for c in step.parent_columns]
    title = f"the reference {step.name}"
    referring = [_filled(c) for c in own]
    whole = _all(referring)
    # A reference that holds for a share of the rows only may lead nowhere.
    leads = nodes.Iff(there, whole) if step.share is None else nodes.When(there, whole)
    yield Fact(title, leads, step.span)
    for mine, other in zip(own, theirs, strict=True):
        yield Fact(title, nodes.Compare("=", mine, other), step.span)
        yield _known(nodes.Iff(_filled(other), there))


def _is_followed(condition: nodes.Condition, path: Path, paths: frozenset[Path]) -> bool:
    """Say whether a condition on the row referred to looks no further than along ``paths``."""
    beyond = [n for n in descendants(condition) if isinstance(n, nodes.CONTEXT)]
    return all(isinstance(n, nodes.ParentRef) and path + n.path in paths for n in beyond)


def _seen_from(node: Any, path: Path) -> Any:
    """Return a condition about a row as one about the row that refers to it by ``path``."""
    match node:
        case nodes.ColumnRef(name):
            return nodes.ParentRef(path, name, span=node.span)
        case nodes.ParentRef(further, name):
            return nodes.ParentRef(path + further, name, span=node.span)
    return rebuild(node, lambda inner: _seen_from(inner, path))


def _there(path: Path, last: nodes.ReferenceRule) -> nodes.Condition:
    """Return the condition that the path leads to a row."""
    return _filled(nodes.ParentRef(path, last.parent_columns[0]))


def _at(path: Path, column: str) -> nodes.Term:
    return nodes.ParentRef(path, column) if path else nodes.ColumnRef(column)


# Figures over rows.


def _of_count(what: nodes.Aggregate, table: nodes.Table, tables: Tables) -> Iterator[Fact]:
    home = table if what.of is None else tables[what.of]
    yield _known(_exists_with(what, table))
    if what.of is None:
        yield _known(nodes.When(_counts_itself(what), _at_least(what, nodes.Literal(1))))
    operand = what.operand
    if what.distinct:
        every = replace(what, distinct=False)
        yield _known(_at_most(what, every))
        yield _known(
            nodes.When(_at_least(every, nodes.Literal(1)), _at_least(what, nodes.Literal(1)))
        )
        if isinstance(operand, nodes.ColumnRef):
            size = _size(home.column(operand.name))
            if size is not None:
                yield _known(_at_most(what, nodes.Literal(size)))
    elif operand is not None:
        every = replace(what, operand=None)
        optional = not isinstance(operand, nodes.ColumnRef) or home.column(operand.name).optional
        yield _known(nodes.Compare("<=" if optional else "=", what, every))
    elif what.where is not None:
        yield _known(_at_most(what, replace(what, where=None)))
    else:
        yield from _limits_of_keys(what, home, _grouping(what, table, tables))


def _limits_of_keys(
    count: nodes.Aggregate, home: nodes.Table, grouping: Sequence[str]
) -> Iterator[Fact]:
    """Yield how many rows of one group the keys and unique rules leave room for."""
    for rule in home.unique_rules:
        rest = [home.column(c) for c in rule.columns if c not in grouping]
        sizes = [None if c.optional else _size(c) for c in rest]
        most = prod(s for s in sizes if s is not None)
        if None not in sizes and most <= MAX_ROWS_OF_KEYS:
            limit = _at_most(count, nodes.Literal(most))
            yield Fact(f"rule {rule.name}", limit, rule.span, is_rule=True)


def _grouping(what: nodes.Aggregate, table: nodes.Table, tables: Tables) -> tuple[str, ...]:
    """Return the columns that the rows of a group agree on, none of them NULL."""
    if what.of is None:
        return what.per
    return link(tables[what.of], table, what.via).columns


def _of_figure(what: nodes.Aggregate, table: nodes.Table, tables: Tables) -> Iterator[Fact]:
    operand = what.operand
    assert operand is not None
    home = table if what.of is None else tables[what.of]
    if what.of is None:
        counted = _counts_itself(what)
        yield _known(nodes.When(counted, _filled(what)))
        if what.function in ("min", "max") and _is_ordered(operand, home):
            nearer = nodes.Compare("<=" if what.function == "min" else ">=", what, operand)
            yield _known(nodes.When(counted, nearer))
    if not (isinstance(operand, nodes.ColumnRef) and what.function == "sum") or what.distinct:
        return
    column = home.column(operand.name)
    count = replace(what, function="count")
    for end, op in ((column.lo, ">="), (column.hi, "<=")):
        if end is not None and isinstance(column.type, IntegerType | DecimalType):
            value = nodes.Literal(decode_value(column.type, end))
            limit = nodes.Multiply(value, count)
            yield _known(nodes.Compare(op, what, limit))  # type: ignore[arg-type]
            same_sign = end >= 0 if op == ">=" else end <= 0
            if same_sign and what.of is None:
                itself = nodes.Compare(op, what, operand)  # type: ignore[arg-type]
                yield _known(nodes.When(_counts_itself(what), itself))


def _counts_itself(what: nodes.Aggregate) -> nodes.Condition:
    """Return the condition that the row at hand is one of those its own group's figure is over."""
    conditions: list[nodes.Condition] = [_filled(nodes.ColumnRef(c)) for c in what.per]
    conditions += [] if what.where is None else [what.where]
    conditions += [] if what.operand is None else [_filled(what.operand)]
    return _all(conditions)


def _of_previous(what: nodes.Previous, table: nodes.Table) -> Iterator[Fact]:
    operand = what.operand
    yield _known(nodes.When(_filled(what), _all([_filled(nodes.ColumnRef(c)) for c in what.per])))
    if isinstance(operand, nodes.ColumnRef) and what.order[:1] == (operand.name,):
        if isinstance(table.column(operand.name).type, TextType | BooleanType):
            return
        told = {*what.per, operand.name}
        rules = [r for r in table.unique_rules if set(r.columns) <= told]
        if rules:
            less = nodes.Compare("<", what, operand)
            yield Fact(f"rule {rules[0].name}", less, rules[0].span, is_rule=True)
        else:
            yield _known(nodes.Compare("<=", what, operand))


# Conditions.


def _known(condition: nodes.Condition) -> Fact:
    return Fact("", condition)  # what it is about is its title


def _exists_with(what: Definition, table: nodes.Table) -> nodes.Condition:
    """Return that a number of a group is there exactly where the row has a group."""
    per = () if isinstance(what, nodes.ParentRef) else what.per
    wanting = [_filled(nodes.ColumnRef(c)) for c in per if table.column(c).optional]
    there = _filled(what)
    return nodes.Iff(there, _all(wanting)) if wanting else there


def _filled(term: Any) -> nodes.Condition:
    return nodes.Not(nodes.IsNull(term))


def _true(condition: Any) -> nodes.Condition:
    return nodes.Compare("=", condition, nodes.Literal(True))


def _all(conditions: Sequence[nodes.Condition]) -> nodes.Condition:
    if len(conditions) > 1:
        return nodes.And(tuple(conditions))
    return conditions[0] if conditions else nodes.Literal(True)


def _at_least(term: nodes.Term, other: nodes.Term) -> nodes.Condition:
    return nodes.Compare(">=", term, other)


def _at_most(term: nodes.Term, other: nodes.Term) -> nodes.Condition:
    return nodes.Compare("<=", term, other)


def _size(column: Column) -> int | None:
    """Return how many values a column has; None where they are not counted."""
    if isinstance(column.type, TextType):
        return None
    lo, hi = domain(column)
    return hi - lo + 1


def _is_ordered(term: nodes.Term, table: nodes.Table) -> bool:
    """Say whether a term is a column whose values are compared as its codes are."""
    if not isinstance(term, nodes.ColumnRef):
        return False
    return not isinstance(table.column(term.name).type, TextType | BooleanType)
