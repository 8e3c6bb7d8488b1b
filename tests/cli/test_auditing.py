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
from synthtab.cli import auditing, auditing_models, synthtab
from synthtab.errors import BudgetError
from synthtab.generate.train import Progress, ProgressHook
from synthtab.lang.model import Model
from synthtab.privacy.audit.canaries import Fitted, LearnModel
from synthtab.privacy.settings import Privacy
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


ONE = Privacy(epsilon=1.0, delta=1e-6)


def leaky(model: Model, privacy: Privacy | None, draws: int, hook: ProgressHook) -> LearnModel:
    assert (len(model.tables), privacy, draws) == (1, ONE, 300)

    def learn(rows: Batch) -> Fitted:
        hook(Progress(1, 2, 0.0, 0.0))
        return Fitted(rows)

    return learn


def sound(_model: Model, _privacy: Privacy | None, fresh: int, _hook: ProgressHook) -> LearnModel:
    def learn(rows: Batch) -> Fitted:
        codes = np.random.default_rng().permuted(rows.codes[:fresh], axis=0)
        # The canaries come last.
        return Fitted(replace(rows, codes=codes, nulls=rows.nulls[:fresh]))

    return learn


def request(holdout: Path, **models: int) -> auditing.Request:
    asked = auditing_models.Models(**models, privacy=ONE)
    return auditing.Request(str(holdout), None, ("kind",), 200, 0, 0.95, asked, as_json=True)


@pytest.mark.parametrize(("learner", "refuted"), [(leaky, True), (sound, False)])
def test_canaries_hold_models_to_their_epsilon(
    place: Path, capsys: pytest.CaptureFixture[str], learner: auditing.Learner, refuted: bool
) -> None:
    asked = request(place / "holdout.csv", runs=2, canaries=100)
    paths = [place / "visits.rules", *(str(place / f"{n}.csv") for n in ("train", "fresh"))]
    found = auditing.audit(*paths, asked, learner)
    facts = json.loads(capsys.readouterr().out)
    assert facts["stated"] == {"epsilon": 1.0, "delta": 1e-6, "refuted": refuted}
    assert (facts["bounds"][0]["epsilon"] > 2) == facts["bounds"][0]["refuted"] == refuted
    assert facts["bounds"][0]["trials"] == 200
    assert found == facts["found"]
    assert found or not refuted


def test_shadow_models_attack_the_rows_that_are_audited(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Copies are told by a shadow that copies; as many records of each side are attacked."""
    asked = request(place / "holdout.csv", shadows=2, learned=80)
    paths = [place / "visits.rules", *(str(place / f"{n}.csv") for n in ("train", "train"))]
    assert auditing.audit(*paths, asked, leaky)
    facts = json.loads(capsys.readouterr().out)
    shadow = facts["membership"][-1]
    assert shadow["attack"] == "2 shadow models"
    assert shadow["members"] == shadow["others"] == 80
    assert shadow["auc"] > 0.9
    assert facts["bounds"] == []


def test_progress_of_several_fits_is_one_that_only_rises() -> None:
    told: list[float] = []
    stage = auditing_models.Stage("fits", 2, lambda _stage, share: told.append(share))
    learn = stage.counted(Fitted)
    rows = Batch(("a",), np.zeros((1, 1), np.int64), np.zeros((1, 1), bool), np.array([]))
    for _ in range(2):
        for step in (1, 4, 2):  # a second training in the same fit begins anew
            stage.within(Progress(step, 4, 0.0, 0.0))
        learn(rows)
    assert told == sorted(told)
    assert told[:2] == [0.0, 0.125]
    assert told[-1] == 1.0


def test_models_of_the_pipeline_are_fitted_with_a_budget_or_without(place: Path) -> None:
    """As many rows come out as are asked for; a budget is handed on, here one that buys nothing."""
    model = Model.parse(RULES)
    rows = read_rows("visits", model.table().columns, place / "train.csv")
    seen: list[Progress] = []
    made = auditing_models.pipeline(model, None, 50, seen.append)(rows)
    assert len(made.rows) == 50
    assert made.rows.columns == rows.columns
    assert seen
    assert made.log_likelihood is not None
    likely = made.log_likelihood(rows)
    assert likely is not None
    assert likely.shape == (300,)
    assert np.isfinite(likely).mean() > 0.9
    with pytest.raises(BudgetError, match="too small for any answer"):
        auditing_models.pipeline(model, Privacy(epsilon=1e-3, delta=1e-6), 50, seen.append)(rows)


def test_a_mechanism_is_run_with_canaries_and_on_neighbouring_tables(
    call: Call, place: Path
) -> None:
    """The command from end to end: models are fitted, and what they tell is held to epsilon."""
    more = ["--epsilon", 8, "--mechanism", "perturb", "--runs", 1, "--canaries", 20]
    more += ["--neighbour-runs", 30, "--learned", 100, "--secret", "kind", "--json"]
    ran = call(synthtab.main, *arguments(place, "fresh", *more))
    facts = json.loads(ran.out)
    assert ran.err == ""
    assert ran.code == int(facts["found"])
    assert facts["stated"] == {"epsilon": 8.0, "delta": 1e-6, "refuted": False}
    neighbours, canaries = facts["bounds"]
    assert neighbours["event"].startswith("perturb, neighbouring runs")
    assert neighbours["trials"] == 60
    assert canaries["trials"] == 20
    assert all(b["epsilon"] <= b["stated"] == 8.0 for b in facts["bounds"])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--confidence", "1"], "--confidence 1.0"),
        (["--confidence", "nan"], "--confidence nan"),
        (["--epsilon", "1"], "say how many, such as --runs 10"),
        (["--neighbour-runs", "9"], "give --epsilon"),
        (["--neighbour-runs", "2", "--epsilon", "1", "--mechanism", "perturb"], "4 at least"),
        (["--mechanism", "perturb", "--runs", "1"], "give --epsilon"),
        (["--generator", "graphical", "--runs", "1"], "give --epsilon"),
        (
            ["--mechanism", "perturb", "--generator", "graphical", "--epsilon", "1", "--runs", "1"],
            "measures none",
        ),
        (["--copies", "0", "--runs", "1"], "--copies"),
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
