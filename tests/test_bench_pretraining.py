"""The recipe of the language model that is measured with: its texts, its loss, what is saved."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from bench import pretraining
from bench.language_texts import corrections, prompted, spoiled
from bench.pretraining import FACTS, Recipe, Stream, facts, made, sampled_loss, train
from bench.registry import entry, load
from bench.scoring import broken
from synthtab.generate.language.loading import load_base
from synthtab.generate.rowjson import read_row

TINY = Recipe(
    vocabulary=300, hidden=64, layers=1, tokens=8_192, length=32, at_once=4, rate=1e-2, sampled=64
)
KINDS = {kind: [f"{kind} {k % 5}, and {k % 3} again" for k in range(60)] for kind in TINY.shares}


def test_a_model_is_trained_saved_and_not_trained_again(tmp_path: Path):
    known = train(tmp_path / "base", TINY, kinds=KINDS)
    assert known == facts(tmp_path / "base")
    assert known.tokens == 8_192
    assert known.steps == 64
    assert all(known.after[kind] < 0.7 * known.before[kind] for kind in KINDS)
    base = load_base(tmp_path / "base")
    assert known.vocabulary == len(base.tokenizer) <= 300
    assert made(tmp_path) == tmp_path / "base"
    assert f"{known.vocabulary} byte-level tokens" in pretraining.described(known)
    again = train(tmp_path / "other", TINY, kinds=KINDS)
    assert replace(again, seconds=known.seconds) == known


def test_a_folder_that_holds_no_model_is_told(tmp_path: Path):
    with pytest.raises(SystemExit, match="does not tell of a model"):
        facts(tmp_path)
    (tmp_path / FACTS).write_text(json.dumps({"tokens": 1}))
    with pytest.raises(SystemExit, match=FACTS):
        facts(tmp_path)
    with pytest.raises(SystemExit, match="--work FOLDER"):
        pretraining.command(Namespace(work=None, tokens=1, seed=0))


def test_the_loss_is_that_of_all_tokens_where_all_are_looked_at():
    torch.manual_seed(0)
    read, output = torch.randn(40, 8), torch.randn(100, 8)
    wanted = torch.randint(0, 100, (40,))
    whole = functional.cross_entropy(read @ output.T, wanted)
    random = torch.Generator().manual_seed(0)
    torch.testing.assert_close(sampled_loss(read, wanted, output, 100, random), whole)
    # Fewer stand for all: on average the sum below the softmax is the same.
    some = torch.stack([sampled_loss(read, wanted, output, 30, random) for _ in range(300)])
    assert float(some.mean()) == pytest.approx(float(whole), rel=0.05)


def test_texts_are_cut_into_parts_and_gone_through_before_any_again():
    from tiny_models import byte_level

    stream = Stream.of(byte_level(), KINDS["text"], 16, 0)
    assert stream.parts.shape[1] == stream.held_out.shape[1] == 17
    running = stream.forever(0)
    once = np.stack([next(running) for _ in stream.parts])
    assert sorted(map(tuple, once.tolist())) == sorted(map(tuple, stream.parts.tolist()))


def test_corrections_are_of_broken_rows_and_end_with_valid_ones():
    loaded = load(entry("ccard"))
    bad = spoiled(loaded, 5, np.random.default_rng(0))
    assert 0 < len(bad) <= 5
    assert broken(loaded.table, bad).all()
    turns = corrections(loaded, 5, np.random.default_rng(0))
    assert turns
    for turn in turns:
        before, after = [line for line in turn.splitlines() if line.startswith("{")]
        columns = loaded.table.columns
        assert read_row(columns, before) != read_row(columns, after)
        assert "is not valid" in turn.splitlines()[0]
        assert turn.endswith("}\n")


def test_tables_are_told_by_a_prompt_and_rows():
    loaded = load(entry("engel"))
    short, long = sorted(prompted(loaded, 2, np.random.default_rng(0)), key=len)
    for text in (short, long):
        assert text.startswith('Rows of the table "engel"')
        assert sum(line.startswith("{") for line in text.splitlines()) == 8
    assert "Figures of" in long
    assert "Figures of" not in short
