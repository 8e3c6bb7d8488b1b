"""References that wait until all rows are there: into their own table, or around a circle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Batch
from synthtab.ir import nodes
from synthtab.relational.features import Feature, Symbols
from synthtab.relational.reading import Rows, feature_cells
from synthtab.relational.suiting import suiting
from synthtab.relational.telling import telling


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
        chosen = self._chosen(batch, parents, self.rule.parent == table.name, rng)
        return suiting(table, self.rule).settle(tables, batches, chosen, rng)

    def _chosen(self, batch: Batch, parents: Batch, itself: bool, rng: np.random.Generator) -> Rows:
        """Return whom each row refers to, (rows,) int64; -1 for nobody."""
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
        return chosen

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
