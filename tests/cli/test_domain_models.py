"""``synthtab models`` and ``synthtab fit --init``: what they tell, make and refuse."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from command_line import Call
from shop import QUICK, shop
from shop import RULES as SHOP_RULES
from tiny_domain import MODEL, RULES, domain_model, frame

from synthtab.backends.sql import SqlBackend
from synthtab.backends.sqltables import SqlTables
from synthtab.cli import synthtab
from synthtab.errors import UsageError
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.pretrain.shelf import shipped
from synthtab.generate.train import TrainConfig
from synthtab.lang.model import Model
from synthtab.pipeline import Synthesizer
from synthtab.privacy.settings import Privacy
from synthtab.wholemodel import WholeModel


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("domain")
    (home / "admission.rules").write_text(RULES)
    frame(60).to_csv(home / "admission.csv", index=False)
    domain_model().save(home / "tiny")
    return home


def test_a_fit_may_begin_as_a_domain_model(folder: Path, tmp_path: Path, call: Call) -> None:
    fit = ["fit", folder / "admission.rules", folder / "admission.csv", "-o", tmp_path / "model"]
    ran = call(synthtab.main, *fit, "--init", folder / "tiny", "--epochs", 2, "--seed", 1)
    assert ran.code == 0, ran.err
    out = tmp_path / "out.csv"
    ran = call(synthtab.main, "sample", tmp_path / "model", "-n", 40, "--seed", 1, "-o", out)
    assert ran.code == 0, ran.err
    rows = pd.read_csv(out, parse_dates=["since"])
    assert not SqlBackend(MODEL.table()).violated(rows).any()


def test_what_does_not_go_with_it_is_refused(folder: Path, tmp_path: Path, call: Call) -> None:
    fit = ["fit", folder / "admission.rules", folder / "admission.csv", "-o", tmp_path / "model"]
    ran = call(synthtab.main, *fit, "--init", "astrology")
    assert ran.code == 2
    assert "there is no domain model 'astrology'" in ran.err
    assert "healthcare" in ran.err
    ran = call(synthtab.main, *fit, "--init", folder)
    assert ran.code == 2
    assert "is no saved domain model" in ran.err
    pretrained = ["--generator", "pretrained", "--base", folder, "--init", "healthcare"]
    ran = call(synthtab.main, *fit, *pretrained)
    assert ran.code == 2
    assert "--init healthcare is what a small network begins as" in ran.err
    budget = ["--epsilon", 1, "--mechanism", "dp-sgd", "--init", folder / "tiny"]
    ran = call(synthtab.main, *fit, *budget)
    assert ran.code == 2
    assert "under 'dp-sgd' nothing begins as a domain model" in ran.err
    assert not (tmp_path / "model").exists()


def test_the_budget_pays_for_the_frequencies_it_is_told() -> None:
    model = Model.parse(
        "table stay { ward enum('day', 'night', 'icu')  days integer in 0 .. 20 "
        " rule short: when ward = 'day' then days = 0 }"
    )
    days = frame(200)[["ward", "days"]]
    days["days"] = days["days"].clip(upper=20)
    train = TrainConfig(symbols_seen=2_000, max_epochs=2)
    config = GeneratorConfig(train=train, init=domain_model())
    budget = Privacy(epsilon=4.0, delta=1e-5)
    made = Synthesizer(model, config=config, privacy=budget).fit(days)
    assert not SqlBackend(model.table()).violated(made.sample(50, seed=1)).any()
    report = made.privacy_report
    assert report is not None
    assert report.ledger.spent()[0] <= 4.0 * (1 + 1e-9)
    for refused in (replace(budget, mechanism="perturb"), replace(budget, generator="graphical")):
        with pytest.raises(UsageError, match="nothing begins as a domain model"):
            Synthesizer(model, config=config, privacy=refused)


def test_each_of_several_tables_may_begin_as_one(tmp_path: Path) -> None:
    model = Model.parse(SHOP_RULES)
    config = replace(QUICK, init=domain_model())
    WholeModel(model, config=config).fit(shop(), seed=1).save(tmp_path / "model")
    frames = WholeModel.load(tmp_path / "model").sample(seed=2)
    hard = {t.name: [r for r in t.rules if r.share is None] for t in model.tables}
    found = SqlTables(model.tables).violated(frames, hard)
    assert found
    assert not any(rows.any() for rows in found.values())


def test_models_are_listed_and_their_cards_shown(call: Call) -> None:
    ran = call(synthtab.main, "models")
    assert ran.code == 0, ran.err
    for name in ("enterprise", "finance", "healthcare"):
        assert name in ran.out
    ran = call(synthtab.main, "models", "--json")
    facts = json.loads(ran.out)
    assert [one["name"] for one in facts] == list(shipped()) == sorted(shipped())
    assert all(0 < one["parameters"] < 8_000_000 for one in facts)
    assert sum(one["bytes"] for one in facts) < 20_000_000
    ran = call(synthtab.main, "models", "healthcare")
    assert ran.code == 0, ran.err
    assert "Synthea" in ran.out
    ran = call(synthtab.main, "models", "finance", "--json")
    assert "credit_default" in json.loads(ran.out)["card"]
    ran = call(synthtab.main, "models", "helthcare")
    assert ran.code == 2
    assert "did you mean 'healthcare'?" in ran.err
