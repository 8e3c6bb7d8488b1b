"""``synthtab fit --generator pretrained`` and ``synthtab prompt``, from the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from command_line import Call
from tiny_models import save_tiny

from synthtab.cli import synthtab
from synthtab.generate.language import training

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
    assert facts["real_rows"] == {"file": "language.json", "rows": 2}
    spoken = [argument for argument in fit if argument != "--json"]
    assert "the saved model holds 2 real rows" in call(synthtab.main, *spoken).out


def test_each_row_reads_passages_of_its_own(folder: Path, tmp_path: Path, call: Call) -> None:
    fit = ["fit", folder / "visits.rules", folder / "visits.csv", "-o", tmp_path / "model"]
    fit += ["--generator", "pretrained", "--base", folder / "base", "--epochs", 0]
    fit += ["--corpus", folder / "documents", "--examples", 1, "--row-passages", 2]
    ran = call(synthtab.main, *fit, "--row-after", 1)
    assert ran.code == 0, ran.err
    assert "each row reads up to 2 passages of its own, found by its first 1 column" in ran.out
    assert (tmp_path / "model" / "corpus").is_dir()
    out = tmp_path / "out.csv"
    ran = call(synthtab.main, "sample", tmp_path / "model", "-n", 6, "--seed", 1, "-o", out)
    assert ran.code == 0, ran.err
    assert "100%" in ran.out
    ran = call(synthtab.main, *fit, "--row-after", 2)
    assert ran.code == 2
    assert "after 2 of 2 there is nothing to be written" in ran.err


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


@pytest.mark.parametrize("tuned", [False, True])
def test_the_prompt_shown_is_the_one_that_is_used(
    folder: Path, tmp_path: Path, call: Call, tuned: bool
) -> None:
    data = [folder / "visits.rules", folder / "visits.csv", "--base", folder / "base", "--seed", 3]
    data += ["--corpus", folder / "documents"]
    shown = call(synthtab.main, "prompt", *data, *(["--tuned"] if tuned else []))
    fit = ["fit", *data, "-o", tmp_path / "model", "--generator", "pretrained"]
    fit += ["--epochs", 1 if tuned else 0]
    assert call(synthtab.main, *fit).code == 0
    used = json.loads((tmp_path / "model" / "language.json").read_text())["prompt"]
    assert shown.out == used


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
    given_none = [*given[:3], *given[5:]]
    assert call(synthtab.main, *given_none).out.count('{"kind"') == 8
    tuned = call(synthtab.main, *given_none, "--tuned")
    assert "- A short visit takes" in tuned.out
    assert '{"kind"' not in tuned.out
    assert call(synthtab.main, *given, "--tuned").out.count('{"kind"') == 3
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
        (
            ["--generator", "pretrained", "--base", "x", "--row-passages", 2],
            "--row-passages 2 are passages of documents: give corpus as well",
        ),
        (["--row-passages", 2], "--row-passages is about a pretrained model"),
        (["--generator", "pretrained", "--base", "no/model"], "run 'hf download no/model' once"),
        (["--generator", "pretrained", "--base", "x", "--rank", 3], "give --lora as well"),
        (
            ["--generator", "pretrained", "--base", "x", "--eight-bit"],
            "train adapters beside them (--lora), or nothing (--epochs 0)",
        ),
        (["--generator", "pretrained", "--base", "x", "--rate", 2], "--rate 2.0"),
        (
            ["--generator", "pretrained", "--base", "x", "--epochs", 0, "--lora"],
            "--lora is about tuning, and with --epochs 0 nothing is tuned",
        ),
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


def test_memory_that_does_not_suffice_is_told_in_options(
    folder: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(training, "row_losses", full)
    fit = ["fit", folder / "visits.rules", folder / "visits.csv", "-o", tmp_path / "model"]
    ran = call(synthtab.main, *fit, "--generator", "pretrained", "--base", folder / "base")
    assert ran.code == 2
    assert "memory does not suffice" in ran.err
    for way_out in ("(--at-once 8)", "(--lora)", "(--gradient-checkpointing)"):
        assert way_out in ran.err
    assert not (tmp_path / "model").exists()


def test_what_is_left_out_of_a_corpus_is_told(folder: Path, call: Call, tmp_path: Path) -> None:
    (tmp_path / "film.mov").write_text("x")
    (tmp_path / "note.txt").write_text("A short visit takes less than 30 minutes.\n")
    ran = call(synthtab.main, "prompt", folder / "visits.rules", "--corpus", tmp_path)
    assert ran.code == 0
    assert "- A short visit takes" in ran.out
    assert "left out of the corpus: film.mov: a file of unknown kind" in ran.err


def test_the_rows_that_are_learned_are_no_public_documents(
    folder: Path, tmp_path: Path, call: Call
) -> None:
    fit = ["fit", folder / "visits.rules", folder / "visits.csv", "-o", tmp_path / "model"]
    for more in (["--generator", "pretrained", "--base", folder / "base"], ["--examples", 2]):
        ran = call(synthtab.main, *fit, *more, "--corpus", folder, "--epsilon", 1)
        assert ran.code == 2
        assert "has the rows that are to be learned in it" in ran.err
        assert "visits.csv), and what is taken from there" in ran.err


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
    assert "leave --chat out" in ran.err
    assert call(synthtab.main, *given[:-1], "--no-chat", "--base", folder / "base").code == 0


def test_help_shows_options_whole_in_80_columns(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = call(synthtab.main, "fit", "--help").out
    for option in ("--gradient-checkpointing", "--prompt-tokens", "--no-chat", "--checkpoints"):
        assert f"{option} " in shown


def test_an_interruption_says_what_it_left(
    folder: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_step = training._Run._step

    def stop(run: training._Run, step: int) -> float:
        if step == 3:
            raise KeyboardInterrupt
        return make_step(run, step)

    monkeypatch.setattr(training._Run, "_step", stop)
    fit = ["fit", folder / "visits.rules", folder / "visits.csv", "-o", tmp_path / "model"]
    fit += ["--generator", "pretrained", "--base", folder / "base"]
    ran = call(synthtab.main, *fit)
    assert ran.code == 130
    assert "interrupted: nothing was written" in ran.err
    ran = call(synthtab.main, *fit, "--checkpoints", tmp_path / "state")
    assert ran.code == 130
    assert f"interrupted: the same command goes on from {tmp_path / 'state'}" in ran.err
    assert not (tmp_path / "model").exists()
