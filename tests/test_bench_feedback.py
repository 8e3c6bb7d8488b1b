"""The measurement of correction by talk, on a small table and with writers of both kinds."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from tiny_llama import save_tiny_llama
from tiny_models import tiny

from bench import feedback, pretraining
from bench.adviser import Adviser
from bench.language_cases import Reading, tokens_read
from bench.registry import entry
from synthtab.batch import Batch
from synthtab.draw import draw_rows
from synthtab.errors import InfeasibleError
from synthtab.generate.drawn import Drawn
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.language.generator import LanguageGenerator
from synthtab.generate.language.session import begin
from synthtab.generate.train import TrainConfig
from synthtab.lang.model import Model
from synthtab.schema import Column, EnumType, IntegerType
from synthtab.solver.project import compile_plan

LEAST = GeneratorConfig(train=TrainConfig(symbols_seen=8_000))


def test_ways_of_a_small_network_are_measured_side_by_side(tmp_path: Path) -> None:
    section = feedback.run(["engel"], 4, 1, None, 0, LEAST, work=tmp_path)
    assert section.data is not None
    (part,) = section.data["parts"]
    ways = part["ways"]
    assert list(ways) == [*feedback.MODES, "feedback, adviser"]
    assert ways["solver"]["valid"] == ways["feedback, adviser"]["valid"] == 1
    assert section.command == "python -m bench feedback --only engel --rows 4 --rounds 1"
    assert len(section.grids[0].rows) == len(ways)
    # What was measured is kept, and taken where the same is asked again.
    again = feedback.run(["engel"], 4, 1, None, 0, LEAST, work=tmp_path)
    assert again.data == section.data


def test_one_language_model_writes_in_all_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without a grammar, a model of random weights hardly ever writes a value.
    monkeypatch.setattr(feedback, "MODES", ("grammar", "grammar+repair", "solver"))
    base = save_tiny_llama(tmp_path / "tiny", positions=8_192)
    section = feedback.run(["engel"], 4, 1, base, 0, how=feedback.Tuned(rows=16, epochs=1))
    assert section.data is not None
    ways = section.data["parts"][0]["ways"]
    assert list(ways) == [*feedback.MODES, "feedback, adviser", "feedback"]
    assert ways["solver"]["valid"] == ways["grammar+repair"]["valid"] == 1
    assert ways["feedback"]["tokens"] >= ways["grammar"]["tokens"] > 0
    assert ways["solver"]["drawn"] >= 4
    # The rows that are corrected were drawn once, and what that took is told of both.
    for drawn in ("drawn", "useless"):
        assert ways["feedback"][drawn] == ways["grammar"][drawn]
    assert section.command == (
        "python -m bench feedback --only engel --rows 4 --rounds 1 --learned 16 --epochs 1 "
        "--base DIR"
    )


def test_where_no_free_row_has_values_it_is_told_how_many_were_drawn(tmp_path: Path) -> None:
    # Without a grammar, a model of random weights hardly ever writes a value.
    base = save_tiny_llama(tmp_path / "tiny", positions=8_192)
    section = feedback.run(["engel"], 2, 1, base, 0, how=feedback.Tuned(rows=16, epochs=0))
    assert section.data is not None
    (part,) = section.data["parts"]
    free = part["ways"]["free"]
    assert free["refused"] == "gave up after 40 rows drawn"
    assert free["useless"] == free["drawn"] == 40
    (grid,) = section.grids
    assert grid.columns[0] == "engel, 40 of 40 free rows without values"
    assert grid.rows[0][:4] == ("`free`", "gave up", "40", "40")
    assert list(part["ways"]) == list(feedback.MODES)
    # They are the same rows, and what is read once for all ways counts in none.
    assert part["ways"]["reject"]["tokens"] == free["tokens"] > 0
    assert part["ways"]["solver"]["valid"] == 1
    assert section.figures == []


def test_figures_of_another_model_are_not_taken(tmp_path: Path) -> None:
    def kept(base: Path) -> object:
        made = feedback.Measured(entry("engel"), 4, 1, base, 0, None, feedback.Tuned())
        return made.settings["base"]

    for name, tokens in (("one", 8), ("two", 9)):
        (tmp_path / name / "base").mkdir(parents=True)
        assert kept(tmp_path / name / "base") == str(tmp_path / name / "base")
        known = pretraining.Facts(1, 2, tokens, 3, 4.0, {"text": 5.0}, {"text": 6.0})
        (tmp_path / name / "base" / pretraining.FACTS).write_text(json.dumps(asdict(known)))
    assert kept(tmp_path / "one" / "base") != kept(tmp_path / "two" / "base")
    assert json.loads(json.dumps(kept(tmp_path / "one" / "base"))) == kept(
        tmp_path / "one" / "base"
    )


def test_what_the_model_had_read_before_is_said_as_far_as_it_is_known(tmp_path: Path) -> None:
    def said(*tables: str) -> str:
        return feedback._note(tmp_path, feedback.Tuned(), tables)

    assert "The network is the language model given" in said("stroke")
    assert said("stroke").endswith("What it has read before is not known.")
    known = pretraining.Facts(1, 2, 8, 3, 4.0, {"text": 5.0}, {"text": 6.0})
    (tmp_path / pretraining.FACTS).write_text(json.dumps(asdict(known)))
    assert said("stroke", "berka_loan").endswith("It had read no row of any.")
    assert said("stroke", "engel").endswith("It may have read rows of engel before.")


def test_a_way_that_finds_nothing_gives_up() -> None:
    class Broken:
        columns = (Column("a", IntegerType(), False, 0, 9),)

        def draw(self, rows: int, **_: object) -> Drawn:
            codes = np.zeros((rows, 1), dtype=np.int64)
            batch = Batch(("a",), codes, np.zeros((rows, 1), dtype=bool), np.empty(0, dtype=object))
            no = np.zeros(rows, dtype=bool)
            return Drawn(batch, np.zeros(rows), no, no, no)

    table = Model.parse("table t {\n a integer in 0 .. 9\n rule r: a > 0\n}\n").table()
    source = feedback.Patient(Broken(), 50)
    with pytest.raises(InfeasibleError, match="gave up after 50 rows drawn"):
        draw_rows(table, source, compile_plan(table), 5, mode="reject", seed=0)
    assert source.drawn == 50
    assert feedback._shown({"refused": "no", "drawn": 50, "tokens": 3.0})[:2] == ("gave up", "50")


def test_tokens_are_counted_as_they_are_read() -> None:
    base = tiny()
    columns = (Column("sex", EnumType(("a", "b"))), Column("age", IntegerType(), False, 0, 9))
    domains = {"sex": (0, 1), "age": (0, 9)}
    made = LanguageGenerator.of(base, columns, ("sex", "age"), domains, prompt="Rows:\n")
    assert made.tables  # made now
    assert made._way == "shared"
    count = Reading()
    with tokens_read(count):
        batch = made.draw(3, level="grammar").batch
    assert len(batch) == 3
    # The prompt once, and of each row at least the forced tokens and one for the first value.
    row = len(made.template.first) + 1 + len(made.template.slots[0].forced[0])
    assert count.tokens >= len(made.prompt_tokens) + 3 * row
    assert count.tokens < 2 * len(made.prompt_tokens) + 3 * 40
    before = count.tokens
    made.draw(3, level="grammar")
    assert count.tokens == before


def test_tokens_that_are_read_anew_are_counted_each_time() -> None:
    count, real = Reading(), np.ones((3, 2), dtype=bool)
    with tokens_read(count):
        session = begin(tiny(), np.arange(5), "anew").fork(3)
        session.feed(np.zeros((3, 2), dtype=np.int64), real)
        assert count.tokens == 3 * 7
        session.feed(np.zeros((3, 2), dtype=np.int64), real)
    assert count.tokens == 3 * 7 + 3 * 9


@pytest.mark.parametrize(
    ("advice", "made"),
    [
        ("Change a from 1 to 2.", '{"a": 2, "b c": "x", "d": null}'),
        (
            "Change a from 1 to 12_000.50, 3 or 4, for instance 3.",
            '{"a": 3, "b c": "x", "d": null}',
        ),
        ("Change a from 1 to 12_000.50.", '{"a": 12000.50, "b c": "x", "d": null}'),
        ("Change `b c` from 'x' to 'it''s'.", '{"a": 1, "b c": "it\'s", "d": null}'),
        ("Change `b c` from 'x' to NULL.", '{"a": 1, "b c": null, "d": null}'),
        (
            "Change a from 1 to 5 and d from NULL to 2024-01-31.\nOr instead change a from 1 to 9.",
            '{"a": 5, "b c": "x", "d": "2024-01-31"}',
        ),
        ("Change x in row 2 of other from 1 to 2.", '{"a": 1, "b c": "x", "d": null}'),
    ],
)
def test_the_adviser_does_what_it_is_told(advice: str, made: str) -> None:
    row = '{"a": 1, "b c": "x", "d": null}'
    assert Adviser().rewrite([f"This row:\n{row}\n{advice}\nKeep every other value.\n"]) == [made]
