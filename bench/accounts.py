"""Generated groups whose rows depend on each other: bookings with balances, orders with sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bench.cleaning import broken
from synthtab.batch import Batch
from synthtab.ir import nodes
from synthtab.lang.model import Model

GROUPS = 20_000
SHARE_BROKEN = 0.05
ROWS = 5
"""Rows of a group."""

MODELS = {
    "running balances": """
table account {
  id integer key
}
table booking {
  account_id integer        -> account.id
  seq        integer
  amount     decimal(10, 2) in -100_000 .. 100_000
  balance    decimal(12, 2) in 0 ..
  key (account_id, seq)
  rule numbered: gap_free(seq) per account_id
  rule runs: balance = (previous(balance, 0) per account_id ordered by seq) + amount
}
""",
    "sums of orders": """
table orders {
  id    integer        key
  total decimal(12, 2) in 0 ..
  rule adds_up: sum(amount of line) = total
}
table line {
  order_id integer        -> orders.id
  line_no  integer
  amount   decimal(10, 2) in 0.01 .. 100_000
  key (order_id, line_no)
}
""",
}


def accounts_broken(
    name: str, rng: np.random.Generator, groups: int = GROUPS
) -> tuple[tuple[nodes.Table, ...], dict[str, Batch]]:
    """Return one of the models with rows that keep it, but for one cell in 5% of the groups."""
    tables = Model.parse(MODELS[name]).tables
    parents = np.arange(1, groups + 1)
    owner = np.repeat(parents, ROWS)
    place = np.tile(np.arange(1, ROWS + 1), groups)
    amounts = rng.integers(1_00, 5_000_00, (groups, ROWS))
    wrong = rng.permutation(groups)[: round(SHARE_BROKEN * groups)]
    slips = rng.integers(1, 50_00, len(wrong))
    half = len(wrong) // 2
    if name == "running balances":
        # Money goes out as well, never more than there is.
        out = rng.random(amounts.shape) < 0.4
        out[:, 0] = False
        balances = np.zeros_like(amounts)
        for at in range(ROWS):
            before = balances[:, at - 1] if at else np.zeros(groups, np.int64)
            amounts[:, at] = np.where(out[:, at], -(amounts[:, at] % (before + 1)), amounts[:, at])
            balances[:, at] = before + amounts[:, at]
        which = rng.integers(0, ROWS, len(wrong))
        amounts[wrong[:half], which[:half]] += slips[:half]
        balances[wrong[half:], which[half:]] += slips[half:]
        cells = [owner, place, amounts.ravel(), balances.ravel()]
        return tables, _batches(tables, [[parents], cells])
    totals = amounts.sum(axis=1)
    totals[wrong[:half]] += slips[:half]
    amounts[wrong[half:], rng.integers(0, ROWS, len(wrong) - half)] += slips[half:]
    return tables, _batches(tables, [[parents, totals], [owner, place, amounts.ravel()]])


def groups_broken(tables: Sequence[nodes.Table], batches: Mapping[str, Batch]) -> set[int]:
    """Return the numbers of the groups in which a row breaks a rule."""
    bad = broken(tables, batches)
    return {int(k) for name, rows in bad.items() for k in batches[name].codes[rows, 0]}


def _batches(tables: tuple[nodes.Table, ...], columns: list[list[np.ndarray]]) -> dict[str, Batch]:
    none = np.array([], dtype=object)
    found = {}
    for table, cells in zip(tables, columns, strict=True):
        codes = np.stack(cells, axis=1).astype(np.int64)
        found[table.name] = Batch(table.column_names, codes, np.zeros(codes.shape, bool), none)
    return found
