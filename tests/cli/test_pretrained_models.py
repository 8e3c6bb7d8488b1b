"""``synthtab fit --generator pretrained`` and ``synthtab prompt``, from the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import Call
from tiny_models import save_tiny

from synthtab.cli import synthtab

RULES = """table visits {
  kind    enum('short', 'long')
  minutes integer in 1 .. 99
  rule short_is_short "Short ones end soon": when kind = 'short' then minutes < 30
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("cli")
    save_tiny(home / "base")
    (home / "visits.rules").write_text(RULES)
    minutes = np.random.default_rng(1).integers(1, 100, 40)
    kind = np.where(minutes < 30, "short", "long")
    pd.DataFrame({"kind": kind, "minutes": minutes}).to_csv(home / "visits.csv", index=False)
    (home / "documents").mkdir()
    (home / "documents" / "note.txt").write_text("A short visit takes less than 30 minutes.\n")
    return home


def test_a_model_is_tuned_and_writes_rows(folder: Path, tmp_path: Path, call: Call) -> None:
    fit = ["fit", folder / "visits.rules", folder / "visits.csv", "-o", tmp_path / "model"]
    fit += ["--generator", "pretrained", "--base", folder / "base", "--lora", "--rank", 2]
    fit += ["--epochs", 1, "--batch-size", 8, "--at-once", 4, "--rate", 0.001, "--seed", 1]
    fit += ["--gradient-checkpointing", "--checkpoints", tmp_path / "state"]
    ran = call(synthtab.main, *fit)
    assert ran.code == 0, ran.err
    assert "learned 40 of 40 rows" in ran.out
    assert "the prompt has" in ran.out
    out = tmp_path / "out.csv"
    ran = call(synthtab.main, "sample", tmp_path / "model", "-n", 6, "--seed", 1, "-o", out)
    assert ran.code == 0, ran.err
    assert "100%" in ran.out
    assert len(pd.read_csv(out)) == 6


def test_a_model_is_only_told(folder: Path, tmp_path: Path, call: Call) -> None:
    fit = ["fit", folder / "visits.rules", folder / "visits.csv", "-o", tmp_path / "model"]
    fit += ["--generator", "pretrained", "--base", folder / "base", "--epochs", 0, "--json"]
    fit += ["--corpus", folder / "documents", "--examples", 2, "--prompt-tokens", 600]
    ran = call(synthtab.main, *fit)
    assert ran.code == 0, ran.err
    facts = json.loads(ran.out)
    assert facts["trained"] is None
    assert facts["prompt"]["kept"]["rows"] == {"lines": 2, "of": 2}
    assert facts["prompt"]["kept"]["passages"] == {"lines": 1, "of": 1}


def test_broken_rows_are_written_again(folder: Path, tmp_path: Path, call: Call) -> None:
    fit = ["fit", folder / "visits.rules", folder / "visits.csv", "-o", tmp_path / "model"]
    ran = call(synthtab.main, *fit, "--generator", "pretrained", "--base", folder / "base")
    assert ran.code == 0, ran.err
    sample = ["sample", tmp_path / "model", "-n", 12, "--seed", 1, "-o", tmp_path / "out.csv"]
    sample += ["--mode", "feedback"]
    ran = call(synthtab.main, *sample, "--rounds", 1)
    assert ran.code == 0, ran.err
    assert re.search(r"rows that broke rules: [0-9]+ corrected .* \([0-9]+ questions, ", ran.out)
    assert "rows that keep every rule: 100%" in ran.out
    counts = json.loads(call(synthtab.main, *sample, "--json").out)
    assert counts["mode"] == "feedback"
    assert 1 <= len(counts["talk"]) <= 9
    assert counts["talk"][0]["asked"] >= counts["mended"]
    lost = ("malformed", "copied", "broken", "duplicates", "thinned", "surplus")
    assert counts["drawn"] == counts["returned"] + sum(counts[name] for name in lost)
    assert counts["rules_broken"] == {}


def test_rounds_are_for_feedback_and_feedback_for_language_models(
    folder: Path, tmp_path: Path, call: Call
) -> None:
    sample = ["sample", folder / "visits.rules", "-n", 3, "-o", tmp_path / "out.csv"]
    ran = call(synthtab.main, *sample, "--mode", "feedback")
    assert ran.code == 2
    assert "in the mode 'feedback' a language model writes rows of table 'visits' again" in ran.err
    ran = call(synthtab.main, *sample, "--rounds", 2)
    assert ran.code == 2
    assert "in the mode 'feedback', not in 'solver" in ran.err
    assert not (tmp_path / "out.csv").exists()


def test_the_prompt_is_shown(folder: Path, call: Call) -> None:
    ran = call(synthtab.main, "prompt", folder / "visits.rules")
    assert ran.code == 0, ran.err
    assert '- "kind": one of "short", "long"' in ran.out
    assert "Short ones end soon" in ran.out
    assert "Figures" not in ran.out
    given = ["prompt", folder / "visits.rules", folder / "visits.csv", "--examples", 3]
    given += ["--corpus", folder / "documents", "--seed", 2]
    ran = call(synthtab.main, *given)
    assert "Figures of 40 such rows" in ran.out
    assert "- A short visit takes" in ran.out
    assert ran.out.count('{"kind"') == 3
    ran = call(synthtab.main, *given, "--base", folder / "base", "--json")
    facts = json.loads(ran.out)
    assert facts["tokens"] <= facts["limit"]
    limit = facts["tokens"] - 60
    ran = call(synthtab.main, *given, "--base", folder / "base", "--prompt-tokens", limit)
    assert ran.code == 0
    assert f"of {limit:,} there is room for; left out: 1 of 1 passages" in ran.err
    ran = call(synthtab.main, *given, "--base", folder / "base", "--prompt-tokens", 9)
    assert ran.code == 2
    assert "schema of table `visits` alone takes" in ran.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lora"], "--lora is about a pretrained model: give --generator pretrained"),
        (["--epochs", 0], "--epochs 0 learns nothing"),
        (["--generator", "pretrained"], "needs --base"),
        (["--generator", "pretrained", "--base", "no/model"], "run 'hf download no/model' once"),
        (["--generator", "pretrained", "--base", "x", "--rank", 3], "give --lora as well"),
        (["--generator", "pretrained", "--base", "x", "--eight-bit"], "8 bits cannot be trained"),
        (["--generator", "pretrained", "--base", "x", "--rate", 2], "rate=2.0"),
        (["--generator", "graphical"], "give --epsilon as well"),
    ],
)
def test_options_that_do_not_go_together(
    folder: Path, tmp_path: Path, call: Call, options: list[str], message: str
) -> None:
    fit = ["fit", folder / "visits.rules", folder / "visits.csv", "-o", tmp_path / "model"]
    ran = call(synthtab.main, *fit, *options)
    assert ran.code == 2
    assert message in ran.err
    assert not (tmp_path / "model").exists()


def test_a_prompt_is_for_one_table(tmp_path: Path, call: Call) -> None:
    (tmp_path / "two.rules").write_text("table a { x integer }\ntable b { y integer }\n")
    ran = call(synthtab.main, "prompt", tmp_path / "two.rules")
    assert ran.code == 2
    assert "several tables" in ran.err


def test_a_chat_format_takes_a_model_that_has_one(folder: Path, call: Call) -> None:
    given = ["prompt", folder / "visits.rules", "--chat"]
    ran = call(synthtab.main, *given)
    assert ran.code == 2
    assert "--chat is the format of a model: give --base as well" in ran.err
    ran = call(synthtab.main, *given, "--base", folder / "base")
    assert ran.code == 2
    assert "has no chat_template" in ran.err
    assert call(synthtab.main, *given[:-1], "--no-chat", "--base", folder / "base").code == 0
