"""One root table and tables that refer to it: what is learned of each under a privacy budget.

Rules about more than one row are said over one row where views can say them: of the root with its
numbers of children, of another table with its root's columns. What cannot is mended afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from synthtab.batch import Batch
from synthtab.distinct.tuples import capacity
from synthtab.errors import UsageError
from synthtab.ir import nodes
from synthtab.ir.references import references
from synthtab.ir.walk import columns_of
from synthtab.privacy.units import Branch, Root, joined_name
from synthtab.relational.hidden import Parent, Rest, Size, rewritten
from synthtab.relational.numbering import Made, made_up
from synthtab.relational.structure import Home, may_lack, structure
from synthtab.relational.view import View, count_column
from synthtab.relational.views import views
from synthtab.schema import (
    INT64_MAX,
    BooleanType,
    Column,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
)
from synthtab.solver.occupied import Cells, occupied

CAPPED = 1_000
"""Up to so many children of one row rules are asked how many there can be."""


@dataclass(frozen=True)
class Star:
    """What is learned of a model: the root and its branches, with how each table is put together.

    ``ruled`` is the root's learned table with its rules, which may speak of ``rests``: columns that
    stand for what children can add up to.
    """

    root: Root
    branches: tuple[Branch, ...]
    homes: Mapping[str, Home]
    made: Mapping[str, Made]
    ruled: nodes.Table
    rests: tuple[str, ...]

    @property
    def most(self) -> int:
        """How many rows one unit may have in one branch."""
        return max(b.most for b in self.branches)

    def room(self, table: str) -> int:
        """Return how many rows a table can have, by the keys there are."""
        made = self.made[table]
        rooms = [s.last - s.start + 1 for s in made.sequences]
        rooms += [capacity(d.columns) for d in made.draws]
        return min(rooms, default=INT64_MAX)

    def home(self, branch: Branch) -> Home:
        """Return how a branch's table is put together."""
        return self.homes[branch.table.name]


def star(tables: Sequence[nodes.Table], most: int) -> Star:
    """Return what is learned of a model, with at most ``most`` rows of a unit in each branch.

    Raises UsageError where the tables are no root with tables that refer to it, each row by one
    column, or where a column's values cannot be learned; it names the reference, or the column.
    """
    hard = [replace(t, rules=tuple(r for r in t.rules if r.share is None)) for t in tables]
    root = _root(tables)
    whole = structure(hard)
    nothing = {t.name: _nothing(t) for t in hard}
    made = {name: made_up(home, nothing[name]) for name, home in whole.homes.items()}
    seen = views(whole, {n: m.columns for n, m in made.items()}, {})
    key = _key(root, whole.homes, made)
    unlearned = {
        name: home.placed | made[name].columns | ({key} if name == root else set())
        for name, home in whole.homes.items()
    }
    for home in whole.homes.values():
        for column in home.table.columns:
            if column.name not in unlearned[home.table.name]:
                _check_column(home.table, column)
    children = [n for n in whole.homes if n != root]
    numbers = {n: f"number of {n}" for n in children}
    learned, rests = _learned_root(seen[root], unlearned[root], numbers, most)
    bounds = {n: _bound(learned, numbers[n], most) if most <= CAPPED else most for n in children}
    ends = {numbers[n]: bound for n, bound in bounds.items()}
    narrowed = (replace(c, hi=ends.get(c.name, c.hi)) for c in learned.columns)
    learned = replace(learned, columns=tuple(narrowed))
    branches = tuple(
        Branch(
            whole.homes[n].table,
            _learned_branch(seen[n], unlearned[n], learned, rests, numbers[n]),
            references(whole.homes[n].table)[0].columns[0],
            numbers[n],
            bounds[n],
        )
        for n in children
    )
    plain = nodes.Table(root, tuple(c for c in learned.columns if c.name not in rests))
    held = Root(whole.homes[root].table, plain, key)
    return Star(held, branches, whole.homes, made, learned, rests)


def _root(tables: Sequence[nodes.Table]) -> str:
    """Return the table that all others refer to. Raises UsageError where there is none."""
    named = {t.name: references(t) for t in tables}
    roots = [name for name, found in named.items() if not found]
    if len(roots) != 1:
        which = ", ".join(f"`{n}`" for n in roots) or "none"
        raise UsageError(
            "under a privacy budget several tables are learned where one of them refers to no "
            f"other and all others refer to it; of these tables {which} refer"
            f"{'s' if len(roots) == 1 else ''} to no other: leave the rest out of the rules file, "
            "and learn them by themselves"
        )
    root = roots[0]
    for table in tables:
        for rule in named[table.name]:
            what = f"`{table.name}.{'+'.join(rule.columns)}` -> `{rule.parent}`"
            if rule.parent != root:
                raise UsageError(
                    f"the reference {what} does not lead to `{root}`, whose rows are protected "
                    "each with the rows that refer to it: leave it out of the rules, or the table"
                )
            if len(rule.columns) > 1:
                raise UsageError(
                    f"the reference {what} has {len(rule.columns)} columns; under a privacy budget "
                    "references have one: give the table a key of one column"
                )
            if may_lack(table, rule):
                raise UsageError(
                    f"the reference {what} may be missing; a row without one belongs to nobody who "
                    "is protected: make the column one that is not optional, and the rule hard"
                )
        if table.name != root and len(named[table.name]) > 1:
            more = ", ".join("+".join(r.columns) for r in named[table.name])
            raise UsageError(
                f"table `{table.name}` refers to `{root}` by {more}; a row then belongs to several "
                "who are protected: keep one of these references in the rules"
            )
    return root


