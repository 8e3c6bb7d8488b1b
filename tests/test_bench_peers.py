"""The comparison with other generators: what becomes of a driver, and how rows are judged.

Drivers here are a few lines, run by this Python: the peers themselves need environments of theirs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from bench import contest, environments, headline, peers, record, registry, scoring
from bench.commands import MEASUREMENTS, add_options
from bench.contest import Limits, Outcome
from bench.roster import CONTENDERS, HOME, Contender, chosen
from synthtab.frames import encode_frame
from synthtab.lang.model import Model

RULES = """table person {
  kind  enum('a', 'b')
  low   integer in 0 .. 99
  high  integer in 0 .. 99
  paid  decimal(5, 2) in 0 .. 500 optional

  rule ordered: low <= high
  rule of_b: when kind = 'b' then paid is not null
}
"""
START = """import json, sys, time
from pathlib import Path

folder = Path(sys.argv[1])
task = json.loads((folder / "task.json").read_text())
lines = (folder / "train.csv").read_text().splitlines()


def done(lines, fit_s=0.5):
    (folder / "synthetic.csv").write_text("\\n".join(lines) + "\\n")
    print("a line of noise")
    print(json.dumps({"fit_s": fit_s, "sample_s": 0.5, "versions": {"fake": "1"}, "notes": ["x"]}))


