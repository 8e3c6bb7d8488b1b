"""How like the real tables others are in what links rows: by reference, and in their sequences.

Of each reference, all 0 for equal tables:

children     the Wasserstein-1 distance of the numbers of children that parents have, a real
             parent's mean number being 1
pairs        per column of the child and column of the parent, the total variation of the
             contingency tables over the children, as fidelity.py has it for two columns of a table

Of each sequence that the rules speak of (rows in an order, group by group), per column:

variation    the total variation of the contingency tables of a row's value and the next one's
correlation  the difference of the correlations of a row's value and the next one's, for numbers,
             dates and datetimes; None where a side has too few values, or one value alone

Columns that only tell rows apart, or hold the keys of other rows, are left out: their values mean
nothing. :func:`relations_floor` says how far chance alone is: the same between the children, and
the sequences, of two disjoint random halves of the real parents and groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from synthtab.assess.fidelity import levels, pair_variation
from synthtab.backends.context import Context
from synthtab.batch import Batch
from synthtab.errors import UsageError
from synthtab.ir import nodes
from synthtab.ir.references import references
from synthtab.ir.walk import descendants
from synthtab.schema import BooleanType, Column, EnumType, TextType

Ids = NDArray[np.int64]
FEW = 3
"""Of fewer pairs of values no correlation is taken."""


@dataclass(frozen=True)
class ReferenceDistance:
    """How far the children that parents have are from the real ones.

    ``columns`` of the table ``child`` refer to ``parent``; ``pairs`` holds (column of the child,
    column of the parent, total variation).
    """

    child: str
    columns: tuple[str, ...]
    parent: str
    children: float
    pairs: tuple[tuple[str, str, float], ...]

    @property
    def pair(self) -> float | None:
        """The mean over the pairs of columns; None where there are none."""
        return _mean([p[2] for p in self.pairs])


@dataclass(frozen=True)
class StepDistance:
    """How far one column's steps from row to row are from the real ones."""

    column: str
    variation: float
    correlation: float | None


@dataclass(frozen=True)
class SequenceDistance:
    """The columns' distances in the rows of a table that come in order, group by group."""

    table: str
    per: tuple[str, ...]
    order: tuple[str, ...]
    columns: tuple[StepDistance, ...]


@dataclass(frozen=True)
class Relations:
    """What :func:`compare_relations` found, reference by reference and sequence by sequence."""

    references: tuple[ReferenceDistance, ...]
    sequences: tuple[SequenceDistance, ...]

    @property
    def children(self) -> float | None:
        """The mean over references; None where there are none."""
        return _mean([r.children for r in self.references])

    @property
    def pair(self) -> float | None:
        """The mean over all pairs of columns of children and parents; None where there are none."""
        return _mean([p[2] for r in self.references for p in r.pairs])

    @property
    def variation(self) -> float | None:
        """The mean over the columns of all sequences; None where there are none."""
        return _mean([c.variation for s in self.sequences for c in s.columns])

    @property
    def correlation(self) -> float | None:
        """The mean over the columns of sequences that have one; None where there are none."""
        found = [c.correlation for s in self.sequences for c in s.columns]
        return _mean([c for c in found if c is not None])


def compare_relations(
    tables: Sequence[nodes.Table], real: Mapping[str, Batch], other: Mapping[str, Batch]
) -> Relations:
    """Return the distances of ``other`` from ``real``; bins are the real tables'.

    Where ``other`` has no rows of a parent, it is as if it had some without children. Raises
    UsageError where a real parent has none.
    """
    one, two = Context(tables, real), Context(tables, other)
    named = {t.name: t for t in tables}
    by_reference = []
    for child in tables:
        for rule in references(child):
            sides = [_Linked.of(context, child.name, rule) for context in (one, two)]
            by_reference.append(_reference(child, named[rule.parent], rule, *sides))
    in_order = []
    for table in tables:
        for per, order in sequences(table):
            steps = [_Steps.of(context, table.name, per, order) for context in (one, two)]
            in_order.append(_sequence(table, per, order, *steps))
    return Relations(tuple(by_reference), tuple(in_order))


