"""`synthtab fit --epsilon`, `ledger` and `sample` of several tables."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from command_line import Call
from unit_shop import RULES, lawful_shop

from synthtab.cli.rulecheck import main as rulecheck
from synthtab.cli.synthtab import main


def write(folder: Path, customers: int) -> Path:
    (folder / "shop.rules").write_text(RULES)
    (folder / "real").mkdir()
    for name, frame in lawful_shop(customers).items():
        frame.to_csv(folder / "real" / f"{name}.csv", index=False)
    return folder


def test_several_tables_are_learned_under_a_budget(call: Call, tmp_path: Path) -> None:
    folder, model = write(tmp_path, 300), tmp_path / "model"
    fit = ["fit", folder / "shop.rules", folder / "real", "-o", model]
    done = call(main, *fit, "--epsilon", 8, "--epochs", 1)
    assert done.code == 0, done.err
    text = " ".join(done.out.split())
    assert "rows of orders" in text
    assert "of the budget for marginals" in text
    assert "one row of `customer` with all rows of other tables that refer to it" in text
    told = call(main, "ledger", model)
    assert "neighbours by add-remove" in " ".join(told.out.split())
    facts = json.loads(call(main, "ledger", model, "--json").out)
    assert facts["root"] == "customer"
    assert facts["ledger"]["neighbours"] == {"kind": "add-remove", "unit": "customer", "most": 4}
    out = tmp_path / "made"
    assert call(main, "sample", model, "-o", out, "--seed", 2).code == 0
    made = {p.stem: pd.read_csv(p) for p in out.glob("*.csv")}
    assert set(made) == {"customer", "orders"}
    assert call(rulecheck, "validate", folder / "shop.rules", out).code == 0
    sides = ("assess", folder / "shop.rules", folder / "real", out)
    found = call(main, *sides, "--parts", "rules", "--model", model, "--json")
    assert found.code == 0, found.err
    for table in json.loads(found.out)["tables"]:
        assert table["guarantee"]["epsilon"] == pytest.approx(8)
        assert "differentially private" in table["guarantee"]["statement"]
        assert len(table["guarantee"]["ledger"]) > 1


def test_what_cannot_be_learned_is_refused(call: Call, tmp_path: Path) -> None:
    folder = write(tmp_path, 10)
    fit = ["fit", folder / "shop.rules", folder / "real", "-o", tmp_path / "model", "--epsilon"]
    small = call(main, *fit, "0.001")
    assert small.code != 0
    assert "budget is too small" in " ".join(small.err.split())
    assert not (tmp_path / "model").exists()
    graphical = call(main, *fit, "1", "--generator", "graphical")
    assert graphical.code != 0
    assert "language-model" in graphical.err
