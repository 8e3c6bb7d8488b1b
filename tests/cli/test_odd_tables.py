"""Tables with awkward names, types and sizes go all the way from data to valid rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import Call

from synthtab.cli import rulecheck, synthtab


def odd_rows(count: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    seconds = pd.to_timedelta(rng.integers(0, 10**6, count), "s")
    return pd.DataFrame(
        {
            "select": rng.integers(0, 9, count),
            'say "hi"': rng.choice(["x", "y"], count),
            "größe ✓": rng.integers(1, 900, count) / 100,
            "a,b": [None] * count,
            "order by": ["same"] * count,
            "line\nbreak": pd.Timestamp("2024-01-01") + seconds,
            "`tick`": [f'free text {at}, "quoted"\nline' for at in range(count)],
            "flag": rng.choice(["true", "false"], count),
            "when": ["2024-02-29"] * count,
            "-neg-": -rng.integers(1, 10**6, count),
        }
    )


@pytest.mark.parametrize("rows", [1, 2, 80])
def test_the_whole_way(call: Call, tmp_path: Path, rows: int) -> None:
    real, rules, model, out = (tmp_path / n for n in ("odd.csv", "odd.rules", "model", "out.csv"))
    frame = odd_rows(rows)
    frame.to_csv(real, index=False)
    assert call(rulecheck.main, "infer", real, "-o", rules).code == 0
    assert call(rulecheck.main, "check", rules).code == 0
    assert call(rulecheck.main, "validate", rules, real).code == 0
    assert call(synthtab.main, "fit", rules, real, "-o", model, "--epochs", 1).code == 0
    ran = call(synthtab.main, "sample", model, "-n", 12, "-o", out, "--mode", "solver", "--seed", 1)
    assert ran.code == 0
    assert call(rulecheck.main, "validate", rules, out).code == 0
    made = pd.read_csv(out)
    assert list(made.columns) == list(frame.columns)
    assert len(made) == 12
    assert made["a,b"].isna().all()
    assert not set(made["`tick`"]) & set(frame["`tick`"])


def test_a_table_without_rows_cannot_be_learned(call: Call, tmp_path: Path) -> None:
    rules, real = tmp_path / "t.rules", tmp_path / "t.csv"
    rules.write_text("table t {\n  a integer\n}\n")
    real.write_text("a\n")
    ran = call(synthtab.main, "fit", rules, real, "-o", tmp_path / "model")
    assert ran.code == 2
    assert "no rows" in ran.err
    assert not (tmp_path / "model").exists()
