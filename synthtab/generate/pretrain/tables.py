"""Tables to learn to read schemas from: many made of each real one, and imagined ones.

A domain has a few dozen public tables, too few to learn from them what a name, a range or a
frequency means. So each is shown in ever other ways: some of its columns in a new order, some rows,
its numbers stretched and moved. And there are tables that nobody has: columns of random types and
shapes, bound together by a few hidden causes, without names. They keep the network from taking what
it knows of its domain for true of every table, as the synthetic tables that TabPFN is trained on
do (Hollmann and others, 2023, section 4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from synthtab.batch import Batch, Codes
from synthtab.generate.places import Symbols
from synthtab.generate.tokenizer import Layout, make_layout
from synthtab.schema import (
    BooleanType,
    Column,
    ColumnType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
    domain,
    type_domain,
)

LEAST_ROWS, MOST_ROWS = 60, 3_000
"""So many rows a shown table's statistics are taken of."""
BESIDE = 256
"""Rows of a shown table that its statistics have not seen."""
LEAST_COLUMNS, MOST_COLUMNS = 3, 14
STRETCHED = 0.5
FARTHEST = 10**12
"""Numbers are not moved beyond this."""


@dataclass(frozen=True)
class Shown:
    """A table as it is shown once: rows (rows, positions), statistics being of the first ones."""

    layout: Layout
    symbols: Symbols
    counted: int
    named: bool


@dataclass(frozen=True)
class RealTable:
    """A public table's columns and rows; ``name`` is for messages."""

    name: str
    columns: tuple[Column, ...]
    batch: Batch

    @property
    def weight(self) -> float:
        """How often it is shown beside others: large ones more, but not by their size."""
        return math.sqrt(len(self.columns) * min(len(self.batch), MOST_ROWS))

    def show(self, random: np.random.Generator, *, named: bool) -> Shown:
        """Return some columns of some rows, in a new order."""
        batch = _stretched(self, random) if random.random() < STRETCHED else self.batch
        most = min(MOST_COLUMNS, len(self.columns))
        many = int(random.integers(min(LEAST_COLUMNS, most), most + 1))
        columns = [self.columns[k] for k in random.permutation(len(self.columns))[:many]]
        counted = _rows(random)
        rows = random.permutation(len(batch))[: counted + BESIDE]
        return _shown(columns, batch.take(rows), counted, named)


def imagined(random: np.random.Generator) -> Shown:
    """Return a table of random columns that hidden causes bind together; it has no names."""
    many, counted = int(random.integers(2, 13)), _rows(random)
    ranks = _ranks(random, counted + BESIDE, many)
    columns, codes = [], np.zeros(ranks.shape, dtype=np.int64)
    nulls = np.zeros(ranks.shape, dtype=bool)
    for k in range(many):
        column, codes[:, k] = _imagined_column(f"c{k}", ranks[:, k], random)
        columns.append(column)
        if column.optional:
            nulls[:, k] = random.random(len(ranks)) < random.uniform(0.01, 0.6)
    codes[nulls] = 0
    names = tuple(c.name for c in columns)
    batch = Batch(names, codes, nulls, np.empty(0, dtype=object))
    return _shown(columns, batch, counted, named=False)


def _rows(random: np.random.Generator) -> int:
    return int(np.exp(random.uniform(math.log(LEAST_ROWS), math.log(MOST_ROWS))))


def _shown(columns: Sequence[Column], batch: Batch, counted: int, named: bool) -> Shown:
    """Lay out the columns as they would be to be learned, and write the rows."""
    names = [c.name for c in columns]
    domains = {c.name: _domain(c, batch) for c in columns if not isinstance(c.type, TextType)}
    layout = make_layout(columns, names, domains, batch.select(names))
    return Shown(layout, layout.encode(batch.select(names)), min(counted, len(batch)), named)


def _domain(column: Column, batch: Batch) -> tuple[int, int]:
    """Return the codes that the rows span, or all of a list's."""
    if isinstance(column.type, EnumType | BooleanType):
        return domain(column)
    codes, nulls = batch.column(column.name)
    there = codes[~nulls]
    return (int(there.min()), int(there.max())) if len(there) else (0, 0)


