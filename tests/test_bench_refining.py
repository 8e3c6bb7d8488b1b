"""The measurement of refinement: what counts as better, and one small table from end to end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench import refining
from bench.record import recorded
from bench.report import markdown

ROUND = {
    "number": 1,
    "drawn": 0.05,
    "raked": 0.04,
    "refined": 0.03,
    "held_out": [0.06, 0.05],
    "effective": 0.8,
    "trust": 0.4,
    "seconds": 2.0,
}
RUN = refining.Run(
    table="made",
    seed=0,
    rows=100,
    drawn=((0.05, 0.060), (0.05, 0.064)),
    refined=(0.03, 0.050),
    real=0.055,
    rounds=(ROUND,),
    best=1,
    stopped="the one round is done",
    broken=0,
    fit_s=10.0,
    sample_s=1.0,
    refine_s=5.0,
)


def test_a_gain_counts_where_it_is_more_than_the_noise() -> None:
    assert RUN.noise == pytest.approx((0.0, 0.00283), abs=1e-5)
    assert RUN.before == pytest.approx((0.05, 0.062))
    better = refining._Table("made", (RUN,))
    assert better.better(0)
    assert better.better(1)
    hardly = refining._Table("made", (replace(RUN, refined=(0.03, 0.060)),))
    assert not hardly.better(1)


def test_a_section_says_how_many_are_better_and_whether_a_rule_is_broken() -> None:
    worse = replace(RUN, table="other", refined=(0.06, 0.07), broken=2)
    section = refining._section([RUN, worse], "python -m bench refine", 0)
    nearer, _, broken, *_ = section.figures
    assert nearer.measured == "1 of 2"
    assert nearer.met is False
    assert broken.measured == "2"
    assert broken.met is False
    text = markdown(section, recorded([section]).origin())
    assert "| made | 100 | 6.20% | 5.00% | 5.50% | 0.28% | 4.2 | yes |" in text
    assert "| made, 0, 1 * | 5.00% | 4.00% | 3.00% | 6.00% | 5.00% |" in text


def test_a_small_table_is_measured_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    section, *more = refining.run(only=["iris"], work=tmp_path, symbols=3_000)
    assert more == []
    assert section.command == "python -m bench refine --only iris --symbols 3000"
    assert next(f for f in section.figures if "by DuckDB" in f.what).met is True
    assert "refine: iris" in capsys.readouterr().err
    (again,) = refining.run(only=["iris"], work=tmp_path, symbols=3_000)
    assert again.figures == section.figures
    assert "refine: iris" not in capsys.readouterr().err


def test_no_times_is_no_measurement() -> None:
    with pytest.raises(SystemExit, match="at least once"):
        next(refining.run(only=["iris"], seeds=0))
