"""A shop of customers and their orders, few columns of few values: rules, rows, a cheap plan."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from synthtab.batch import Batch
from synthtab.lang.model import Model
from synthtab.privacy.units import take_units
from synthtab.relational.star import Star, star

RULES = """
table customer {
  id      integer in 1 .. 90_000 key
  segment enum('home', 'office', 'school')
  level   integer in 1 .. 5

  rule few: count(of orders) <= 4
  rule no_school: when segment = 'school' then level <= 3
}

table orders {
  number      integer in 1 .. 900_000 key
  customer_id integer in 1 .. 90_000 -> customer.id
  size        integer in 1 .. 5
  paid        boolean

  rule within: size <= customer.level
  rule large_paid: when size = 5 then paid
}
"""
Tables = dict[str, pd.DataFrame]


def shop_star(most: int = 3, rules: str = RULES) -> Star:
    return star(Model.parse(rules).tables, most)


def orders_of(rows: Sequence[tuple[int, int, int, bool]]) -> pd.DataFrame:
    names = ["number", "customer_id", "size", "paid"]
    frame = pd.DataFrame(list(rows), columns=names)
    return frame.astype({"number": int, "customer_id": int, "size": int, "paid": bool})


def customers_of(rows: Sequence[tuple[int, str, int]]) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows), columns=["id", "segment", "level"])
    return frame.astype({"id": int, "level": int})


def lawful_shop(customers: int, seed: int = 0) -> Tables:
    """Return rows that keep all rules; higher levels order more."""
    rng = np.random.default_rng(seed)
    people, orders = [], []
    for key in range(1, customers + 1):
        segment = str(rng.choice(["home", "office", "school"], p=[0.5, 0.3, 0.2]))
        level = int(rng.integers(1, 4 if segment == "school" else 6))
        people.append((key, segment, level))
        for _ in range(int(rng.integers(0, 1 + min(4, level)))):
            size = int(rng.integers(1, level + 1))
            orders.append((len(orders) + 1, key, size, size == 5 or bool(rng.random() < 0.7)))
    return {"customer": customers_of(people), "orders": orders_of(orders)}


def taken(whole: Star, data: Tables) -> dict[str, Batch]:
    """Return what would go into the vault."""
    return take_units(whole.root, whole.branches, data, "clamp")
