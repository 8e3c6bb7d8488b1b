"""Several tables learned under a budget: the ledger, the rules, saving, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from unit_shop import RULES, lawful_shop

from synthtab.backends.sqltables import SqlTables
from synthtab.errors import BudgetError, DataError, SavedModelError, UsageError
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.model import ModelConfig
from synthtab.generate.train import TrainConfig
from synthtab.lang.model import Model
from synthtab.pipeline import Synthesizer
from synthtab.privacy.learned import PrivateWholeReport
from synthtab.privacy.ledger import Ledger
from synthtab.privacy.selecting import Plan
from synthtab.privacy.settings import Privacy
from synthtab.privatewhole import PrivateWhole

QUICK = GeneratorConfig(
    model=ModelConfig(hidden=32, layers=1, heads=2, kv_heads=2, feed_forward=64),
    train=TrainConfig(symbols_seen=15_000, max_epochs=2),
)
EFFORT = Plan(picks=1, at_once=12, drawn=5_000, steps=60, last_steps=120)
SHOP = Model.parse(RULES)
CUSTOMERS = 500
BUDGET = Privacy(epsilon=4.0, delta=1e-6, most_children=3)


@pytest.fixture(scope="module")
def fitted() -> PrivateWhole:
    made = PrivateWhole(SHOP, BUDGET, config=QUICK, effort=EFFORT)
    return made.fit(lawful_shop(CUSTOMERS))


@pytest.fixture(scope="module")
def saved(fitted: PrivateWhole, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("private") / "model"
    fitted.save(path)
    return path


def report_of(whole: PrivateWhole) -> PrivateWholeReport:
    assert whole.private is not None
    return whole.private


def test_samples_keep_all_rules(fitted: PrivateWhole) -> None:
    frames = fitted.sample(seed=3)
    judge = SqlTables(SHOP.tables)
    found = judge.violated(frames, {t.name: list(t.rules) for t in SHOP.tables})
    assert {name: int(rows.sum()) for name, rows in found.items() if rows.any()} == {}
    assert len(found) == sum(len(t.rules) for t in SHOP.tables)


def test_samples_look_like_the_shop(fitted: PrivateWhole) -> None:
    real, made = lawful_shop(CUSTOMERS), fitted.sample(seed=4)
    assert len(made["customer"]) == pytest.approx(CUSTOMERS, rel=0.3)
    # Numbers of orders are looked at up to three, and grow with the level.
    joined = made["customer"].merge(made["orders"], left_on="id", right_on="customer_id")
    per = len(joined) / len(made["customer"])
    assert per == pytest.approx(
        real["orders"].groupby("customer_id").size().clip(upper=3).sum() / CUSTOMERS, rel=0.3
    )
    assert joined["level"].mean() > made["customer"]["level"].mean()
    # An order's size goes with its customer's level: that is learned across the tables.
    assert joined["level"].corr(joined["size"]) > 0.2


def test_the_ledger_is_per_customer(fitted: PrivateWhole) -> None:
    report = report_of(fitted)
    ledger = report.ledger
    assert (ledger.neighbours.unit, ledger.neighbours.most) == ("customer", 3)
    epsilon, delta = ledger.spent()
    assert 0.95 * BUDGET.epsilon < epsilon <= BUDGET.epsilon * (1 + 1e-9)
    assert delta == BUDGET.delta
    assert "one row of `customer` with all rows of other tables" in report.statement
    assert "at most 3 in each table" in report.statement
    # What reads orders has noise for three of them, what reads customers for one.
    for charge in ledger.charges:
        if charge.mechanism == "discrete Gaussian":
            most = 3 if charge.reads[0].startswith("orders.") else 1
            l2 = charge.settings["standard deviation"] / charge.cost.noise  # type: ignore[attr-defined]
            assert l2 == pytest.approx(most), charge


def test_the_report_tells_noisy_counts_alone(fitted: PrivateWhole) -> None:
    report = report_of(fitted)
    assert set(report.tables) == {"customer", "orders"}
    assert report.tables["orders"].most == 3
    assert sum(t.share for t in report.tables.values()) == pytest.approx(1.0)
    for counted in report.tables.values():
        assert counted.spread > 0
    # About 80 customers have a fourth order.
    orders = report.tables["orders"]
    assert 0 < orders.beyond < 200
    assert PrivateWholeReport.from_dict(json.loads(json.dumps(report.to_dict()))).to_dict() == (
        report.to_dict()
    )


def test_sizes_may_be_asked_for(fitted: PrivateWhole) -> None:
    assert len(fitted.sample({"customer": 40}, seed=1)["customer"]) == 40
    many = report_of(fitted).tables["customer"].rows
    assert len(fitted.sample(0.1, seed=1)["customer"]) == round(many * 0.1)
    with pytest.raises(UsageError, match="not above 0"):
        fitted.sample(0.0)


def test_a_saved_model_gives_the_same_rows_and_ledger(fitted: PrivateWhole, saved: Path) -> None:
    loaded = Synthesizer.load(saved)
    assert loaded.private
    again = loaded.privacy_report
    assert again is not None
    assert again.to_dict() == report_of(fitted).to_dict()
    for name, frame in fitted.sample(seed=9).items():
        pd.testing.assert_frame_equal(loaded.sample(seed=9, scale=1.0)[name], frame)
    facts = json.loads((saved / "manifest.json").read_text())
    assert facts["kind"] == "private-whole"
    assert Ledger.from_dict(facts["private"]["ledger"]).spent() == again.ledger.spent()


def test_a_garbled_report_is_told(saved: Path, tmp_path: Path) -> None:
    facts = json.loads((saved / "manifest.json").read_text())
    del facts["private"]["tables"]["orders"]["most"]
    for file in saved.rglob("*"):
        (tmp_path / file.relative_to(saved)).parent.mkdir(parents=True, exist_ok=True)
        if file.is_file():
            (tmp_path / file.relative_to(saved)).write_bytes(file.read_bytes())
    (tmp_path / "manifest.json").write_text(json.dumps(facts))
    with pytest.raises(SavedModelError, match="garbled"):
        Synthesizer.load(tmp_path)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"mechanism": "dp-sgd"}, "protects rows of one table"),
        ({"mechanism": "perturb"}, "protects rows of one table"),
        ({"generator": "graphical"}, "draws rows of one table"),
        ({"domains": "estimate"}, "are to be declared"),
    ],
)
def test_settings_for_one_table_are_refused(settings: dict[str, str], says: str) -> None:
    privacy = Privacy(epsilon=1.0, delta=1e-6, **settings)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=says):
        Synthesizer(SHOP, privacy=privacy)


def test_one_table_with_rules_across_rows_is_refused() -> None:
    rules = "table t { a integer in 1 .. 9  b integer in 1 .. 9 a determines b }"
    rules = rules.replace("a determines b", "rule one: a determines b")
    with pytest.raises(UsageError, match="rules across rows"):
        Synthesizer(Model.parse(rules), privacy=Privacy(epsilon=1.0, delta=1e-6))


def test_fitting_takes_no_seed_and_leaves_broken_rows_out() -> None:
    made = PrivateWhole(SHOP, BUDGET)
    with pytest.raises(UsageError, match="takes no seed"):
        made.fit(lawful_shop(5), seed=1)
    with pytest.raises(UsageError, match="left out"):
        made.fit(lawful_shop(5), violations="repair")
    with pytest.raises(UsageError, match="learned nothing yet"):
        made.sample()


def test_nothing_is_learned_of_too_few() -> None:
    privacy = Privacy(epsilon=0.05, delta=1e-6)
    for customers in (0, 1):
        with pytest.raises(BudgetError, match="too small for any answer"):
            PrivateWhole(SHOP, privacy).fit(lawful_shop(customers))


def test_missing_tables_are_named() -> None:
    shop = lawful_shop(3)
    with pytest.raises(DataError, match="no data for table `orders`"):
        PrivateWhole(SHOP, BUDGET).fit({"customer": shop["customer"]})
    with pytest.raises(DataError, match="no table `extra`"):
        PrivateWhole(SHOP, BUDGET).fit({**shop, "extra": shop["customer"]})


def test_without_data_no_budget_is_spent_and_nothing_is_saved(tmp_path: Path) -> None:
    made = PrivateWhole(SHOP, BUDGET).rules_only()
    assert made.private is None
    assert len(made.sample({"customer": 20}, seed=1)["customer"]) == 20
    with pytest.raises(UsageError, match="nothing learned to save"):
        made.save(tmp_path / "model")
