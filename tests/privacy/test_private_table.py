"""A table under a budget, from fit to saved model: what is kept, spent, told and refused."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from synthtab import Model, Privacy, Synthesizer
from synthtab.backends.sql import SqlBackend
from synthtab.cli.synthtab import app
from synthtab.errors import BudgetError, DataError, SavedModelError, UsageError
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.train import TrainConfig

RULES = """table visit {
  id     integer key
  ward   enum('day', 'night', 'icu')
  days   integer in 0 .. 400
  paid   decimal(7, 2) optional in 0 .. 9_000
  rule short: when ward = 'day' then days = 0
  rule free: when paid is null then ward = 'icu'
}
"""
SHORT = GeneratorConfig(train=TrainConfig(symbols_seen=4_000))


def rows(many: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    ward = rng.choice(["day", "night", "icu"], many, p=[0.5, 0.3, 0.2])
    days = np.where(ward == "day", 0, rng.integers(1, 60, many))
    paid = np.where((ward == "icu") & (rng.random(many) < 0.5), np.nan, (days * 7.25).round(2))
    return pd.DataFrame({"id": np.arange(many) + 70_000, "ward": ward, "days": days, "paid": paid})


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.parse(RULES)


@pytest.fixture(scope="module")
def fitted(model: Model) -> Synthesizer:
    budget = Privacy(epsilon=4.0, delta=1e-6, generator="graphical")
    return Synthesizer(model, privacy=budget).fit(rows(3_000))


def test_rows_keep_all_rules_and_look_like_the_real_ones(fitted: Synthesizer, model: Model) -> None:
    out = fitted.sample(2_000, seed=1)
    assert not SqlBackend(model.table()).violated(out).any()
    assert out["id"].is_unique
    assert abs((out["ward"] == "day").mean() - 0.5) < 0.1
    assert out.equals(fitted.sample(2_000, seed=1))
    assert not set(out["id"]) & set(rows(3_000)["id"])


def test_rows_are_refined_by_the_estimate_that_draws_them(
    fitted: Synthesizer, model: Model
) -> None:
    assert fitted.privacy_report is not None
    before = fitted.privacy_report.to_dict()
    got = fitted.refine(300, seed=1, candidates=4)
    assert not SqlBackend(model.table()).violated(got.frame).any()
    assert got.rounds[0].refined < got.rounds[0].drawn
    assert fitted.privacy_report.to_dict() == before
    with pytest.raises(UsageError, match="give no data"):
        fitted.refine(300, rows(50))


def test_the_whole_budget_is_spent_and_no_more(fitted: Synthesizer) -> None:
    report = fitted.privacy_report
    assert report is not None
    epsilon, delta = report.ledger.spent()
    assert 3.9 < epsilon <= 4.0 * (1 + 1e-9)
    assert delta == 1e-6
    assert abs(report.rows - 3_000) < 12 * report.spread
    assert "(4, 1e-06)-differentially private" in report.statement
    assert "adding or removing one row" in report.statement


def test_a_saved_model_has_its_ledger_and_gives_the_same_rows(
    fitted: Synthesizer, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "model")
    loaded = Synthesizer.load(tmp_path / "model")
    assert loaded.sample(300, seed=5).equals(fitted.sample(300, seed=5))
    one, two = fitted.privacy_report, loaded.privacy_report
    assert one is not None
    assert two is not None
    assert two.to_dict() == one.to_dict()
    manifest = tmp_path / "model" / "manifest.json"
    facts = json.loads(manifest.read_text())
    facts["private"]["ledger"]["epsilon"] = 1.0  # claims more than was spent
    manifest.write_text(json.dumps(facts))
    with pytest.raises(SavedModelError, match="ledger"):
        Synthesizer.load(tmp_path / "model")


def test_the_ledger_is_printed(fitted: Synthesizer, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    shown = CliRunner().invoke(app, ["ledger", str(tmp_path / "model")])
    assert shown.exit_code == 0
    assert "discrete Gaussian" in shown.output
    plain = CliRunner().invoke(app, ["ledger", str(tmp_path / "model"), "--json"])
    assert json.loads(plain.output)["ledger"]["neighbours"]["kind"] == "add-remove"


def test_a_language_model_learns_from_the_estimate(model: Model) -> None:
    budget = Privacy(epsilon=4.0, delta=0.0, structural_zeros=False)
    made = Synthesizer(model, privacy=budget, config=SHORT).fit(rows(3_000))
    out = made.sample(300, seed=2)
    assert not SqlBackend(model.table()).violated(out).any()
    report = made.privacy_report
    assert report is not None
    epsilon, delta = report.ledger.spent()
    assert epsilon <= 4.0 * (1 + 1e-9)
    assert delta == 0
    assert {c.mechanism for c in report.ledger.charges} == {"geometric", "exponential"}


@pytest.mark.parametrize("mechanism", ["dp-sgd", "perturb"])
def test_other_mechanisms_keep_the_rules_too(model: Model, mechanism: str, tmp_path: Path) -> None:
    budget = Privacy(epsilon=2.0, delta=1e-5, mechanism=mechanism)  # type: ignore[arg-type]
    made = Synthesizer(model, privacy=budget, config=SHORT)
    # Rows of the rules alone have weights that mean something, whatever the mechanism would be.
    assert made.rules_only().sample_report(20, seed=1).mode == "solver+weighted"
    out = made.fit(rows(1_500)).sample(200, seed=2)
    assert not SqlBackend(model.table()).violated(out).any()
    if mechanism == "dp-sgd":
        with pytest.raises(UsageError, match="the mode for dp-sgd is 'solver'"):
            made.sample(200, mode="solver+weighted")
    report = made.privacy_report
    assert report is not None
    assert report.ledger.spent()[0] <= 2.0 * (1 + 1e-9)
    stricter = made.with_model(
        Model.parse(RULES.replace("rule free", "rule less: days < 50\n  rule free"))
    )
    assert stricter.sample_report(50, seed=2).mode == {"dp-sgd": "solver"}.get(
        mechanism, "solver+weighted"
    )
    made.save(tmp_path / "model")
    assert Synthesizer.load(tmp_path / "model").sample(200, seed=2).equals(out)


def test_other_rules_over_what_a_budget_was_spent_on_keep_keys_and_are_not_saved(
    tmp_path: Path,
) -> None:
    text = "table t {\n tag text(6) key\n ward enum('a', 'b')\n days integer in 0 .. 9\n"
    budget = Privacy(epsilon=2.0, delta=1e-5, mechanism="perturb")
    rng = np.random.default_rng(0)
    data = pd.DataFrame(
        {
            "tag": [f"x{k}" for k in range(600)],
            "ward": rng.choice(["a", "b"], 600),
            "days": rng.integers(0, 10, 600),
        }
    )
    made = Synthesizer(Model.parse(text + "}"), privacy=budget, config=SHORT).fit(data)
    stricter = Model.parse(text + " rule few: when ward = 'a' then days <= 4 }")
    out = made.with_model(stricter).sample(60, seed=1)
    assert out["tag"].is_unique
    assert not SqlBackend(stricter.table()).violated(out).any()
    with pytest.raises(UsageError, match="other rules than a budget was spent under"):
        made.with_model(stricter).save(tmp_path / "model")


def test_domains_that_nobody_declared_are_refused_or_estimated(tmp_path: Path) -> None:
    text = RULES.replace("in 0 .. 400", "").replace("enum('day', 'night', 'icu')", "text(9)")
    loose = Model.parse(text.replace("key", "key  note text(30) optional"))
    data = rows(3_000).assign(note="seen by " + rows(3_000)["ward"])
    with pytest.raises(UsageError, match="days") as refused:
        Synthesizer(loose, privacy=Privacy(epsilon=6.0, delta=1e-5)).fit(data)
    assert "ward" in str(refused.value)
    budget = Privacy(epsilon=6.0, delta=1e-5, domains="estimate", generator="graphical")
    made = Synthesizer(loose, privacy=budget).fit(data)
    out = made.sample(400, seed=1)
    assert not SqlBackend(loose.table()).violated(out).any()
    assert set(out["ward"]) <= {"day", "night", "icu"}
    assert made.privacy_report is not None
    assert any("ward" in line for line in made.privacy_report.estimated)
    made.save(tmp_path / "model")
    assert Synthesizer.load(tmp_path / "model").sample(400, seed=1).equals(out)


def test_rows_outside_what_is_declared_are_moved_and_counted_or_refused(model: Model) -> None:
    strange = rows(3_000)
    strange.loc[:400, "days"] = 7_777
    strange.loc[401:800, "ward"] = "secret ward"
    budget = Privacy(epsilon=8.0, delta=1e-6, generator="graphical", outside="refuse")
    with pytest.raises(DataError) as refused:
        Synthesizer(model, privacy=budget).fit(strange)
    said = str(refused.value)
    assert "7777" not in said
    assert "7,777" not in said
    assert "secret" not in said
    assert "401" not in said
    assert "clamp" in said


@pytest.mark.parametrize("many", [0, 1])
def test_too_few_rows_are_told_from_the_noisy_number(model: Model, many: int) -> None:
    budget = Privacy(epsilon=0.5, delta=1e-6)
    with pytest.raises(BudgetError, match="cannot be told from none"):
        Synthesizer(model, privacy=budget).fit(rows(many))


def test_a_seed_is_refused(model: Model) -> None:
    with pytest.raises(UsageError, match="takes no seed"):
        Synthesizer(model, privacy=Privacy(epsilon=1.0, delta=1e-6)).fit(rows(50), seed=1)


@pytest.mark.parametrize("how", ["error", "repair"])
def test_rows_that_break_rules_are_left_out_and_nothing_else(model: Model, how: str) -> None:
    budget = Privacy(epsilon=1.0, delta=1e-6)
    with pytest.raises(UsageError, match="left out"):
        Synthesizer(model, privacy=budget).fit(rows(50), violations=how)  # type: ignore[arg-type]


def test_nothing_of_the_real_rows_is_held_by_what_is_fitted(fitted: Synthesizer) -> None:
    """Pickled whole, a fitted model has none of the real rows' keys in it, nor a vault."""
    engine = fitted._engine
    held = pickle.dumps(copy.deepcopy(engine._generator))  # type: ignore[union-attr]
    keys = rows(3_000)["id"].to_numpy(dtype=np.int64)
    assert keys[:50].tobytes() not in held


def test_options_of_a_budget_need_one() -> None:
    done = CliRunner().invoke(app, ["fit", "x.rules", "x.csv", "-o", "m", "--delta", "1e-5"])
    assert done.exit_code != 0


@pytest.mark.parametrize(
    ("epsilon", "delta"),
    [(0, 1e-6), (-1, 1e-6), (float("nan"), 1e-6), (float("inf"), 1e-6), (True, 0), (1, 1), (1, -1)],
)
def test_a_budget_that_is_none_is_refused(epsilon: float, delta: float) -> None:
    with pytest.raises(UsageError, match=r"epsilon=|delta="):
        Privacy(epsilon=epsilon, delta=delta)
