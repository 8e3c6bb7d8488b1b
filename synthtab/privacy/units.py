"""Tables whose rows belong to units: one row of a root table and the rows that refer to it.

What becomes of a unit depends on this unit and on public declarations alone: a unit more or less
is a row more or less in the root's table behind the door, and up to ``most`` rows more or less in
each other table, whatever it had before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch, Mask
from synthtab.codec import encode_arrays
from synthtab.errors import DataError
from synthtab.frames import check_names
from synthtab.ir import nodes
from synthtab.ir.walk import columns_of
from synthtab.privacy.grid import Axis, Cells, Grid
from synthtab.privacy.intake import (
    AS_IS,
    DROPPED,
    MOVED,
    OUTCOME,
    array_of,
    frame_of,
    outcomes_of,
    take_in,
)
from synthtab.privacy.mechanisms import CountNoise
from synthtab.privacy.readers import CountCells
from synthtab.privacy.settings import Outside
from synthtab.privacy.vault import Vault
from synthtab.schema import Column, TextType
from synthtab.sources import Rows

BEYOND = 3
"""What becomes of a unit's rows in another table: there were more than are looked at."""

Numbers = NDArray[np.int64]
_NO_TEXTS = np.empty(0, dtype=object)


@dataclass(frozen=True)
class Root:
    """The table with a row per unit: as declared, the columns learned of it, and its key.

    ``learned`` has, beside columns of the table, one per branch for its number of rows.
    """

    table: nodes.Table
    learned: nodes.Table
    key: str


@dataclass(frozen=True)
class Branch:
    """A table whose rows belong to units: those whose ``column`` holds the root's key.

    ``learned`` has the root's learned columns, as ``ROOT.COLUMN``, and then the table's own.
    ``number`` is the root's column for how many rows a unit has here, ``most`` at most.
    """

    table: nodes.Table
    learned: nodes.Table
    column: str
    number: str
    most: int

    @property
    def own(self) -> tuple[Column, ...]:
        """The learned columns of the table itself."""
        names = set(self.table.column_names)
        return tuple(c for c in self.learned.columns if c.name in names)

    @property
    def joined(self) -> tuple[str, ...]:
        """The learned columns that are the root's."""
        own = set(self.own)
        return tuple(c.name for c in self.learned.columns if c not in own)


def joined_name(root: str, column: str) -> str:
    """Return the name that a root's column has in a branch."""
    return f"{root}.{column}"


def take_units(
    root: Root, branches: Sequence[Branch], data: Mapping[str, Rows], outside: Outside
) -> dict[str, Batch]:
    """Read all tables; return what goes into the vault, the tables and what became of units.

    Rows are taken in as :func:`~synthtab.privacy.intake.take_in` does, but for keys, which are
    never moved. Left out are rows without a key, units whose key is there twice, rows of branches
    that belong to no unit that is used, those that break a rule together with the unit's row, and
    of the rest all but the first ``most`` of a unit, in an order that their own values make.
    Under ``refuse`` any of this but the last is an error that does not say which. Raises DataError
    where columns are missing or extra.
    """
    numbers = {b.number for b in branches}
    own = [c for c in root.learned.columns if c.name not in numbers]
    strings: dict[str, int] = {}
    read = _read(root.table, own, root.key, data[root.table.name], outside, strings)
    units, inverse, times = np.unique(
        read.keys[read.named], return_inverse=True, return_counts=True
    )
    outcome = np.full(len(units), AS_IS)
    outcome[inverse] = read.outcome[read.named]
    outcome[times > 1] = DROPPED
    nameless = np.full(int((~read.named).sum()), DROPPED)
    once = read.named & (read.outcome != DROPPED)
    once[read.named] &= times[inverse] == 1
    parents, keys = read.rows(once), read.keys[once]
    order = np.argsort(keys)
    parents, keys = parents.take(order), keys[order]
    wrong = bool(len(nameless)) or bool((times > 1).any())
    batches = {
        outcomes_of(root.table.name): _outcomes(np.concatenate([outcome, nameless])),
    }
    found: dict[str, tuple[Batch, Numbers]] = {}
    bare = parents
    for branch in branches:
        rows, at, became, strays = _branch(root, branch, bare, keys, data, outside, strings)
        wrong |= strays
        found[branch.table.name] = rows, at
        batches[outcomes_of(branch.table.name)] = _outcomes(became)
        many = np.bincount(at, minlength=len(keys)).astype(np.int64)
        parents = _with(parents, branch.number, many)
    if wrong and outside == "refuse":
        raise DataError(
            f"the data of table `{root.table.name}` and of those that refer to it have rows "
            "without a key of their own, that refer to no row, or that break rules together; under "
            "a privacy budget it is not said which: look with 'rulecheck validate' where the data "
            "may be seen, or take rows in with outside='clamp'"
        )
    parents = parents.select([c.name for c in root.learned.columns])
    batches[root.table.name] = parents
    for name, (rows, at) in found.items():
        batches[name] = _beside(_joined(root.table.name, parents.take(at)), rows)
    return batches


def count_units(vault: Vault, branch: Branch, noise: CountNoise) -> Cells:
    """Return of how many units a branch's rows fared in which way; noisy.

    The ways are AS_IS, MOVED, DROPPED (some of them) and BEYOND; a unit counts once, as the last.
    """
    codes = (AS_IS, MOVED, DROPPED, BEYOND)
    grid = Grid((Axis(OUTCOME, codes, codes, False),))
    table = outcomes_of(branch.table.name)
    return vault.release(CountCells(table, grid, (OUTCOME,), noise, "units by what became of them"))


