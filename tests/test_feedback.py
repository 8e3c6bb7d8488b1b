"""Rows corrected in conversation: by a writer that follows the advice, and by language models."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_tables import all_rows, lawful, random_table
from tiny_llama import save_tiny_llama

from bench.adviser import Adviser
from synthtab.batch import Batch, Mask
from synthtab.draw import Counts, draw_rows
from synthtab.errors import InfeasibleError, UsageError
from synthtab.feedback import Rewriter, correct, feedback_rounds, prompt
from synthtab.generate.drawn import Drawn
from synthtab.generate.guide import Guide, Level
from synthtab.generate.rewriting import LanguageRewriter
from synthtab.generate.rowjson import UnreadableRowError
from synthtab.ir import nodes
from synthtab.lang.model import Model
from synthtab.schema import Column
from synthtab.solver.explanation import Explainer
from synthtab.solver.project import compile_plan
from synthtab.solver.rowcells import batch_of, cells_of

LOANS = """
table loan {
  age     integer in 18 .. 90
  kind    enum('house', 'car', 'student''s')
  amount  decimal(9, 2) in 100 .. 500_000
  paid    decimal(9, 2) in 0 .. 500_000
  starts  date in 2000-01-01 .. 2024-12-31
  ends    date optional
  vip     boolean
  rule most: paid <= amount
  rule lasts: ends >= starts + 1 year
  rule young: when age < 25 then kind != 'house'
  rule vips: when vip then amount >= 10_000
}
"""
COLUMNS = ("age", "kind", "amount", "paid", "starts", "ends", "vip")
CELLS = [
    (20, 0, 2_000_000, 0, 15_000, None, 1),
    (30, 2, 20_000, 30_000, 15_000, None, 0),
    (99, 1, 20_000, 0, 15_000, 15_001, 1),
    (40, 0, 20_000, 0, 15_000, None, 0),
]
ROWS = [dict(zip(COLUMNS, row, strict=True)) for row in CELLS]


def loans() -> tuple[nodes.Table, Batch]:
    table = Model.parse(LOANS).table()
    return table, batch_of(table, ROWS)


class Silent:
    """Says what it is told to say, whatever is asked."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.prompts = list(answers), [""]

    def rewrite(self, prompts: Sequence[str]) -> list[str]:
        self.prompts += prompts
        return [self.answers.pop(0) if self.answers else "" for _ in prompts]

    def tokens(self, text: str) -> int:
        return len(text)


def test_one_round_is_enough_for_who_follows_the_advice() -> None:
    table, rows = loans()
    made = feedback_rounds(table, rows, Adviser())
    assert made.valid_before == 1
    assert made.share == 1.0
    assert len(made.rounds) == 1
    assert made.rounds[0].asked == 3
    assert made.rounds[0].unreadable == 0
    assert made.tokens > 0
    # The fewest cells: one in the first two rows, three declarations and rules in the third.
    assert made.changed.sum(axis=1).tolist() == [1, 1, 3, 0]
    assert cells_of(table, made.batch, 3) == ROWS[3]


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_on_random_tables(seed: int) -> None:
    table = random_table(random.Random(seed))
    codes, nulls = all_rows(table)
    good = lawful(table, codes, nulls)
    if not good.any():
        return
    picked = np.random.default_rng(seed).permutation(len(codes))[:4]
    rows = Batch(table.column_names, codes[picked], nulls[picked], np.empty(0, object))
    made = feedback_rounds(table, rows, Adviser(), rounds=2, explain_s=20)
    assert made.valid_before == int(good[picked].sum())
    assert made.share == 1.0
    assert len(made.rounds) <= 1
    after = lawful(table, made.batch.codes, made.batch.nulls)
    assert after.all()
    changed = made.changed.any(axis=1)
    assert (changed == ~good[picked]).all()


def test_an_answer_that_is_no_row_is_told_and_asked_for_again() -> None:
    table, rows = loans()
    writer = Silent("I cannot.", '{"age": 30}', '{"age": "x"', "")
    made = feedback_rounds(table, rows, writer, rounds=2)
    assert [r.unreadable for r in made.rounds] == [3, 3]
    assert [r.valid for r in made.rounds] == [1, 1]
    assert made.valid.tolist() == [False, False, False, True]
    assert not made.changed.any()
    said = "\n".join(writer.prompts)
    assert "Your last answer could not be read: there is no JSON object in it." in said
    assert "Your last answer could not be read: it lacks 'kind', 'amount'" in said
    assert made.rounds[0].prompt_tokens > 0


