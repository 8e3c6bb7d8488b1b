"""References that wait until all rows are there: into their own table, or around a circle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.tables import Checks
from synthtab.batch import Batch, Mask
from synthtab.ir import nodes
from synthtab.ir.walk import columns_of, descendants
from synthtab.relational.features import Feature, Symbols
from synthtab.relational.reading import Rows, cells, feature_cells
from synthtab.relational.telling import telling

TRIES = 60
"""How often rows that break a rule by whom they refer to are given someone else."""


@dataclass(frozen=True)
class Late:
    """How rows of a table choose whom they refer to.

    ``own`` and ``other`` are the features, of the row and of the row referred to, that tell most
    about each other (None where nothing does); ``joint`` (own symbols, other symbols) counts the
    real rows, with rows that refer to nobody in the last column.
    """

    rule: nodes.ReferenceRule
    own: Feature | None
    other: Feature | None
    joint: NDArray[np.int64]

    def applied(
        self,
        tables: Sequence[nodes.Table],
        batches: Mapping[str, Batch],
        table: nodes.Table,
        rng: np.random.Generator,
    ) -> Batch:
        """Return the table's batch with the reference's columns set.

        A row of the same table refers to an earlier one, so that there are no circles, and few
        refer to nobody. Where rules that go by the reference are broken, others are tried.
        """
        batch, parents = batches[table.name], batches[self.rule.parent]
        itself = self.rule.parent == table.name
        chosen, rank = self._chosen(batch, parents, itself, rng)
        made = self._linked(batch, parents, chosen)
        rules = _by_way_of(self.rule, table)
        for _ in range(TRIES if rules and len(parents) else 0):
            wrong = _broken(tables, {**batches, table.name: made}, table, rules)
            again = np.flatnonzero(wrong & (chosen >= 0))
            if not len(again):
                break
            order = np.argsort(rank) if itself else rng.permutation(len(parents))
            other = chosen.copy()
            other[again] = _earlier(again, order, rank, itself, rng)
            changed = self._linked(batch, parents, other)
            still = _broken(tables, {**batches, table.name: changed}, table, rules)
            better = np.zeros(len(batch), dtype=bool)
            better[again] = ~still[again]
            chosen = np.where(better, other, chosen)
            made = self._linked(batch, parents, chosen)
        return made

    def _linked(self, batch: Batch, parents: Batch, chosen: Rows) -> Batch:
        codes, nulls = batch.codes.copy(), batch.nulls.copy()
        for own, other in zip(self.rule.columns, self.rule.parent_columns, strict=True):
            at = batch.index(own)
            codes[:, at], nulls[:, at] = cells(parents, other, chosen)
        return Batch(batch.columns, codes, nulls, batch.pool)

    def _chosen(
        self, batch: Batch, parents: Batch, itself: bool, rng: np.random.Generator
    ) -> tuple[Rows, Rows]:
        """Return whom each row refers to, and the rank of the rows that may be referred to."""
        rows = len(batch)
        every = np.arange(rows)
        mine = _symbols(self.own, batch, every)
        theirs = _symbols(self.other, parents, np.arange(len(parents)))
        share = self.joint[np.minimum(mine, len(self.joint) - 1)].cumsum(axis=1)
        at = rng.random(rows) * share[:, -1]
        wanted = (share > at[:, None]).argmax(axis=1)
        nobody = self.joint.shape[1] - 1
        order = rng.permutation(len(parents))
        rank = np.empty(len(parents), dtype=np.int64)
        rank[order] = np.arange(len(parents))
        if itself and rows:
            wanted = self._roots(wanted, share, order[0], rng)
        chosen = np.full(rows, -1, dtype=np.int64)
        for symbol in np.unique(wanted[wanted != nobody]):
            asking = np.flatnonzero(wanted == symbol)
            fitting = order[theirs[order] == symbol]
            chosen[asking] = _earlier(asking, fitting, rank, itself, rng)
        lost = np.flatnonzero((chosen < 0) & (wanted != nobody))
        chosen[lost] = _earlier(lost, order, rank, itself, rng)
        return chosen, rank

    def _roots(
        self, wanted: Symbols, share: NDArray[np.int64], first: int, rng: np.random.Generator
    ) -> Symbols:
        """Have as many rows refer to nobody as the share of real ones says, the first among them.

        Few tables have more than one root, and a number drawn row by row would seldom be one.
        """
        nobody = self.joint.shape[1] - 1
        alone = self.joint[:, -1].sum() / max(1, self.joint.sum())
        number = max(1, round(alone * len(wanted)))
        roots = rng.permutation(np.flatnonzero(wanted == nobody))
        roots = np.array([first, *roots[roots != first]])[:number]
        made = wanted.copy()
        lost = np.setdiff1d(np.flatnonzero(made == nobody), roots)
        if nobody:
            most = np.diff(share, axis=1, prepend=0)[:, :nobody].argmax(axis=1)
            made[lost] = most[lost]
        made[roots] = nobody
        return made


def _earlier(
    asking: Rows, fitting: Rows, rank: Rows, itself: bool, rng: np.random.Generator
) -> Rows:
    """Draw for each row one of ``fitting`` (by rank); of the same table only one before it."""
    if not len(fitting):
        return np.full(len(asking), -1, dtype=np.int64)
    room = np.full(len(asking), len(fitting))
    if itself:
        room = np.searchsorted(rank[fitting], rank[asking])
    drawn = (rng.random(len(asking)) * room).astype(np.int64)
    return np.where(room > 0, fitting[np.minimum(drawn, len(fitting) - 1)], -1)


def _by_way_of(rule: nodes.ReferenceRule, table: nodes.Table) -> list[nodes.RowRule]:
    """Return the hard rules of single rows that speak of whom a row refers to."""
    found = []
    for other in table.rules:
        if isinstance(other, nodes.RowRule) and other.share is None:
            terms = list(descendants(other.condition))
            beyond = [t for t in terms if isinstance(t, nodes.CONTEXT)]
            alone = all(isinstance(t, nodes.ParentRef) for t in beyond)
            named = set(columns_of(other.condition)) & set(rule.columns)
            names = {*rule.columns, rule.parent}
            led = any(isinstance(t, nodes.ParentRef) and t.path[0] in names for t in terms)
            if alone and (named or led):
                found.append(other)
    return found


def _broken(
    tables: Sequence[nodes.Table],
    batches: Mapping[str, Batch],
    table: nodes.Table,
    rules: Sequence[nodes.RowRule],
) -> Mask:
    """Say which rows break one of some rules."""
    checks = Checks(tables, batches)
    wrong = [checks.violated(table.name, rule) for rule in rules]
    return np.asarray(np.logical_or.reduce(wrong))


def late_of(
    rule: nodes.ReferenceRule,
    batch: Batch,
    parents: Batch,
    referred: Rows,
    features: list[Feature],
    others: list[Feature],
) -> Late:
    """Learn how rows choose whom they refer to; ``referred`` (rows,) is whom the real ones do."""
    every = np.arange(len(batch))
    some = np.flatnonzero(referred >= 0)
    best: tuple[Feature | None, Feature | None] = (None, None)
    theirs = [feature_cells(f, parents, referred[some]) for f in others]
    ours = [feature_cells(f, batch, some) for f in features]
    if chosen := telling(theirs, ours, 1):
        other = others[chosen[0]]
        own = telling(ours, [theirs[chosen[0]]], 1)
        best = (features[own[0]] if own else None), other
    mine = _symbols(best[0], batch, every)
    symbol = np.zeros(len(parents), dtype=np.int64)
    if best[1] is not None:
        symbol = feature_cells(best[1], parents, np.arange(len(parents)))
    size = 1 if best[1] is None else best[1].size
    column: Symbols = np.where(referred >= 0, symbol[referred] if len(symbol) else 0, size)
    joint = np.zeros((1 if best[0] is None else best[0].size, size + 1), dtype=np.int64)
    np.add.at(joint, (mine, column), 1)
    # A symbol no real row had is treated as the whole.
    joint[joint.sum(axis=1) == 0] = joint.sum(axis=0)
    return Late(rule, best[0], best[1], joint)


def _symbols(feature: Feature | None, batch: Batch, rows: Rows) -> Symbols:
    if feature is None:
        return np.zeros(len(rows), dtype=np.int64)
    return feature_cells(feature, batch, rows)
