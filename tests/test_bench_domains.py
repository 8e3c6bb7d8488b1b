"""Domain models in the harness: what they are made of, and how they are measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_domain import domain_model

from bench import domain_recipes, domains, registry
from bench.domain_recipes import RECIPES, Recipe, listed, telling
from bench.domains import Run
from synthtab.batch import Batch
from synthtab.generate.model import ModelConfig
from synthtab.generate.pretrain.domainmodel import DomainModel
from synthtab.generate.pretrain.training import PretrainConfig
from synthtab.lang.model import Model
from synthtab.schema import Column, EnumType, IntegerType, TextType


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_name_tables_there_are_and_measure_by_others(name: str) -> None:
    recipe = RECIPES[name]
    known = {e.name for e in registry.entries()}
    assert set(recipe.tables) | set(recipe.held_out) <= known
    assert len(recipe.held_out) >= 3
    assert not set(recipe.tables) & set(recipe.held_out)
    for table in recipe.held_out:
        source = str(registry.entry(table).source)
        assert not any(source.startswith(f"{each}/") for each in recipe.sets)
    terms = " ".join(recipe.licences)
    for table in (*recipe.sets, *recipe.rules):
        assert table in terms


def test_keys_references_and_long_texts_are_not_shown() -> None:
    model = Model.parse(
        "table a { id integer key  code text(5) unique  kind text(99)  note text(99) "
        " short text(9) } table b { a_id integer -> a.id  n integer }"
    )
    a, b = model.tables
    assert [c.name for c in telling(a)] == ["kind", "note", "short"]
    assert [c.name for c in telling(b)] == ["n"]
    rows = 40
    words = np.array(["red", "blue", *(f"word {k}" for k in range(rows))], dtype=object)
    codes = np.stack([np.arange(rows) % 2, np.arange(rows) + 2, np.arange(rows) + 2], axis=1)
    nulls = np.zeros(codes.shape, bool)
    shown = listed("a", telling(a), Batch(("kind", "note", "short"), codes, nulls, words))
    assert [c.name for c in shown.columns] == ["kind", "short"]
    assert shown.columns[0].type == EnumType(("blue", "red"))
    assert shown.batch.columns == ("kind", "short")
    assert shown.batch.codes[:3, 0].tolist() == [1, 0, 1]
    assert shown.columns[1].type == TextType(9)


def test_a_model_is_made_with_its_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe("food", ("engel",), (), (), ("fair",), {"engel": "public domain"})
    monkeypatch.setitem(RECIPES, "food", recipe)
    monkeypatch.setattr(domain_recipes, "ModelConfig", lambda: ModelConfig(16, 1, 2, 1, 24))
    told: list[str] = []
    made = domain_recipes.make("food", tmp_path, PretrainConfig(steps=2, rows=8), 0, told.append)
    model = DomainModel.load(made)
    assert model.about == "food"
    for part in ("engel: 188 rows, 2 columns", "public domain", "domain-model food", "fair"):
        assert part in model.card
    assert any("engel" in line for line in told)


def test_a_start_is_measured_beside_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domains, "DRAWN", 150)
    monkeypatch.setattr(domains, "TESTED", 60)
    loaded = registry.load(registry.entry("fair"), 0, 150)
    runs = [
        domains.measure(loaded, "leisure", 60, init, 0, 4_000)
        for init in (None, replace(domain_model(), name="leisure"))
    ]
    assert [r.start for r in runs] == list(domains.STARTS)
    for run in runs:
        assert run.broken == 0
        assert run.curve[0][0] == 0
        assert len(run.curve) > 3
        assert run.loss == min(loss for _, loss in run.curve)
    found = domains.section(runs, "python -m bench domains", 0, 4_000)
    assert found.grids[1].rows[0][:2] == ("leisure: fair", "60")
    assert found.figures[-1].measured == "0"


def run(start: str, table: str, pair: float, losses: tuple[float, ...], seed: int = 0) -> Run:
    curve = tuple((10 * k, loss) for k, loss in enumerate(losses))
    return Run(table, "d", 100, start, seed, 0.1, pair, 0.9, None, 0, curve)


def told(runs: list[Run]) -> dict[str, str]:
    """Return what the figures say, by name."""
    return {f.what.split(",")[0]: f.measured for f in domains.section(runs, "c", 0, 1).figures}


def test_a_difference_is_told_where_tables_agree() -> None:
    agreed, unclear = [], []
    for k, table in enumerate("abc"):
        agreed += [run("scratch", table, 0.20 + k / 1000, (9.0, 6.0, 5.0))]
        agreed += [run("domain model", table, 0.10 + k / 900, (5.5, 4.0, 3.0))]
        unclear += [run("scratch", table, 0.20, (9.0, 6.0, 5.0))]
        unclear += [run("domain model", table, 0.20 + (k - 1) / 10, (5.5, 4.0, 3.0))]
    found = domains.section(agreed, "c", 0, 1)
    assert told(agreed)["pair error"] == "better: 100"
    assert told(agreed)["shape error"] == "no difference that could be told: 100"
    assert told(unclear)["pair error"] == "no difference that could be told: 100"
    assert told(agreed)["utility"] == ""
    assert told(agreed)["the least loss from scratch is reached"] == "3, in fewer steps in 3"
    whole, each = found.grids
    assert whole.rows[0] == ("100", "loss, nats a row", "3", "5.00", "-2.00 (-2.00 to -2.00)")
    assert each.rows[0][2:4] == ("5.00 → 3.00", "5.00 → 3.00")
    assert each.rows[0][-2:] == ("-", "20 → 10")


def test_two_tables_that_differ_say_nothing_alone() -> None:
    one = [run("scratch", "a", 0.2, (9.0, 5.0)), run("domain model", "a", 0.1, (4.0, 3.0))]
    assert told(one)["pair error"] == "no difference that could be told: 100"


def test_a_start_that_never_gets_there_is_shown() -> None:
    poor = run("domain model", "a", 0.2, (9.0, 8.0))
    good = run("domain model", "a", 0.2, (9.0, 4.0), seed=1)
    scratch = [run("scratch", "a", 0.2, (9.0, 5.0), seed) for seed in (0, 1)]
    assert poor.steps_to(5.0) is None
    assert domains.section([scratch[0], poor], "c", 0, 1).grids[1].rows[0][-1] == "10 → never"
    both = domains.section([*scratch, poor, good], "c", 0, 1)
    assert both.grids[1].rows[0][-1] == "10 → 10 (1 of 2 runs)"
    assert told([*scratch, poor, good])["the least loss from scratch is reached"].startswith("1,")


def test_a_table_of_no_domain_is_refused() -> None:
    with pytest.raises(SystemExit, match="abalone is held out of no domain"):
        list(domains.run(only=["abalone"]))
    assert Column("n", IntegerType()) in telling(Model.parse("table b { n integer }").tables[0])
