"""Fit, sample, save and load, on small tables made here; every mode, every column type."""

import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from synthtab.assess.compliance import compliance
from synthtab.choices import COMMON_MODES
from synthtab.errors import (
    DataError,
    InfeasibleError,
    RuleViolationError,
    SavedModelError,
    UsageError,
)
from synthtab.frames import encode_frame
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.model import ModelConfig
from synthtab.generate.train import TrainConfig
from synthtab.lang.model import Model
from synthtab.onetable import OneTable
from synthtab.pipeline import Synthesizer

QUICK = GeneratorConfig(
    model=ModelConfig(hidden=32, layers=1, heads=2, kv_heads=2, feed_forward=64),
    train=TrainConfig(symbols_seen=120_000),
)

RULES = """
table visit {
  id         integer key
  ward       enum('A', 'B', 'C')
  admitted   date in 2020-01-01 .. 2021-12-31
  discharged date optional
  seen_at    datetime(minute)
  `net pay`  decimal(8,2) in -500 .. 2_000
  tax        decimal(8,2) in 0 .. 500
  gross      decimal(8,2)
  insured    boolean
  code       text(6) matching /[A-Z]{2}[0-9]{2}/
  select     integer optional

  rule stay: discharged >= admitted
  rule total: gross = `net pay` + tax
  rule ward_c: when ward = 'C' then insured
  rule uninsured: when not insured then select is null
}
""".replace("  select ", "  `select` ").replace("then select", "then `select`")


def visits(n=400, seed=0):
    rng = np.random.default_rng(seed)
    admitted = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 700, n), "D")
    stay = pd.to_timedelta(rng.integers(0, 30, n), "D")
    ward = rng.choice(["A", "B", "C"], n)
    insured = (ward == "C") | (rng.random(n) < 0.5)
    net, tax = rng.integers(-50_000, 150_000, n), rng.integers(0, 40_000, n)
    cents = [[Decimal(int(v)).scaleb(-2) for v in a] for a in (net, tax, net + tax)]
    letters = np.array(list("ABCDEFGH"))
    return pd.DataFrame(
        {
            "id": np.arange(1000, 1000 + n),
            "ward": ward,
            "admitted": admitted,
            "discharged": pd.Series(admitted + stay).where(rng.random(n) < 0.7),
            "seen_at": admitted + pd.to_timedelta(rng.integers(0, 1440, n), "min"),
            "net pay": cents[0],
            "tax": cents[1],
            "gross": cents[2],
            "insured": insured,
            "code": [
                f"{a}{b}{k:02d}"
                for a, b, k in zip(
                    rng.choice(letters, n),
                    rng.choice(letters, n),
                    rng.integers(0, 100, n),
                    strict=True,
                )
            ],
            "select": pd.Series(rng.integers(-9, 9, n), dtype="Int64").where(insured),
        }
    )


@pytest.fixture(scope="module")
def fitted():
    return Synthesizer(Model.parse(RULES), config=QUICK).fit(visits(), seed=1)


@pytest.mark.parametrize("mode", [m for m in COMMON_MODES if m != "reject"])
def test_every_mode_returns_what_was_asked(fitted, mode):
    sample = fitted.sample_report(150, mode=mode, seed=3)
    assert len(sample.frame) == 150
    assert list(sample.frame.columns) == list(fitted.table.column_names)
    counts = sample.counts
    gone = counts.malformed + counts.copied + counts.broken + counts.duplicates + counts.thinned
    assert counts.drawn == counts.returned + gone + counts.surplus
    found = compliance(fitted.table, encode_frame(fitted.table.columns, sample.frame))
    if mode not in {"free", "grammar"}:
        assert found.valid == 150, found.broken
    # Whatever the mode, cells are values of their type, keys are numbered, texts are new.
    assert sample.frame["id"].is_unique
    assert not set(sample.frame["code"]) & set(visits()["code"])
    assert sample.frame["code"].str.fullmatch("[A-Z]{2}[0-9]{2}").all() or mode == "free"


def test_only_a_language_model_is_talked_to(fitted):
    with pytest.raises(UsageError, match="a language model writes rows of table 'visit' again"):
        fitted.sample(5, mode="feedback")
    with pytest.raises(UsageError, match="in the mode 'feedback', not in 'solver'"):
        fitted.sample(5, rounds=2)


def test_rejection_gives_up_with_the_rules_in_the_way(fitted):
    with pytest.raises(InfeasibleError, match=r"asked for 9 rows.*in the way: total \("):
        fitted.sample(9, mode="reject", seed=3)


