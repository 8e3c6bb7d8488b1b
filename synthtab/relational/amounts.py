"""Which numbers are written at all: within what was seen, and of sparse columns only those seen.

What siblings can come to depends on it. A column that is copied from a parent holds what the
parent's column does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import gcd

import numpy as np

from synthtab.batch import Batch
from synthtab.ir import nodes
from synthtab.ir.grids import Grid
from synthtab.ir.walk import columns_of
from synthtab.relational.listing import listing_of
from synthtab.relational.structure import Home, Structure
from synthtab.schema import BooleanType, DecimalType, EnumType, IntegerType, TextType, domain


@dataclass(frozen=True)
class Amounts:
    """By column: the least and greatest code that is written, and the grid that codes lie on.

    A column that is not there holds whatever it may by its declaration.
    """

    ranges: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    grids: Mapping[str, Grid] = field(default_factory=dict)


def amounts_of(whole: Structure, batches: Mapping[str, Batch]) -> dict[str, Amounts]:
    """Return what the rows that are learned from say of each table's columns."""
    found: dict[str, Amounts] = {}
    for name, home in whole.homes.items():
        ranges, grids = _ranges(home, batches[name]), _grids(home, batches[name])
        for copy in home.copies:
            own, other = copy.kinds
            if own == other and len(copy.steps) == 1:
                source = found[copy.steps[0].parent]
                if copy.source in source.ranges and not home.table.column(copy.column).optional:
                    ranges[copy.column] = source.ranges[copy.source]
                if copy.source in source.grids:
                    grids[copy.column] = source.grids[copy.source]
        found[name] = Amounts(ranges, grids)
    return found


def seen_ranges(table: nodes.Table, batch: Batch) -> dict[str, tuple[int, int]]:
    """Return the range of codes that rows hold, of every column that has an order of its own."""
    found = {}
    for column in table.columns:
        if not isinstance(column.type, EnumType | BooleanType | TextType):
            codes, nulls = batch.column(column.name)
            present = codes[~nulls]
            lo = domain(column)[0]
            some = (int(present.min()), int(present.max())) if len(present) else (lo, lo)
            found[column.name] = some
    return found


def _ranges(home: Home, batch: Batch) -> dict[str, tuple[int, int]]:
    """Return the ranges of numbers that are written; dates go as far as is declared."""
    return {
        name: span
        for name, span in seen_ranges(home.table, batch).items()
        if isinstance(home.table.column(name).type, IntegerType | DecimalType)
        and name not in home.placed
    }


def _grids(home: Home, batch: Batch) -> dict[str, Grid]:
    """Return the grids of columns that are written as places in a list: no other value comes up."""
    spoken = {
        c
        for rule in home.table.rules
        if isinstance(rule, nodes.RowRule)
        for c in columns_of(rule.condition)
    }
    found = {}
    for column in home.table.columns:
        if column.name in home.placed | spoken:
            continue
        listing = listing_of(column, *batch.column(column.name), batch.pool)
        if listing is not None and listing.codes:
            step = gcd(*np.diff(np.array(listing.codes)).tolist(), 0)
            found[column.name] = listing.codes[0], step
    return found