def test_a_wrong_answer_is_explained_anew() -> None:
    table, rows = loans()
    wrong = (
        '{"age": 40, "kind": "house", "amount": 100, "paid": 100.01, "starts": "2001-01-01", '
        '"ends": null, "vip": false}'
    )
    writer = Silent(wrong)
    made = feedback_rounds(table, rows.take(np.array([0])), writer, rounds=2)
    assert "rule most is broken" in writer.prompts[-1]
    assert '"paid": 100.01' in writer.prompts[-1]
    assert made.share == 0.0
    assert [r.unreadable for r in made.rounds] == [0, 1]


def test_one_turn_by_itself() -> None:
    table, rows = loans()
    explainer = Explainer([table])
    broken = [cells_of(table, rows, at) for at in range(2)]
    reasons = [explainer.alone(table.name, row) for row in broken]
    adviser = Adviser()
    answers = iter(["nothing", *adviser.rewrite([prompt(table, broken[1], reasons[1])])])
    made = correct(table, broken, reasons, lambda prompts: [next(answers) for _ in prompts])
    assert isinstance(made[0], UnreadableRowError)
    assert made[1] == ROWS[1] | {"amount": 30_000} or made[1] == ROWS[1] | {"paid": 20_000}


def test_bad_use_is_refused() -> None:
    table, rows = loans()
    with pytest.raises(UsageError, match="0 rounds of feedback"):
        feedback_rounds(table, rows, Adviser(), rounds=0)

    class Short(Silent):
        def rewrite(self, prompts: Sequence[str]) -> list[str]:
            return [""]

    with pytest.raises(UsageError, match="3 prompts were given, and 1 answers came back"):
        feedback_rounds(table, rows, Short())


def test_no_rows_and_sound_rows_ask_nothing() -> None:
    table, rows = loans()
    for few in (rows.take(np.array([], np.int64)), rows.take(np.array([3]))):
        writer = Silent()
        made = feedback_rounds(table, few, writer)
        assert made.share == 1.0
        assert made.rounds == ()
        assert writer.prompts == [""]


@dataclass
class Careless:
    """Draws rows of all kinds, most of them unlawful, and has them corrected by another."""

    table: nodes.Table
    writer: Rewriter
    real: Callable[[Batch], Mask] = lambda rows: np.zeros(len(rows), bool)

    @property
    def columns(self) -> tuple[Column, ...]:
        return self.table.columns

    def draw(
        self, rows: int, *, level: Level = "free", guide: Guide | None = None, seed: int = 0
    ) -> Drawn:
        assert level == "grammar"
        picked = np.random.default_rng(seed).integers(0, len(ROWS), rows)
        none = np.zeros(rows, bool)
        malformed = np.arange(rows) % 5 == 4
        batch = batch_of(self.table, ROWS).take(picked)
        return Drawn(batch, np.zeros(rows), malformed, none, none)

    def rewriter(self, columns: Sequence[Column], seed: int) -> Rewriter:
        assert columns == self.table.columns
        return self.writer

    def copied(self, rows: Batch) -> Mask:
        return self.real(rows)


def drawn(source: Careless, n: int, **how: int) -> tuple[Batch, Counts]:
    plan = compile_plan(source.table)
    return draw_rows(source.table, source, plan, n, mode="feedback", **{"seed": 3, **how})


def test_rows_are_drawn_until_there_are_enough() -> None:
    table, _ = loans()
    batch, counts = drawn(Careless(table, Adviser()), 12)
    assert len(batch) == 12
    assert feedback_rounds(table, batch, Silent()).valid_before == 12
    lost = counts.malformed + counts.broken + counts.duplicates + counts.surplus
    assert counts.drawn == counts.returned + lost
    assert counts.mended > 0
    assert counts.malformed > 0
    assert sum(r.asked for r in counts.talk) >= counts.mended


