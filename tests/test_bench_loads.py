"""Sampled tables in a PostgreSQL of the measurement's own, and models without data."""

from __future__ import annotations

import pandas as pd
import pytest

from bench import loads, nodata, postgres, relational, report
from bench.loads import loaded
from synthtab.lang.model import Model

SHOP = Model.parse("""
table customer { id integer key age integer in 18 .. 99 }
table orders {
  id integer key
  customer_id integer -> customer.id
  rule few: count() per customer_id <= 2
}
""")


def shop(ages: list[int]) -> dict[str, pd.DataFrame]:
    return {
        "customer": pd.DataFrame({"id": [1, 2], "age": ages}),
        "orders": pd.DataFrame({"id": [1, 2, 3], "customer_id": [1, 1, 2]}),
    }


def figures(frames: dict[str, pd.DataFrame]) -> dict[str, report.Figure]:
    return {f.what.removeprefix("PostgreSQL"): f for f in loaded(SHOP, frames)}


def test_what_a_server_takes_and_refuses(postgres_url: str) -> None:
    # The fixture skips where there is no server; the measurement starts one of its own.
    assert postgres_url
    made = figures(shop([20, 30]))
    assert made[", constraints on: rows loaded"].measured.startswith("5 in ")
    assert made[": rules it enforces / checked by query"].measured == "3 / 1"
    assert all(f.met is not False for f in made.values())
    broken = figures(shop([20, 17]))
    assert broken[", constraints on: rows loaded"].met is False
    assert "age range" in broken[": refused rows"].measured
    assert "127.0.0.1" not in broken[": refused rows"].measured
    many = shop([20, 30])
    many["orders"]["customer_id"] = 1
    found = figures(many)[": rules that more rows break than may, by query"]
    assert (found.measured, found.met) == ("orders.few 3", False)


def test_without_a_server_the_figure_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "program", lambda _name: None)
    [figure] = loads.loaded(SHOP, shop([20, 30]))
    assert figure.measured.startswith("not measured: PostgreSQL is not installed")
    assert figure.met is None


def test_a_model_without_data_is_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "program", lambda _name: None)
    small = nodata.Shipped("employment", {"department": 8})
    found = {f.what: f for f in nodata.measure(small, 0, lambda _what: None)}
    assert {"employment", "clinic", "ledger"} <= set(relational.PARTS)
    assert found["rows by table"].measured.startswith("department 8, employee ")
    judged = [f for what, f in found.items() if "rules by DuckDB" in what]
    assert [f.measured for f in judged] == ["0"]
