"""Units on their way into the vault: what one of them changes there, whatever the others are."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit_shop import Tables, customers_of, lawful_shop, orders_of, shop_star, taken

from synthtab.batch import Batch
from synthtab.errors import DataError
from synthtab.privacy.intake import outcomes_of
from synthtab.privacy.ledger import Purse
from synthtab.privacy.mechanisms import DiscreteGaussian, Geometric, count_noise
from synthtab.privacy.settings import Kind, Neighbours, Privacy
from synthtab.privacy.units import BEYOND, Branch, take_units

MOST = 3
WHOLE = shop_star(MOST)
BRANCH: Branch = WHOLE.branches[0]
KINDS: tuple[Kind, ...] = ("add-remove", "replace")

# A unit: its segment and level, and its orders' sizes; some of all of them break rules or ranges.
unit = st.tuples(
    st.sampled_from(["home", "office", "school", "nowhere"]),
    st.integers(0, 7),
    st.lists(st.tuples(st.integers(0, 7), st.booleans()), max_size=7),
)
units = st.lists(unit, max_size=8)
keys = st.permutations([*range(1, 9), 90_001, 90_002])


def tables_of(those: list[object], names: list[int]) -> Tables:
    people, orders = [], []
    for key, (segment, level, mine) in zip(names, those, strict=False):  # type: ignore[misc]
        people.append((key, segment, level))
        orders += [(0, key, size, paid) for size, paid in mine]
    numbered = [(at + 1, *order[1:]) for at, order in enumerate(orders)]
    return {"customer": customers_of(people), "orders": orders_of(numbered)}


def rows_of(batch: Batch) -> Counter[tuple[object, ...]]:
    cells = zip(batch.codes.tolist(), batch.nulls.tolist(), strict=True)
    return Counter((tuple(codes), tuple(nulls)) for codes, nulls in cells)


def changed(one: Batch, other: Batch) -> tuple[int, int]:
    """Return by how much counts of whole rows differ: sum of differences, and of their squares.

    Rows that agree on more columns lie in one cell of any coarser table, so that no counts of cells
    differ by more than all of them together: ``most`` a side.
    """
    before, after = rows_of(one), rows_of(other)
    steps = [before[k] - after[k] for k in before | after]
    return sum(map(abs, steps)), sum(s * s for s in steps)


@settings(max_examples=40, deadline=None)
@given(units, unit, keys, st.randoms(use_true_random=False))
def test_a_unit_changes_each_table_by_what_is_declared(
    those: list[object], more: object, names: list[int], random: object
) -> None:
    without, with_ = tables_of(those, names), tables_of([*those, more], names)
    # The new unit's rows come anywhere.
    shuffled = {n: f.sample(frac=1, random_state=random.randrange(99)) for n, f in with_.items()}  # type: ignore[attr-defined]
    one, other = taken(WHOLE, without), taken(WHOLE, shuffled)
    relation = Privacy(epsilon=1, delta=1e-6).relation("customer", WHOLE.most)
    for name, batch in one.items():
        l1, squares = changed(batch, other[name])
        most = BRANCH.most if name == "orders" else 1
        assert l1 <= most * relation.l1
        assert squares <= most**2 * relation.l2_squared


@settings(max_examples=25, deadline=None)
@given(units.filter(bool), unit, keys)
def test_an_exchanged_unit_changes_each_table_by_what_is_declared(
    those: list[object], other_unit: object, names: list[int]
) -> None:
    one = taken(WHOLE, tables_of(those, names))
    fresh = [*names[: len(those) - 1], names[-1]]
    other = taken(WHOLE, tables_of([*those[:-1], other_unit], fresh))
    relation = Privacy(epsilon=1, delta=1e-6, neighbours="replace").relation("customer", MOST)
    for name, batch in one.items():
        l1, squares = changed(batch, other[name])
        most = BRANCH.most if name == "orders" else 1
        assert l1 <= most * relation.l1
        assert squares <= most**2 * relation.l2_squared


@pytest.mark.parametrize("kind", KINDS)
def test_the_declared_sensitivities_are_reached(kind: Kind) -> None:
    """Noise that is made for them is not larger than it has to be, either."""
    same = [(1, True)] * 5
    before = tables_of([("home", 5, same)], [1])
    after = tables_of([] if kind == "add-remove" else [("home", 5, [(2, True)] * 5)], [1])
    l1, squares = changed(taken(WHOLE, before)["orders"], taken(WHOLE, after)["orders"])
    relation = Neighbours(kind, "customer", MOST)
    gaussian = count_noise(Purse(0.1, 1.0), relation, BRANCH.most)
    geometric = count_noise(Purse(None, 1.0), relation, BRANCH.most)
    assert isinstance(gaussian, DiscreteGaussian)
    assert isinstance(geometric, Geometric)
    assert gaussian.l2**2 == pytest.approx(squares)
    assert geometric.l1 == l1


@settings(max_examples=25, deadline=None)
@given(units, unit, keys, st.integers(0, 99))
def test_which_rows_are_looked_at_depends_on_the_unit_alone(
    others: list[object], mine: object, names: list[int], seed: int
) -> None:
    alone = taken(WHOLE, tables_of([mine], names))
    among = tables_of([mine, *others], names)
    mixed = {n: f.sample(frac=1, random_state=seed) for n, f in among.items()}
    rest = taken(WHOLE, tables_of(others, names[1:]))
    both = taken(WHOLE, mixed)
    for name in alone:
        assert rows_of(both[name]) == rows_of(rest[name]) + rows_of(alone[name])


def test_no_more_than_most_rows_of_a_unit_and_no_favourites() -> None:
    rows = [(at + 1, 1 + at // 5, 1 + at % 5, True) for at in range(5 * 200)]
    people = customers_of([(key, "home", 5) for key in range(1, 201)])
    got = taken(WHOLE, {"customer": people, "orders": orders_of(rows)})
    assert len(got["orders"]) == 200 * MOST
    assert set(got["customer"].column("number of orders")[0]) == {MOST}
    assert set(got[outcomes_of("orders")].codes[:, 0]) == {BEYOND}
    # All units are alike here, so that all keep the same; which, their values decide.
    assert len(rows_of(got["orders"])) == MOST


def test_rows_without_a_unit_are_left_out() -> None:
    people = customers_of([(1, "home", 3), (2, "home", 3), (2, "office", 5), (90_001, "home", 3)])
    orders = orders_of(
        [
            (1, 1, 2, True),
            (2, 2, 2, True),  # of a key that is there twice
            (3, 3, 2, True),  # of nobody
            (4, 90_001, 2, True),  # of a key out of range, which is moved to nobody else
            (5, 90_000, 1, True),  # the nearest key within
            (6, 1, 4, True),  # breaks `within` with its customer
        ]
    )
    got = taken(WHOLE, {"customer": people, "orders": orders})
    assert got["customer"].column("level")[0].tolist() == [3]
    assert got["customer"].column("number of orders")[0].tolist() == [1]
    assert got["orders"].column("size")[0].tolist() == [2]
    assert got["orders"].column("customer.level")[0].tolist() == [3]
    assert sorted(got[outcomes_of("customer")].codes[:, 0].tolist()) == [0, 2, 2]


def test_keys_of_text_are_told_apart() -> None:
    whole = shop_star(
        rules="""
        table customer {
          id text(4) matching /[A-Z]{2}[0-9]{2}/ key
          level integer in 1 .. 5
        }
        table orders {
          customer_id text(8) -> customer.id
          size integer in 1 .. 5
        }
        """
    )
    people = pd.DataFrame({"id": ["AA11", "BB22", "xx"], "level": [1, 2, 3]})
    orders = pd.DataFrame({"customer_id": ["BB22", "BB22", None, "CC33"], "size": [4, 5, 1, 1]})
    got = taken(whole, {"customer": people, "orders": orders})
    assert got["customer"].column("number of orders")[0].tolist() == [0, 2]
    assert sorted(got["orders"].column("size")[0].tolist()) == [4, 5]
    assert set(got["orders"].column("customer.level")[0].tolist()) == {2}


@pytest.mark.parametrize(
    "orders",
    [[(1, 77_777, 1, True)], [(1, 1, 5, True)]],
    ids=["of nobody", "breaks a rule with its customer"],
)
def test_under_refuse_any_stray_is_an_error_without_values(
    orders: list[tuple[int, int, int, bool]],
) -> None:
    data = {"customer": customers_of([(1, "home", 3)]), "orders": orders_of(orders)}
    with pytest.raises(DataError, match="may be seen") as error:
        take_units(WHOLE.root, WHOLE.branches, data, "refuse")
    assert "77" not in str(error.value)
    assert "3" not in str(error.value)


def test_lawful_rows_are_taken_as_they_are() -> None:
    data = lawful_shop(50)
    got = take_units(WHOLE.root, WHOLE.branches, data, "refuse")
    per = data["orders"].groupby("customer_id").size().reindex(range(1, 51), fill_value=0)
    assert sorted(got["customer"].column("number of orders")[0]) == sorted(np.minimum(per, MOST))
    assert len(got["orders"]) == int(np.minimum(per, MOST).sum())


def test_empty_tables_are_units_of_none() -> None:
    got = taken(WHOLE, {"customer": customers_of([]), "orders": orders_of([(1, 1, 1, True)])})
    assert {name: len(batch) for name, batch in got.items()} == dict.fromkeys(got, 0)


@pytest.mark.parametrize("purse", [Purse(0.5, 2.0), Purse(None, 2.0)])
def test_what_is_kept_back_is_not_spent(purse: Purse) -> None:
    rest = purse.without(purse.share(0.75))
    own = purse.share(0.25)
    assert rest.rho == (None if purse.rho is None else pytest.approx(own.rho))
    if purse.rho is None:
        assert rest.epsilon == pytest.approx(own.epsilon)
    nothing = purse.without(purse.share(1.5))
    assert (nothing.epsilon if nothing.rho is None else nothing.rho) == 0
