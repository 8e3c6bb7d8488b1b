"""Rows changed one by one: lawful, within the epsilon, booked before anything is read."""

import math

import numpy as np
import pytest
from neighbouring import Locked, least_epsilon, rules, table_of, vault_of
from real_data import ROOT, paths_of

from synthtab.assess.compliance import valid_rows
from synthtab.errors import BudgetError, InfeasibleError, UsageError
from synthtab.lang.model import Model
from synthtab.privacy.channels import even_axis
from synthtab.privacy.costs import Pure
from synthtab.privacy.grid import Grid
from synthtab.privacy.intake import take_in
from synthtab.privacy.ledger import Charge, Ledger, Purse
from synthtab.privacy.mechanisms import count_noise
from synthtab.privacy.perturb import (
    ordered_columns,
    perturb_rows,
    row_reader,
    split_epsilon,
)
from synthtab.privacy.settings import Neighbours
from synthtab.privacy.vault import Vault
from synthtab.schema import BooleanType, Column, IntegerType

MIXED = """
table t {
  a    integer in 0 .. 30
  b    integer in 0 .. 2_000 optional
  kind enum('x', 'y', 'z')
  size enum('S', 'M', 'L')
  flag boolean
  only integer in 5 .. 5
  rule sum: a + 10 <= b
  rule x_is_flagged: when kind = 'x' then flag = true
  rule tall: when a > 20 then size >= 'M'
}
"""


def rows_of(count):
    return [
        {"a": k % 20, "b": 100 + k, "kind": "xyz"[k % 3], "size": "L", "flag": True, "only": 5}
        for k in range(count)
    ]


def test_all_rows_come_back_and_keep_the_rules():
    table = rules(MIXED)
    vault = vault_of(table, rows_of(500), kind="replace")
    got = perturb_rows(vault, table)
    assert len(got.batch) == 500
    assert valid_rows(table, got.batch).all()
    assert got.mended > 0
    assert sum(got.epsilons.values()) == pytest.approx(1.0)
    assert got.epsilons["only"] == 0
    (charge,) = vault.ledger.charges
    assert charge.cost.pure == pytest.approx(1.0)
    assert charge.reads == tuple(f"t.{c}" for c in table.column_names)
    assert vault.ledger.spent() == (pytest.approx(1.0), 0.0)


def test_much_epsilon_leaves_rows_nearly_as_they_are():
    table = table_of(Column("a", IntegerType(), True, 0, 30), Column("f", BooleanType()))
    rows = [{"a": None if k == 7 else k % 30, "f": k % 2 == 0} for k in range(60)]
    vault = vault_of(table, rows, epsilon=2_000.0, kind="replace")
    got = perturb_rows(vault, table, even=True).batch
    before = sorted(map(str, [(r["a"], r["f"]) for r in rows]))
    after = sorted(
        str((None if n else int(c), bool(f)))
        for (c, f), (n, _) in zip(got.codes.tolist(), got.nulls.tolist(), strict=True)
    )
    assert after == before


@pytest.mark.parametrize("count", [0, 1])
def test_an_empty_table_and_a_single_row(count):
    table = rules(MIXED)
    got = perturb_rows(vault_of(table, rows_of(count), kind="replace"), table)
    assert len(got.batch) == count
    assert valid_rows(table, got.batch).all()


def test_rows_exchanged_for_others_are_told_apart_no_better_than_epsilon_lets():
    """Tables of one row, the rows as unlike as can be; the whole released row is the outcome."""
    table = table_of(
        Column("a", IntegerType(), True, 0, 3),
        Column("f", BooleanType()),
        Column("g", BooleanType()),
    )
    ones = [{"a": 0, "f": True, "g": False}, {"a": 3, "f": False, "g": True}]
    many, epsilon = 8_000, 1.5
    seen = []
    for row in ones:
        # Rows are changed one by one: many rows at once are many runs of one.
        got = perturb_rows(vault_of(table, [row] * many, epsilon, kind="replace"), table, even=True)
        cells = np.where(got.batch.nulls, 4, got.batch.codes)
        flat = np.ravel_multi_index(cells.T, (5, 2, 2))
        seen.append(np.bincount(flat, minlength=20))
    assert least_epsilon(*seen) <= epsilon
    # The bound is no empty one: it finds a good part of what was spent.
    assert least_epsilon(*seen) > epsilon / 3