def test_a_seed_gives_the_same_rows_and_none_gives_others(fitted):
    first, again = (fitted.sample(40, seed=5) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(fitted.sample(40))


def test_money_adds_up_to_the_cent(fitted):
    rows = fitted.sample(200, seed=8)
    assert (rows["gross"] == rows["net pay"] + rows["tax"]).all()


def test_saved_and_loaded_it_writes_the_same_rows(fitted, tmp_path):
    fitted.save(tmp_path / "m")
    suffixes = {p.suffix for p in (tmp_path / "m").rglob("*") if p.is_file()}
    assert suffixes <= {".json", ".safetensors", ".rules"}
    loaded = Synthesizer.load(tmp_path / "m")
    pd.testing.assert_frame_equal(loaded.sample(50, seed=2), fitted.sample(50, seed=2))
    assert loaded.report == fitted.report


def test_no_real_text_is_in_a_saved_model(fitted, tmp_path):
    fitted.save(tmp_path / "m")
    whole = b"".join(p.read_bytes() for p in (tmp_path / "m").rglob("*") if p.is_file())
    assert not [c for c in visits()["code"] if c.encode() in whole]


def test_weights_are_used_unless_rows_were_learned_under_the_rules(fitted, tmp_path):
    later = fitted.with_model(
        Model.parse(RULES.replace("  rule total", "  rule few: tax <= 100\n  rule total"))
    )
    alone = Synthesizer(fitted.model).rules_only()
    assert alone.sample_report(3, seed=1).mode == "solver+weighted"
    for made, mode in ((fitted, "solver"), (later, "solver+weighted")):
        made.save(tmp_path / "m")
        for one in (made, Synthesizer.load(tmp_path / "m")):
            assert one.sample_report(3, seed=1).mode == mode


def test_rules_may_change_after_training(fitted):
    stricter = Model.parse(RULES.replace("  rule total", "  rule short: tax <= 100\n  rule total"))
    rows = fitted.with_model(stricter).sample(100, seed=1)
    assert (rows["tax"] <= 100).all()
    other = Model.parse("table visit { id integer key }")
    with pytest.raises(UsageError, match="columns may not"):
        fitted.with_model(other)


def test_a_garbled_manifest_is_an_error(fitted, tmp_path):
    fitted.save(tmp_path / "m")
    manifest = tmp_path / "m" / "manifest.json"
    facts = json.loads(manifest.read_text())
    del facts["order"]
    manifest.write_text(json.dumps(facts))
    with pytest.raises(SavedModelError, match="order"):
        Synthesizer.load(tmp_path / "m")


@pytest.mark.parametrize("n", [0, -5])
def test_no_rows_cannot_be_asked_for(fitted, n):
    with pytest.raises(UsageError, match=f"cannot sample {n} rows"):
        fitted.sample(n)


def test_unknown_modes_and_policies_are_named(fitted):
    with pytest.raises(UsageError, match=r"unknown mode 'magic'.*solver"):
        fitted.sample(1, mode="magic")
    with pytest.raises(UsageError, match="violations='ignore'"):
        Synthesizer(Model.parse(RULES)).fit(visits(5), violations="ignore")
    with pytest.raises(UsageError, match="learned nothing yet"):
        Synthesizer(Model.parse(RULES)).sample(1)


def broken_visits():
    data = visits(120, seed=4)
    data.loc[3, "gross"] = data.loc[3, "gross"] + Decimal("0.01")
    data.loc[[5, 6], "discharged"] = pd.Timestamp("2000-01-01")
    data.loc[9, "id"] = data.loc[8, "id"]
    return data


def test_real_rows_that_break_rules_are_an_error_that_counts_them():
    with pytest.raises(RuleViolationError) as caught:
        Synthesizer(Model.parse(RULES), config=QUICK).fit(broken_visits())
    message = str(caught.value)
    assert "4 of 120 real rows" in message
    assert "total: 1 rows (4)" in message
    assert "stay: 2 rows (6, 7)" in message
    assert "violations='drop'" in message


@pytest.mark.parametrize(("policy", "used"), [("drop", 116), ("repair", 119)])
def test_they_can_be_dropped_or_repaired(policy, used):
    synthesizer = Synthesizer(Model.parse(RULES), config=QUICK)
    synthesizer.fit(broken_visits(), violations=policy)
    assert synthesizer.report.rows_used == used
    assert synthesizer.report.violated["stay"] == 2
    assert (synthesizer.report.cells_repaired > 0) == (policy == "repair")
    found = synthesizer.sample(30, seed=0)
    assert len(found) == 30


def test_contradicting_rules_are_named():
    text = "table t { a integer\n rule up: a > 5\n rule down: a < 5 }"
    with pytest.raises((InfeasibleError, RuleViolationError), match=r"up.*down|down.*up"):
        Synthesizer(Model.parse(text), config=QUICK).fit(
            pd.DataFrame({"a": [1, 9]}), violations="drop"
        )


def test_more_rows_than_a_unique_rule_allows_is_an_error_that_names_it():
    text = "table t { grade enum('a', 'b', 'c') unique\n size integer in 0 .. 9 }"
    data = pd.DataFrame({"grade": ["a", "b", "c"], "size": [1, 2, 3]})
    synthesizer = Synthesizer(Model.parse(text), config=QUICK).fit(data)
    assert sorted(synthesizer.sample(3, seed=0)["grade"]) == ["a", "b", "c"]
    with pytest.raises(InfeasibleError, match=r"asked for 4 rows.*unique"):
        synthesizer.sample(4, seed=0)


def test_a_numbered_key_without_room_is_an_error():
    text = "table t { id integer in 1 .. 50 key\n size integer }"
    data = pd.DataFrame({"id": range(1, 31), "size": range(30)})
    synthesizer = Synthesizer(Model.parse(text), config=QUICK).fit(data)
    assert list(synthesizer.sample(50, seed=0)["id"]) == list(range(1, 51))
    with pytest.raises(InfeasibleError, match="only 50 different values"):
        synthesizer.sample(51)


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame({"a": [5], "b": ["x"]}),
        pd.DataFrame({"a": [5, 5, 5], "b": ["x", "x", "x"]}),
        pd.DataFrame({"a": pd.Series([None] * 6, dtype="Int64"), "b": ["x", None] * 3}),
    ],
    ids=["one row", "one distinct value", "all-null column"],
)
def test_thin_data_are_learned_all_the_same(data):
    model = Model.parse("table t { a integer optional\n b enum('x', 'y') optional }")
    rows = Synthesizer(model, config=QUICK).fit(data).sample(7, seed=0)
    assert len(rows) == 7
    if data["a"].isna().all():
        assert rows["a"].isna().all()


