"""Random tables, well-typed rules and rows, for comparing backends.

Plain ``random.Random(seed)`` rather than Hypothesis: thousands of cases in seconds, each found
again by its seed. Values, constants and column ranges are drawn from the same small sets, so that
equalities and boundaries are hit often.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from batches import to_batch
from rule_maker import RuleMaker, random_columns

from synthtab import schema as s
from synthtab.batch import Batch
from synthtab.ir import nodes as n

Truths = tuple[np.ndarray, np.ndarray]
Backend = Callable[[n.Table, tuple[n.RowRule, ...], Batch], Truths]


@dataclass(frozen=True)
class Case:
    """A table with its row rules, and rows in codes and as Python values."""

    seed: int
    table: n.Table
    rows: list[dict[str, s.Value | None]]
    batch: Batch


def cases(seeds: range, rules: int = 8, rows: int = 8) -> Iterator[Case]:
    """Yield one case per seed: a table of that many rules and rows."""
    for seed in seeds:
        yield make_case(seed, rules, rows)


def make_case(seed: int, rules: int = 8, rows: int = 8) -> Case:
    """Return the case of a seed."""
    rng = random.Random(seed)
    maker = RuleMaker(rng, random_columns(rng))
    table = n.Table("t", maker.columns, tuple(maker.rule(f"r{k}") for k in range(rules)))
    records = [{c.name: maker.cell(c) for c in table.columns} for _ in range(rows)]
    return Case(seed, table, records, to_batch(table.columns, records))