"""
COPIES = "done([lines[0], *lines[1:][: task['rows']]])\n"
QUICK = Limits(fit_s=20, sample_s=20, start_s=20)


@pytest.fixture
def loaded(tmp_path: Path) -> registry.Loaded:
    model = Model.parse(RULES)
    frame = pd.DataFrame(
        {
            "kind": ["a", "b"] * 20,
            "low": [at % 40 for at in range(40)],
            "high": [at % 40 + 5 for at in range(40)],
            "paid": [f"{at}.50" if at % 4 else None for at in range(40)],
        }
    )
    frame.loc[frame.kind == "b", "paid"] = "7.25"
    batch = encode_frame(model.table().columns, frame)
    rules = tmp_path / "person.rules"
    rules.write_text(RULES, encoding="utf-8")
    entry = registry.Entry("person", "classification", "kind", rules, rules, "ours")
    order = list(range(40))
    train, holdout = (
        encode_frame(model.table().columns, frame.iloc[o]) for o in (order[:28], order[28:])
    )
    return registry.Loaded(entry, model, model.table(), train, holdout, 0, len(batch))


Driver = Callable[[str], tuple[Contender, Path]]


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Driver:
    """Makes a contender of a few lines, with an environment that is this Python."""
    home, folder = tmp_path / "contenders", tmp_path / "environments"
    home.mkdir()
    monkeypatch.setattr(contest, "HOME", home)
    monkeypatch.setattr(peers, "HOME", home)
    monkeypatch.setattr(environments, "HOME", home)

    def made(text: str) -> tuple[Contender, Path]:
        (home / "fake.py").write_text(START + text, encoding="utf-8")
        python = environments.python_of(folder, "fake")
        python.parent.mkdir(parents=True, exist_ok=True)
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
        python.chmod(0o755)
        return Contender("fake", "Fake", "fake"), folder

    return made


def _turn(
    made: tuple[Contender, Path],
    loaded: registry.Loaded,
    limits: Limits = QUICK,
    judge: contest.Judge = headline.compliance,
) -> Outcome:
    contender, folder = made
    return contest.turn(contender, loaded, 0, limits=limits, folder=folder, judge=judge)


def test_rows_of_a_driver_are_judged_and_its_facts_kept(
    driver: Driver, loaded: registry.Loaded
) -> None:
    outcome = _turn(driver(COPIES), loaded, judge=scoring.scored)
    assert (outcome.state, outcome.reason) == ("ok", "")
    assert (outcome.rows, outcome.valid, outcome.readable) == (28, 1.0, 1.0)
    assert outcome.scores["shape"] == 0
    assert outcome.rate == 56
    assert outcome.notes == ("x",)
    assert Outcome.from_dict(outcome.to_dict()) == outcome


def test_cells_that_are_no_values_and_rows_that_break_rules_are_not_valid(
    driver: Driver, loaded: registry.Loaded
) -> None:
    # No kind, no whole number, out of range, rule of two columns broken, nothing wrong.
    rows = ["c,1,2,3.00", "a,1.5,2,3.00", "a,1,200,3.00", "a,5,4,3.00", "a,4,5,"]
    outcome = _turn(driver(f"done([lines[0], *{rows!r}])"), loaded)
    assert (outcome.valid, outcome.readable) == (pytest.approx(0.2), pytest.approx(0.6))
    assert "5 rows of 28 returned" in outcome.notes


def test_a_figure_that_is_no_number_is_not_defined(driver: Driver, loaded: registry.Loaded) -> None:
    def judge(loaded: registry.Loaded, frame: pd.DataFrame, seed: int) -> scoring.Scores:
        return scoring.Scores(0.5, 0.1, None, 0.5, float("nan"), 1.0)

    contender, folder = driver(COPIES)
    outcome = contest.turn(contender, loaded, 0, limits=QUICK, folder=folder, judge=judge)
    assert outcome.scores == {
        "shape": 0.1,
        "pair": None,
        "c2st": 0.5,
        "utility": None,
        "utility_real": 1.0,
        "near": None,
    }


def test_a_peer_that_is_not_installed_is_said_to_be(
    loaded: registry.Loaded, tmp_path: Path
) -> None:
    outcome = _turn((chosen(["sdv-ctgan"])[0], tmp_path / "nowhere"), loaded)
    assert outcome.state == "not installed"
    assert "python -m bench peers --setup sdv_models" in outcome.reason


def test_a_driver_that_crashes_fails_with_its_message(
    driver: Driver, loaded: registry.Loaded
) -> None:
    outcome = _turn(driver("raise ValueError('no such mixture')"), loaded)
    assert (outcome.state, outcome.reason) == ("failed", "no such mixture")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sys.exit(3)", "it ended with 3 and no message"),
        ("print('{}')", "it printed no figures"),
        ("done([lines[0]])", "it made no rows"),
        ("done(['kind,low', 'a,1'])", "high"),
        ("done([lines[0], 'z,1,2,3.00'])", "no row has the declared types"),
    ],
)
def test_a_driver_that_makes_nothing_fails_with_the_reason(
    driver: Driver, loaded: registry.Loaded, text: str, reason: str
) -> None:
    outcome = _turn(driver(text), loaded)
    assert outcome.state == "failed"
    assert reason in outcome.reason


def test_a_driver_that_runs_over_its_time_is_ended(
    driver: Driver, loaded: registry.Loaded, tmp_path: Path
) -> None:
    short = Limits(fit_s=0.2, sample_s=0.2, start_s=0.2)
    outcome = _turn(driver("time.sleep(600)"), loaded, short)
    assert outcome.state == "over time"
    assert outcome.reason.startswith("still fitting after")
    (tmp_path / "fitted").touch()
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    sampling = contest.driven(command, tmp_path, short)
    assert isinstance(sampling, Outcome)
    assert sampling.reason.startswith("still sampling after")


def test_a_driver_that_took_too_long_to_fit_is_over_its_time(
    driver: Driver, loaded: registry.Loaded
) -> None:
    outcome = _turn(driver("done(lines, fit_s=25)"), loaded)
    assert (outcome.state, outcome.reason) == ("over time", "took 25 s to fit, of 20 s allowed")


def test_kept_outcomes_are_used_until_something_they_depend_on_is_another(
    driver: Driver, loaded: registry.Loaded, tmp_path: Path
) -> None:
    contender, folder = driver(COPIES)
    way = peers.Way(QUICK, folder, tmp_path / "work", judge=headline.compliance)
    first = peers.once(contender, loaded, 0, way)
    environments.python_of(folder, "fake").unlink()
    assert peers.once(contender, loaded, 0, way) == first
    assert peers.once(contender, loaded, 1, way).state == "not installed"
    other = replace(way, limits=replace(QUICK, fit_s=21))
    assert peers.once(contender, loaded, 0, other).state == "not installed"
    assert peers.once(contender, loaded, 0, way) == first
    driver("raise ValueError('another driver')")
    assert peers.once(contender, loaded, 0, way).reason == "another driver"


def _made(valid: float, fit_s: float = 1.0, state: contest.State = "ok") -> Outcome:
    scores = {"shape": 1 - valid, "pair": None, "c2st": 0.5, "utility": 0.5}
    return Outcome(state, "why" if state != "ok" else "", fit_s, 1.0, 10, 10, 1.0, valid, scores)


def test_contenders_are_ranked_apart_by_privacy_and_equals_share_a_place() -> None:
    ours, copula, ctgan, private, aim = chosen(
        ["synthtab", "sdv-copula", "sdv-ctgan", "synthtab-dp", "aim"]
    )
    outcomes = {
        ours.name: [_made(1.0), _made(0.8)],
        copula.name: [_made(0.9)],
        ctgan.name: [_made(0.0, state="failed")],
        private.name: [_made(0.5)],
        aim.name: [_made(0.6)],
    }
    contenders = [ours, copula, ctgan, private, aim]
    places = peers.ranked(contenders, outcomes, peers.MEASURES[0])
    assert places == {"synthtab": 1, "sdv-copula": 1, "synthtab-dp": 2, "aim": 1}
    assert peers.ranked(contenders, outcomes, peers.MEASURES[2]) == {}
    (sentence,) = peers.wins(contenders, outcomes)
    assert sentence == (
        "smartnoise AIM wins by rows valid (60.00% against 50.00%), "
        "shape error (40.00% against 50.00%), valid rows/s (6 against 5)."
    )
    assert list(peers.unfinished(contenders, outcomes)) == ["SDV CTGAN, failed: why."]


def test_a_table_of_results_has_floors_a_row_for_each_and_ranks(
    driver: Driver, loaded: registry.Loaded
) -> None:
    contender, folder = driver(COPIES)
    way = peers.Way(QUICK, folder)
    outcomes = {"fake": [_made(0.5), _made(0.7)]}
    section = peers.section(loaded, [contender], outcomes, way)
    table, ranks = section.grids
    assert table.rows[0][:2] == ("Fake", "60.00% ± 14.14%")
    assert ranks.rows[0] == ("rows valid", "1")
    assert "hold-out: shape error" in [f.what for f in section.figures]


def test_a_record_has_the_options_and_one_of_some_contenders_another_name(
    loaded: registry.Loaded,
) -> None:
    parser = argparse.ArgumentParser()
    add_options(parser, MEASUREMENTS["peers"])
    plain = peers.way_of(parser.parse_args([]))
    assert (plain.asked, plain.limits.fit_s, plain.most) == ((), 300, None)
    some = peers.way_of(parser.parse_args(["--limit", "60", "--contender", "aim"]), most=9)
    assert some.asked == ("--limit 60", "--contender aim")
    assert some.most == 9
    own = peers.way_of(parser.parse_args(["--own", str(loaded.entry.rules.parent)]))
    assert own.asked == ("--own FOLDER",)
    contenders, outcomes = chosen(["aim"]), {"aim": [_made(0.5)]}
    names = [record.name_of(peers.section(loaded, contenders, outcomes, w)) for w in (plain, some)]
    assert names == ["peers-person", "peers-person-limit-60-contender-aim"]


def test_the_headline_compares_tables_that_both_finished(loaded: registry.Loaded) -> None:
    ours, gan = chosen(["synthtab", "sdv-ctgan"])
    found = {
        "one": {ours.name: [_made(1.0)], gan.name: [_made(0.5)]},
        "two": {ours.name: [_made(1.0)], gan.name: [_made(0.9)]},
        "three": {ours.name: [_made(1.0)], gan.name: [_made(0.0, state="over time")]},
    }
    section = headline.section(
        [ours, gan], found, dict.fromkeys(found, 10), peers.Way(QUICK, Path())
    )
    figures = {f.what: f for f in section.figures}
    assert figures["tables"].met is False
    above = figures["SynthTab above SDV CTGAN, points"]
    assert (above.measured, above.target, above.met) == ("30.0", "at least 25.0", True)
    assert "three: SDV CTGAN, over time: why." in section.note


def test_the_headlines_tables_are_registered_and_enough() -> None:
    entries = registry.picked(headline.TABLES)
    assert len({e.name for e in entries}) >= 20
    assert len(registry.picked(peers.TABLES)) == len(peers.TABLES)


def test_every_contender_has_a_driver_and_pins_or_a_reason() -> None:
    assert len({c.name for c in CONTENDERS}) == len(CONTENDERS)
    for contender in CONTENDERS:
        if contender.absent:
            continue
        assert (HOME / f"{contender.driver}.py").is_file(), contender
        if not contender.own:
            lines = environments.wishes(contender.driver).splitlines()
            assert lines
            assert all("==" in line for line in lines), contender
    page = (HOME.parents[1] / "docs" / "peers.md").read_text(encoding="utf-8")
    assert [c.name for c in CONTENDERS if f"`{c.name}`" not in page] == []


def test_names_that_are_none_are_answered_with_near_ones() -> None:
    with pytest.raises(SystemExit, match="no contender 'sdv-ctgam'; there are sdv-ctgan"):
        chosen(["sdv-ctgam"])
    with pytest.raises(SystemExit, match="no environment for 'sdb'; there are sdv_models"):
        environments.drivers(CONTENDERS, "sdb")
    assert environments.drivers(CONTENDERS, "sdv-tvae") == ["sdv_models"]


def test_an_environment_that_cannot_be_made_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (failed,) = environments.set_up(tmp_path, ["tabula"], python=str(tmp_path / "python"))
    assert "tabula: " in failed
    assert "No such file or directory" in failed
    assert not (tmp_path / "tabula").exists()
    assert failed in capsys.readouterr().err
