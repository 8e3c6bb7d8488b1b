"""``synthtab fit --examples`` from the command line: what is told, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import Call

from synthtab.cli import synthtab

RULES = """table visit {
  ward   enum('day', 'night', 'icu')
  days   integer in 0 .. 99
  rule short: when ward = 'day' then days = 0
}
"""


def rows(many: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    ward = rng.choice(["day", "night", "icu"], many, p=[0.5, 0.3, 0.2])
    days = np.where(ward == "day", 0, rng.integers(1, 60, many))
    return pd.DataFrame({"ward": ward, "days": days})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("examples")
    (home / "visit.rules").write_text(RULES)
    rows(80).to_csv(home / "visit.csv", index=False)
    (home / "public").mkdir()
    rows(40, seed=5).to_csv(home / "public" / "some.csv", index=False)
    (home / "none").mkdir()
    return home


def test_the_command_line_says_that_real_rows_are_kept(
    folder: Path, tmp_path: Path, call: Call
) -> None:
    fit = ["fit", folder / "visit.rules", folder / "visit.csv", "-o", tmp_path / "model"]
    fit += ["--generator", "small", "--examples", 2, "--epochs", 2, "--seed", 1]
    ran = call(synthtab.main, *fit)
    assert ran.code == 0, ran.err
    different = len(rows(80).drop_duplicates())
    held = f"the saved model holds {different} real rows as they are, in examples.safetensors"
    assert held in ran.out
    assert (tmp_path / "model" / "examples.safetensors").exists()
    ran = call(synthtab.main, *fit, "--json")
    told = json.loads(ran.out)["real_rows"]
    assert told == {"file": "examples.safetensors", "rows": different}
    ran = call(synthtab.main, *fit, "--corpus", folder / "public", "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["rows_used"] == 80
    assert json.loads(ran.out)["real_rows"] is None
    ran = call(synthtab.main, *fit, "--corpus", folder / "public")
    assert "real rows" not in ran.out
    out = tmp_path / "out.csv"
    ran = call(synthtab.main, "sample", tmp_path / "model", "-n", 20, "--seed", 1, "-o", out)
    assert ran.code == 0, ran.err
    assert len(pd.read_csv(out)) == 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--corpus", "public"], "say how many with --examples"),
        (["--examples", 2, "--corpus", "nowhere"], "is no folder"),
        (["--examples", 2, "--corpus", "none"], "has no rows to serve as examples"),
        (["--examples", 2, "--epsilon", 1, "--mechanism", "dp-sgd"], "no privacy budget allows"),
        (
            ["--examples", 2, "--corpus", "public", "--epsilon", 1, "--mechanism", "dp-sgd"],
            "or public rows that are chosen by them",
        ),
        (["--examples", 2, "--epsilon", 1, "--generator", "graphical"], "have no examples"),
    ],
)
def test_examples_that_cannot_be_had_are_refused(
    folder: Path,
    tmp_path: Path,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    options: list[object],
    message: str,
) -> None:
    monkeypatch.chdir(folder)
    fit = ["fit", folder / "visit.rules", folder / "visit.csv", "-o", tmp_path / "model"]
    ran = call(synthtab.main, *fit, *options)
    assert ran.code == 2
    assert message in ran.err
    assert not (tmp_path / "model").exists()