def relations_floor(
    tables: Sequence[nodes.Table], real: Mapping[str, Batch], seed: int = 0
) -> Relations:
    """Return the distances between two disjoint random halves of the real parents and groups.

    Halves being smaller than the whole, it is a somewhat generous floor. Raises UsageError where a
    parent has fewer than two rows.
    """
    context = Context(tables, real)
    named = {t.name: t for t in tables}
    rng = np.random.default_rng(seed)
    by_reference = []
    for child in tables:
        for rule in references(child):
            halves = _Linked.of(context, child.name, rule).halves(rng)
            by_reference.append(_reference(child, named[rule.parent], rule, *halves))
    in_order = []
    for table in tables:
        for per, order in sequences(table):
            steps = _Steps.of(context, table.name, per, order).halves(rng)
            in_order.append(_sequence(table, per, order, *steps))
    return Relations(tuple(by_reference), tuple(in_order))


def sequences(table: nodes.Table) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    """Return the orders the hard rules of a table speak of: ``per`` and ``ordered by`` columns.

    Of several orders of the same groups the first counts, and one that is declared more than one
    that only a numbering or intervals suggest.
    """
    declared: dict[tuple[str, ...], tuple[str, ...]] = {}
    suggested: dict[tuple[str, ...], tuple[str, ...]] = {}
    for rule in table.rules:
        if rule.share is not None:
            continue
        if isinstance(rule, nodes.NoOverlapRule):
            suggested.setdefault(rule.per, (rule.start,))
        if not isinstance(rule, nodes.RowRule):
            continue
        for node in descendants(rule.condition):
            match node:
                case nodes.Previous() | nodes.Increasing():
                    declared.setdefault(node.per, node.order)
                case nodes.GapFree(nodes.ColumnRef(column)):
                    suggested.setdefault(node.per, (column,))
    return tuple((suggested | declared).items())


def meaningful(table: nodes.Table) -> tuple[Column, ...]:
    """Return the columns that do more than tell rows apart or hold keys of other rows."""
    keys = {c for r in references(table) for c in r.columns}
    keys |= {r.columns[0] for r in table.unique_rules if len(r.columns) == 1}
    return tuple(c for c in table.columns if c.name not in keys)


@dataclass(frozen=True)
class _Linked:
    """One side of a reference: (children,) the parent's row of each, and both tables' rows."""

    child: Batch
    parent: Batch
    places: Ids
    parents: Ids

    @classmethod
    def of(cls, context: Context, child: str, rule: nodes.ReferenceRule) -> _Linked:
        places = context.referred(child, rule)
        parent = context.batches[rule.parent]
        return cls(context.batches[child], parent, places, np.arange(len(parent)))

    def halves(self, rng: np.random.Generator) -> tuple[_Linked, _Linked]:
        if len(self.parent) < 2:
            raise UsageError("a noise floor needs two halves: at least two rows of each parent")
        order = rng.permutation(len(self.parent))
        middle = len(order) // 2
        one, two = (
            _Linked(self.child, self.parent, self.places, part)
            for part in (order[:middle], order[middle:])
        )
        return one, two

    def counts(self) -> Ids:
        """Return how many children each of the parents has."""
        found = np.bincount(self.places[self.places >= 0], minlength=len(self.parent))
        return found[self.parents]

    def joined(self) -> tuple[Batch, Batch]:
        """Return the children of the parents, and beside each its parent."""
        mine = np.zeros(len(self.parent), dtype=bool)
        mine[self.parents] = True
        rows = np.flatnonzero(self.places >= 0)
        rows = rows[mine[self.places[rows]]]
        return self.child.take(rows), self.parent.take(self.places[rows])


