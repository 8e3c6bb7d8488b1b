"""synthtab's commands on a small table: fit, sample, assess, and what goes wrong."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from command_line import Call

from synthtab import files
from synthtab.cli import rulecheck, synthtab
from synthtab.pipeline import Synthesizer

RULES = """
table visits {
  kind    enum('short', 'long')
  minutes integer in 1 .. 99
  fee     decimal(5, 2) in 0 .. 200
  day     date in 2024-01-01 .. 2024-12-31 optional
  rule short_is_short: when kind = 'short' then minutes < 30
  rule long_is_long: when kind = 'long' then minutes >= 30
  rule fee_by_time: fee <= 2 * minutes
}
"""


def real_rows(count: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    minutes = rng.integers(1, 100, count)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 366, count), "D")
    frame = pd.DataFrame(
        {
            "kind": np.where(minutes < 30, "short", "long"),
            "minutes": minutes,
            "fee": (minutes * rng.integers(0, 200, count)) // 100,
            "day": days.strftime("%Y-%m-%d"),
        }
    )
    frame.loc[::7, "day"] = None
    return frame


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with rules, real rows and a model fitted on them by the command line."""
    folder = tmp_path_factory.mktemp("visits")
    (folder / "visits.rules").write_text(RULES)
    real_rows().to_csv(folder / "real.csv", index=False)
    before = sys.argv
    sys.argv = [
        *("synthtab", "fit", str(folder / "visits.rules"), str(folder / "real.csv")),
        *("-o", str(folder / "model"), "--epochs", "2", "--seed", "3"),
    ]
    try:
        with pytest.raises(SystemExit) as ended:
            synthtab.main()
    finally:
        sys.argv = before
    assert ended.value.code == 0
    return folder


def test_sampled_rows_keep_every_rule_and_repeat_with_their_seed(
    call: Call, workplace: Path, tmp_path: Path
) -> None:
    out, again, other = (tmp_path / f"{name}.csv" for name in ("out", "again", "other"))
    args = ("sample", workplace / "model", "-n", 300, "--mode", "solver")
    ran = call(synthtab.main, *args, "--seed", 1, "-o", out, "--json")
    assert ran.code == 0
    report = json.loads(ran.out)
    assert (report["asked"], report["returned"], report["valid_share"]) == (300, 300, 1.0)
    assert report["rows_per_second"] > 0
    assert len(pd.read_csv(out)) == 300
    assert call(rulecheck.main, "validate", workplace / "visits.rules", out).code == 0
    assert call(synthtab.main, *args, "--seed", 1, "-o", again).code == 0
    assert call(synthtab.main, *args, "--seed", 2, "-o", other).code == 0
    assert again.read_text() == out.read_text() != other.read_text()


def test_parquet_and_gzip_come_out_by_their_names(
    call: Call, workplace: Path, tmp_path: Path
) -> None:
    for name in ("out.parquet", "out.csv.gz"):
        ran = call(synthtab.main, "sample", workplace / "model", "-n", 20, "-o", tmp_path / name)
        assert ran.code == 0
        assert (
            call(rulecheck.main, "validate", workplace / "visits.rules", tmp_path / name).code == 0
        )


def test_free_rows_that_break_rules_are_told_and_exit_with_1(
    call: Call, workplace: Path, tmp_path: Path
) -> None:
    out = tmp_path / "free.csv"
    args = ("-n", 500, "--mode", "free", "--seed", 1, "-o", out)
    ran = call(synthtab.main, "sample", workplace / "model", *args)
    assert ran.code == 1
    assert "broken by" in ran.out
    assert len(pd.read_csv(out)) == 500


@pytest.mark.parametrize("rows", ["200", "visits=200", "visits = 2_00"])
def test_a_rules_file_is_a_model_too(
    call: Call, workplace: Path, tmp_path: Path, rows: str
) -> None:
    out = tmp_path / "out.csv"
    ran = call(synthtab.main, "sample", workplace / "visits.rules", "--rows", rows, "-o", out)
    assert ran.code == 0
    assert "200 rows asked for, 200 returned" in ran.out
    assert len(pd.read_csv(out)) == 200
    assert call(rulecheck.main, "validate", workplace / "visits.rules", out).code == 0


