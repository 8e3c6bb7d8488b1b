"""Repair: rows end valid, sound rows stay as they were, one cell changes where one is enough."""

import random

import numpy as np
import pytest
from small_tables import all_rows, lawful, random_table

from synthtab.batch import Batch
from synthtab.lang.model import Model
from synthtab.solver.repair import repair

PAYROLL = Model.parse(
    """
    table pay {
      net    integer in 0 .. 5_000
      tax    integer in 0 .. 5_000
      gross  integer in 0 .. 10_000
      born   date in 1940-01-01 .. 2010-12-31
      hired  date in 1960-01-01 .. 2025-12-31
      grade  enum('junior', 'senior')
      name   text(20)
      rule sum: gross = net + tax
      rule adult: hired >= born + 18 years
      rule band: when grade = 'senior' then gross >= 3_000
    }
    """
).table()


def pay(rows: int, seed: int) -> Batch:
    rng = np.random.default_rng(seed)
    net, tax = rng.integers(0, 5001, (2, rows))
    born = rng.integers(-10_000, 10_000, rows)
    hired = born + 6_580 + rng.integers(0, 3_000, rows)
    grade = (net + tax >= 3_000) & (rng.random(rows) < 0.5)
    codes = np.stack([net, tax, net + tax, born, hired, grade, rng.integers(0, 3, rows)], axis=1)
    pool = np.array(["Ada", "Bo", "Cy"], dtype=object)
    return Batch(PAYROLL.column_names, codes, np.zeros(codes.shape, bool), pool)


def test_broken_rows_are_mended_and_sound_rows_untouched():
    batch = pay(600, 1)
    codes = batch.codes.copy()
    codes[:100, 2] += 7
    codes[100:200, 4] = codes[100:200, 3] + 100
    codes[200:250, 2] = 12_345
    broken = Batch(batch.columns, codes, batch.nulls, batch.pool)
    result = repair(PAYROLL, broken, rng=np.random.default_rng(0))
    assert not result.failed.any()
    assert not result.changed[250:].any()
    assert (result.batch.codes[250:] == codes[250:]).all()
    assert (result.batch.codes[~result.changed] == codes[~result.changed]).all()
    assert (result.changed[:200].sum(axis=1) == 1).all()


def test_dear_cells_are_kept():
    batch = pay(50, 2)
    codes = batch.codes.copy()
    codes[:, 0] = (codes[:, 0] + 1) % 5_001
    result = repair(
        PAYROLL,
        Batch(batch.columns, codes, batch.nulls, batch.pool),
        rng=np.random.default_rng(0),
        weights={"net": 50.0, "tax": 50.0},
    )
    assert not result.changed[:, :2].any()
    assert result.changed[:, 2].sum() >= 45


def test_a_null_where_none_may_be_is_filled():
    batch = pay(40, 3)
    nulls = batch.nulls.copy()
    nulls[:10, 5] = True
    codes = np.where(nulls, 0, batch.codes)
    result = repair(
        PAYROLL, Batch(batch.columns, codes, nulls, batch.pool), rng=np.random.default_rng(0)
    )
    assert not result.failed.any()
    assert not result.batch.nulls.any()


@pytest.mark.parametrize("block", range(4))
def test_any_row_is_mended_where_rows_exist(block):
    mended = 0
    for seed in range(1000 + block * 25, 1000 + block * 25 + 25):
        table = random_table(random.Random(seed))
        codes, nulls = all_rows(table)
        ok = lawful(table, codes, nulls)
        if not ok.any() or ok.all():
            continue
        batch = Batch(table.column_names, codes, nulls, np.empty(0, object))
        result = repair(table, batch, rng=np.random.default_rng(seed))
        after = lawful(table, result.batch.codes, result.batch.nulls)
        assert (after == ~result.failed).all(), f"seed {seed}"
        assert not result.changed[ok].any(), f"seed {seed}"
        # Opaque terms may defeat it in a corner; nothing else may.
        if not result.failed.any():
            mended += 1
        else:
            assert result.failed.mean() < 0.2, f"seed {seed}: {result.failed.mean():.0%} failed"
    assert mended >= 8


def test_as_few_cells_change_as_a_search_would_find():
    checked = 0
    for seed in range(2000, 2040):
        table = random_table(random.Random(seed))
        codes, nulls = all_rows(table)
        ok = lawful(table, codes, nulls)
        if not ok.any() or ok.all():
            continue
        batch = Batch(table.column_names, codes, nulls, np.empty(0, object))
        result = repair(table, batch, rng=np.random.default_rng(seed))
        good = np.flatnonzero(ok)
        for row in np.flatnonzero(~ok & ~result.failed)[:30]:
            differ = (codes[good] != codes[row]) | (nulls[good] != nulls[row])
            least = differ.sum(axis=1).min()
            changed = result.changed[row].sum()
            # One cell is found exactly; beyond that the greedy set is minimal, not always smallest.
            assert changed == 1 if least == 1 else changed >= least
            checked += 1
    assert checked > 100


def test_a_rule_that_no_row_keeps_does_not_stop_the_others():
    table = Model.parse(
        "table t { a integer in 0 .. 3  b integer in 0 .. 3  rule c: 1 > 2  rule d: a > b }"
    ).table()
    codes = np.array([[1, 2], [3, 0]])
    batch = Batch(("a", "b"), codes, np.zeros(codes.shape, bool), np.empty(0, object))
    result = repair(table, batch, rng=np.random.default_rng(0))
    assert result.failed.all()
    assert result.batch.codes[0, 0] > result.batch.codes[0, 1]
