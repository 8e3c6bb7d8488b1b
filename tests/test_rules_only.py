"""Rows made of a rules file alone: DuckDB judges every one of them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from strategies import make_case

from synthtab.backends.sql import SqlBackend
from synthtab.backends.sqltables import SqlTables
from synthtab.batch import Batch, beside
from synthtab.choices import COMMON_MODES, Mode
from synthtab.errors import InfeasibleError, UsageError
from synthtab.files import write_frame
from synthtab.lang.model import Model
from synthtab.pipeline import Synthesizer

INVOICE = """
table invoice {
  id         integer key
  badge      text(8) matching /[A-Z]{2}[0-9]{6}/ unique
  entry_no   integer in 100 .. 5_000 optional unique ~ null 20%
  customer   text(60) ~ like_company
  country    text(2) matching /[A-Z]{2}/
  room       integer in 1 .. 40
  day        date in 2024-01-01 .. 2024-03-31
  issued_on  date in 2020-01-01 .. 2024-12-31
  due_on     date
  paid_on    date optional ~ null 30%
  net        decimal(12, 2) in 0 .. ~ lognormal(900, 1_500)
  tax_rate   enum('0%', '7%', '19%') ~ weights('19%': 8, '7%': 3, '0%': 1)
  tax        decimal(12, 2) in 0 ..
  gross      decimal(12, 2) in 0 ..
  unique (room, day)

  rule due_in_time: due_on between issued_on and issued_on + 60 days
  rule paid_later: paid_on >= issued_on
  rule adds_up: gross = net + tax
  rule taxed "to the cent":
    abs(tax - net * case when tax_rate = '7%' then 7% when tax_rate = '19%' then 19% else 0 end)
      < 0.01
}
"""


def broken(model: Model, frame: pd.DataFrame) -> dict[str, int]:
    """Return the rules that DuckDB finds broken, and by how many rows."""
    table = model.table()
    found = SqlTables(model.tables).violated({table.name: frame})
    return {rule: int(rows.sum()) for (_, rule), rows in found.items() if rows.any()}


def test_a_database_takes_every_row(tmp_path: Path) -> None:
    model = Model.parse(INVOICE)
    rows = Synthesizer(model).rules_only().sample(800, seed=3)
    assert broken(model, rows) == {}
    assert list(rows["id"]) == list(range(1, 801))
    assert 100 < rows["entry_no"].isna().sum() < 230
    assert 0.5 < rows["tax_rate"].eq("19%").mean() < 0.85
    write_frame(tmp_path / "rows.csv", rows, model.table().columns)
    with duckdb.connect() as database:
        # A table with a constraint for every rule, key and range.
        database.execute(SqlBackend(model.table()).create_table())
        source = f"read_csv('{tmp_path / 'rows.csv'}', header=true, all_varchar=true)"
        database.execute(f"INSERT INTO invoice SELECT * FROM {source}")
        assert database.execute("SELECT count(*) FROM invoice").fetchall() == [(800,)]


@pytest.mark.parametrize(
    "mode", [m for m in COMMON_MODES if m not in ("free", "grammar", "reject")]
)
def test_every_mode_keeps_the_rules(mode: Mode) -> None:
    model = Model.parse(INVOICE)
    got = Synthesizer(model).rules_only().sample_report(60, mode=mode, seed=1)
    assert broken(model, got.frame) == {}
    assert got.counts.returned == 60


@pytest.mark.parametrize("start", range(0, 40, 20))
def test_random_models(start: int) -> None:
    made = 0
    for seed in range(start, start + 20):
        model = Model((make_case(seed, 2).table,))
        try:
            rows = Synthesizer(model, solver_budget_s=1.0).rules_only().sample(25, seed=seed)
        except InfeasibleError:
            continue  # most of these rules contradict each other
        made += 1
        assert broken(model, rows) == {}, seed
    assert made > 3


def test_keys_never_run_into_each_other() -> None:
    model = Model.parse("""table t {
      code text(2) matching /[A-J][0-9]/ unique
      a integer in 1 .. 5
      b enum('x', 'y')
      c boolean
      key (a, b, c)
    }""")
    synthesizer = Synthesizer(model).rules_only()
    rows = synthesizer.sample(20, seed=0)
    assert rows["code"].nunique() == 20
    assert len(rows[["a", "b", "c"]].drop_duplicates()) == 20
    with pytest.raises(InfeasibleError, match=r"'a_b_c_key'.* there are 20"):
        synthesizer.sample(21, seed=0)
    full = Synthesizer(Model.parse("table t { code text(2) matching /[A-J][0-9]/ key }"))
    assert full.rules_only().sample(100, seed=0)["code"].nunique() == 100
    with pytest.raises(InfeasibleError, match=r"'code_key'.* there are 100"):
        full.sample(101)


def test_numbers_start_where_they_may() -> None:
    model = Model.parse(
        "table t { a integer key b integer in 500 .. unique c integer in .. -3 unique"
        " d integer in 1 .. unique ~ normal(1_000_000, 100_000)"
        " e integer in 1 .. 99_999 unique rule r: e > 50_000 }"
    )
    rows = Synthesizer(model).rules_only().sample(50, seed=0)
    assert list(rows["a"])[:2] == [1, 2]
    assert rows["b"].min() == 500
    assert rows["c"].max() <= -3
    # A key that a hint or a rule speaks of is the generator's.
    assert 900_000 < rows["d"].mean() < 1_100_000
    assert rows["e"].min() > 50_000
    assert all(rows[c].nunique() == 50 for c in "abcde")


ACCOUNTS = """table account {
  number integer in 1_000 .. 9_999 key
  kind   enum('asset', 'liability', 'other')
  name   text(40) optional
  rule assets: kind = 'asset' iff number between 1_000 and 1_999
  rule liabilities: kind = 'liability' iff number between 2_000 and 2_999
  rule gap: number != 5_000
}"""


@pytest.mark.parametrize("mode", ["solver", "solver+weighted"])
def test_the_last_key_is_found_at_once(mode: Mode) -> None:
    model = Model.parse(ACCOUNTS)
    got = Synthesizer(model).rules_only().sample_report(8_999, mode=mode, seed=0)
    assert broken(model, got.frame) == {}
    assert got.counts.drawn == 8_999
    few = Synthesizer(model).rules_only().sample_report(300, mode=mode, seed=0)
    assert broken(model, few.frame) == {}
    assert not few.frame["number"].is_monotonic_increasing


def test_one_key_more_than_there_are() -> None:
    with pytest.raises(InfeasibleError, match=r"'number_key'.* leave 8,999 different keys"):
        Synthesizer(Model.parse(ACCOUNTS)).rules_only().sample(9_000)


def test_keys_of_several_columns_and_of_text() -> None:
    model = Model.parse("""table t {
      a enum('a', 'b', 'c', 'd')
      b integer in 1 .. 25
      code text(3) matching /[A-C][0-9]{2}/ unique
      unique (a, b)
      rule few: when a = 'a' then b < 5
      rule code: when code matching /A.*/ then b > 2
    }""")
    synthesizer = Synthesizer(model).rules_only()
    assert broken(model, synthesizer.sample(79, seed=0)) == {}
    with pytest.raises(InfeasibleError, match=r"'a_b_unique'.* 79 different keys"):
        synthesizer.sample(80, seed=0)


def test_soft_rules_are_kept_where_they_can_be() -> None:
    text = "table t { x integer in 0 .. 99 rule a: x > 5 rule most at least 90%: x CHANGE }"
    for change, kept in [("> 50", True), ("< 4", False)]:
        made = Synthesizer(Model.parse(text.replace("CHANGE", change))).rules_only()
        rows = made.sample(200, seed=0)
        assert made.unenforced == (() if kept else ("most",))
        assert rows["x"].min() > (50 if kept else 5)


def test_hints_may_change_afterwards() -> None:
    one = Model.parse("table t { x integer in 0 .. 99 ~ normal(20, 2) }")
    other = Model.parse("table t { x integer in 0 .. 99 ~ normal(80, 2) }")
    made = Synthesizer(one).rules_only()
    assert made.sample(300, seed=0)["x"].mean() == pytest.approx(20, abs=1)
    assert made.with_model(other).sample(300, seed=0)["x"].mean() == pytest.approx(80, abs=1)


def test_what_there_is_not() -> None:
    with pytest.raises(UsageError, match=r"or rules_only\(\)"):
        Synthesizer(Model.parse("table t { x integer }")).sample(1)
    with pytest.raises(UsageError, match="no saved model"):
        Synthesizer(Model.parse("table t { x integer }")).rules_only().save("somewhere")
    impossible = Synthesizer(Model.parse("table t { x integer rule a: x > 3 rule b: x < 2 }"))
    with pytest.raises(InfeasibleError, match="contradict"):
        impossible.rules_only()


def test_many_columns_leave_weights_that_are_hardly_numbers() -> None:
    columns = "\n".join(f"  c{k} integer in 0 .. 10_000_000_000_000_000" for k in range(30))
    sums = "\n".join(f"  rule r{k}: c{k} = {k}" for k in range(29))
    model = Model.parse(f"table t {{\n{columns}\n{sums}\n}}")
    got = Synthesizer(model).rules_only().sample_report(30, seed=0)
    assert got.counts.drawn == 30
    assert (got.frame["c28"] == 28).all()


def test_batches_side_by_side() -> None:
    def one(name: str, codes: list[int], pool: list[str]) -> Batch:
        column = np.array(codes)[:, None]
        return Batch((name,), column, column < 0, np.array(pool, dtype=object))

    whole = beside(
        [one("a", [0, 1], ["x", "y"]), one("n", [5, 6], []), one("b", [1, 1], ["z", "y"])],
        ["a", "b"],
    )
    assert whole.columns == ("a", "n", "b")
    assert [whole.pool[k] for k in whole.column("b")[0]] == ["y", "y"]
    assert list(whole.pool) == ["x", "y", "z"]
    assert list(whole.column("n")[0]) == [5, 6]
    with pytest.raises(ValueError, match="rows differ"):
        beside([one("a", [0], ["x"]), one("b", [0, 0], ["x"])])


def test_a_few_rows_of_great_weight_do_not_stand_in_the_way_of_all_others() -> None:
    """`a = 0` is drawn once in 100,001 times, and then has 10,000 times the weight of another."""
    model = Model.parse(
        "table t { a integer in 0 .. 100_000  b integer in 0 .. 10_000  rule r: a = 0 or b = 0 }"
    )
    for seed in range(4):
        got = Synthesizer(model).rules_only().sample_report(20_000, seed=seed)
        assert len(got.frame) == 20_000
        assert ((got.frame["a"] == 0) | (got.frame["b"] == 0)).all()
        assert got.counts.clipped < 0.01