def test_several_tables_without_data(call: Call, tmp_path: Path) -> None:
    rules = tmp_path / "two.rules"
    rules.write_text(
        "table a { id integer key name text(40) ~ like_city }\n"
        "table b { id integer key rule r: count() <= 3 }\n"
    )
    out = tmp_path / "out"
    sizes = ("-n", "a=9", "-n", "b=2")
    assert call(synthtab.main, "sample", rules, *sizes, "-o", out, "--seed", 0).code == 0
    assert list(pd.read_csv(out / "a.csv")["id"]) == list(range(1, 10))
    assert len(pd.read_csv(out / "b.csv")) == 2
    for rows, words in [
        ("9", "name one of `a`, `b`"),
        ("c=9", "no table `c`"),
        ("a=many", "'many' is no number of rows"),
        ("a=-1", "cannot have -1 rows"),
        ("b=9", "r: 9 of 9 rows"),
    ]:
        ran = call(synthtab.main, "sample", rules, "-n", rows, "-o", tmp_path / "x")
        assert ran.code == 2
        assert words in " ".join(ran.err.split())
    assert not (tmp_path / "x").exists()


def test_mending_that_takes_too_long_is_told(call: Call, tmp_path: Path) -> None:
    rules = tmp_path / "spots.rules"
    rules.write_text(
        "table spot { id integer key x integer in 0 .. 99\n"
        "  rule apart: forbid pair (a, b): a.id < b.id and abs(a.x - b.x) <= 9 }\n"
    )
    wanted = ("sample", rules, "-n", "40", "-o", tmp_path / "x.csv", "--seed", "1")
    ran = call(synthtab.main, *wanted, "--mend-budget", "1e-4")
    assert ran.code == 2
    said = " ".join(ran.err.split())
    assert "not mended within 0.0001 s" in said
    assert "spot.apart: 40 of 40 rows" in said
    assert "allow more time (--mend-budget 1)" in said
    ran = call(synthtab.main, *wanted, "--mend-budget", "0")
    assert ran.code == 2
    assert "--mend-budget 0: mending takes more than 0 seconds" in " ".join(ran.err.split())
    assert not (tmp_path / "x.csv").exists()


def test_assess_puts_measures_beside_their_floor(
    call: Call, workplace: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    call(synthtab.main, "sample", workplace / "model", "-n", 400, "--seed", 1, "-o", out)
    args = ("assess", workplace / "visits.rules", workplace / "real.csv", out)
    ran = call(synthtab.main, *args)
    assert ran.code == 0
    for words in ("fee_by_time", "100%", "shape error", "pair error", "W1", "noise floor"):
        assert words in ran.out
    report = json.loads(call(synthtab.main, *args, "--json", "--seed", "4").out)
    assert report["rules"]["synthetic"] == 1.0
    assert {r["name"] for r in report["rules"]["rules"]} >= {"short_is_short", "fee_by_time"}
    scores = {s["name"]: s for s in report["overall"]}
    for key in ("shape", "pair", "w1", "c2st", "alpha_precision", "beta_recall"):
        assert scores[key]["interval"][0] <= scores[key]["value"] <= scores[key]["interval"][1]
        assert scores[key]["floor"] >= 0
    assert {left["part"] for left in report["left"]} == {"utility", "disclosure"}
    assert report["files"]["synthetic"] == str(out)
    ran = call(synthtab.main, *args, "--parts", "rules", "--model", workplace / "model")
    assert "not assessed: guarantee: the model was learned without a privacy budget" in ran.out
    broken = real_rows().assign(minutes=50)
    broken.to_csv(tmp_path / "broken.csv", index=False)
    args = ("assess", workplace / "visits.rules", workplace / "real.csv", tmp_path / "broken.csv")
    assert call(synthtab.main, *args).code == 1


def test_real_rows_that_break_rules_are_an_error_unless_told_otherwise(
    call: Call, workplace: Path, tmp_path: Path
) -> None:
    frame = real_rows(60)
    frame.loc[3, ["kind", "minutes"]] = ["short", 90]
    frame.to_csv(tmp_path / "real.csv", index=False)
    args = ("fit", workplace / "visits.rules", tmp_path / "real.csv", "-o", tmp_path / "model")
    ran = call(synthtab.main, *args)
    assert ran.code == 1
    assert "short_is_short" in ran.err
    assert not (tmp_path / "model").exists()
    ran = call(synthtab.main, *args, "--violations", "drop", "--epochs", 1, "--json")
    assert ran.code == 0
    report = json.loads(ran.out)
    assert (report["rows_read"], report["rows_used"]) == (60, 59)
    assert report["violated"] == {"short_is_short": 1}
    ran = call(synthtab.main, *args, "--violations", "repair", "--epochs", 1)
    assert ran.code == 0
    assert "short_is_short: 1" in ran.out


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("sample", "{model}", "-n", 0, "-o", "{tmp}/x.csv"), "at least 1"),
        (("sample", "{model}", "-n", -5, "-o", "{tmp}/x.csv"), "at least 1"),
        (("sample", "{model}", "-n", 5, "-o", "{tmp}/no/x.csv"), "no directory"),
        (("sample", "{model}", "-n", 5, "-o", "{tmp}/x.txt"), "must end in one of"),
        (("sample", "{model}", "-n", 5, "-o", "{tmp}/x.csv", "--mode", "magic"), "solver+weighted"),
        (("sample", "{tmp}", "-n", 5, "-o", "{tmp}/x.csv"), "no saved model"),
        (("sample", "{tmp}/none.rules", "-n", 5, "-o", "{tmp}/x.csv"), "none.rules"),
        (("sample", "{model}", "-n", "other=5", "-o", "{tmp}/x.csv"), "no table `other`"),
        (
            ("refine", "{model}", "{real}", "-n", 0, "-o", "{tmp}/x.csv"),
            "greater than or equal to 1",
        ),
        (
            ("refine", "{model}", "{real}", "-n", 5, "--rounds", 0, "-o", "{tmp}/x.csv"),
            "greater than or equal to 1",
        ),
        (("refine", "{model}", "-n", 5, "-o", "{tmp}/x.csv"), "give those that the model was"),
        (("refine", "{model}", "{tmp}/no.csv", "-n", 5, "-o", "{tmp}/x.csv"), "no such file"),
        (("refine", "{rules}", "{real}", "-n", 5, "-o", "{tmp}/x.csv"), "no saved model"),
        (
            ("refine", "{model}", "{real}", "-n", 5, "--mode", "free", "-o", "{tmp}/x.csv"),
            "may break rules",
        ),
        (("fit", "{rules}", "{tmp}/none.csv", "-o", "{tmp}/m"), "no such file"),
        (("fit", "{rules}", "{real}", "-o", "{tmp}/no/m"), "no directory"),
        (("fit", "{tmp}/none.rules", "{real}", "-o", "{tmp}/m"), "none.rules"),
        (("assess", "{rules}", "{real}", "{tmp}/none.csv"), "no such file"),
    ],
)
def test_wrong_use_exits_with_2_and_leaves_nothing(
    call: Call, workplace: Path, tmp_path: Path, args: tuple[object, ...], words: str
) -> None:
    names = {
        "model": workplace / "model",
        "rules": workplace / "visits.rules",
        "real": workplace / "real.csv",
        "tmp": tmp_path,
    }
    ran = call(synthtab.main, *(str(a).format(**names) for a in args))
    assert ran.code == 2
    assert words in " ".join(ran.err.replace("│", " ").split())
    assert list(tmp_path.iterdir()) == []


