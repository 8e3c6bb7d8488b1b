"""Distances across tables: by hand on a handful of rows, nought for equal tables, floors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synthtab.assess.relations import (
    Relations,
    compare_relations,
    meaningful,
    relations_floor,
    sequences,
)
from synthtab.batch import Batch
from synthtab.errors import UsageError
from synthtab.frames import encode_frame
from synthtab.lang.model import Model

MODEL = Model.parse("""
table account {
  id   integer key
  kind enum('a', 'b')

  rule few: count(of entry) <= 99
}

table entry {
  id      integer key
  account integer -> account.id
  seq     integer
  type    enum('in', 'out')
  amount  integer

  rule numbered: gap_free(seq) per account
  rule covered: amount + (previous(amount, 0) per account ordered by seq) >= 0
}
""")


def batches(kinds: str, entries: list[tuple[int, int, str, int]]) -> dict[str, Batch]:
    """Make accounts of these kinds, numbered from 1, and entries: account, seq, type, amount."""
    account, entry = MODEL.tables
    accounts = pd.DataFrame({"id": range(1, len(kinds) + 1), "kind": list(kinds)})
    columns = ["account", "seq", "type", "amount"]
    rows = pd.DataFrame(entries, columns=columns).assign(id=range(len(entries)))
    rows = rows[["id", *columns]]
    return {
        "account": encode_frame(account.columns, accounts),
        "entry": encode_frame(entry.columns, rows),
    }


def random_accounts(seed: int, accounts: int = 200) -> dict[str, Batch]:
    """Accounts of kind b have more entries, in longer runs of one type."""
    rng = np.random.default_rng(seed)
    kinds = "".join(rng.choice(["a", "b"], accounts))
    entries = []
    for at, kind in enumerate(kinds):
        type_, amount = "in", 50
        for seq in range(rng.integers(1, 5 if kind == "a" else 12)):
            if rng.random() < (0.5 if kind == "a" else 0.1):
                type_ = "out" if type_ == "in" else "in"
            amount = max(0, amount + int(rng.integers(-9, 10)))
            entries.append((at + 1, seq + 1, type_, amount))
    return batches(kinds, entries)


def summary(found: Relations) -> tuple[float | None, ...]:
    return found.children, found.pair, found.variation, found.correlation


def test_equal_tables_are_at_distance_zero_in_any_order_of_their_rows() -> None:
    real = random_accounts(0)
    rng = np.random.default_rng(1)
    shuffled = {name: batch.take(rng.permutation(len(batch))) for name, batch in real.items()}
    assert summary(compare_relations(MODEL.tables, real, shuffled)) == pytest.approx((0, 0, 0, 0))


def test_children_are_counted_per_parent_childless_ones_too() -> None:
    real = batches("ab", [(1, 1, "in", 5), (1, 2, "in", 5)])
    other = batches("ab", [(1, 1, "in", 5), (2, 1, "in", 5)])
    # Two and none against one and one: each half of the mass moves by one child.
    assert compare_relations(MODEL.tables, real, other).children == pytest.approx(1.0)


def test_pairs_are_of_a_child_and_its_own_parent() -> None:
    real = batches("ab", [(1, 1, "in", 5), (2, 1, "out", 5)])
    crossed = batches("ab", [(2, 1, "in", 5), (1, 1, "out", 5)])
    [of_entry] = compare_relations(MODEL.tables, real, crossed).references
    assert (of_entry.child, of_entry.columns, of_entry.parent) == ("entry", ("account",), "account")
    pairs = {(child, parent): value for child, parent, value in of_entry.pairs}
    assert pairs == {("seq", "kind"): 0.0, ("type", "kind"): 1.0, ("amount", "kind"): 0.0}
    assert of_entry.pair == pytest.approx(1 / 3)


def test_steps_are_of_neighbours_in_the_declared_order() -> None:
    rising = [(1, at, "in" if at < 3 else "out", at) for at in range(1, 5)]
    jumping = [(1, 1, "in", 1), (1, 2, "out", 4), (1, 3, "in", 2), (1, 4, "out", 3)]
    real, other = batches("a", rising[::-1]), batches("a", jumping)
    [sequence] = compare_relations(MODEL.tables, real, other).sequences
    assert (sequence.table, sequence.per, sequence.order) == ("entry", ("account",), ("seq",))
    steps = {c.column: c for c in sequence.columns}
    assert set(steps) == {"type", "amount"}
    # Real steps in-in, in-out, out-out; the others' in-out twice and out-in.
    assert steps["type"].variation == pytest.approx(2 / 3)
    assert steps["type"].correlation is None
    expected = abs(1 - np.corrcoef([1, 4, 2], [4, 2, 3])[0, 1])
    assert steps["amount"].correlation == pytest.approx(expected)


def test_a_correlation_needs_values_that_differ() -> None:
    real = batches("a", [(1, at, "in", 7) for at in range(1, 6)])
    [sequence] = compare_relations(MODEL.tables, real, real).sequences
    assert {c.correlation for c in sequence.columns} == {None}


def test_tables_without_children_are_as_far_as_can_be_from_some_with() -> None:
    real, empty = batches("ab", [(1, 1, "in", 5), (2, 1, "in", 5)]), batches("ab", [])
    found = compare_relations(MODEL.tables, real, empty)
    assert (found.children, found.pair) == (1.0, 1.0)
    assert compare_relations(MODEL.tables, empty, empty).pair == 0


def test_a_floor_is_near_a_fresh_sample_and_far_below_one_of_another_kind() -> None:
    real, fresh = random_accounts(0, 900), random_accounts(1, 900)
    entry = fresh["entry"]
    codes = entry.codes.copy()
    rng = np.random.default_rng(2)
    codes[:, entry.index("account")] = rng.permutation(codes[:, entry.index("account")])
    crossed = fresh | {"entry": Batch(entry.columns, codes, entry.nulls, entry.pool)}
    floor = relations_floor(MODEL.tables, real)
    alike = summary(compare_relations(MODEL.tables, real, fresh))
    other = summary(compare_relations(MODEL.tables, real, crossed))
    # The numbers of children are the same, whoever they belong to.
    for low, near, far in list(zip(summary(floor), alike, other, strict=True))[1:]:
        assert near is not None
        assert low is not None
        assert far is not None
        assert near < 2 * low
        assert far > 1.5 * low
    assert floor == relations_floor(MODEL.tables, real)


def test_a_floor_needs_two_parents() -> None:
    with pytest.raises(UsageError, match="two rows"):
        relations_floor(MODEL.tables, batches("a", [(1, 1, "in", 5)]))


def test_without_parents_nobody_has_children_and_real_ones_are_needed() -> None:
    real, none = batches("a", [(1, 1, "in", 5), (1, 2, "in", 5)]), batches("", [])
    found = compare_relations(MODEL.tables, real, none)
    assert (found.children, found.pair) == (1.0, 1.0)
    with pytest.raises(UsageError, match="`account` has no real rows"):
        compare_relations(MODEL.tables, none, real)


def test_without_references_and_orders_there_is_nothing_to_say() -> None:
    model = Model.parse("table t { x integer }")
    batch = encode_frame(model.table().columns, pd.DataFrame({"x": [1, 2]}))
    found = compare_relations(model.tables, {"t": batch}, {"t": batch})
    assert summary(found) == (None, None, None, None)


def test_orders_are_those_of_hard_rules_the_declared_ones_first() -> None:
    model = Model.parse("""
table t {
  id    integer key
  g     integer
  n     integer
  start date
  end   date
  rule soft at least 90%: increasing(n) per start ordered by id
  rule counted: gap_free(n) per g
  rule later: non_decreasing(start) per g ordered by id
  rule apart: no overlap (start, end) per n
}
""")
    assert dict(sequences(model.table())) == {("g",): ("id",), ("n",): ("start",)}
    assert [c.name for c in meaningful(model.table())] == ["g", "n", "start", "end"]
