"""Validation of whole models in NumPy: every rule, across rows and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from synthtab.backends.context import Context
from synthtab.backends.groups import Groups, Ids, factorize, starts_of, together
from synthtab.backends.pairs import in_forbidden_pair
from synthtab.backends.support import Exact, Supports, answers
from synthtab.batch import Batch, Mask
from synthtab.ir import nodes


class TablesBackend:
    """All rules of a model, for the rows of its tables together."""

    supports: ClassVar[Supports] = answers(Exact())

    def __init__(self, tables: Sequence[nodes.Table]) -> None:
        self.tables = tuple(tables)

    def violated(self, batches: Mapping[str, Batch]) -> dict[tuple[str, str], Mask]:
        """Return, by table and rule, the rows that break it, (rows,) bool.

        ``batches`` has the rows of every table. Soft rules are judged like hard ones.
        """
        checks = Checks(self.tables, batches)
        return {(t.name, r.name): checks.violated(t.name, r) for t in self.tables for r in t.rules}


class Checks:
    """The rows of some tables, to be judged by one rule after the other.

    ``worlds`` are as in :class:`Context`: rows of different worlds know nothing of each other.
    """

    def __init__(
        self,
        tables: Sequence[nodes.Table],
        batches: Mapping[str, Batch],
        worlds: Mapping[str, Ids] | None = None,
    ) -> None:
        self.context = Context(tables, batches, worlds)

    def violated(self, table: str, rule: nodes.Rule) -> Mask:
        """Return the rows of a table that break a checked rule of it, (rows,) bool."""
        match rule:
            case nodes.RowRule():
                return self.context.truth(table, rule.condition)[1]
            case nodes.UniqueRule():
                return self._repeated(table, rule)
            case nodes.DeterminesRule():
                return self._torn(table, rule)
            case nodes.ReferenceRule():
                codes = self.context.referred(table, rule)
                nulls = np.zeros(len(codes), dtype=bool)
                for name in rule.columns:
                    nulls |= self.context.batches[table].column(name)[1]
                return ~nulls & (codes < 0)
            case nodes.NoOverlapRule():
                return self._overlapping(table, rule)
            case nodes.PairRule():
                return in_forbidden_pair(self.context, table, rule)

    def _repeated(self, table: str, rule: nodes.UniqueRule) -> Mask:
        """Rows that repeat an earlier one of those asked about."""
        asked = self.context.groups(table, rule.columns).ids >= 0
        if rule.where is not None:
            asked = asked & self.context.truth(table, rule.where)[0]
        rows = np.flatnonzero(asked)
        ids = self.context.groups(table, rule.columns).ids[rows]
        broken = np.ones(self.context.rows(table), dtype=bool)
        broken[~asked] = False
        broken[rows[np.unique(ids, return_index=True)[1]]] = False
        return broken

    def _torn(self, table: str, rule: nodes.DeterminesRule) -> Mask:
        """Rows of groups whose dependents differ; NULL is a value of its own there."""
        groups = self.context.groups(table, rule.determinants)
        parts = []
        for name in rule.dependents:
            part = factorize(*self.context.batches[table].column(name))
            parts.append(Groups(np.where(part.ids < 0, part.count, part.ids), part.count + 1))
        values = together(parts, len(groups.ids)).ids
        rows = np.flatnonzero(groups.ids >= 0)
        order = rows[np.argsort(groups.ids[rows], kind="stable")]
        torn = np.zeros(groups.count, dtype=bool)
        if len(order):
            starts = starts_of(groups.ids[order])
            least = np.minimum.reduceat(values[order], starts)
            most = np.maximum.reduceat(values[order], starts)
            torn[groups.ids[order][starts]] = least != most
        broken = np.zeros(len(groups.ids), dtype=bool)
        broken[rows] = torn[groups.ids[rows]]
        return broken

    def _overlapping(self, table: str, rule: nodes.NoOverlapRule) -> Mask:
        """Rows whose interval meets another of their group."""
        declared, batch = self.context.tables[table], self.context.batches[table]
        (starts, no_start), (ends, no_end) = batch.column(rule.start), batch.column(rule.end)
        first, last = self.context.keys.common(
            declared.column(rule.start), starts, declared.column(rule.end), ends
        )
        ids = self.context.groups(table, rule.per).ids
        whole = ~no_start & ~no_end & np.asarray(first < last, dtype=bool) & (ids >= 0)
        rows = np.flatnonzero(whole)
        broken = np.zeros(len(batch), dtype=bool)
        if len(rows):
            ranks = np.unique(np.concatenate([first[rows], last[rows]]), return_inverse=True)[1]
            broken[rows] = _meeting(ids[rows], ranks[: len(rows)], ranks[len(rows) :])
        return broken


def _meeting(ids: Ids, starts: Ids, ends: Ids) -> Mask:
    """Say of intervals between ranks, none of them empty, which meet another of their group."""
    order = np.lexsort([ends, starts, ids])
    ids, starts, ends = ids[order], starts[order], ends[order]
    # Ranks of different groups are lifted apart, so that one running maximum does for all.
    width = np.int64(ends.max()) + 1
    lifted = np.maximum.accumulate(ends + ids * width)
    behind = np.zeros(len(ids), dtype=bool)
    behind[1:] = lifted[:-1] > starts[1:] + ids[1:] * width
    ahead = np.zeros(len(ids), dtype=bool)
    ahead[:-1] = (ids[1:] == ids[:-1]) & (starts[1:] < ends[:-1])
    broken = np.zeros(len(ids), dtype=bool)
    broken[order] = behind | ahead
    return broken
