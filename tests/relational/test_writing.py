"""Rows of several tables keep their rules as they are written, before anything is mended."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from synthtab.backends.tables import TablesBackend
from synthtab.draw import METHODS
from synthtab.errors import InfeasibleError, UsageError
from synthtab.frames import encode_frame
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.model import ModelConfig
from synthtab.generate.train import TrainConfig
from synthtab.lang.model import Model
from synthtab.relational.database import fit_database, rows_asked, write_database

QUICK = GeneratorConfig(
    model=ModelConfig(hidden=16, layers=1, heads=2, kv_heads=2, feed_forward=32),
    train=TrainConfig(symbols_seen=4_000),
)

RULES = """
table shop {
  id      integer key
  town    enum('A', 'B', 'C')
  opened  date in 2020-01-01 .. 2022-12-31
}

table customer {
  id      integer key
  shop_id integer -> shop.id
  since   date in 2020-01-01 .. 2024-12-31
  level   integer in 1 .. 3

  rule after_opening: since >= shop.opened
  rule few_orders: count(of purchase) <= 2 * level
}

table card {
  number      text(6) matching /[A-Z]{2}[0-9]{4}/ key
  customer_id integer unique -> customer.id
  issued      date in 2020-01-01 .. 2025-12-31

  rule good_customers: customer.level >= 2
  rule later: issued >= customer.since
}

table product {
  id    integer key
  kind  enum('food', 'toy', 'tool')
  price decimal(5, 2) in 0.50 .. 20.00
}

table purchase {
  id          integer key
  customer_id integer -> customer.id
  number      integer in 1 .. 20
  day         date in 2020-01-01 .. 2026-12-31
  pieces      integer in 1 .. 200
  paid        decimal(7, 2) in 0 .. 5_000
  total_paid  decimal(9, 2) in 0 .. 50_000

  rule numbered: gap_free(number) per customer_id
  rule in_time: increasing(day) per customer_id ordered by number
  rule running: total_paid = (previous(total_paid, 0) per customer_id ordered by number) + paid
  rule first_day: when number = 1 then day >= customer.since
  rule lines: count(of line) between 1 and 4
  rule adds_up: sum(pieces of line) = pieces
  rule mostly_cheap at least 60%: paid <= 2_500
}

table line {
  purchase_id integer -> purchase.id
  product_id  integer -> product.id
  pieces      integer in 1 .. 50
  price       decimal(5, 2)

  unique (purchase_id, product_id)
  rule listed: price = product.price
  rule no_tools_for_beginners: when product.kind = 'tool' then purchase.customer.level > 1
}