def test_nothing_is_read_that_is_not_booked():
    table = rules(MIXED)
    for ledger, error in (
        (Ledger(1.0, 1e-6), UsageError),
        (Ledger(1.0, 0.0, Neighbours("replace")), BudgetError),
    ):
        if error is BudgetError:
            ledger.spend(Charge("", Pure(1.0), (), ""))
        with pytest.raises(error):
            perturb_rows(Vault({"t": Locked()}, ledger), table, Purse(None, 0.5))
    with pytest.raises(BudgetError, match="nothing is left"):
        perturb_rows(Vault({"t": Locked()}, ledger), table)


def test_a_purse_limits_what_is_spent():
    table = rules(MIXED)
    vault = vault_of(table, rows_of(5), epsilon=2.0, kind="replace")
    perturb_rows(vault, table, Purse(None, 0.5))
    assert vault.ledger.spent()[0] == pytest.approx(0.5)
    assert vault.ledger.epsilon_left() == pytest.approx(1.5, rel=1e-6)
    other = vault_of(table, rows_of(5), epsilon=2.0, kind="replace")
    perturb_rows(other, table, Purse(0.02, math.nan))
    assert other.ledger.charges[0].cost.pure == pytest.approx(0.2)


def test_enums_are_ordered_where_a_rule_goes_by_their_order():
    assert ordered_columns(rules(MIXED)) >= {"size", "a"}
    assert "kind" not in ordered_columns(rules(MIXED))


def test_a_workload_decides_who_gets_epsilon():
    table = rules(MIXED)
    grid = Grid(tuple(even_axis(c) for c in table.columns))
    got = split_epsilon(table, grid, 3.0, [(("kind", "flag"), 1.0)])
    assert got["kind"] + got["flag"] == pytest.approx(3.0, abs=1e-3)
    with pytest.raises(UsageError, match="'colour'"):
        split_epsilon(table, grid, 3.0, [(("colour",), 1.0)])


def test_a_table_without_columns_is_refused():
    with pytest.raises(UsageError, match="no column"):
        perturb_rows(vault_of(table_of(), [], kind="replace"), table_of())


def test_rules_that_contradict_each_other_are_an_error():
    table = rules(
        "table t {\n a integer in 0 .. 9\n b integer in 0 .. 9\n"
        " rule up: a > b\n rule down: a < b\n}"
    )
    vault = vault_of(table, [{"a": 1, "b": 1}] * 3, kind="replace")
    with pytest.raises(InfeasibleError):
        perturb_rows(vault, table)


def test_rows_of_real_data_keep_all_their_rules():
    table = Model.load(ROOT / "rules" / "adult.rules").table()
    rows = take_in(table, paths_of("adult", [table])["adult"], "clamp").rows
    few = rows.take(np.arange(300))
    vault = Vault({"adult": few}, Ledger(3.0, 1e-6, Neighbours("replace")))
    got = perturb_rows(vault, table)
    assert len(got.batch) == 300
    assert valid_rows(table, got.batch).all()
    assert vault.ledger.spent() == (pytest.approx(3.0), 0.0)


@pytest.mark.parametrize("epsilon", [1.0, 2.0, 4.0, 8.0, 16.0])
def test_all_that_is_left_after_a_count_can_be_spent(epsilon):
    """Parts of an epsilon add up to it but for the last bits, which once passed the budget."""
    table = rules(
        "table t {\n a enum('x', 'y')\n b integer in 1 .. 99\n c decimal(8, 2) in 0 .. 200000\n"
        " d date in 2024-01-01 .. 2024-12-31 optional\n}"
    )
    ledger = Ledger(epsilon, 1e-6, Neighbours("replace"))
    noise = count_noise(ledger.purse().share(0.01), ledger.neighbours)
    ledger.spend(Charge("count", noise.cost, (), ""))
    left = ledger.epsilon_left()
    reader, epsilons = row_reader(table, left)
    assert sum(epsilons.values()) == pytest.approx(left)
    ledger.spend(reader.charge)
    assert ledger.spent()[0] == pytest.approx(epsilon)