def test_no_rows_to_learn_from_is_an_error():
    empty = pd.DataFrame({"a": pd.Series([], dtype="int64")})
    with pytest.raises(DataError, match="no rows"):
        Synthesizer(Model.parse("table t { a integer }"), config=QUICK).fit(empty)


def test_weighted_rows_follow_the_conditional_distribution():
    """Masking alone favours prefixes most of whose completions are forbidden; weights undo it."""
    rng = np.random.default_rng(0)
    a = rng.integers(0, 2, 4_000)
    b = rng.integers(0, 20, 4_000)
    model = Model.parse(
        "table t { a boolean\n b integer in 0 .. 19\n rule few: when a then b = 0 }"
    )
    free = Model.parse("table t { a boolean\n b integer in 0 .. 19 }")
    learned = Synthesizer(free, config=QUICK).fit(pd.DataFrame({"a": a == 1, "b": b}))
    synthesizer = learned.with_model(model)
    shares = {
        mode: synthesizer.sample(4_000, mode=mode, seed=1)["a"].mean()
        for mode in ("reject", "solver", "solver+weighted")
    }
    # P(a | rules) is about 1/21; masked prefixes alone would give about 1/2.
    assert abs(shares["reject"] - 1 / 21) < 0.03
    assert shares["solver"] > 0.3
    assert abs(shares["solver+weighted"] - shares["reject"]) < 0.03


def test_hard_rules_across_rows_are_refused_by_name() -> None:
    table = Model.parse(
        "table t {\n  a integer\n  b integer\n  rule total: sum(a) <= 10\n"
        "  rule most at least 90%: a < b\n  rule plain: a >= 0\n}\n"
    )
    with pytest.raises(UsageError, match="not generated yet: `total`; "):
        OneTable(table)  # the Synthesizer takes another way with such tables


def test_soft_rules_are_named_and_neither_enforced_nor_an_error() -> None:
    model = Model.parse(
        "table t {\n  a integer\n  b integer\n  rule most at least 90%: a < b\n"
        "  rule plain: a >= 0\n}\n"
    )
    data = pd.DataFrame({"a": range(60), "b": [*range(1, 55), *range(6)]})
    synthesizer = Synthesizer(model, config=QUICK).fit(data)
    assert synthesizer.unenforced == ("most",)
    assert synthesizer.report.rows_used == 60
    assert (synthesizer.sample(20, seed=0)["a"] >= 0).all()