class Moody(Adviser):
    """Follows the advice, or answers nothing, or says the row again."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)

    def rewrite(self, prompts: Sequence[str]) -> list[str]:
        made = []
        for asked, answer in zip(prompts, super().rewrite(prompts), strict=True):
            again = asked[asked.index("{") : asked.index("}") + 1]
            made.append(self._random.choice([answer, answer, again, "no"]))
        return made


@settings(max_examples=8)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 3))
def test_every_row_drawn_is_counted_once(seed: int, n: int, rounds: int) -> None:
    """Texts stay with their rows, whichever were corrected, in whichever round."""
    words = "  vip     boolean\n  number  integer in 0 .. 99\n  word    text(4)\n  unique (number)"
    table = Model.parse(LOANS.replace("  vip     boolean", words)).table()
    chance = np.random.default_rng(seed)

    class Drawing(Careless):
        def draw(self, rows: int, *, seed: int = 0, **named: object) -> Drawn:
            cells = [
                {**ROWS[kind], "number": number, "word": f"w{number}"}
                for kind, number in zip(
                    chance.integers(0, 4, rows), chance.integers(0, 99, rows), strict=True
                )
            ]
            lost = chance.random((2, rows)) < 0.2
            none = np.zeros(rows)
            return Drawn(batch_of(table, cells), none, lost[0], np.zeros(rows, bool), lost[1])

    def fifth(rows: Batch) -> Mask:
        return np.asarray(rows.column("number")[0] % 5 == 0)

    batch, counts = drawn(Drawing(table, Moody(seed), fifth), n, seed=seed, rounds=rounds)
    cells = [cells_of(table, batch, at) for at in range(len(batch))]
    assert all(row["word"] == f"w{row['number']}" for row in cells)
    assert len({row["number"] for row in cells}) == len(batch) == counts.returned == n
    assert feedback_rounds(table, batch, Silent()).valid_before == n
    lost = counts.malformed + counts.copied + counts.broken + counts.duplicates + counts.surplus
    assert counts.drawn == n + lost
    assert all(0 < r.asked >= r.valid for r in counts.talk[:1])


def test_progress_never_goes_back_while_rows_are_corrected() -> None:
    table, _ = loans()
    told: list[int] = []

    class Late(Adviser):
        asked = 0

        def rewrite(self, prompts: Sequence[str]) -> list[str]:
            self.asked += len(prompts)
            return super().rewrite(prompts) if self.asked > 40 else ["" for _ in prompts]

    source, plan = Careless(table, Late()), compile_plan(table)
    draw_rows(
        *(table, source, plan, 60),
        mode="feedback",
        seed=3,
        progress=lambda done, total: told.append(done),
    )
    assert len(told) > 2
    assert told == sorted(told)
    assert told[-1] == 60


def test_corrected_rows_with_a_real_text_are_thrown_away() -> None:
    table, _ = loans()
    own = batch_of(table, ROWS)

    def new(rows: Batch) -> Mask:  # every row that correction has made, say
        known = {tuple(row) for row in own.codes.tolist()}
        return np.array([tuple(row) not in known for row in rows.codes.tolist()])

    batch, counts = drawn(Careless(table, Adviser(), new), 12)
    assert counts.copied > 0
    assert not new(batch).any()


def test_no_key_is_drawn_twice() -> None:
    table = Model.parse(LOANS.replace("  vip     boolean", "  vip     boolean\n  unique (age)"))
    with pytest.raises(InfeasibleError, match=r"found only [0-9]+ .*duplicates"):
        drawn(Careless(table.table(), Adviser()), 9)


def test_who_never_answers_gets_an_error() -> None:
    table = Model.parse(LOANS).table()
    only = Careless(replace(table, rules=(*table.rules, _never())), Silent())
    with pytest.raises(InfeasibleError, match="asked for 3 rows of table 'loan' and found only 0"):
        drawn(only, 3, rounds=1)


def test_rounds_are_held_in_one_mode_and_at_least_once() -> None:
    table, _ = loans()
    source, plan = Careless(table, Adviser()), compile_plan(table)
    with pytest.raises(UsageError, match="0 rounds of feedback"):
        drawn(source, 3, rounds=0)
    with pytest.raises(UsageError, match="in the mode 'feedback', not in 'reject'"):
        draw_rows(table, source, plan, 3, mode="reject", seed=0, rounds=2)


def _never() -> nodes.RowRule:
    return nodes.RowRule("old", nodes.Compare(">", nodes.ColumnRef("age"), nodes.Literal(89)))


def test_a_language_model_answers_in_the_grammar(tmp_path: Path) -> None:
    """Its weights are random: its rows are rows, and hardly any of them is right."""
    table, rows = loans()
    writer = LanguageRewriter.load(save_tiny_llama(tmp_path), table.columns, seed=1)
    seen: list[tuple[int, int]] = []
    made = feedback_rounds(
        table,
        rows.take(np.array([0, 3])),
        writer,
        rounds=2,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert [r.unreadable for r in made.rounds] == [0] * len(made.rounds)
    assert made.rounds[0].asked == 1
    assert made.rounds[0].answer_tokens > 10
    assert made.valid[1]
    assert seen[0][0] == 1
