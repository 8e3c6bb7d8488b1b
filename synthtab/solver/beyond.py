"""A table's rules with what they take from other rows as hidden columns, for the solver.

The rules that look beyond a row become row rules of a wider table; solver/facts.py says what is
known of the columns it has besides. A "no" to a question about the wider table is a "no" about the
model; a "yes" only says that nothing known speaks against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from synthtab.errors import UsageError
from synthtab.ir import core, nodes
from synthtab.ir.context import (
    PREFIX,
    Definition,
    Position,
    kind_of,
    kind_of_definition,
    separate,
    simplified,
)
from synthtab.ir.lowered import Lowered, Number
from synthtab.ir.normalise import lower, lower_term
from synthtab.ir.references import Tables, follow
from synthtab.ir.walk import rebuild
from synthtab.lang.write import format_node
from synthtab.schema import Column, IntegerType
from synthtab.solver.facts import Fact, Path, facts_about
from synthtab.solver.inquiry import Claim
from synthtab.solver.steps import by_steps

# Context terms of one table, with those that facts about them bring in.
MAX_TERMS = 400


@dataclass(frozen=True)
class Widened:
    """A table with its hidden columns and no rules; what its rows keep is apart.

    ``rules`` are the row rules, those that look beyond the row among them, over the wider table;
    ``facts`` what else its rows keep. ``known`` says what hidden numbers lower to; ``terms`` names
    the column of each context term.
    """

    table: nodes.Table
    rules: tuple[nodes.RowRule, ...]
    facts: tuple[Fact, ...] = ()
    known: Mapping[str, Lowered] = field(default_factory=dict)
    terms: Mapping[Definition, str] = field(default_factory=dict)

    def claims(self) -> list[Claim]:
        """Return rules and then facts as what every row keeps."""
        rules = [Claim(f"rule {r.name}", self.lower(r.condition), r.span) for r in self.rules]
        facts = [Claim(f.title, self.lower(f.condition), f.span, f.is_rule) for f in self.facts]
        return rules + facts

    def lower(self, condition: nodes.Condition) -> core.Cond:
        """Return a condition over the wider table, lowered."""
        return lower(condition, self.table, self.known)


def examined_rules(table: nodes.Table) -> tuple[nodes.RowRule, ...]:
    """Return the rules that can be told as row rules of a wider table, in the order written."""
    return tuple(
        r
        for r in table.rules
        if isinstance(r, nodes.RowRule) and r.share is None and _simple(r) is not None
    )


def is_hidden(column: str) -> bool:
    """Say whether a column of a wider table is a hidden one."""
    return column.startswith(PREFIX)


def widen(table: nodes.Table, tables: Tables, extra: Iterable[Definition] = ()) -> Widened:
    """Widen a table by the context terms of its rules, and by ``extra`` ones.

    ``extra`` terms must fit the table.
    """
    own = examined_rules(table)
    conditions = [by_steps(c, table, tables) for r in own if (c := _simple(r)) is not None]
    seeds: list[nodes.Node] = [nodes.IsNull(t) for t in extra]  # type: ignore[arg-type]
    facts: dict[nodes.Condition, Fact] = {}
    terms = _terms([*conditions, *seeds], table, tables)
    paths = _prefixes(terms)
    told: set[Definition] = set()
    while new := [t for t in terms if t not in told]:
        told.update(new)
        if len(told) > MAX_TERMS:
            break  # facts may be left out
        for term in new:
            for fact in facts_about(term, table, tables, paths):
                facts.setdefault(fact.condition, fact)
        terms = _terms([*conditions, *seeds, *facts], table, tables)
    whole = nodes.And((nodes.Literal(True), *conditions, *seeds, *facts))  # type: ignore[arg-type]
    apart = separate(whole, table, tables)
    made = list(apart.node.args[1:])
    hidden = [_column(name, what, table, tables) for name, what in apart.definitions.items()]
    names = {name: column.name for name, (column, _) in zip(apart.definitions, hidden, strict=True)}
    renamed = [_renamed(c, names) for c in made]
    wide = nodes.Table(table.name, table.columns + tuple(c for c, _ in hidden), span=table.span)
    count, skip = len(conditions), len(conditions) + len(seeds)
    return Widened(
        wide,
        tuple(replace(r, condition=c) for r, c in zip(own, renamed[:count], strict=True)),
        tuple(replace(f, condition=c) for f, c in zip(facts.values(), renamed[skip:], strict=True)),
        {c.name: low for c, low in hidden if low is not None},
        {what: names[name] for name, what in apart.definitions.items()},
    )


def _simple(rule: nodes.RowRule) -> nodes.Condition | None:
    try:
        made: nodes.Condition = simplified(rule.condition)
    except UsageError:
        return None
    return made


def _terms(
    conditions: Iterable[nodes.Node], table: nodes.Table, tables: Tables
) -> list[Definition]:
    found: dict[Definition, None] = {}
    for condition in conditions:
        found |= dict.fromkeys(separate(condition, table, tables).definitions.values())
    return list(found)


def _prefixes(terms: Iterable[Definition]) -> frozenset[Path]:
    paths = [t.path for t in terms if isinstance(t, nodes.ParentRef)]
    return frozenset(p[:n] for p in paths for n in range(1, len(p) + 1))


def _renamed(node: nodes.Condition, names: Mapping[str, str]) -> nodes.Condition:
    def change(inner: nodes.Node) -> nodes.Node:
        if isinstance(inner, nodes.ColumnRef) and inner.name in names:
            return replace(inner, name=names[inner.name])
        return rebuild(inner, change)

    changed: nodes.Condition = change(node)  # type: ignore[assignment]
    return changed


def _column(
    name: str, what: Definition, table: nodes.Table, tables: Tables
) -> tuple[Column, Lowered | None]:
    """Return the hidden column of a context term, and what it lowers to where that is not plain.

    A figure over rows is taken to fit 64 bits.
    """
    shown = f"{PREFIX}{name[1:]} {_text(what)}"
    match what:
        case nodes.ParentRef(path, column):
            found = follow(path, table, tables)[1].column(column)
            return replace(found, name=shown, optional=True), None
        case nodes.Aggregate(function="count"):
            return Column(shown, IntegerType(), True, 0), None
        case Position():
            return Column(shown, IntegerType(), True, 1), None
        case nodes.Aggregate(function, operand, of=of) if operand is not None:
            home = table if of is None else tables[of]
            if function != "sum" and isinstance(operand, nodes.ColumnRef):
                return replace(home.column(operand.name), name=shown, optional=True), None
            return _figure(shown, operand, home, tables)
        case nodes.Previous(operand):
            if isinstance(operand, nodes.ColumnRef):
                return replace(table.column(operand.name), name=shown, optional=True), None
            return _figure(shown, operand, table, tables)
    return Column(shown, kind_of_definition(what, table, tables), True), None


def _figure(
    name: str, operand: nodes.Term, home: nodes.Table, tables: Tables
) -> tuple[Column, Lowered | None]:
    """Return the column of a figure over terms: a whole number of what its terms are counted in."""
    apart = separate(operand, home, tables)
    lowered = lower_term(apart.node, apart.table)
    if isinstance(lowered, Number):
        return Column(name, IntegerType(), True), Number(core.Var(name), lowered.denominator)
    return Column(name, kind_of(operand, home, tables), True), None


def _text(what: Definition) -> str:
    return "the place in its group" if isinstance(what, Position) else format_node(what)
