"""Planted errors: the same again by a seed, in the cells that are named and in no other."""

from __future__ import annotations

from collections import Counter
from datetime import date

import numpy as np
import pandas as pd
import pytest

from bench import accounts, slips
from bench.cleaning import broken, rules_broken
from bench.detecting import detectable
from bench.mending import Outcome, outcomes
from bench.planting import Planted, plant, value
from synthtab.batch import Batch
from synthtab.frames import encode_frame
from synthtab.lang.model import Model
from synthtab.schema import (
    BooleanType,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
    encode_value,
    type_domain,
)
from synthtab.solver.mend import Change, Mended

MODEL = Model.parse("""
table shop {
  id   integer in 1 .. 400 key
  code text(4) matching /[A-Z]{2}[0-9]{2}/ unique
}
table sale {
  shop_id integer -> shop.id
  code    text(4) -> shop.code
  line    integer
  placed  date
  paid    date    optional
  net     decimal(8, 2) in 0 .. 1000
  tax     decimal(8, 2) in 0 .. 1000
  gross   decimal(8, 2)
  key (shop_id, line)
  rule adds_up: gross = net + tax
  rule in_time: paid >= placed
  rule numbered: gap_free(line) per shop_id
}
""")
KINDS = {
    "swapped columns",
    "mistyped value",
    "orphan",
    "duplicate key",
    "broken sum",
    "reversed dates",
}


def clean() -> dict[str, Batch]:
    shops = np.arange(1, 101)
    codes = [f"{chr(65 + k // 10)}{chr(65 + k % 10)}{k % 100:02d}" for k in shops]
    rows = [
        {
            "shop_id": shop,
            "code": codes[shop - 1],
            "line": line,
            "placed": date(2024, 1 + line, shop % 28 + 1),
            "paid": None if shop % 5 == 0 else date(2024, 6, line),
            "net": shop + line,
            "tax": line,
            "gross": shop + 2 * line,
        }
        for shop in shops
        for line in (1, 2, 3)
    ]
    frames = {"shop": pd.DataFrame({"id": shops, "code": codes}), "sale": pd.DataFrame(rows)}
    return {t.name: encode_frame(t.columns, frames[t.name]) for t in MODEL.tables}


def planted(seed: int = 3) -> Planted:
    return plant(MODEL.tables, clean(), 0.2, np.random.default_rng(seed))


def test_the_tables_are_clean_before_and_broken_after() -> None:
    made = planted()
    assert not any(rows.any() for rows in broken(MODEL.tables, made.clean).values())
    assert rules_broken(MODEL.tables, made.clean) == 0
    assert rules_broken(MODEL.tables, made.batches) > 5


def test_every_kind_is_planted_and_in_a_share_of_the_rows() -> None:
    kinds = Counter(fault.kind for fault in planted().faults)
    assert set(kinds) == KINDS
    assert sum(kinds.values()) == 20 + 60


def test_a_seed_plants_the_same_again() -> None:
    assert planted(3).faults == planted(3).faults
    assert planted(3).faults != planted(4).faults


def test_the_cells_named_differ_from_the_truth_and_only_they_do() -> None:
    made = planted()
    named = {(c.table, c.row, c.column): c for f in made.faults for c in f.cells}
    assert len(named) == sum(len(f.cells) for f in made.faults)
    for name, batch in made.batches.items():
        truth = made.clean[name]
        assert np.array_equal(truth.nulls, batch.nulls)
        differ = {
            (name, int(row), batch.columns[at])
            for row, at in zip(*np.nonzero(truth.codes != batch.codes), strict=True)
        }
        assert differ == {key for key in named if key[0] == name}
    for cell in named.values():
        batch, truth = made.batches[cell.table], made.clean[cell.table]
        at = batch.index(cell.column)
        assert (batch.codes[cell.row, at], truth.codes[cell.row, at]) == (cell.wrong, cell.truth)
        table = MODEL.table(cell.table)
        wrong, right = (value(table, batch, cell.column, c) for c in (cell.wrong, cell.truth))
        assert type(wrong) is type(right)
        assert wrong != right


def test_an_error_is_seen_where_it_alone_breaks_a_rule() -> None:
    made = planted()
    seen = detectable(MODEL.tables, made)
    for fault, found in zip(made.faults, seen, strict=True):
        if fault.kind in ("orphan", "duplicate key", "broken sum", "reversed dates"):
            assert found, fault
        alone = {
            n: Batch(b.columns, b.codes.copy(), b.nulls, b.pool) for n, b in made.clean.items()
        }
        for cell in fault.cells:
            batch = alone[cell.table]
            batch.codes[cell.row, batch.index(cell.column)] = cell.wrong
        assert bool(rules_broken(MODEL.tables, alone)) == found


def test_small_tables_are_left_as_they_are() -> None:
    few = {name: batch.take(np.arange(len(batch)) < 19) for name, batch in clean().items()}
    assert plant(MODEL.tables, few, 0.5, np.random.default_rng(0)).faults == ()


def test_outcomes_count_what_was_put_back() -> None:
    made = planted()
    changes = []
    for fault in made.faults:
        for cell in fault.cells:
            table, batch = MODEL.table(cell.table), made.clean[cell.table]
            old, new = (value(table, batch, cell.column, c) for c in (cell.wrong, cell.truth))
            changes.append(Change(cell.table, cell.row, cell.column, old, new, ("some",)))

    def total(some: list[Change]) -> Outcome:
        done = Mended(made.clean, tuple(some), {})
        return sum((count for _, count in outcomes(MODEL.tables, made, done)), Outcome())

    everything = total(changes)
    assert everything.planted == len(changes)
    assert everything.seen == everything.found == everything.restored > 0
    nothing = total([])
    assert (nothing.seen, nothing.found, nothing.restored) == (everything.seen, 0, 0)
    wrong = total([Change(c.table, c.row, c.column, c.old, c.old, c.rules) for c in changes])
    assert (wrong.found, wrong.restored) == (everything.seen, 0)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (IntegerType(), 1234),
        (IntegerType(), -7),
        (DecimalType(8, 2), 5),
        (DateType(), date(2024, 2, 29)),
        (BooleanType(), True),
        (EnumType(("a", "b", "c")), "b"),
    ],
)
def test_a_slip_gives_another_value_of_the_type(kind, value) -> None:
    rng = np.random.default_rng(0)
    code = encode_value(kind, value)
    lo, hi = type_domain(kind)
    for _ in range(50):
        made = slips.mistyped(kind, code, rng)
        assert made is not None
        assert made != code
        assert lo <= made <= hi


def test_where_no_slip_is_possible_there_is_none() -> None:
    rng = np.random.default_rng(0)
    assert slips.mistyped(EnumType(("only",)), 0, rng) is None
    assert slips.mistyped(TextType(5), 0, rng) is None
    assert slips.garbled("-- .", rng) is None
    assert slips.mistyped(DatetimeType(3600), 0, rng) != 0


@pytest.mark.parametrize("name", accounts.MODELS)
def test_generated_groups_are_broken_in_their_share(name: str) -> None:
    tables, batches = accounts.accounts_broken(name, np.random.default_rng(0), groups=200)
    assert len(accounts.groups_broken(tables, batches)) == 10
