"""Mending held to the oracle, and a bank to plant errors in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
from batches import to_batch, to_records

from synthtab.batch import Batch
from synthtab.ir.evaluate_tables import violations
from synthtab.lang.model import Model
from synthtab.solver.mend import Mended, mend

Rows = Mapping[str, list[dict[str, Any]]]


def batches(model: Model, rows: Rows) -> dict[str, Batch]:
    return {t.name: to_batch(t.columns, rows[t.name]) for t in model.tables}


def mended(
    model: Model, rows: Rows, seed: int = 0, oracle: bool = True, **options: Any
) -> tuple[Mended, Rows]:
    """Mend rows, hold the outcome to the oracle, return it with the rows as values."""
    given = batches(model, rows)
    out = mend(model.tables, given, rng=np.random.default_rng(seed), **options)
    after = {t.name: to_records(t.columns, out.batches[t.name]) for t in model.tables}
    if oracle:
        lawful(model.tables, rows, after, out)
    return out, after


def lawful(tables: Any, before: Rows, after: Rows, out: Mended) -> None:
    """Hold an outcome to the oracle: nothing breaks anew, and what is broken is listed."""
    old, new = violations(tables, before), violations(tables, after)
    soft = {(t.name, r.name) for t in tables for r in t.rules if r.share is not None}
    for key, marks in new.items():
        if key in soft:
            continue
        fresh = [i for i, (a, b) in enumerate(zip(marks, old[key], strict=True)) if a and not b]
        assert not fresh, (key, fresh)
        assert np.flatnonzero(marks).tolist() == list(out.unmended.get(key, [])), key
    seen = {(c.table, c.row, c.column): (c.old, c.new) for c in out.changes}
    for name, rows in before.items():
        for i, row in enumerate(rows):
            for column, value in row.items():
                change = seen.pop((name, i, column), (value, value))
                assert change == (value, after[name][i][column])
    assert not seen


BANK = Model.parse(
    """
    table account {
      id     integer key
      opened date
      total  decimal(14, 2)
      rule adds: total = coalesce(sum(amount of entry), 0)
    }
    table entry {
      id         integer key
      account_id integer -> account.id
      seq        integer in 1 ..
      day        date
      amount     decimal(10, 2)
      balance    decimal(14, 2)
      unique (account_id, seq)
      rule numbered: gap_free(seq) per account_id
      rule running: balance = (previous(balance, 0) per account_id ordered by seq) + amount
      rule later: day >= account.opened
      rule in_order: non_decreasing(day) per account_id ordered by seq
    }
    """
)


def bank() -> dict[str, list[dict[str, Any]]]:
    accounts, entries = [], []
    for k in range(6):
        balance = Decimal(0)
        for seq in range(1, 8):
            amount = Decimal(((k * 37 + seq * 91) % 170) - 60) + Decimal("0.25")
            balance += amount
            entries.append(
                {
                    "id": len(entries) + 1,
                    "account_id": 100 + k,
                    "seq": seq,
                    "day": date(2020, 1 + seq, 3 + k),
                    "amount": amount,
                    "balance": balance,
                }
            )
        accounts.append({"id": 100 + k, "opened": date(2020, 1, 5 + k), "total": balance})
    return {"account": accounts, "entry": entries}


def torn(rows: Rows, table: str, row: int, **cells: Any) -> Rows:
    """Return a copy of the rows with some cells of one row replaced."""
    copied = {name: [dict(r) for r in some] for name, some in rows.items()}
    copied[table][row].update(cells)
    return copied