def _reference(
    child: nodes.Table,
    parent: nodes.Table,
    rule: nodes.ReferenceRule,
    real: _Linked,
    other: _Linked,
) -> ReferenceDistance:
    if not len(real.parents):
        raise UsageError(f"table `{parent.name}` has no real rows; nothing can be like it")
    (one, one_parent), (two, two_parent) = real.joined(), other.joined()
    own = {c.name: levels(c, one, two) for c in meaningful(child)}
    above = {c.name: levels(c, one_parent, two_parent) for c in meaningful(parent)}
    pairs = tuple(
        (a, b, pair_variation(first, second))
        for a, first in own.items()
        for b, second in above.items()
    )
    counts, others = real.counts(), other.counts() if len(other.parents) else np.zeros(1)
    children = float(wasserstein_distance(counts, others) / (counts.mean() or 1.0))
    return ReferenceDistance(child.name, rule.columns, parent.name, children, pairs)


@dataclass(frozen=True)
class _Steps:
    """One side of a sequence: rows (steps,) and the ones that follow them in ``batch``.

    ``groups`` (steps,) numbers the group of each step, from 0 to ``count``.
    """

    batch: Batch
    rows: Ids
    following: Ids
    groups: Ids
    count: int

    @classmethod
    def of(
        cls, context: Context, table: str, per: tuple[str, ...], order: tuple[str, ...]
    ) -> _Steps:
        rows = context.ordered(table, per, order)
        groups = context.groups(table, per)
        ids = groups.ids[rows]
        same = np.flatnonzero(ids[1:] == ids[:-1])
        batch = context.batches[table]
        return cls(batch, rows[same], rows[same + 1], ids[same], groups.count)

    def halves(self, rng: np.random.Generator) -> tuple[_Steps, _Steps]:
        """Return the steps of two disjoint halves of the groups, or of the rows of a single one."""
        if self.count == 1:
            mine = np.arange(len(self.rows)) < len(self.rows) // 2
        else:
            chosen = np.zeros(self.count, dtype=bool)
            chosen[rng.permutation(self.count)[: self.count // 2]] = True
            mine = chosen[self.groups]
        return self._only(mine), self._only(~mine)

    def _only(self, mine: NDArray[np.bool_]) -> _Steps:
        return _Steps(
            self.batch, self.rows[mine], self.following[mine], self.groups[mine], self.count
        )


def _sequence(
    table: nodes.Table,
    per: tuple[str, ...],
    order: tuple[str, ...],
    real: _Steps,
    other: _Steps,
) -> SequenceDistance:
    before = real.batch.take(real.rows), other.batch.take(other.rows)
    after = real.batch.take(real.following), other.batch.take(other.following)
    numbering = {
        node.operand.name
        for rule in table.rules
        if isinstance(rule, nodes.RowRule)
        for node in descendants(rule.condition)
        if isinstance(node, nodes.GapFree) and isinstance(node.operand, nodes.ColumnRef)
    }
    found = []
    for column in meaningful(table):
        if column.name in numbering or column.name in per:
            continue
        variation = pair_variation(levels(column, *before), levels(column, *after))
        one = _correlation(column, before[0], after[0])
        two = _correlation(column, before[1], after[1])
        gap = None if one is None or two is None else abs(one - two)
        found.append(StepDistance(column.name, variation, gap))
    return SequenceDistance(table.name, per, order, tuple(found))


def _correlation(column: Column, before: Batch, after: Batch) -> float | None:
    """Return the correlation of values and the ones that follow, where both are there."""
    if isinstance(column.type, EnumType | BooleanType | TextType):
        return None
    (one, no_one), (two, no_two) = before.column(column.name), after.column(column.name)
    both = ~no_one & ~no_two
    first, second = one[both].astype(np.float64), two[both].astype(np.float64)
    if len(first) < FEW or not first.std() or not second.std():
        return None
    return float(np.corrcoef(first, second)[0, 1])


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
