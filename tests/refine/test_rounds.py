"""Refinement as a whole: rounds that stop, rows that keep every rule, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from synthtab.assess.fidelity import compare, pair_variation
from synthtab.assess.fidelity import levels as fidelity_levels
from synthtab.backends.sql import SqlBackend
from synthtab.batch import Batch
from synthtab.errors import DataError, InfeasibleError, UsageError
from synthtab.frames import encode_frame
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.model import ModelConfig
from synthtab.generate.train import TrainConfig
from synthtab.lang.model import Model
from synthtab.pipeline import Refined, Synthesizer
from synthtab.refine.correcting import (
    COLDEST,
    HEAVIEST,
    HOTTEST,
    Temperatures,
    cooled,
    emphasis,
    excess_errors,
)
from synthtab.refine.rounds import RowsDone, pool_size, run_rounds
from synthtab.refine.targets import of_rows, pair_errors
from synthtab.schema import Column, EnumType, IntegerType, TextType

QUICK = GeneratorConfig(
    model=ModelConfig(hidden=16, layers=1, heads=2, kv_heads=1, feed_forward=24),
    train=TrainConfig(symbols_seen=25_000),
)
RULES = """
table stay {
  id     integer key
  ward   enum('A', 'B', 'C')
  days   integer in 0 .. 60
  cost   integer in 0 .. 9_000 optional
  note   text(6)
  bed    text(4) matching /[A-F][0-9]{3}/ unique
  rule short: when ward = 'C' then days <= 3
  rule priced: cost >= 20 * days
}
"""


def stays(rows: int = 500, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    ward = random.choice(["A", "B", "C"], rows, p=[0.6, 0.3, 0.1])
    days = np.where(
        ward == "C", random.integers(0, 4, rows), random.geometric(0.1, rows).clip(0, 60)
    )
    cost = pd.Series(20 * days + random.integers(0, 400, rows), dtype="Int64")
    bed = random.permutation(6_000)[:rows]
    return pd.DataFrame(
        {
            "id": np.arange(rows) + 40,
            "ward": ward,
            "days": days,
            "cost": cost.where(random.random(rows) < 0.8),
            "note": random.choice(["ok", "watch", "x"], rows),
            "bed": [f"{'ABCDEF'[b // 1000]}{b % 1000:03d}" for b in bed],
        }
    )


@pytest.fixture(scope="module")
def fitted() -> Synthesizer:
    return Synthesizer(Model.parse(RULES), config=QUICK).fit(stays(), seed=1)


@pytest.fixture(scope="module")
def refined(fitted: Synthesizer) -> Refined:
    return fitted.refine(300, stays(), rounds=2, seed=4, candidates=4, holdout=stays(4_000, seed=9))


def test_refined_rows_break_no_rule_and_are_as_many_as_asked(
    fitted: Synthesizer, refined: Refined
) -> None:
    assert len(refined.frame) == 300
    assert list(refined.frame.columns) == list(fitted.table.column_names)
    assert not SqlBackend(fitted.table).violated(refined.frame).any()
    assert refined.frame["bed"].is_unique
    assert refined.frame["id"].is_unique
    assert not set(refined.frame["bed"]) & set(stays()["bed"])


def test_they_are_nearer_to_real_rows_that_they_have_not_seen(
    fitted: Synthesizer, refined: Refined
) -> None:
    columns = [c for c in fitted.table.columns if c.name != "id"]
    fresh = encode_frame(fitted.table.columns, stays(4_000, seed=9))
    own = encode_frame(fitted.table.columns, refined.frame)
    held = refined.rounds[refined.best - 1].held_out
    assert held is not None
    assert held[1] == pytest.approx(compare(columns, fresh, own).pair)
    assert held[1] < held[0]
    drawn = [
        compare(columns, fresh, encode_frame(fitted.table.columns, fitted.sample(300, seed=k))).pair
        for k in range(4)
    ]
    assert compare(columns, fresh, own).pair < min(drawn)


def test_every_round_is_told_of(refined: Refined) -> None:
    assert 1 <= len(refined.rounds) <= 2
    best = refined.rounds[refined.best - 1]
    assert best.refined == min(r.refined for r in refined.rounds)
    assert best.refined < best.drawn - 3 * refined.noise
    for scores in refined.rounds:
        assert scores.proposed == 4 * 300
        assert 0 < scores.effective <= 1
        assert 0 <= scores.trust <= 1
    assert refined.rounds[0].emphasis == {}
    assert refined.to_dict()["rows"] == 300
    assert refined.targets == "500 real rows"


def test_a_seed_gives_the_same_rows_and_the_model_stays_as_it_is(
    fitted: Synthesizer, refined: Refined
) -> None:
    before = fitted.sample(50, seed=3)
    again = fitted.refine(300, stays(), rounds=2, seed=4, candidates=4)
    pd.testing.assert_frame_equal(refined.frame, again.frame)
    assert not refined.frame.equals(
        fitted.refine(300, stays(), rounds=1, seed=5, candidates=4).frame
    )
    pd.testing.assert_frame_equal(before, fitted.sample(50, seed=3))


def test_progress_is_told_stage_by_stage(fitted: Synthesizer) -> None:
    told: list[tuple[str, float]] = []
    fitted.refine(40, stays(), rounds=1, seed=0, candidates=3, progress=lambda *at: told.append(at))
    assert {stage for stage, _ in told} == {"round 1 of 1: proposing", "round 1 of 1: choosing"}
    assert all(0 <= share <= 1 for _, share in told)
    assert told[-1] == ("round 1 of 1: choosing", 1.0)


def test_real_rows_that_do_not_belong_are_left_out_and_counted(fitted: Synthesizer) -> None:
    mixed = stays()
    mixed.loc[[0, 1], "ward"], mixed.loc[[0, 1], "days"] = "C", 50
    mixed.loc[2, "days"] = 60  # lawful, but beyond what was learned
    got = fitted.refine(20, mixed, rounds=1, seed=0, candidates=3)
    assert got.left_out >= 2
    assert got.targets == f"{500 - got.left_out} real rows"


def test_rows_with_texts_that_were_not_learned_are_aims_and_not_lessons(
    fitted: Synthesizer,
) -> None:
    """A copy of such a text could not be told, so the network is not trained on them."""
    got = fitted.refine(60, stays().assign(note="other"), rounds=2, seed=0, candidates=4)
    assert len(got.frame) == 60
    assert "other" not in set(got.frame["note"])


def test_where_keys_are_few_fewer_rows_are_proposed() -> None:
    text = "table t { grade enum('a', 'b', 'c', 'd') unique\n size integer in 0 .. 9 }"
    data = pd.DataFrame({"grade": list("abcd"), "size": [1, 2, 3, 4]})
    synthesizer = Synthesizer(Model.parse(text), config=QUICK).fit(data)
    got = synthesizer.refine(4, {"t": data}, rounds=1, seed=0)
    assert sorted(got.frame["grade"]) == ["a", "b", "c", "d"]
    assert got.rounds[0].proposed == 4
    with pytest.raises(InfeasibleError, match="asked for 5 rows"):
        synthesizer.refine(5, data, rounds=1, seed=0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n": 0}, "cannot refine 0 rows"),
        ({"n": -2}, "cannot refine -2 rows"),
        ({"rounds": 0}, "0 rounds refine nothing"),
        ({"candidates": 0.5}, "0.5 candidates for each row"),
        ({"candidates": float("nan")}, "nan candidates for each row"),
        ({"mode": "free"}, "'free' may break rules"),
        ({"mode": "feedback"}, "rows are talked about one by one"),
        ({"mode": "magic"}, "unknown mode 'magic'"),
        ({"data": None}, "give those that the model was fitted on"),
        ({"data": {"other": stays(4)}}, "one table, `stay`"),
    ],
)
def test_wrong_use_is_refused(fitted: Synthesizer, change: dict[str, object], words: str) -> None:
    asked: dict[str, object] = {"n": 5, "data": stays(), "rounds": 1, **change}
    with pytest.raises(UsageError, match=words):
        fitted.refine(**asked)  # type: ignore[arg-type]


def test_data_that_do_not_fit_are_refused(fitted: Synthesizer) -> None:
    with pytest.raises(DataError, match="ward"):
        fitted.refine(5, stays().drop(columns="ward"))
    unlawful = stays(20).assign(ward="C", days=50)
    with pytest.raises(DataError, match="none of the 20 real rows"):
        fitted.refine(5, unlawful)
    with pytest.raises(DataError, match="no held-out rows"):
        fitted.refine(5, stays(), holdout=stays(0))


def test_what_cannot_be_refined_says_why() -> None:
    several = Model.parse("table a { id integer key }\ntable b { a_id integer -> a.id }")
    with pytest.raises(UsageError, match="several tables"):
        Synthesizer(several).refine(5, {})
    across = Model.parse("table a { n integer in 0 .. 9\n rule few: sum(n) <= 10 }")
    with pytest.raises(UsageError, match="`a` has rules across rows"):
        Synthesizer(across).refine(5, pd.DataFrame({"n": [1]}))
    alone = Model.parse("table a { n integer in 0 .. 9\n m integer in 0 .. 9 }")
    with pytest.raises(UsageError, match="rules alone"):
        Synthesizer(alone).rules_only().refine(5, pd.DataFrame({"n": [1], "m": [2]}))
    with pytest.raises(UsageError, match="learned nothing yet"):
        Synthesizer(alone).refine(5, pd.DataFrame({"n": [1], "m": [2]}))
    one = Model.parse("table a { n integer in 0 .. 9 }")
    data = pd.DataFrame({"n": [1, 2, 3]})
    with pytest.raises(DataError, match="no pairs of columns"):
        Synthesizer(one, config=QUICK).fit(data).refine(5, data)


# The rounds, with a proposer that is made up.

COLUMNS = (
    Column("a", EnumType(("x", "y", "z")), optional=True),
    Column("b", IntegerType()),
    Column("c", TextType(4)),
)
POOL = np.array(["p", "pp", "ppp"], dtype=object)


def made(rows: int, seed: int, tilt: float = 0.0) -> Batch:
    random = np.random.default_rng(seed)
    a = (random.random(rows) ** (1 + tilt) * 3).astype(np.int64)
    b = 10 * a + random.integers(0, 30, rows)
    codes = np.stack([a, b, random.integers(0, 3, rows)], axis=1)
    nulls = np.zeros(codes.shape, dtype=bool)
    nulls[:, 0] = random.random(rows) < 0.1
    return Batch(("a", "b", "c"), np.where(nulls, 0, codes), nulls, POOL)


@dataclass(frozen=True)
class Made:
    """Proposes tilted rows; each correction takes away some of the tilt."""

    tilt: float
    correction: float | None = 0.5

    def propose(self, rows: int, seed: int, progress: RowsDone) -> Batch:
        progress(rows, rows)
        return made(rows, seed, self.tilt)

    def corrected(
        self,
        weights: Mapping[str, float],
        temperatures: Mapping[str, float],
        seed: int,
        progress: Callable[[float], None],
    ) -> Made | None:
        assert max(weights.values()) == HEAVIEST
        assert all(COLDEST <= t <= HOTTEST for t in temperatures.values())
        return None if self.correction is None else Made(self.tilt * self.correction)


def test_pair_errors_are_those_of_the_assessor() -> None:
    real, other = made(700, 1), made(500, 2, 0.4)
    targets = of_rows(COLUMNS, real)
    errors = pair_errors(targets, targets.place(other))
    assert errors.mean == pytest.approx(compare(COLUMNS, real, other).pair)
    both = [fidelity_levels(c, real, other) for c in COLUMNS]
    assert errors.each[0] == pytest.approx(pair_variation(both[0], both[1]))
    by_column = errors.by_column(targets.columns)
    assert by_column["a"] == pytest.approx((errors.each[0] + errors.each[1]) / 2)


@pytest.mark.parametrize("rounds", [1, 3])
def test_rounds_end_when_they_are_done(rounds: int) -> None:
    targets = of_rows(COLUMNS, made(4_000, 0))
    got = run_rounds(Made(3.0, 0.8), targets, 200, rounds, seed=1, candidates=10)
    assert len(got.rows) == 200
    if rounds == 1:
        assert len(got.rounds) == 1
        assert got.stopped_because == "the one round is done"
    assert got.best == 1 + int(np.argmin([r.refined for r in got.rounds]))


def test_pools_are_several_times_the_rows_within_bounds() -> None:
    assert [pool_size(n) for n in (1, 5_000, 30_000)] == [20_000, 20_000, 120_000]
    assert [pool_size(n) for n in (100_000, 4_000_000)] == [400_000, 5_000_000]


def test_a_round_that_gains_less_than_the_noise_is_the_last() -> None:
    targets = of_rows(COLUMNS, made(4_000, 0))
    got = run_rounds(Made(0.3, 1.0), targets, 200, 9, seed=1, candidates=10)
    assert len(got.rounds) == 2
    assert "under the noise" in got.stopped_because


def test_of_a_perfect_pool_only_chance_is_taken_away() -> None:
    real = made(300, 0)
    got = run_rounds(Made(0.0), of_rows(COLUMNS, real), 300, 9, seed=1, candidates=10)
    assert len(got.rounds) < 9
    assert got.rounds[0].drawn == pytest.approx(got.floor, rel=0.15)
    assert got.rounds[0].trust < 0.5
    # Not all the way to the 300 rows: of them, too, much is chance.
    assert 0.4 * got.floor < got.rounds[0].refined < got.floor


def test_what_cannot_be_corrected_is_proposed_once() -> None:
    got = run_rounds(
        Made(1.0, None), of_rows(COLUMNS, made(4_000, 0)), 200, 9, seed=1, candidates=10
    )
    assert len(got.rounds) == 1
    assert got.stopped_because == "nothing about the model can be corrected further"


@pytest.mark.parametrize(
    ("candidates", "asked"), [(1, [50]), (1.5, [75, 50]), (2, [100, 50]), (5, [250, 100, 50])]
)
def test_where_rows_are_few_fewer_are_asked_for_and_none_twice(
    candidates: float, asked: list[int]
) -> None:
    told: list[int] = []

    class Poor(Made):
        def propose(self, rows: int, seed: int, progress: RowsDone) -> Batch:
            told.append(rows)
            raise InfeasibleError(f"no {rows} rows")

    with pytest.raises(InfeasibleError, match="no 50 rows"):
        run_rounds(Poor(1.0), of_rows(COLUMNS, made(500, 0)), 50, 1, 0, candidates=candidates)
    assert told == asked


def test_columns_that_are_off_are_emphasised_and_drawn_otherwise() -> None:
    targets = of_rows(COLUMNS, made(9_000, 0))
    pool = targets.place(made(9_000, 1, 1.5))
    excess = excess_errors(targets, pair_errors(targets, pool), len(pool))
    weights = emphasis(excess)
    assert weights["a"] > weights["c"] >= 1
    same = excess_errors(targets, pair_errors(targets, targets.known), len(targets.known))
    assert emphasis(same) == {}
    heat = cooled(targets, pool, excess, Temperatures())
    # Of the tilted rows `a` is less even than it should be: it is drawn hotter.
    assert heat.now["a"] > 1
    # What brought nothing is taken back, and is not tried again.
    back = cooled(targets, pool, excess, heat)
    assert "a" not in back.now
    assert "a" not in cooled(targets, pool, excess, back).now
