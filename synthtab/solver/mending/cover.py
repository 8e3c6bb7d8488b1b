"""Which candidates to take: most violations gone per cell first, then what looks like the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.groups import Ids
from synthtab.batch import Codes, Mask
from synthtab.ir import nodes
from synthtab.solver.mending.judge import Verdict
from synthtab.solver.mending.likeness import distance, is_ordered
from synthtab.solver.mending.sheets import Edits, Sheets, current

KEY_COST = 10.0
PART_COST = 3.0
ROUNDS = 50


def costs_of(
    tables: Sequence[nodes.Table], weights: Mapping[str, Mapping[str, float]]
) -> list[NDArray[np.float64]]:
    """Return what a cell of each column of each table costs, unless ``weights`` say otherwise.

    A key costs 10, a column that is part of a key 3, any other 1.
    """
    made = []
    for table in tables:
        own = weights.get(table.name, {})
        keys = {c for r in table.unique_rules if len(r.columns) == 1 for c in r.columns}
        parts = {c for r in table.unique_rules for c in r.columns}
        usual = {c: KEY_COST if c in keys else PART_COST for c in parts}
        price = [own.get(c, usual.get(c, 1.0)) for c in table.column_names]
        made.append(np.array(price))
    return made


def cost(
    edits: Edits, costs: Sequence[NDArray[np.float64]], mistakes: Ids, sure: Mask
) -> NDArray[np.float64]:
    """Return what each candidate costs: its mistakes times the root of its cells' mean weight.

    The root, because what several violations point to is the culprit even where it is dear: so
    the gain per cost is, squared, the square of the violations by the weight. To empty a cell
    counts twice, as it tells nothing. ``mistakes`` is the number of cells, or 1 for an exchange;
    ``sure`` marks keys whose value is known from elsewhere: they cost no more than other cells.
    """
    price = np.zeros(len(edits))
    for k, own in enumerate(costs):
        mine = edits.table == k
        price[mine] = own[edits.column[mine]]
    price[edits.null] *= 2
    total = np.bincount(edits.candidate, weights=price, minlength=edits.count)
    mean = total / np.maximum(edits.sizes(), 1)
    return np.asarray(mistakes * np.sqrt(np.where(sure, mean / KEY_COST, mean)))


class Columns:
    """What the columns held at first: the measure of what looks like the data."""

    def __init__(self, sheets: Sheets) -> None:
        self._sheets = sheets
        self._values = [codes.copy() for codes in sheets.codes]
        self._nulls = [nulls.copy() for nulls in sheets.nulls]
        self._known: dict[tuple[int, int], Codes] = {}

    def values(self, table: int, column: int) -> Codes:
        """Return the codes a column held, without NULLs, sorted."""
        key = (table, column)
        if key not in self._known:
            filled = ~self._nulls[table][:, column]
            self._known[key] = np.sort(self._values[table][filled, column])
        return self._known[key]

    def strangeness(self, edits: Edits) -> NDArray[np.float64]:
        """Return how unlike the data each candidate's values are, its cells' mean."""
        total = np.ones(len(edits))
        old, absent = current(self._sheets, edits.table, edits.row, edits.column)
        for k, table in enumerate(self._sheets.tables):
            for at, column in enumerate(table.columns):
                mine = np.flatnonzero((edits.table == k) & (edits.column == at) & ~edits.null)
                if not len(mine):
                    continue
                values = self.values(k, at)
                if is_ordered(column.type):
                    known = mine[~absent[mine]]
                    total[known] = distance(column.type, old[known], edits.code[known], values)
                elif len(values):
                    new = edits.code[mine]
                    first = np.searchsorted(values, new, side="left")
                    last = np.searchsorted(values, new, side="right")
                    total[mine] = 1.0 - 0.9 * (last - first) / len(values)
        sizes = np.maximum(edits.sizes(), 1)
        return np.bincount(edits.candidate, weights=total, minlength=edits.count) / sizes


def ranked(
    verdict: Verdict,
    price: NDArray[np.float64],
    doubt: NDArray[np.float64],
    rng: np.random.Generator,
) -> Ids:
    """Return the candidates that take violations away and bring none, the best first."""
    gain = np.where(verdict.wide, np.maximum(verdict.removed, 1), verdict.removed)
    good = np.flatnonzero((verdict.added == 0) & (gain > 0))
    rate = gain[good] / np.maximum(price[good], 1e-9)
    order = np.lexsort([rng.random(len(good)), np.round(doubt[good], 6), -np.round(rate, 9)])
    return good[order]


def independent(verdict: Verdict, edits: Edits, order: Ids) -> Ids:
    """Return the best candidates of which no two mend one violation or write one cell, sorted.

    Wide candidates are not among them.
    """
    rank = np.full(len(verdict.removed), len(order), np.int64)
    rank[order] = np.arange(len(order))
    use = (verdict.change < 0) & (rank[verdict.by] < len(order))
    by = np.concatenate([verdict.by[use], edits.candidate])
    wanted = np.concatenate(
        [
            np.stack([verdict.law[use], verdict.row[use], np.full(use.sum(), -1)], axis=1),
            np.stack([edits.table, edits.row, edits.column], axis=1),
        ]
    )
    key = np.unique(wanted, axis=0, return_inverse=True)[1].ravel()
    keys = int(key.max(initial=-1)) + 1
    alive = rank < len(order)
    chosen = np.zeros(len(rank), bool)
    wide = order[verdict.wide[order]]
    alive[wide] = False
    for _ in range(ROUNDS):
        live = alive[by]
        if not live.any():
            break
        best = np.full(keys, len(order), np.int64)
        np.minimum.at(best, key[live], rank[by[live]])
        loses = np.zeros(len(rank), bool)
        loses[by[live][rank[by[live]] > best[key[live]]]] = True
        winners = alive & ~loses
        winners[np.setdiff1d(np.flatnonzero(winners), by[live])] = False
        chosen |= winners
        taken = np.zeros(keys, bool)
        taken[key[winners[by]]] = True
        gone = np.zeros(len(rank), bool)
        gone[by[taken[key]]] = True
        alive &= ~gone
    return np.flatnonzero(chosen)


def within(edits: Edits, chosen: Ids, order: Ids, left: int | None) -> Ids:
    """Return those of the chosen that fit into ``left`` cells, the smallest changes first."""
    if left is None:
        return chosen
    sizes = edits.sizes()
    rank = np.full(edits.count, len(order), np.int64)
    rank[order] = np.arange(len(order))
    by_size = chosen[np.lexsort([rank[chosen], sizes[chosen]])]
    fits = np.cumsum(sizes[by_size]) <= left
    return np.sort(by_size[fits])
