"""Refinement under a budget: by what was released alone, for nothing, and after a save too."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synthtab import Model, Privacy, Synthesizer
from synthtab import sources as rows_of
from synthtab.backends.sql import SqlBackend
from synthtab.errors import UsageError
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.model import ModelConfig
from synthtab.generate.train import TrainConfig
from synthtab.privacy.vault import Vault
from synthtab.store import save_directory

RULES = """table visit {
  id     integer key
  ward   enum('day', 'night', 'icu')
  days   integer in 0 .. 40
  paid   integer in 0 .. 900 optional
  place  text(5)
  rule short: when ward = 'day' then days = 0
}
"""
QUICK = GeneratorConfig(
    model=ModelConfig(hidden=16, layers=1, heads=2, kv_heads=1, feed_forward=24),
    train=TrainConfig(symbols_seen=6_000),
)


def rows(many: int = 2_000) -> pd.DataFrame:
    random = np.random.default_rng(0)
    ward = random.choice(["day", "night", "icu"], many, p=[0.5, 0.3, 0.2])
    days = np.where(ward == "day", 0, random.integers(1, 40, many))
    paid = pd.Series(days * 20 + random.integers(0, 60, many), dtype="Int64")
    return pd.DataFrame(
        {
            "id": np.arange(many) + 70_000,
            "ward": ward,
            "days": days,
            "paid": paid.where(random.random(many) < 0.8),
            "place": random.choice(["North", "South"], many),
        }
    )


@pytest.fixture(scope="module")
def fitted() -> Synthesizer:
    privacy = Privacy(epsilon=4.0, delta=1e-6, domains="estimate")
    return Synthesizer(Model.parse(RULES), privacy=privacy, config=QUICK).fit(rows())


def test_no_vault_and_no_real_row_is_touched_and_nothing_is_charged(
    fitted: Synthesizer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "model")
    loaded = Synthesizer.load(tmp_path / "model")

    def never(*_: object, **__: object) -> None:
        raise AssertionError("refinement under a budget reads no rows")

    monkeypatch.setattr(Vault, "__init__", never)
    monkeypatch.setattr(Vault, "release", never)
    for reader in ("read_rows", "Sources"):
        monkeypatch.setattr(rows_of, reader, never)
    before = json.dumps(loaded.privacy_report.to_dict(), default=str)
    got = loaded.refine(250, rounds=2, seed=3, candidates=4)
    assert json.dumps(loaded.privacy_report.to_dict(), default=str) == before
    assert got.targets == "the marginals of the estimate"
    assert not SqlBackend(loaded.table).violated(got.frame).any()
    assert len(got.frame) == 250
    assert got.rounds[got.best - 1].refined < got.rounds[0].drawn
    assert got.frame.equals(
        Synthesizer.load(tmp_path / "model").refine(250, rounds=2, seed=3, candidates=4).frame
    )


def test_real_rows_are_refused_as_a_look_that_nothing_pays_for(fitted: Synthesizer) -> None:
    with pytest.raises(UsageError, match="charged to no budget: give no data"):
        fitted.refine(5, rows())
    with pytest.raises(UsageError, match="charged to no budget"):
        fitted.refine(5, holdout=rows())
    # Not by a detour either: other rules over the same columns learn nothing new.
    copy = fitted.with_model(Model.parse(RULES.replace("days = 0", "days <= 1")))
    with pytest.raises(UsageError, match="under a privacy budget"):
        copy.refine(5, rows())


def test_a_model_saved_before_there_was_refinement_says_so(
    fitted: Synthesizer, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "model")
    manifest = json.loads((tmp_path / "model" / "manifest.json").read_text())
    files = {p.name: p.read_bytes() for p in (tmp_path / "model").iterdir()}
    facts = {k: v for k, v in manifest.items() if k not in ("estimate", "files")}

    def write(folder: Path) -> None:
        for name, content in files.items():
            if name != "manifest.json":
                (folder / name).write_bytes(content)

    save_directory(tmp_path / "model", facts, write)
    old = Synthesizer.load(tmp_path / "model")
    assert len(old.sample(5, seed=0)) == 5
    with pytest.raises(UsageError, match="no measured marginals"):
        old.refine(5)
