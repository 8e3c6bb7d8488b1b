"""One table's assessment: what is in it, what is left out and why, and its verdict."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from things import COLUMNS, TABLE, rows

from synthtab.assess.assessment import (
    Assessment,
    Attack,
    Disclosure,
    Guarantee,
    Learner,
    Rules,
    RuleScore,
    Score,
    Utility,
)
from synthtab.assess.table import PARTS, USUAL, assess_table
from synthtab.assess.utility import utility
from synthtab.assess.verdict import by_chance
from synthtab.batch import Batch
from synthtab.errors import UsageError
from synthtab.frames import encode_frame
from synthtab.ir.nodes import Table
from synthtab.lang.model import Model
from synthtab.schema import BooleanType, Column, IntegerType, TextType

QUICK = ("rules", "columns", "pairs", "twosample", "precision", "copies")


def left(found: Assessment) -> dict[str, str]:
    return {item.part: item.reason for item in found.left}


def names(scores: Sequence[Score]) -> set[str]:
    return {s.name for s in scores}


def test_everything_is_assessed_and_is_plain_data() -> None:
    told: list[float] = []
    guarantee = Guarantee("It is private.", 1.0, 1e-6, (("mechanism",), ("noise",)))
    found = assess_table(
        TABLE,
        rows(1, 200),
        rows(2, 200),
        rows(3, 200),
        "f",
        guarantee=guarantee,
        progress=lambda _stage, done: told.append(done),
        date="2026-01-02",
    )
    assert found.left == ()
    assert names(found.overall) == {
        *("shape", "tv", "kl", "w1", "pair", "correlation"),
        *("c2st", "alpha_precision", "beta_recall", "copies"),
    }
    for score in found.overall:
        assert score.value is not None
        assert score.interval is not None
        assert score.interval[0] <= score.value <= score.interval[1]
        assert score.floor is not None
        assert score.floor_interval is not None
        assert score.definition
    assert [c.name for c in found.columns] == [c.name for c in COLUMNS]
    assert len(found.pairs) == 10
    assert [p.value for p in found.pairs] == sorted((p.value for p in found.pairs), reverse=True)
    assert len(found.correlations) == 3
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)
    assert "xgboost" in dict(found.versions)
    assert found.date == "2026-01-02"
    plain = json.loads(json.dumps(found.to_dict()))
    assert next(iter(plain)) == "verdict"
    assert plain["guarantee"]["epsilon"] == 1
    assert plain["utility"]["learners"][0]["name"] == "XGBoost"
    assert plain["disclosure"]["attacks"]
    assert found == assess_table(
        TABLE, rows(1, 200), rows(2, 200), rows(3, 200), "f", guarantee=guarantee, date="2026-01-02"
    )


def test_without_a_holdout_utility_and_disclosure_are_left_with_the_reason() -> None:
    found = assess_table(TABLE, rows(1, 60), rows(2, 60), target="f")
    assert set(left(found)) == {"utility", "disclosure"}
    assert "give a hold-out" in left(found)["utility"]
    assert (found.utility, found.disclosure) == (None, None)
    assert "Not assessed: utility" in found.verdict().paragraph
    found = assess_table(TABLE, rows(1, 60), rows(2, 60), rows(3, 60), parts=("utility", "bert"))
    assert left(found) == dict.fromkeys(("utility", "bert"), "no target column was named")


def test_a_holdout_that_is_the_training_rows_is_said() -> None:
    train = rows(1, 100)
    turned = train.take(np.random.default_rng(0).permutation(100))
    found = assess_table(TABLE, train, rows(2, 60), turned, "f")
    assert set(left(found)) == {"utility", "disclosure"}
    assert "the hold-out is the training rows" in left(found)["disclosure"]
    assert any("the hold-out is the training rows" in note for note in found.notes)
    most = Batch(
        train.columns,
        np.concatenate([train.codes[:60], rows(3, 40).codes]),
        np.concatenate([train.nulls[:60], rows(3, 40).nulls]),
        train.pool,
    )
    found = assess_table(TABLE, train, rows(2, 60), most, parts=("copies",))
    assert any("60.0% of the hold-out are training rows" in note for note in found.notes)


def test_a_table_without_rules_is_said_and_broken_declarations_are_seen() -> None:
    found = assess_table(TABLE, rows(1, 60), rows(2, 60), parts=("rules",))
    assert any("no rules" in note for note in found.notes)
    assert "(the table has no rules)" in found.verdict().findings[0].text
    within = replace(TABLE, columns=(replace(COLUMNS[0], lo=0, hi=60), *COLUMNS[1:]))
    found = assess_table(within, rows(1, 60), rows(2, 60), parts=("rules",))
    assert found.rules is not None
    assert found.rules.violated > 0
    assert [r.name for r in found.rules.rules if not r.kept] == ["n: declaration"]
    assert found.verdict().level == "bad"


def test_one_column_has_no_pairs() -> None:
    column = Column("x", IntegerType())
    sides = [
        encode_frame([column], pd.DataFrame({"x": np.random.default_rng(k).integers(0, 9, 50)}))
        for k in range(3)
    ]
    found = assess_table(Table("one", (column,)), *sides, target="x")
    assert left(found).keys() == {"pairs", "utility"}
    assert "fewer than two columns" in left(found)["pairs"]
    assert "no column but text" in left(found)["utility"]
    assert found.disclosure is not None
    assert found.score("shape") is not None


def test_ten_rows_are_too_few_for_some_parts() -> None:
    found = assess_table(TABLE, rows(1, 10), rows(2, 10), rows(3, 10), "f")
    assert left(found).keys() == {"twosample", "precision", "utility"}
    assert "20 rows" in left(found)["twosample"]
    assert "30 rows" in left(found)["precision"]
    assert "20 rows" in left(found)["utility"]
    alone = assess_table(TABLE, rows(1, 1), rows(2, 1))
    assert {s.floor for s in alone.overall} == {None}


def test_constant_columns_and_all_text() -> None:
    columns = (Column("k", IntegerType(), True), Column("b", BooleanType()))
    same = encode_frame(columns, pd.DataFrame({"k": [7] * 40, "b": [True] * 40}))
    nulls = encode_frame(columns, pd.DataFrame({"k": [None] * 40, "b": [True] * 40}))
    found = assess_table(Table("flat", columns), same, same, same, "k")
    assert found.score("shape") == replace(found.overall[0], value=0.0)
    empty = assess_table(Table("flat", columns), nulls, same, parts=QUICK)
    assert empty.columns[0].score("shape") is not None
    assert empty.columns[0].score("w1").value is None  # type: ignore[union-attr]
    json.dumps(empty.to_dict(), allow_nan=False)
    texts = (Column("s", TextType(9)), Column("t", TextType(9), True))
    sides = [
        encode_frame(
            texts,
            pd.DataFrame(
                {name: np.random.default_rng(k).choice(["ab", "abc", "b"], 60) for name in "st"}
            ),
        )
        for k in range(3)
    ]
    found = assess_table(Table("words", texts), *sides)
    assert left(found) == {"utility": "no target column was named"}
    assert found.columns[0].score("bigrams") is not None
    assert any("pairs of characters" in note for note in found.notes)


def test_keys_are_not_compared() -> None:
    model = Model.parse("table t {\n id integer key\n x integer\n y integer\n}\n")
    table = model.table()
    rng = np.random.default_rng(0)
    sides = [
        encode_frame(
            table.columns,
            pd.DataFrame(
                {
                    "id": np.arange(60) + 1000 * at,
                    "x": rng.integers(0, 9, 60),
                    "y": rng.integers(0, 9, 60),
                }
            ),
        )
        for at in range(2)
    ]
    found = assess_table(table, *sides, parts=QUICK)
    assert [c.name for c in found.columns] == ["x", "y"]
    assert any(note.endswith("not compared: id") for note in found.notes)
    only = Model.parse("table t {\n id integer key\n}\n").table()
    keys = assess_table(only, *(s.select(("id",)) for s in sides))
    assert keys.rules is not None
    assert left(keys).keys() == set(USUAL) - {"rules"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"parts": ("twosampel",)}, "no part 'twosampel'; is it 'twosample'"),
        ({"target": "ff"}, "no column 'ff'"),
        ({"confidence": 1.0}, "confidence 1.0: it is between 0 and 1"),
        ({"synthetic": rows(1, 1).take(np.arange(0))}, "1,000 real and 0 synthetic rows"),
        ({"holdout": rows(1, 1).take(np.arange(0))}, "the hold-out has no rows"),
    ],
)
def test_wrong_use_is_refused_before_work_begins(changes: dict[str, object], words: str) -> None:
    given: dict[str, object] = {"train": rows(1, 1000), "synthetic": rows(2, 1000), **changes}
    with pytest.raises(UsageError, match=words):
        assess_table(TABLE, **given)  # type: ignore[arg-type]


def test_without_xgboost_its_parts_are_left_and_an_error_where_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "xgboost", None)
    found = assess_table(TABLE, rows(1, 60), rows(2, 60), rows(3, 60), "f")
    assert left(found).keys() == {"twosample", "utility"}
    assert "pip install 'synthtab[assess]'" in left(found)["twosample"]
    assert found.disclosure is not None
    with pytest.raises(UsageError, match=r"pip install 'synthtab\[assess\]'"):
        assess_table(TABLE, rows(1, 60), rows(2, 60), parts=("twosample",))


def test_bert_stands_beside_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    from synthtab.assess import rowbert

    monkeypatch.setattr(rowbert, "STEPS", 2)
    sides = rows(1, 60), rows(2, 60), rows(3, 60)
    found = assess_table(TABLE, *sides, "f", parts=("utility", "bert"))
    assert found.utility is not None
    assert [i.name for i in found.utility.learners] == ["XGBoost", "logistic regression", "BERT"]
    assert set(PARTS) - set(USUAL) == {"bert"}


def soft(high: float) -> Rules:
    rule = RuleScore("r", "row", None, 1, 0.98, (0.9, high), 2, 0.99, False)
    return Rules(1, 1, (0.9, 1), 0, (rule,), ())


def learned(loss: float, low: float) -> Utility:
    learner = Learner("XGBoost", 0.9, (0.8, 1), 0.9 - loss, (0.8, 1), loss, (low, 1), 0.001)
    return Utility("f", "classification", "AUC", 9, 9, "rows", (learner,))


def attacked(found: bool, value: float = 0.7, ideal: float | None = 0.5) -> Disclosure:
    attack = Attack("DCR", "share", value, (0.5, 0.7), 0.5, ideal, found, "")
    return Disclosure(9, 9, 9, (attack,), found, (), (), 0.95)


def kept(violated: int) -> Rules:
    rule = RuleScore("r", "row", None, 1, 1 - violated / 9, (0, 1), violated, None, not violated)
    return Rules(1, 1 - violated / 9, (0, 1), violated, (rule,), ())


def scored(name: str, value: float, floor: float | None = 0.01) -> Score:
    near = (value - 0.001, value + 0.001)
    return Score(name, value, near, floor, floor and (floor, floor + 0.001), "lower", "")


@pytest.mark.parametrize(
    ("parts", "level", "about"),
    [
        ({"rules": kept(0)}, "good", "rules"),
        ({"rules": kept(2)}, "bad", "rules"),
        ({"rules": soft(0.985)}, "bad", "rules"),
        ({"rules": soft(0.995)}, "look", "rules"),
        ({"overall": (scored("shape", 0.011),)}, "good", "fidelity"),
        ({"overall": (scored("shape", 0.05),)}, "look", "fidelity"),
        ({"overall": (scored("pair", 0.2),)}, "bad", "fidelity"),
        ({"overall": (scored("pair", 0.2, 0.21),)}, "good", "fidelity"),
        ({"overall": (scored("c2st", 0.6, 0.5),)}, "look", "fidelity"),
        ({"overall": (scored("c2st", 0.9, 0.5),)}, "bad", "fidelity"),
        ({"overall": (scored("c2st", 0.1, 0.5),)}, "look", "fidelity"),
        ({"overall": (scored("c2st", 0.48, 0.49),)}, "good", "fidelity"),
        ({"overall": (scored("copies", 0.2),)}, "look", "disclosure"),
        ({"utility": learned(0.005, 0.002)}, "good", "utility"),
        ({"utility": learned(0.03, 0.0)}, "good", "utility"),
        ({"utility": learned(0.03, 0.02)}, "look", "utility"),
        ({"utility": learned(0.08, 0.02)}, "bad", "utility"),
        ({"disclosure": attacked(True)}, "bad", "disclosure"),
        ({"disclosure": attacked(False)}, "good", "disclosure"),
        ({"disclosure": attacked(True, 0.55)}, "look", "disclosure"),
        ({"disclosure": attacked(True, 0.01, None)}, "bad", "disclosure"),
    ],
)
def test_the_verdict_has_a_level_for_each_finding(
    parts: dict[str, object], level: str, about: str
) -> None:
    nothing = assess_table(TABLE, rows(1, 2), rows(2, 2), parts=())
    assert nothing.verdict().findings == ()
    assert nothing.verdict().headline == "Nothing was assessed."
    verdict = replace(nothing, **parts).verdict()  # type: ignore[arg-type]
    assert [(f.level, f.about) for f in verdict.findings] == [(level, about)]
    assert verdict.level == level
    assert verdict.paragraph.startswith(verdict.headline)


def test_a_classifier_that_is_misled_is_not_within_chance() -> None:
    assert not by_chance(scored("c2st", 0.1, 0.5))
    assert by_chance(scored("c2st", 0.48, 0.49))
    assert by_chance(scored("shape", 0.1, 0.5))


def test_a_loss_that_is_chance_does_not_hide_a_smaller_one_that_is_not() -> None:
    unsure = replace(learned(0.2, -0.1).learners[0], name="unsure")
    sure = replace(learned(0.1, 0.08).learners[0], name="sure")
    nothing = assess_table(TABLE, rows(1, 2), rows(2, 2), parts=())
    utility = replace(learned(0, 0), learners=(unsure, sure))
    (finding,) = replace(nothing, utility=utility).verdict().findings
    assert finding.level == "bad"
    assert finding.text.startswith("sure trained on synthetic rows reaches AUC 0.800")
    assert "chance" not in finding.text
    (alone,) = replace(nothing, utility=replace(utility, learners=(unsure,))).verdict().findings
    assert alone.level == "good"
    assert "chance explains" in alone.text


def visits(seed: int, count: int = 600) -> Batch:
    """Return rows with a heavy-tailed count that two other columns tell something of."""
    rng = np.random.default_rng(seed)
    ill, age = rng.integers(0, 6, count), rng.integers(0, 100, count)
    seen = rng.poisson(rng.gamma(0.5, np.exp(0.4 * ill) + age / 50))
    return encode_frame(VISITS, pd.DataFrame({"ill": ill, "age": age, "seen": seen}))


VISITS = tuple(Column(name, IntegerType()) for name in ("ill", "age", "seen"))


def test_of_a_heavy_tailed_count_other_real_rows_lose_by_chance_and_shuffled_ones_do_not() -> None:
    nothing = assess_table(TABLE, rows(1, 2), rows(2, 2), parts=())

    def level(made: Batch, seed: int) -> str:
        found = utility(VISITS, "seen", visits(3 * seed), made, visits(3 * seed + 2), seed=seed)
        assert found.metric == "R2"
        (finding,) = replace(nothing, utility=found).verdict().findings
        return finding.level

    levels = [level(visits(3 * seed + 1), seed) for seed in range(12)]
    # In one of twenty chance is beyond an interval at 95%; that it is so in three of twelve has a
    # probability of 2%.
    assert sum(found != "good" for found in levels) < 3
    spoilt = visits(1)
    codes = spoilt.codes.copy()
    codes[:, 2] = np.random.default_rng(0).permutation(codes[:, 2])
    assert level(Batch(spoilt.columns, codes, spoilt.nulls, spoilt.pool), 0) == "bad"
