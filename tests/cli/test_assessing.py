"""synthtab assess: the verdict first, a hold-out, parts, a guarantee, and what goes wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Call
from things import frame

from synthtab.cli import synthtab
from synthtab.cli.assessing import Request, assessed

RULES = """
table things {
  n integer optional
  m integer
  e enum('a', 'b', 'c') optional
  d date optional
  f boolean
  rule most: m >= -200
}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("assess")
    (folder / "things.rules").write_text(RULES)
    for seed, name in enumerate(("real", "made", "rest")):
        frame(seed, 150).drop(columns="t").to_csv(folder / f"{name}.csv", index=False)
    return folder


def arguments(place: Path, *more: object) -> list[object]:
    return ["assess", place / "things.rules", place / "real.csv", place / "made.csv", *more]


def test_the_verdict_comes_first_and_all_figures_after(call: Call, place: Path) -> None:
    more = ("--holdout", place / "rest.csv", "--target", "f")
    ran = call(synthtab.main, *arguments(place, *more))
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert "synthetic rows" in lines[0]
    assert lines[1].startswith(("good", "look", "bad"))
    for words in (
        "two-sample AUC",
        "α-precision",
        "β-recall",
        "noise floor",
        "XGBoost",
        "logistic regression",
        "membership by the closest record",
        "exact copies",
    ):
        assert words in ran.out
    plain = json.loads(call(synthtab.main, *arguments(place, *more, "--json")).out)
    assert plain["files"]["holdout"].endswith("rest.csv")
    assert plain["left"] == []
    assert plain["rows"] == {"real": 150, "synthetic": 150, "holdout": 150} | {
        "looked_at": plain["rows"]["looked_at"]
    }


def test_parts_are_chosen_and_what_is_left_is_said(call: Call, place: Path) -> None:
    ran = call(synthtab.main, *arguments(place, "--parts", "rules, columns"))
    assert ran.code == 0
    assert "shape error" in ran.out
    assert "two-sample" not in ran.out
    ran = call(synthtab.main, *arguments(place, "--parts", "utility,rules"))
    assert "not assessed: utility: " in ran.out


def test_the_function_behind_the_command_returns_the_assessments(place: Path) -> None:
    sides = str(place / "real.csv"), str(place / "made.csv")
    request = Request(parts=("rules",))
    found = assessed(place / "things.rules", *sides, request, lambda _stage, _done: None)
    (table,) = found.assessments.tables
    assert table.rules is not None
    assert not found.broken
    assert table.date


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--parts", "rulse"), "no part 'rulse'; is it 'rules'"),
        (("--parts", ","), "names none; the parts: all, rules"),
        (("--target", "g"), "no column 'g'"),
        (("--target", "f", "--target", "m"), "--target is given twice for table `things`"),
        (("--confidence", "2"), "confidence 2.0: it is between 0 and 1"),
        (("--holdout", "none.csv"), "no such file"),
        (("--model", "none"), "no saved model"),
    ],
)
def test_wrong_use_exits_with_2(call: Call, place: Path, more: tuple[str, ...], words: str) -> None:
    ran = call(synthtab.main, *arguments(place, *more))
    assert ran.code == 2
    assert words in " ".join(ran.err.split())
