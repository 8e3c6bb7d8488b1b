"""synthtab audit: what it finds, what it says, what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import Call

from synthtab.batch import Batch
from synthtab.cli import auditing, synthtab
from synthtab.errors import BudgetError
from synthtab.lang.model import Model
from synthtab.privacy.audit.shadow import Learn
from synthtab.sources import read_rows

RULES = """
table visits {
  kind    enum('short', 'long')
  minutes integer in 1 .. 99
  fee     decimal(8, 2) in 0 .. 200000
  day     date in 2024-01-01 .. 2024-12-31 optional
  rule short_is_short: when kind = 'short' then minutes < 30
  rule long_is_long: when kind = 'long' then minutes >= 30
}
"""


def visits(seed: int, count: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    minutes = rng.integers(1, 100, count)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 366, count), "D")
    cents = np.round(minutes * 100 * rng.lognormal(0, 0.5, count)).astype(int)
    frame = pd.DataFrame(
        {
            "kind": np.where(minutes < 30, "short", "long"),
            "minutes": minutes,
            "fee": [f"{c // 100}.{c % 100:02d}" for c in cents],
            "day": days.strftime("%Y-%m-%d"),
        }
    )
    frame.loc[::7, "day"] = None
    return frame


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audit")
    (folder / "visits.rules").write_text(RULES)
    for seed, name in enumerate(("train", "holdout", "fresh")):
        visits(seed).to_csv(folder / f"{name}.csv", index=False)
    return folder


def arguments(place: Path, synthetic: str, *more: object) -> list[object]:
    return [
        *("audit", place / "visits.rules", place / "train.csv", place / f"{synthetic}.csv"),
        *("--holdout", place / "holdout.csv", *more),
    ]


def test_copied_rows_are_found(call: Call, place: Path) -> None:
    ran = call(synthtab.main, *arguments(place, "train", "--secret", "kind", "--secret", "fee"))
    assert ran.code == 1
    for word in ("digit strings", "density ratio (kernels)", "DCR", "NNDR", "TPR at FPR 1%"):
        assert word in ran.out
    assert "Who was in the training data can be told" in ran.out
    assert "100.0% of synthetic rows repeat a training row to the cell" in ran.out
    assert ran.err == ""


def test_rows_of_others_give_nobody_away(call: Call, place: Path) -> None:
    ran = call(synthtab.main, *arguments(place, "fresh", "--json", "--rows", 200))
    facts = json.loads(ran.out)
    assert ran.code == 0
    assert not facts["found"]
    assert facts["table"] == "visits"
    assert facts["rows"] == {"train": 300, "holdout": 300, "synthetic": 300}
    assert [m["members"] for m in facts["membership"]] == [200] * 4
    assert [a["column"] for a in facts["attributes"]] == ["kind", "minutes", "fee", "day"]
    assert facts["bounds"] == []
    assert facts["stated"] is None
    again = call(synthtab.main, *arguments(place, "fresh", "--json", "--rows", 200))
    assert json.loads(again.out) == facts


def leaky(model: Model, epsilon: float | None, delta: float, draws: int) -> Learn:
    assert (len(model.tables), epsilon, delta, draws) == (1, 1.0, 1e-6, 300)
    return lambda rows: rows


def sound(_model: Model, _epsilon: float | None, _delta: float, fresh: int) -> Learn:
    def learn(rows: Batch) -> Batch:
        codes = np.random.default_rng().permuted(rows.codes[:fresh], axis=0)
        return replace(rows, codes=codes, nulls=rows.nulls[:fresh])  # the canaries come last

    return learn


def request(**changes: object) -> auditing.Request:
    plain = auditing.Request(
        *("", None, ("kind",), 200, 0, 0.95, 2, 100), epsilon=1.0, delta=1e-6, as_json=True
    )
    return replace(plain, **changes)


@pytest.mark.parametrize(("learner", "refuted"), [(leaky, True), (sound, False)])
def test_canaries_hold_models_to_their_epsilon(
    place: Path, capsys: pytest.CaptureFixture[str], learner: auditing.Learner, refuted: bool
) -> None:
    asked = request(holdout=str(place / "holdout.csv"))
    paths = [place / "visits.rules", *(str(place / f"{n}.csv") for n in ("train", "fresh"))]
    found = auditing.audit(*paths, asked, learner)
    facts = json.loads(capsys.readouterr().out)
    assert facts["stated"] == {"epsilon": 1.0, "delta": 1e-6, "refuted": refuted}
    assert (facts["bounds"][0]["epsilon"] > 2) == refuted
    assert facts["bounds"][0]["trials"] == 200
    assert found == facts["found"]
    assert found or not refuted


def test_models_of_the_pipeline_are_fitted_with_a_budget_or_without(place: Path) -> None:
    """As many rows come out as are asked for; a budget is handed on, here one that buys nothing."""
    model = Model.parse(RULES)
    rows = read_rows("visits", model.table().columns, place / "train.csv")
    made = auditing.pipeline(model, None, 1e-6, 50)(rows)
    assert len(made) == 50
    assert made.columns == rows.columns
    with pytest.raises(BudgetError, match="too small for any answer"):
        auditing.pipeline(model, 1e-3, 1e-6, 50)(rows)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--confidence", "1"], "--confidence 1.0"),
        (["--confidence", "nan"], "--confidence nan"),
        (["--epsilon", "1"], "say how many, such as --runs 10"),
        (["--epsilon", "-1", "--runs", "2"], "epsilon=-1.0"),
        (["--epsilon", "nan", "--runs", "2"], "epsilon=nan"),
        (["--delta", "1", "--runs", "2"], "delta=1.0"),
        (["--secret", "nobody"], "'nobody' cannot be guessed"),
        (["--table", "other"], "other"),
        (["--rows", "3"], "--rows"),
        (["--runs", "-1"], "--runs"),
    ],
)
def test_wrong_use_is_one_message(call: Call, place: Path, more: list[str], message: str) -> None:
    ran = call(synthtab.main, *arguments(place, "fresh", *more))
    assert ran.code == 2
    assert message in ran.err.replace("\n", " ")
    assert ran.out == ""


def test_files_that_are_none_are_one_message(call: Call, place: Path) -> None:
    (place / "few.csv").write_text("kind,minutes,fee,day\n")
    ran = call(synthtab.main, *arguments(place, "few"))
    assert (ran.code, ran.out) == (2, "")
    assert "an audit needs two training rows" in ran.err.replace("\n", " ")
    ran = call(synthtab.main, *arguments(place, "nowhere"))
    assert ran.code == 2
    assert "there is no such file" in ran.err
    ran = call(synthtab.main, "audit", place / "visits.rules", "a.csv", "b.csv")
    assert ran.code == 2
    assert "--holdout" in ran.err


def test_help_has_an_example(call: Call) -> None:
    ran = call(synthtab.main, "audit", "--help")
    assert ran.code == 0
    assert "Example:" in ran.out
