"""Mending of whole models: planted errors come back, sound rows stay, nothing breaks anew."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from math import inf
from typing import Any

import numpy as np
import pytest
from batches import to_records
from mended import BANK, bank, batches, lawful, mended, torn
from random_models import make_model

from synthtab.ir.evaluate_tables import violations
from synthtab.lang.model import Model
from synthtab.solver.mend import mend


def test_sound_rows_are_let_be():
    out, after = mended(BANK, bank())
    assert after == bank()
    assert out.changes == ()
    assert out.unmended == {}


@pytest.mark.parametrize(
    ("table", "row", "cells"),
    [
        ("account", 2, {"total": Decimal("9999.25")}),
        ("entry", 10, {"balance": Decimal("1.00")}),
        ("entry", 10, {"amount": Decimal("77.00")}),
        ("entry", 16, {"seq": 9}),
        ("entry", 20, {"id": 20}),
        ("entry", 3, {"account_id": 700}),
        ("account", 3, {"id": 203}),
    ],
    ids=["sum", "balance", "amount", "gap", "dense key", "orphan", "parent's key"],
)
def test_one_wrong_cell_comes_back(table, row, cells):
    wrong = torn(bank(), table, row, **cells)
    out, after = mended(BANK, wrong)
    assert after == bank()
    assert [(c.table, c.row, c.column) for c in out.changes] == [(table, row, *cells)]
    assert all(c.rules for c in out.changes)


def test_many_wrong_cells_come_back_together():
    wrong = torn(bank(), "entry", 2, amount=Decimal("500.00"))
    wrong = torn(wrong, "entry", 10, balance=Decimal("1.00"))
    wrong = torn(wrong, "entry", 17, seq=12)
    wrong = torn(wrong, "account", 5, total=Decimal("0.75"))
    out, after = mended(BANK, wrong)
    assert after == bank()
    assert len(out.changes) == 4


STAY = Model.parse(
    """
    table room {
      id     integer key
      zip    text(5)
      city   text(20)
      beds   integer in 1 .. 9
      rule one_city: zip determines city
      rule few: count(of stay) <= 3
    }
    table stay {
      id      integer key
      room_id integer optional -> room.id
      starts  date
      ends    date
      guests  integer in 1 .. 9
      kind    enum('single', 'double')
      rule in_order: ends > starts
      rule fits: guests <= room.beds
      rule apart: no overlap (starts, ends) per room_id
      rule one_kind: forbid pair (a, b):
        a.room_id = b.room_id and a.kind != b.kind
    }
    """
)


def stays() -> dict[str, list[dict[str, Any]]]:
    places = [("10115", "Berlin"), ("20095", "Hamburg"), ("50667", "Köln")]
    rooms, found = [], []
    for k in range(9):
        code, city = places[k % 3]
        rooms.append({"id": 11 + k, "zip": code, "city": city, "beds": 2 + k % 4})
        for n in range(2):
            found.append(
                {
                    "id": len(found) + 1,
                    "room_id": 11 + k,
                    "starts": date(2021, 3 + 2 * n, 4 + k),
                    "ends": date(2021, 3 + 2 * n, 9 + k),
                    "guests": 1 + (k + n) % 2,
                    "kind": "double" if k % 2 else "single",
                }
            )
    return {"room": rooms, "stay": found}


def test_exchanged_dates_are_exchanged_back():
    row = stays()["stay"][6]
    _, after = mended(STAY, torn(stays(), "stay", 6, starts=row["ends"], ends=row["starts"]))
    assert after == stays()


def test_a_torn_dependency_follows_the_majority():
    _, after = mended(STAY, torn(stays(), "room", 4, city="Berlin"))
    assert after == stays()


def test_overlapping_stays_are_kept_apart():
    wrong = torn(stays(), "stay", 2, ends=date(2021, 6, 30))
    out, _ = mended(STAY, wrong)
    assert out.unmended == {}
    assert len(out.changes) == 1


def test_a_forbidden_pair_is_told_apart():
    wrong = torn(stays(), "stay", 8, kind="double")
    out, _ = mended(STAY, wrong)
    assert out.unmended == {}
    assert len(out.changes) == 1
    assert out.changes[0].column == "kind"


def test_too_many_children_move_on():
    wrong = stays()
    for row in (0, 2):
        wrong = torn(wrong, "stay", row, room_id=13, kind="single", guests=1)
        wrong = torn(wrong, "stay", row, starts=date(2022, 1, 1 + row), ends=date(2022, 1, 2 + row))
    out, after = mended(STAY, wrong)
    assert out.unmended == {}
    assert sum(r["room_id"] == 13 for r in after["stay"]) <= 3


def test_what_cannot_be_met_is_listed():
    model = Model.parse(
        """
        table t {
          id integer key
          a  integer in 0 .. 3
          rule never: a > 5
          rule fine: a < 3
        }
        """
    )
    rows = {"t": [{"id": 1, "a": 1}, {"id": 2, "a": 3}]}
    out, after = mended(model, rows)
    assert out.unmended[("t", "never")].tolist() == [0, 1]
    assert after["t"][0] == {"id": 1, "a": 1}
    assert after["t"][1]["a"] < 3


def test_a_limit_on_cells_is_kept_and_the_rest_is_listed():
    wrong = torn(bank(), "entry", 2, amount=Decimal("500.00"))
    wrong = torn(wrong, "entry", 10, balance=Decimal("1.00"))
    wrong = torn(wrong, "account", 5, total=Decimal("0.75"))
    for limit in range(4):
        out, _ = mended(BANK, wrong, max_cells=limit)
        assert len(out.changes) == limit
        assert bool(out.unmended) == (limit < 3)


def test_frozen_tables_are_not_written_to():
    wrong = torn(bank(), "account", 2, total=Decimal("99.25"))
    out, after = mended(BANK, wrong, frozen=frozenset(["account"]))
    assert after["account"] == wrong["account"]
    assert all(c.table == "entry" for c in out.changes)


def test_the_same_seed_gives_the_same_rows():
    wrong = torn(stays(), "stay", 2, ends=date(2021, 6, 30))
    wrong = torn(wrong, "stay", 9, guests=9)
    first, one = mended(STAY, wrong, seed=5)
    second, two = mended(STAY, wrong, seed=5)
    assert one == two
    assert first.changes == second.changes


def test_values_outside_their_column_are_replaced():
    wrong = torn(stays(), "room", 3, beds=50)
    wrong = torn(wrong, "stay", 3, guests=0)
    out, _ = mended(STAY, wrong)
    assert out.unmended == {}
    assert {(c.table, c.row, c.column) for c in out.changes} == {
        ("room", 3, "beds"),
        ("stay", 3, "guests"),
    }


BILLS = Model.parse(
    """
    table bill {
      id    integer key
      total integer in 0 .. 100
      items integer
      most  integer optional
      rule adds: total = coalesce(sum(amount of line), 0)
      rule counted: items = count(of line where amount > 0)
      rule largest: most = max(amount of line)
    }
    table line {
      id      integer key
      bill_id integer -> bill.id
      number  integer
      amount  integer in 0 .. 40
      share   integer
      rule shared: share * 2 = amount
      rule falling: amount <= (previous(amount, 40) per bill_id ordered by number)
    }
    """
)


def bills() -> dict[str, list[dict[str, Any]]]:
    bills_, lines = [], []
    for k in range(5):
        amounts = [30 - 2 * k, 20 - 2 * k, 10 - 2 * k]
        for n, amount in enumerate(amounts):
            lines.append(
                {
                    "id": len(lines),
                    "bill_id": k,
                    "number": n,
                    "amount": amount,
                    "share": amount // 2,
                }
            )
        bills_.append(
            {
                "id": k,
                "total": sum(amounts),
                "items": sum(a > 0 for a in amounts),
                "most": amounts[0],
            }
        )
    return {"bill": bills_, "line": lines}


def test_the_solver_mends_what_only_several_cells_together_do():
    assert mended(BILLS, bills())[0].changes == ()
    # The line is out of its range, and bill and share agree with it.
    wrong = torn(bills(), "line", 3, amount=50, share=25)
    wrong = torn(wrong, "bill", 1, total=76, most=50)
    out, _ = mended(BILLS, wrong)
    assert out.unmended == {}
    assert {(c.table, c.row) for c in out.changes} == {("bill", 1), ("line", 3)}
    for processes in (1, 2):
        again, _ = mended(BILLS, wrong, processes=processes)
        assert again.changes == out.changes


@pytest.mark.parametrize("block", range(4))
def test_random_models_never_get_worse_and_say_what_is_left(block):
    before = after = 0
    for seed in range(block * 15, block * 15 + 15):
        case = make_model(seed, rules=4)
        out = mend(case.tables, case.batches, rng=np.random.default_rng(seed))
        rows = {t.name: to_records(t.columns, out.batches[t.name]) for t in case.tables}
        lawful(case.tables, case.rows, rows, out)
        before += sum(map(sum, violations(case.tables, case.rows).values()))
        after += sum(map(len, out.unmended.values()))
    assert after < before / 2


def test_groups_go_to_processes_where_there_are_many(monkeypatch):
    monkeypatch.setattr("synthtab.solver.mending.groups.WORTH_A_POOL", 2)
    wrong = bills()
    for k in (1, 3):
        amounts = [wrong["line"][3 * k + n]["amount"] for n in (1, 2)]
        wrong = torn(wrong, "line", 3 * k, amount=50, share=25)
        wrong = torn(wrong, "bill", k, total=50 + sum(amounts), most=50)
    alone, _ = mended(BILLS, wrong)
    together, _ = mended(BILLS, wrong, processes=2)
    assert alone.unmended == {}
    assert together.changes == alone.changes


def test_no_time_means_that_nothing_is_changed_and_all_is_listed():
    wrong = torn(bank(), "account", 2, total=Decimal("99.25"))
    out, after = mended(BANK, wrong, budget_s=0.0)
    assert after == wrong
    assert out.unmended[("account", "adds")].tolist() == [2]


def test_progress_is_told():
    told: list[tuple[str, float]] = []
    wrong = torn(bank(), "account", 2, total=Decimal("99.25"))
    mended(BANK, wrong, progress=lambda stage, share: told.append((stage, share)))
    assert told[0] == ("mending", 0.0)
    assert told[-1] == ("done", 1.0)


def test_weights_say_which_cell_gives_way():
    rows = {
        "t": [{"id": 1, "a": 2, "b": 3, "c": 9}],
    }
    model = Model.parse(
        "table t { id integer key a integer b integer c integer rule sum: c = a + b }"
    )
    for column in ("a", "b", "c"):
        dear = {name: 100.0 for name in ("a", "b", "c") if name != column}
        out, _ = mended(model, rows, weights={"t": dear})
        assert [c.column for c in out.changes] == [column]


def test_a_row_in_the_wrong_group_goes_back():
    wrong = torn(bank(), "entry", 10, account_id=104)
    _, after = mended(BANK, wrong)
    assert after == bank()


def test_one_slip_in_a_sum_over_a_large_table_is_found():
    model = Model.parse(
        "table t { id integer key  pay integer in 0 .. 9_999_999  rule sum: sum(pay) <= 4_500_000 }"
    )
    rows = {"t": [{"id": k, "pay": 1000 + k % 90} for k in range(4000)]}
    assert mended(model, rows, oracle=False)[0].changes == ()
    wrong = torn(rows, "t", 3210, pay=1_060_000)
    out, after = mended(model, wrong, oracle=False)
    assert out.unmended == {}
    assert [(c.row, c.rules) for c in out.changes] == [(3210, ("sum",))]
    assert after["t"][3210]["pay"] < 400_000


def test_tables_without_rows_or_without_a_batch_are_let_be():
    given = batches(BANK, {"account": [], "entry": []})
    assert mend(BANK.tables, given, rng=np.random.default_rng(0)).changes == ()
    alone = {"account": batches(BANK, bank())["account"]}
    out = mend(BANK.tables, alone, rng=np.random.default_rng(0))
    assert out.changes == ()
    assert set(out.batches) == {"account"}
    assert mend(BANK.tables, {}, rng=np.random.default_rng(0)).unmended == {}


def test_cells_of_infinite_weight_stay_as_they_are():
    model = Model.parse(
        "table t { id integer key  a integer in 0 .. 5  b integer in 0 .. 5  rule r: a + b = 5 }"
    )
    rows = {"t": [{"id": 1, "a": 1, "b": 1}, {"id": 2, "a": 9, "b": 2}, {"id": 2, "a": 3, "b": 2}]}
    free = mend(model.tables, batches(model, rows), rng=np.random.default_rng(0))
    assert free.unmended == {}
    kept = {"t": {"a": inf, "id": inf}}
    out = mend(model.tables, batches(model, rows), rng=np.random.default_rng(0), weights=kept)
    assert [(c.row, c.column, c.new) for c in out.changes] == [(0, "b", 4)]
    left = {rule: found.tolist() for (_, rule), found in out.unmended.items()}
    assert left == {"a: declaration": [1], "id_key": [2], "r": [1]}


def test_no_half_of_an_exchange_is_taken_back():
    model = Model.parse("""
    table stay {
      id    integer key
      comes integer in 0 .. 1000
      goes  integer in 0 .. 1000
      a     integer in 0 .. 5
      b     integer in 0 .. 5
      rule order: comes <= goes
      rule most: a + b = 10
    }
    """)
    rows = {"stay": [{"id": k, "comes": k, "goes": k + 5, "a": 5, "b": 5} for k in range(100)]}
    wrong = {"stay": [dict(row) for row in rows["stay"]]}
    for k in range(0, 100, 10):
        wrong["stay"][k] |= {"comes": k + 5, "goes": k}
    # Mended later than the others: it takes two cells at once.
    wrong["stay"][55] |= {"a": 1, "b": 1}
    _, after = mended(model, wrong, oracle=False)
    assert after == rows


def test_a_parent_that_its_rows_contradict_is_set_right():
    model = Model.parse(
        """
        table visit { id integer key  who text(9) }
        table step { id integer key  visit_id integer -> visit.id  who text(9)
          rule same: who = visit.who }
        """
    )
    rows = {
        "visit": [{"id": k, "who": f"p{k}"} for k in range(4)],
        "step": [{"id": k, "visit_id": k % 4, "who": f"p{k % 4}"} for k in range(12)],
    }
    _, after = mended(model, torn(rows, "visit", 2, who="p1"))
    assert after == rows
    orphans = {"visit": [], "step": rows["step"][:2]}
    out, _ = mended(model, orphans)
    assert out.unmended[("step", "visit_id_reference")].tolist() == [0, 1]