def count_rows(vault: Vault, branch: Branch, noise: CountNoise) -> int:
    """Return how many rows of a branch there are; noisy. One unit counts up to ``most`` times."""
    column = branch.learned.columns[0].name
    grid = Grid((Axis(column, (0,), (0,), False),))
    table = branch.table.name
    return int(vault.release(CountCells(table, grid, (column,), noise, "rows there are"))[0])


@dataclass(frozen=True)
class _Read:
    """A table as read: ``kept`` rows of it, and for every row its outcome and key.

    Where a row is not ``named``, its key is missing or none of those that may be.
    """

    kept: Batch
    outcome: Numbers
    keys: Numbers
    named: Mask

    def rows(self, some: Mask) -> Batch:
        """Return some of the rows, none of them left out."""
        place = np.cumsum(self.outcome != DROPPED) - 1
        return self.kept.take(place[some])


def _read(
    table: nodes.Table,
    learned: Sequence[Column],
    key: str,
    rows: Rows,
    outside: Outside,
    strings: dict[str, int],
) -> _Read:
    name = f"the data of table `{table.name}`"
    frame = frame_of(table, rows, name)
    check_names(table.columns, [str(c) for c in frame.columns], name=name)
    column = table.column(key)
    raw, _ = encode_arrays([column], [array_of(frame, key)])
    bad = VectorBackend(nodes.Table(table.name, (column,))).out_of_domain(raw)[:, 0]
    codes, nulls = raw.column(key)
    if isinstance(column.type, TextType):
        place = [strings.setdefault(s, len(strings)) for s in raw.pool]
        codes = np.array([*place, 0], dtype=np.int64)[np.where(nulls, -1, codes)]
    names = [c.name for c in learned]
    inside = replace(
        table,
        columns=tuple(learned),
        rules=tuple(r for r in table.row_rules if set(columns_of(r.condition)) <= set(names)),
    )
    if names:
        at = [[str(c) for c in frame.columns].index(n) for n in names]
        taken = take_in(inside, frame.iloc[:, at], outside)
        return _Read(taken.rows, taken.outcomes.codes[:, 0], codes, ~(nulls | bad))
    nothing = np.zeros((len(codes), 0))
    kept = Batch((), nothing.astype(np.int64), nothing.astype(bool), _NO_TEXTS)
    return _Read(kept, np.full(len(codes), AS_IS), codes, ~(nulls | bad))


def _branch(
    root: Root,
    branch: Branch,
    parents: Batch,
    keys: Numbers,
    data: Mapping[str, Rows],
    outside: Outside,
    strings: dict[str, int],
) -> tuple[Batch, Numbers, Numbers, bool]:
    """Return a branch's rows, the unit of each, what became of each unit, and of any strays."""
    name = branch.table.name
    read = _read(branch.table, branch.own, branch.column, data[name], outside, strings)
    at = np.searchsorted(keys, read.keys)
    at = np.minimum(at, max(0, len(keys) - 1))
    mine = read.named & (keys[at] == read.keys if len(keys) else np.zeros(len(at), dtype=bool))
    became = np.full(len(keys), AS_IS)
    np.maximum.at(became, at[mine], read.outcome[mine])
    kept = mine & (read.outcome != DROPPED)
    rows, at = read.rows(kept), at[kept]
    unlawful = _unlawful(branch, _beside(_joined(root.table.name, parents.take(at)), rows))
    np.maximum.at(became, at[unlawful], DROPPED)
    rows, at = rows.take(~unlawful), at[~unlawful]
    order = np.lexsort((*rows.codes.T, *rows.nulls.T, _scattered(rows), at))
    rows, at = rows.take(order), at[order]
    rank = np.arange(len(at)) - np.searchsorted(at, at)
    became[at[rank >= branch.most]] = BEYOND
    few = rank < branch.most
    return rows.take(few), at[few], became, bool((~mine).any() or unlawful.any())


def _unlawful(branch: Branch, rows: Batch) -> Mask:
    """Say which rows break a rule about them and their unit, numbers of rows left aside."""
    there = set(rows.columns)
    rules = tuple(r for r in branch.learned.row_rules if set(columns_of(r.condition)) <= there)
    columns = tuple(c for c in branch.learned.columns if c.name in there)
    if not rules:
        return np.zeros(len(rows), dtype=bool)
    table = nodes.Table(branch.table.name, columns, rules)
    return np.asarray(VectorBackend(table).violated(rows).any(axis=1))


def _scattered(rows: Batch) -> NDArray[np.uint64]:
    """Return a number for each row that its values make, and that favours none of them."""
    mixed = np.zeros(len(rows), dtype=np.uint64)
    for codes, nulls in zip(rows.codes.T, rows.nulls.T, strict=True):
        one = pd.util.hash_array(np.where(nulls, -1, codes)).astype(np.uint64)
        mixed = pd.util.hash_array((mixed ^ one) + np.uint64(1)).astype(np.uint64)
    return mixed


def _joined(root: str, parents: Batch) -> Batch:
    return replace(parents, columns=tuple(joined_name(root, c) for c in parents.columns))


def _beside(one: Batch, other: Batch) -> Batch:
    codes = np.concatenate([one.codes, other.codes], axis=1)
    nulls = np.concatenate([one.nulls, other.nulls], axis=1)
    return Batch((*one.columns, *other.columns), codes, nulls, _NO_TEXTS)


def _with(rows: Batch, name: str, codes: Numbers) -> Batch:
    column = codes[:, None]
    return _beside(rows, Batch((name,), column, np.zeros(column.shape, dtype=bool), _NO_TEXTS))


def _outcomes(codes: Numbers) -> Batch:
    column = codes.astype(np.int64)[:, None]
    return Batch((OUTCOME,), column, np.zeros(column.shape, dtype=bool), _NO_TEXTS)