def _key(root: str, homes: Mapping[str, Home], made: Mapping[str, Made]) -> str:
    """Return the root's column that is referred to, whose values are made up."""
    keys = {r.parent_columns[0] for home in homes.values() for r in references(home.table)}
    if len(keys) > 1:
        raise UsageError(
            f"`{root}` is referred to by {', '.join(sorted(keys))}; under a privacy budget by one "
            "column only: say which of them is the key"
        )
    key = keys.pop()
    if key not in made[root].columns:
        raise UsageError(
            f"the key `{root}.{key}` cannot be made up anew: under a privacy budget it is a unique "
            "integer, or a text matching a pattern, that no other rule speaks of"
        )
    return key


def _check_column(table: nodes.Table, column: Column) -> None:
    """Raise UsageError where a column's values are not declared."""
    if isinstance(column.type, TextType):
        raise UsageError(
            f"column `{table.name}.{column.name}` is free text, of which nothing can be learned "
            "under a privacy budget: declare it an enum of what is publicly known, or leave it out"
        )
    bounded = column.lo is not None and column.hi is not None
    if not bounded and not isinstance(column.type, EnumType | BooleanType | DecimalType):
        raise UsageError(
            f"column `{table.name}.{column.name}` has no declared range; under a privacy budget "
            "one that the data have would tell of them: declare what is publicly known, "
            f"`{column.name} ... in LOW .. HIGH`"
        )


def _nothing(table: nodes.Table) -> Batch:
    names = table.column_names
    codes = np.zeros((0, len(names)), dtype=np.int64)
    return Batch(names, codes, np.zeros(codes.shape, dtype=bool), np.empty(0, dtype=object))


def _learned_root(
    view: View, unlearned: frozenset[str] | set[str], numbers: Mapping[str, str], most: int
) -> tuple[nodes.Table, tuple[str, ...]]:
    """Return the root with its numbers of children, and the columns that stand for their sums."""
    names = {count_column(child, r): numbers[child] for child, r in view.counts.values()}
    rests = tuple(n for n, what in view.hidden.items() if isinstance(what, Rest))
    own = [c for c in view.home.table.columns if c.name not in unlearned]
    counted = [Column(n, IntegerType(), lo=0, hi=most) for n in numbers.values()]
    there = {c.name for c in own} | set(names.values()) | set(rests)
    rules = _said(view, names, there)
    used = tuple(r for r in rests if any(r in columns_of(rule.condition) for rule in rules))
    sums = [view.table.column(r) for r in used]
    return nodes.Table(view.home.table.name, (*own, *counted, *sums), rules), used


def _learned_branch(
    view: View,
    unlearned: frozenset[str] | set[str],
    root: nodes.Table,
    rests: Sequence[str],
    number: str,
) -> nodes.Table:
    """Return a table with its root's columns before its own."""
    joined = [
        replace(c, name=joined_name(root.name, c.name)) for c in root.columns if c.name not in rests
    ]
    own = [c for c in view.home.table.columns if c.name not in unlearned]
    names = {}
    for hidden, what in view.hidden.items():
        if isinstance(what, Parent):
            names[hidden] = joined_name(root.name, what.column)
        elif isinstance(what, Size):
            names[hidden] = joined_name(root.name, number)
    rules = _said(view, names, {c.name for c in (*joined, *own)})
    return nodes.Table(view.home.table.name, (*joined, *own), rules)


def _said(view: View, names: Mapping[str, str], there: set[str]) -> tuple[nodes.RowRule, ...]:
    """Return the view's rules that speak of columns that are there, by their new names."""

    def renamed(node: object) -> nodes.ColumnRef | None:
        if isinstance(node, nodes.ColumnRef) and node.name in names:
            return nodes.ColumnRef(names[node.name])
        return None

    rules = [
        replace(rule, condition=rewritten(rule.condition, renamed)) for rule in view.table.row_rules
    ]
    return tuple(r for r in rules if set(columns_of(r.condition)) <= there)


def _bound(table: nodes.Table, number: str, most: int) -> int:
    """Return the largest number of children that the rules leave, up to ``most``."""
    codes = tuple(range(most + 1))
    lawful = occupied(table, {number: Cells(codes, codes, False)}, [(number,)])[number,]
    return max(1, int(np.flatnonzero(lawful).max(initial=0)))
