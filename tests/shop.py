"""A shop of three tables with rules across them, its rows, and a small model learned on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.model import ModelConfig
from synthtab.generate.train import TrainConfig

QUICK = GeneratorConfig(
    model=ModelConfig(hidden=32, layers=1, heads=2, kv_heads=2, feed_forward=64),
    train=TrainConfig(symbols_seen=15_000, max_epochs=8),
)

RULES = """
table customer {
  id       integer key
  segment  enum('home', 'office')
  joined   date in 2020-01-01 .. 2022-12-31
  city     text(12) optional
  referrer integer optional -> customer.id

  rule few_orders: count(of orders) <= 8
}

table orders {
  id          integer key
  customer_id integer -> customer.id
  placed      date in 2020-01-01 .. 2023-12-31
  total       decimal(8, 2) in 0 .. 5_000
  paid        boolean

  rule after: placed >= customer.joined
  rule total: total = coalesce(sum(amount of line), 0)
  rule small: when total < 1 then paid
  rule mostly_paid at least 60%: paid
}

table line {
  order_id integer -> orders.id
  number   integer in 1 .. 9
  amount   decimal(7, 2) in 1 .. 500
  key (order_id, number)

  rule numbered: gap_free(number) per order_id
}
"""


def shop(customers: int = 40, seed: int = 1) -> dict[str, pd.DataFrame]:
    """Return rows that keep all the rules."""
    rng = np.random.default_rng(seed)
    joined = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, customers), "D")
    referred = [
        int(rng.integers(1, at)) if at > 5 and rng.random() < 0.5 else None
        for at in range(1, customers + 1)
    ]
    customer = pd.DataFrame(
        {
            "id": range(1, customers + 1),
            "segment": rng.choice(["home", "office"], customers),
            "joined": joined.strftime("%Y-%m-%d"),
            "city": rng.choice(np.array(["Rome", "Oslo", None], dtype=object), customers),
            "referrer": pd.array(referred, dtype="Int64"),
        }
    )
    orders, lines = [], []
    for at, day in enumerate(joined):
        for _ in range(rng.integers(0, 4)):
            number, cents = 100 + len(orders), 0
            for line in range(1, int(rng.integers(1, 5))):
                amount = int(rng.integers(100, 20_000))
                cents += amount
                lines.append((number, line, amount / 100))
            placed = day + pd.Timedelta(int(rng.integers(0, 300)), "D")
            paid = cents < 100 or bool(rng.random() < 0.8)
            orders.append((number, at + 1, placed.strftime("%Y-%m-%d"), cents / 100, paid))
    names = ["id", "customer_id", "placed", "total", "paid"]
    return {
        "customer": customer,
        "orders": pd.DataFrame(orders, columns=names),
        "line": pd.DataFrame(lines, columns=["order_id", "number", "amount"]),
    }


def write_shop(folder: Path, tables: dict[str, pd.DataFrame] | None = None) -> Path:
    """Write rules and rows (``real/TABLE.csv``) into a directory, and return it."""
    (folder / "shop.rules").write_text(RULES)
    (folder / "real").mkdir()
    for name, frame in (shop() if tables is None else tables).items():
        frame.to_csv(folder / "real" / f"{name}.csv", index=False)
    return folder


def orphan(tables: dict[str, pd.DataFrame]) -> None:
    """Let an order refer to a customer that there is none of."""
    tables["orders"].loc[3, "customer_id"] = 999
