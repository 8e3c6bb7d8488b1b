"""Learning after examples from end to end: rules kept, models saved, budgets and tables refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synthtab import Model, Privacy, Synthesizer
from synthtab.backends.sql import SqlBackend
from synthtab.errors import BudgetError, UsageError
from synthtab.frames import encode_frame
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.model import ModelConfig
from synthtab.generate.train import TrainConfig

RULES = """table visit {
  id     integer key
  ward   enum('day', 'night', 'icu')
  days   integer in 0 .. 99
  paid   decimal(6, 2) optional in 0 .. 900
  note   text(6) optional
  rule short: when ward = 'day' then days = 0
  rule free: when paid is null then ward = 'icu'
}
"""
SMALL = GeneratorConfig(
    ModelConfig(hidden=16, layers=1, heads=2, kv_heads=1, feed_forward=24),
    TrainConfig(symbols_seen=15_000),
    examples=2,
)


def rows(many: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    ward = rng.choice(["day", "night", "icu"], many, p=[0.5, 0.3, 0.2])
    days = np.where(ward == "day", 0, rng.integers(1, 60, many))
    paid = np.where((ward == "icu") & (rng.random(many) < 0.5), np.nan, (days * 7.25).round(2))
    note = rng.choice([None, "soon", "late", "never"], many)
    return pd.DataFrame(
        {"id": np.arange(many) + 500, "ward": ward, "days": days, "paid": paid, "note": note}
    )


@pytest.fixture(scope="module")
def fitted() -> Synthesizer:
    return Synthesizer(Model.parse(RULES), config=SMALL).fit(rows(300), seed=1)


@pytest.mark.parametrize("mode", ["solver", "solver+weighted", "repair"])
def test_rows_written_after_examples_keep_the_rules(fitted: Synthesizer, mode: str) -> None:
    out = fitted.sample(200, mode=mode, seed=2)  # type: ignore[arg-type]
    assert len(out) == 200
    assert not SqlBackend(fitted.table).violated(out).any()
    assert out.equals(fitted.sample(200, mode=mode, seed=2))  # type: ignore[arg-type]
    # Texts of the rows before are not written again.
    assert not set(out["note"].dropna()) & {"soon", "late", "never"}


def test_a_saved_model_writes_the_same_rows(fitted: Synthesizer, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    loaded = Synthesizer.load(tmp_path / "model")
    assert loaded.sample(50, seed=3).equals(fitted.sample(50, seed=3))
    other = Model.parse(RULES.replace("days = 0", "days = 0 and paid is not null"))
    assert len(loaded.with_model(other).sample(20, seed=1)) == 20


def test_rows_are_refined_after_examples(fitted: Synthesizer) -> None:
    refined = fitted.refine(60, rows(300), rounds=1, seed=1, candidates=2.0)
    assert len(refined.frame) == 60


def test_nothing_tells_how_likely_rows_are(fitted: Synthesizer) -> None:
    real = fitted.sample(3, seed=1)
    assert fitted.log_likelihood(encode_frame(fitted.table.columns, real)) is None


def test_several_tables_are_refused() -> None:
    two = "table a { id integer key }\ntable b { a_id integer -> a.id }\n"
    with pytest.raises(UsageError, match="several tables: leave the examples out"):
        Synthesizer(Model.parse(two), config=SMALL)
    across = "table a { x integer in 0 .. 9  y integer in 0 .. 9 rule one: x determines y }"
    with pytest.raises(UsageError, match="rules across rows: leave the examples out"):
        Synthesizer(Model.parse(across), config=SMALL)


def test_under_a_budget_real_rows_are_no_examples() -> None:
    model = Model.parse(RULES.replace("  note   text(6) optional\n", ""))
    noisy = Privacy(epsilon=1.0, delta=1e-6, mechanism="dp-sgd")
    with pytest.raises(BudgetError, match=r"no privacy budget allows.*'marginals'"):
        Synthesizer(model, config=SMALL, privacy=noisy)
    direct = Privacy(epsilon=1.0, delta=1e-6, generator="graphical")
    with pytest.raises(UsageError, match="have no examples"):
        Synthesizer(model, config=SMALL, privacy=direct)


def test_under_a_budget_rows_that_it_paid_for_are_examples(tmp_path: Path) -> None:
    model = Model.parse(RULES.replace("  note   text(6) optional\n", ""))
    budget = Privacy(epsilon=4.0, delta=1e-6, mechanism="perturb")
    real = rows(600).drop(columns="note")
    private = Synthesizer(model, config=SMALL, privacy=budget).fit(real)
    out = private.sample(40, seed=1)
    assert not SqlBackend(model.table()).violated(out).any()
    private.save(tmp_path / "model")
    assert Synthesizer.load(tmp_path / "model").sample(40, seed=1).equals(out)