table booking {
  customer_id integer -> customer.id
  start       date in 2023-01-01 .. 2025-12-31
  stop        date in 2023-01-01 .. 2026-12-31
  seat        integer in 1 .. 9
  zone        integer in 1 .. 3

  rule forwards: stop > start
  rule apart: no overlap (start, stop) per customer_id
  rule zones: seat determines zone
}
"""

MODEL = Model.parse(RULES)


def day(base, add):
    return pd.Timestamp(base) + pd.to_timedelta(add, "D")


def frames(seed=0):
    """Return real rows that keep every rule."""
    rng = np.random.default_rng(seed)
    shop = pd.DataFrame(
        {"id": [1, 2, 3], "town": ["A", "B", "C"], "opened": day("2020-01-01", [0, 300, 900])}
    )
    customer, card, purchase, line, booking = [], [], [], [], []
    price = rng.integers(50, 2_001, 12)
    kind = rng.choice(["food", "toy", "tool"], 12)
    kind[0] = "food"
    for c in range(1, 41):
        level = int(rng.integers(1, 4))
        s = int(rng.integers(1, 4))
        since = shop.opened[s - 1] + pd.Timedelta(int(rng.integers(0, 500)), "D")
        customer.append((c, s, since, level))
        if level >= 2 and rng.random() < 0.5:
            card.append((f"AB{c:04d}", c, since + pd.Timedelta(int(rng.integers(0, 99)), "D")))
        at, total = since, 0
        for number in range(1, int(rng.integers(0, 2 * level + 1)) + 1):
            at = at + pd.Timedelta(int(rng.integers(1, 60)), "D")
            ident, paid = len(purchase) + 1, int(rng.integers(0, 300_000))
            total += paid
            allowed = [p for p in range(12) if level > 1 or kind[p] != "tool"]
            chosen = rng.choice(allowed, min(len(allowed), int(rng.integers(1, 5))), replace=False)
            some = rng.integers(1, 51, len(chosen))
            money = Decimal(paid).scaleb(-2), Decimal(total).scaleb(-2)
            purchase.append((ident, c, number, at, int(some.sum()), *money))
            for p, n in zip(chosen, some, strict=True):
                line.append((ident, int(p) + 1, int(n), Decimal(int(price[p])).scaleb(-2)))
        start = pd.Timestamp("2023-01-01")
        for _ in range(int(rng.integers(0, 4))):
            start = start + pd.Timedelta(int(rng.integers(0, 40)), "D")
            stop = start + pd.Timedelta(int(rng.integers(1, 20)), "D")
            seat = int(rng.integers(1, 10))
            booking.append((c, start, stop, seat, seat % 3 + 1))
            start = stop
    tables = {"customer": customer, "card": card, "purchase": purchase, "line": line}
    names = {t.name: t.column_names for t in MODEL.tables}
    made = {n: pd.DataFrame(rows, columns=names[n]) for n, rows in tables.items()}
    made["booking"] = pd.DataFrame(booking, columns=names["booking"])
    prices = [Decimal(int(v)).scaleb(-2) for v in price]
    made["product"] = pd.DataFrame({"id": range(1, 13), "kind": kind, "price": prices})
    return made | {"shop": shop}


def batches(given):
    return {t.name: encode_frame(t.columns, given[t.name]) for t in MODEL.tables}


@pytest.fixture(scope="module")
def database():
    real = batches(frames())
    found = TablesBackend(MODEL.tables).violated(real)
    assert {rule for (_, rule), mask in found.items() if mask.any()} <= {"mostly_cheap"}
    return fit_database(MODEL.tables, real, config=QUICK)


def broken(drawn):
    found = TablesBackend(MODEL.tables).violated(drawn.batches)
    return {f"{t}.{r}": int(m.sum()) for (t, r), m in found.items() if m.any()}


@pytest.mark.parametrize("seed", range(3))
def test_rules_across_rows_and_tables_hold_as_rows_are_written(database, seed):
    sizes = rows_asked(database, 2.0)
    drawn = write_database(database, sizes, METHODS["solver"], np.random.default_rng(seed))
    found = broken(drawn)
    purchases = len(drawn.batches["purchase"])
    soft = found.pop("purchase.mostly_cheap", 0)
    assert soft <= 0.55 * purchases
    # What the siblings to come may add is bounded, not known: few groups can still come out wrong.
    assert found.pop("purchase.adds_up", 0) <= 0.05 * purchases
    assert found == {}


def test_every_rule_of_this_model_is_kept_while_rows_are_written(database):
    assert [rule for model in database.models.values() for rule in model.view.left] == []


def test_a_network_left_alone_breaks_them(database):
    sizes = rows_asked(database, 1.0)
    drawn = write_database(database, sizes, METHODS["free"], np.random.default_rng(0))
    assert {"purchase.running", "purchase.adds_up"} <= broken(drawn).keys()


def test_keys_and_references_hold_in_every_mode(database):
    drawn = write_database(
        database, rows_asked(database, 1.0), METHODS["free"], np.random.default_rng(0)
    )
    kinds = {"_key", "_ref", "shop_id", "product_id"}
    assert not [name for name in broken(drawn) if any(k in name for k in kinds)]


def test_a_seed_gives_the_same_tables(database):
    def once():
        rng = np.random.default_rng(5)
        return write_database(database, rows_asked(database, 1.0), METHODS["solver"], rng).batches

    first, second = once(), once()
    for name in first:
        assert (first[name].codes == second[name].codes).all()
        assert (first[name].nulls == second[name].nulls).all()


def test_numbers_of_rows_are_met_or_refused(database):
    rng = np.random.default_rng(0)
    sizes = rows_asked(database, {"customer": 55, "booking": 30})
    drawn = write_database(database, sizes, METHODS["solver"], rng)
    assert len(drawn.batches["customer"]) == 55
    assert len(drawn.batches["booking"]) == 30
    with pytest.raises(InfeasibleError, match="`card` cannot have 1,000 rows"):
        write_database(database, rows_asked(database, {"card": 1_000}), METHODS["solver"], rng)


@pytest.mark.parametrize(
    ("scale", "says"),
    [
        (0.0, "the scale 0.0 is not above 0"),
        (-1.0, "the scale -1.0 is not above 0"),
        (float("nan"), "the scale nan is not above 0"),
        ({"shops": 3}, "there is no table `shops`"),
        ({"shop": -3}, "`shop` cannot have -3 rows"),
    ],
)
def test_scales_that_are_none_are_named(database, scale, says):
    with pytest.raises(UsageError, match=says):
        rows_asked(database, scale)


def test_no_parents_means_no_children(database):
    drawn = write_database(
        database, rows_asked(database, {"shop": 0}), METHODS["solver"], np.random.default_rng(0)
    )
    assert len(drawn.batches["customer"]) == len(drawn.batches["line"]) == 0


def test_a_bridge_whose_one_side_is_taken_once_finds_room_for_all():
    model = Model.parse(
        """
        table person { id integer key }
        table place { id integer key  size integer in 1 .. 3 }
        table seat {
          person_id integer -> person.id
          place_id integer unique -> place.id
          key (person_id, place_id)
        }
        """
    )
    rows = {
        "person": pd.DataFrame({"id": range(1, 10)}),
        "place": pd.DataFrame({"id": range(1, 54), "size": [k % 3 + 1 for k in range(53)]}),
        "seat": pd.DataFrame(
            {"person_id": [k % 9 + 1 for k in range(49)], "place_id": range(1, 50)}
        ),
    }
    real = {t.name: encode_frame(t.columns, rows[t.name]) for t in model.tables}
    fitted = fit_database(model.tables, real, config=QUICK)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        drawn = write_database(fitted, rows_asked(fitted, 1.0), METHODS["solver"], rng)
        violated = TablesBackend(model.tables).violated(drawn.batches)
        assert not any(mask.any() for mask in violated.values())
        assert len(drawn.batches["seat"]) == 49


def test_pairs_that_nearly_never_repeat_are_kept_apart():
    model = Model.parse(
        """
        table race { id integer key }
        table driver { id integer key }
        table result {
          race_id integer -> race.id
          driver_id integer -> driver.id
          rule one_each at least 99%: unique (race_id, driver_id)
        }
        """
    )
    rows = {
        "race": pd.DataFrame({"id": range(1, 9)}),
        "driver": pd.DataFrame({"id": range(1, 13)}),
        "result": pd.DataFrame(
            {"race_id": np.repeat(range(1, 9), 10), "driver_id": [k % 12 + 1 for k in range(80)]}
        ),
    }
    real = {t.name: encode_frame(t.columns, rows[t.name]) for t in model.tables}
    fitted = fit_database(model.tables, real, config=QUICK)
    rng = np.random.default_rng(0)
    drawn = write_database(fitted, rows_asked(fitted, 1.0), METHODS["solver"], rng)
    violated = TablesBackend(model.tables).violated(drawn.batches)
    assert not any(mask.any() for mask in violated.values())
