"""What a generator is told of a row before it writes it, and how columns are written beside a base.

``Reading`` lists the features of parents and siblings that tell something about the table's own
columns. ``Relative`` columns (dates, mostly) are written as their distance from the sibling before
or from a parent's column, which is what they go by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Batch, Codes, Mask
from synthtab.ir import nodes
from synthtab.ir.context import PREFIX
from synthtab.relational.features import Feature, Symbols, feature_of
from synthtab.relational.telling import telling
from synthtab.schema import Column, DatetimeType, DateType

NUMBERS = Feature("number", edges=(*range(1, 11), 12, 15, 20, 30, 50, 100, 200, 500))
"""Coarse symbols for a row's number among its siblings and for how many they are."""

Rows = NDArray[np.int64]
Steps = tuple[nodes.ReferenceRule, ...]


@dataclass(frozen=True)
class Read:
    """One feature that is read.

    ``kind`` says whose: of the row ``steps`` lead to (``parent``), of the sibling before
    (``before``), the row's own key that comes from a list (``dealt``), a number's mean over the
    siblings before (``mean``), or a number among siblings (``place``, ``size``, and ``left``: how
    many are to come).
    """

    kind: str
    feature: Feature
    steps: Steps = ()


@dataclass(frozen=True)
class Pick:
    """How a further parent is picked: by features of its row, written before the row's own columns.

    ``flag`` says that there may be none: NULL (symbol 0), a row (1), or a key of nobody (2).
    """

    reference: nodes.ReferenceRule
    flag: bool
    features: tuple[Feature, ...]


@dataclass(frozen=True)
class Relative:
    """A column written as its distance from something.

    That is the row's own column ``own``, written earlier; the sibling before where ``before`` is
    set; the column ``parent`` of the row that ``steps`` lead to; or ``fallback``: the first of
    these that there is.
    """

    column: str
    before: bool
    steps: Steps
    parent: str | None
    fallback: int
    own: str | None = None


@dataclass(frozen=True)
class Company:
    """The rows that rows come with, as row numbers (rows,), -1 for none.

    ``links`` by reference; ``before`` the sibling before; ``place`` from 1 and ``size``.
    """

    links: Mapping[nodes.ReferenceRule, Rows]
    before: Rows
    place: Rows
    size: Rows


def read_name(number: int) -> str:
    """Return the name of the column that holds a feature that is read."""
    return f"{PREFIX}read {number}"


def pick_names(number: int, pick: Pick) -> tuple[str, ...]:
    """Return the names of a pick's columns: its flag, where it has one, and its features."""
    flag = (f"{PREFIX}pick {number}?",) if pick.flag else ()
    return (*flag, *(f"{PREFIX}pick {number}.{k}" for k in range(len(pick.features))))


def cells(batch: Batch, column: str, rows: Rows) -> tuple[Codes, Mask]:
    """Return a column's cells in some rows; NULL for row -1."""
    codes, nulls = batch.column(column)
    gone = rows < 0
    if not len(codes):
        return np.zeros(len(rows), dtype=np.int64), np.ones(len(rows), dtype=bool)
    return np.where(gone, 0, codes[rows]), gone | nulls[rows]


def means_before(batch: Batch, column: str, around: Company) -> tuple[Codes, Mask]:
    """Return a column's mean over the siblings before each row, rounded down; NULL if none has it.

    The batch has the siblings one after the other, in their order.
    """
    codes, nulls = batch.column(column)
    # Siblings with values, and what these come to, from the first row on: coarse means do.
    number = np.append(0, np.cumsum(~nulls))
    amount = np.append(0.0, np.cumsum(np.where(nulls, 0, codes), dtype=np.float64))
    upto = around.before + 1
    since = upto - np.where(around.before < 0, 0, around.place - 1)
    some = number[upto] - number[since]
    mean = (amount[upto] - amount[since]) / np.maximum(some, 1)
    return np.floor(mean).astype(np.int64), some == 0


def feature_cells(feature: Feature, batch: Batch, rows: Rows) -> Symbols:
    """Return a feature's symbols in some rows; NULL's for row -1."""
    return feature.of(*cells(batch, feature.name, rows), batch.pool)


def relative_of(
    column: Column,
    values: tuple[Codes, Mask],
    first: NDArray[np.bool_] | None,
    parents: Sequence[tuple[Steps, Column, tuple[Codes, Mask]]],
    earlier: Sequence[tuple[Column, tuple[Codes, Mask]]],
) -> Relative | None:
    """Return what a column is best written relative to; None where it varies least by itself.

    ``first`` says which rows have no sibling before, where siblings come in the order of this
    column; ``earlier`` are the row's own columns that are written before it.
    """
    codes, nulls = values
    moment, rising = isinstance(column.type, DateType | DatetimeType), first is not None
    # Where there is a sibling before, only first siblings are written relative to anything else.
    asked = ~nulls if first is None else ~nulls & first
    if not asked.any() or not (moment or rising):
        return None

    def apart(other: Column, theirs: Codes, missing: Mask) -> float:
        both = asked & ~missing
        if other.type != column.type or both.sum() <= 0.5 * asked.sum():
            return np.inf
        return float(np.std((codes - theirs)[both]))

    spread = (1.0 if rising else 0.8) * float(np.std(codes[asked]))
    by_parent = [(apart(other, *theirs), steps, other.name) for steps, other, theirs in parents]
    by_own = [(apart(other, *theirs), other.name) for other, theirs in earlier]
    near, steps, parent = min(by_parent, key=lambda b: b[0], default=(np.inf, (), ""))
    mine, own = min(by_own, key=lambda b: b[0], default=(np.inf, ""))
    uses_own = not rising and mine < min(near, spread)
    if not (rising or uses_own or near < spread):
        return None
    return Relative(
        column.name,
        rising,
        steps if near < spread else (),
        parent if near < spread else None,
        int(np.median(codes[asked])),
        own if uses_own else None,
    )


def readings(
    own: Sequence[Symbols], candidates: Sequence[tuple[Read, Symbols, Rows | None]]
) -> tuple[Read, ...]:
    """Return the features worth reading, those with few symbols first: rows then begin alike.

    Candidates come with their symbols and with the rows they are read from (None: one for each).
    """
    symbols, sources = [c[1] for c in candidates], [c[2] for c in candidates]
    chosen = telling(symbols, own, sources=sources)
    reads = [candidates[k][0] for k in chosen]
    return tuple(sorted(reads, key=lambda r: (r.kind != "parent", r.feature.size)))


def features_of(batch: Batch, columns: Sequence[Column], rows: Rows | None = None) -> list[Feature]:
    """Return the coarse views of columns, as they are in ``rows`` of the batch."""
    found = []
    for column in columns:
        codes, nulls = batch.column(column.name)
        if rows is not None:
            codes, nulls = codes[rows], nulls[rows]
        feature = feature_of(column, codes, nulls, batch.pool)
        if feature is not None:
            found.append(feature)
    return found