def _stretched(table: RealTable, random: np.random.Generator) -> Batch:
    """Return the table's rows with some numbers multiplied, and some of these moved."""
    codes = table.batch.codes.copy()
    for k, column in enumerate(table.batch.columns):
        type_ = next(c.type for c in table.columns if c.name == column)
        if not isinstance(type_, IntegerType | DecimalType) or random.random() < 0.4:
            continue
        moved = codes[:, k] * np.exp(random.normal())
        if random.random() < 0.3:
            moved += random.normal() * codes[:, k].std()
        lo, hi = type_domain(type_)
        moved = np.clip(np.round(moved), max(lo, -FARTHEST), min(hi, FARTHEST))
        codes[:, k] = np.where(table.batch.nulls[:, k], 0, moved)
    return replace(table.batch, codes=codes)


def _ranks(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float64]:
    """Return values in (0, 1), evenly spread in each column, that up to three causes bind."""
    causes = random.normal(size=(rows, int(random.integers(1, 4))))
    strength = random.normal(size=(columns, causes.shape[1])) * random.choice([0.3, 1.0, 3.0])
    values = causes @ strength.T + random.normal(size=(rows, columns))
    for _ in range(int(random.integers(0, 3))):
        one, other = random.integers(0, columns, 2)
        values[:, one] += random.normal() * np.abs(values[:, other])
    return np.asarray((values.argsort(axis=0).argsort(axis=0) + 0.5) / rows)


def _imagined_column(
    name: str, ranks: NDArray[np.float64], random: np.random.Generator
) -> tuple[Column, Codes]:
    """Return a column of a random type and its codes, in the order of the ranks."""
    kind = str(random.choice(["list", "flag", "number", "count", "amount", "day"], p=_OFTEN))
    optional = bool(random.random() < 0.25)
    if kind in ("list", "flag"):
        size = 2 if kind == "flag" else int(random.integers(2, 16))
        shares = random.dirichlet(np.full(size, random.choice([0.3, 1.0, 3.0])))
        order = random.permutation(size) if random.random() < 0.5 else np.arange(size)
        codes = order[np.minimum(np.searchsorted(np.cumsum(shares), ranks), size - 1)]
        values = EnumType(tuple(f"v{k}" for k in range(size)))
        return Column(name, BooleanType() if kind == "flag" else values, optional), codes
    low, high = _SCALES[kind]
    scale = 10.0 ** random.uniform(low, high)
    codes = np.round(_spread(ranks, random) * scale).astype(np.int64)
    if random.random() < 0.5:
        codes += int(random.normal() * 3 * scale)
    if kind == "day":
        codes += int(random.integers(-3_000, 18_000)) - int(codes.mean())
    if random.random() < 0.2:
        often = codes.min() if random.random() < 0.5 else codes.dtype.type(0)
        codes = np.where(random.random(len(codes)) < random.uniform(0.1, 0.8), often, codes)
    if kind in ("number", "amount") and random.random() < 0.3:
        codes = codes // 10 * 10
    return Column(name, _NUMBERS[kind], optional), codes


_NUMBERS: dict[str, ColumnType] = {
    "number": IntegerType(),
    "count": IntegerType(),
    "amount": DecimalType(12, 2),
    "day": DateType(),
}
_OFTEN = (0.35, 0.1, 0.15, 0.15, 0.15, 0.1)
_SCALES = {"number": (1.0, 5.0), "count": (0.3, 1.5), "amount": (2.0, 6.0), "day": (1.5, 3.5)}


def _spread(ranks: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """Return numbers of a random shape (even, normal, skewed, decaying) by their ranks."""
    shapes = (
        lambda u: u,
        _normal,
        lambda u: np.exp(random.uniform(0.3, 1.5) * _normal(u)),
        lambda u: -np.log1p(-u),
    )
    return np.asarray(shapes[int(random.integers(len(shapes)))](ranks))


def _normal(ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the quantiles of the normal distribution."""
    return np.asarray(torch.special.ndtri(torch.from_numpy(ranks)).numpy())