def test_refine_writes_rows_and_tells_of_every_round(
    call: Call, workplace: Path, tmp_path: Path
) -> None:
    args = ("refine", workplace / "model", workplace / "real.csv", "-n", 150, "--seed", 2)
    args += ("--candidates", 4)
    ran = call(synthtab.main, *args, "-o", tmp_path / "x.csv", "--json", "--rounds", 2)
    assert ran.code == 0
    told = json.loads(ran.out)
    assert told["rows"] == len(pd.read_csv(tmp_path / "x.csv")) == 150
    assert told["valid_share"] == 1.0
    assert [r["number"] for r in told["rounds"]] == list(range(1, len(told["rounds"]) + 1))
    best = told["rounds"][told["best"] - 1]
    assert best["refined"] < best["drawn"] - told["noise"]
    again = call(synthtab.main, *args, "-o", tmp_path / "y.csv", "--rounds", 1)
    assert again.code == 0
    assert "400 real rows" in again.out
    assert "1 *" in again.out
    assert "the one round is done" in again.out


def test_a_damaged_model_is_refused(call: Call, workplace: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(workplace / "model", folder)
    weights = max(folder.iterdir(), key=lambda f: f.stat().st_size)
    weights.write_bytes(weights.read_bytes()[:-10])
    ran = call(synthtab.main, "sample", folder, "-n", 5, "-o", tmp_path / "x.csv")
    assert ran.code == 2
    assert weights.name in ran.err
    assert not (tmp_path / "x.csv").exists()


def test_an_interrupt_leaves_no_half_files(
    call: Call, workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(stream: IO[bytes], table: pa.Table) -> None:
        stream.write(b"half a fi")
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "write_csv", half)
    out = tmp_path / "x.csv"
    assert call(synthtab.main, "sample", workplace / "model", "-n", 5, "-o", out).code == 130

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Synthesizer, "fit", stop)
    args = ("fit", workplace / "visits.rules", workplace / "real.csv", "-o", tmp_path / "model")
    ran = call(synthtab.main, *args)
    assert ran.code == 130
    assert "nothing was written" in ran.err
    assert list(tmp_path.iterdir()) == []
