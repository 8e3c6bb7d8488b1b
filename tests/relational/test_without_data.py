"""Tables of rules alone: what can be kept while rows are written is, and little is left to mend."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synthtab.backends.sqltables import SqlTables
from synthtab.errors import InfeasibleError, UsageError
from synthtab.lang.model import Model
from synthtab.pipeline import Synthesizer, WholeSample
from synthtab.relational.rulesonly import rules_database

ROOT = Path(__file__).parents[2]


def sampled(text: str | Model, rows: dict[str, int], seed: int = 0) -> WholeSample:
    """Return tables in which DuckDB finds no hard rule broken."""
    model = Model.parse(text) if isinstance(text, str) else text
    got: WholeSample = Synthesizer(model).rules_only().sample_report(scale=rows, seed=seed)
    hard = {t.name: [r for r in t.rules if r.share is None] for t in model.tables}
    for (table, rule), wrong in SqlTables(model.tables).violated(got.frames, hard).items():
        assert not wrong.any(), (table, rule)
    return got


def mended(got: WholeSample) -> int:
    return sum(c.mended for c in got.counts.values())


STAFF = """
table person {
  id      integer key
  level   integer in 1 .. 5
  joined  date in 2000-01-01 .. 2020-12-31
  boss_id integer optional -> person.id
  rule outranks: level < boss_id.level
  rule around: joined >= boss_id.joined - 3 years
  rule top: when boss_id is null then level >= 4
  rule few: count() per boss_id <= 4
}
table badge {
  id     integer key
  old_id integer optional unique -> badge.id
  color  enum('red', 'green')
  rule other: color != old_id.color
}
"""


def test_whom_rows_refer_to_suits_the_rules() -> None:
    got = sampled(STAFF, {"person": 150, "badge": 40})
    person = got.frames["person"].set_index("id")
    assert mended(got) <= 3
    assert person["boss_id"].notna().mean() > 0.5
    boss = person["boss_id"].dropna().astype(int)
    for _ in range(5):  # levels fall, so that five steps up lead nowhere
        boss = boss.map(person["boss_id"]).dropna().astype(int)
    assert boss.empty
    assert got.frames["badge"]["old_id"].notna().sum() > 10


def test_there_are_no_circles_where_no_rule_forbids_them() -> None:
    got = sampled(
        "table t { id integer key up integer optional -> t.id n integer in 0 .. 9"
        " rule near: abs(n - up.n) <= 1 rule two: count() per up <= 2 }",
        {"t": 120},
    )
    above = got.frames["t"].set_index("id")["up"].to_dict()
    for start in above:
        at, steps = start, 0
        while pd.notna(above[at]):
            at, steps = above[at], steps + 1
            assert steps <= len(above)
    assert sum(pd.notna(up) for up in above.values()) > 60


def test_siblings_that_must_not_meet_are_written_apart() -> None:
    got = sampled(
        "table team { id integer key }"
        "table member { id integer key team_id integer -> team.id rank integer in 1 .. 3"
        " pay integer in 100 .. 900 since date in 2000-01-01 .. 2009-12-31"
        " rule fair: pay <= 2 * (min(pay) per team_id, rank)"
        " rule sorted: since >= (previous(since) per team_id ordered by since)"
        " rule apart: forbid pair (a, b): a.team_id = b.team_id and a.rank > b.rank"
        "   and 2 * a.pay < b.pay }",
        {"team": 60},
    )
    assert mended(got) == 0
    assert len(got.frames["member"]) > 100


def test_parents_that_cannot_go_together_are_picked_anew() -> None:
    got = sampled(
        "table guest { id integer key came date in 2000-01-01 .. 2020-12-31"
        " went date in 2000-01-01 .. 2020-12-31 rule later: went > came }"
        "table host { id integer key opened date in 2000-01-01 .. 2020-12-31"
        " closed date in 2000-01-01 .. 2020-12-31 rule later: closed > opened }"
        "table stay { id integer key guest_id integer -> guest.id host_id integer -> host.id"
        " day date rule of_guest: day between guest.came and guest.went"
        " rule of_host: day between host.opened and host.closed }",
        {"guest": 80, "host": 40},
    )
    assert mended(got) == 0
    stays = got.counts["stay"]
    assert stays.returned > 150
    assert stays.drawn < 2 * stays.returned


def test_rows_in_order_leave_room_for_those_to_come() -> None:
    got = sampled(
        "table a { id integer key from_ date in 2000-01-01 .. 2000-12-31 }"
        "table m { a_id integer -> a.id month date key (a_id, month)"
        " n integer in 1 .. rule numbered: gap_free(n) per a_id"
        " rule rising: increasing(month) per a_id ordered by month"
        " rule first: day(month) = 1 and month between a.from_ and a.from_ + 24 months }",
        {"a": 100},
    )
    months = got.frames["m"]
    assert mended(got) == 0
    assert got.counts["m"].drawn <= 1.3 * len(months)
    assert len(months) > 200
    last = pd.to_datetime(months.groupby("a_id")["month"].max())
    spread = (last - pd.to_datetime(got.frames["a"].set_index("id")["from_"])).dropna()
    assert np.median(spread.dt.days) > 300


def test_a_sum_of_products_is_met() -> None:
    got = sampled(
        "table bill { id integer key total decimal(9, 2) in 0 .."
        " rule adds_up: total = coalesce(sum(quantity * price of item), 0) }"
        "table item { bill_id integer -> bill.id line integer in 1 .. key (bill_id, line)"
        " quantity integer in 1 .. 100 price decimal(8, 2) in 0 .."
        " rule numbered: gap_free(line) per bill_id }",
        {"bill": 80},
    )
    assert mended(got) <= 4
    assert got.frames["item"]["price"].max() > 100


@pytest.mark.parametrize("seed", [0, 1])
def test_a_shipped_model_without_data(seed: int) -> None:
    model = Model.load(ROOT / "rules" / "employment.rules")
    got = sampled(model, {"department": 20}, seed)
    rows = {name: len(frame) for name, frame in got.frames.items()}
    assert rows["department"] == 20
    assert rows["employee"] >= 30
    assert rows["payslip"] > rows["employee"]
    assert (pd.to_datetime(got.frames["payslip"]["month"]).dt.day == 1).all()


FAR_APART = """
table spot {
  id integer key
  x  integer in 0 .. 2_000
  rule apart: forbid pair (a, b): a.id < b.id and abs(a.x - b.x) <= 9
}
"""


def test_mending_ends_when_its_time_is_up() -> None:
    synthesizer = Synthesizer(Model.parse(FAR_APART)).rules_only()
    told: list[tuple[str, float]] = []
    with pytest.raises(InfeasibleError) as error:
        synthesizer.sample(
            60,
            seed=1,
            mend_budget_s=1e-4,
            progress=lambda what, done, total: told.append((what, done / total)),
        )
    said = str(error.value)
    assert said.startswith("the tables were not mended within 0.0001 s; rows that still break")
    assert re.search(r"spot\.apart: \d+ of 60 rows \(id \d+; ", said)
    assert "mend_budget_s=1)" in said
    shares = [share for what, share in told if what == "mending"]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_mending_that_has_time_is_not_cut_short() -> None:
    model = Model.parse(FAR_APART)
    assert mended(sampled(model, {"spot": 16}, seed=1)) > 0


def test_no_time_is_no_limit() -> None:
    several = Synthesizer(Model.parse(FAR_APART)).rules_only()
    with pytest.raises(UsageError, match="mend_budget_s=0: mending takes more than 0 seconds"):
        several.sample(20, mend_budget_s=0.0)
    single = Synthesizer(Model.parse("table t { a integer in 0 .. 9 }")).rules_only()
    with pytest.raises(UsageError, match="mend_budget_s=5: of one table"):
        single.sample(20, mend_budget_s=5.0)


def test_rows_of_a_chain_go_on_from_the_one_before() -> None:
    got = sampled(
        "table period { id integer key first date end_day date closed boolean"
        " rule in_order: end_day > first"
        " rule apart: no overlap (first, end_day)"
        " rule no_gap: first = previous(end_day) ordered by id"
        " rule in_turn: when closed then previous(closed, true) ordered by id = true }"
        "table entry { id integer key period_id integer -> period.id booked date"
        " rule within: booked >= period.first and booked < period.end_day }",
        {"period": 60},
    )
    assert mended(got) == 0
    period = got.frames["period"]
    assert got.counts["period"].drawn == len(period) == 60
    assert list(period["id"]) == sorted(period["id"])
    # The first periods leave room for those to come.
    days = pd.to_datetime(period["end_day"]) - pd.to_datetime(period["first"])
    assert days.dt.days.max() < 365 * 40
    assert len(got.frames["entry"]) > 60


def test_a_chain_runs_along_a_column_that_is_written() -> None:
    got = sampled(
        "table movement { day date in 2020-01-01 .. 2029-12-31 unique"
        " number integer in 1 .. amount decimal(7, 2) balance decimal(9, 2) in 0 .. 5_000"
        " note text(20) optional"
        " rule numbered: gap_free(number)"
        " rule in_time: increasing(day) ordered by number"
        " rule runs: balance = (previous(balance, 0) ordered by number) + amount"
        " rule moves: amount != 0"
        " rule rests: day >= (previous(day) ordered by number) + 2 days }",
        {"movement": 80},
    )
    assert mended(got) == 0
    frame = got.frames["movement"]
    assert list(frame["number"]) == list(range(1, 81))
    assert frame["day"].is_monotonic_increasing
    assert (frame["amount"] < 0).any()


def test_intervals_of_a_whole_table_do_not_overlap() -> None:
    got = sampled(
        "table stay { id integer key room text(3) from_ date until date optional"
        " rule lasts: until between from_ + 1 days and from_ + 20 days"
        " rule apart: no overlap (from_, until)"
        " rule gone: when until is null then room = 'out' }",
        {"stay": 40},
    )
    assert len(got.frames["stay"]) == 40


def test_tables_that_a_sort_puts_in_order_are_no_chains() -> None:
    model = Model.parse(
        "table t { id integer key n integer in 1 .. unique d date"
        " rule numbered: gap_free(n) rule rising: non_decreasing(d) ordered by id }"
    )
    home = rules_database(model.tables).whole.homes["t"]
    assert not home.chained
    assert home.together is None
    got = sampled(model, {"t": 300})
    assert mended(got) == 0


def test_a_chain_of_no_rows_is_written() -> None:
    model = Model.parse(
        "table t { id integer key a integer in 0 .. 9 rule other: a != previous(a) ordered by id }"
    )
    assert rules_database(model.tables).whole.homes["t"].chained
    assert len(sampled(model, {"t": 0}).frames["t"]) == 0
    assert mended(sampled(model, {"t": 50})) == 0


@pytest.mark.parametrize("asked", [">= 2", "> 1"])
def test_children_do_not_all_hold_one_value(asked: str) -> None:
    got = sampled(
        "table color { id integer key }"
        f"table chain {{ id integer key rule several: count(distinct color_id of bead) {asked}"
        f"  rule sizes: count(distinct size of bead) {asked} }}"
        "table bead { id integer key chain_id integer -> chain.id color_id integer -> color.id"
        "  size enum('small', 'large') }",
        {"color": 3, "chain": 50},
    )
    assert mended(got) == 0
    assert got.frames["bead"].groupby("chain_id").size().min() == 2


def test_values_that_may_be_missing_are_counted_in_the_end() -> None:
    model = Model.parse(
        "table chain { id integer key rule several: count(distinct size of bead) >= 2 }"
        "table bead { id integer key chain_id integer -> chain.id"
        "  size integer in 1 .. 9 optional }"
    )
    assert rules_database(model.tables).models["chain"].view.left == ("several",)


def test_the_shipped_ledger_without_data() -> None:
    model = Model.load(ROOT / "rules" / "ledger.rules")
    got = sampled(model, {"account": 40, "period": 6, "invoice": 8}, seed=1)
    # What is left to mend are closed accounts that are not empty, and days before any was opened.
    assert all(got.counts[name].mended == 0 for name in ("period", "invoice"))
    assert len(got.frames["line"]) >= 2 * len(got.frames["entry"]) > 0
