"""A new rule beside the others: possible or not, new or not, and rows that show it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from synthtab.ir import nodes
from synthtab.lang.amend import with_rule
from synthtab.lang.english import read_english
from synthtab.lang.model import Model
from synthtab.solver.witness import broken_rules
from synthtab.translate.review import Review, review

MODEL = Model.parse("""table staff {
  id      integer key
  badge   text(6) unique
  grade   enum('junior', 'senior')
  salary  decimal(8, 2) in 0 .. 100_000
  bonus   decimal(8, 2) optional
  born    date in 1950-01-01 .. 2005-12-31
  hired   date
  boss_id integer optional -> staff.id

  rule of_age: hired >= born + 18 years
  rule senior_pay: when grade = 'senior' then salary >= 50_000
  rule cap: bonus <= salary
}
""")


def look(sentence: str) -> Review:
    return review(MODEL, read_english(sentence, MODEL))


@pytest.mark.parametrize(
    "sentence",
    [
        "Staff must be at least 21 when hired",
        "Seniors must have a bonus",
        "The bonus must be at most 10% of the salary",
        "99% of juniors must earn less than 30,000",
        "The badge must start with 'A'",
    ],
)
def test_a_row_is_allowed_and_one_refused(sentence: str) -> None:
    seen = look(sentence)
    assert seen.implied_by is None
    assert not seen.conflicts
    assert seen.allowed is not None
    assert len(seen.refused) == 1
    assert isinstance(seen.rule, nodes.RowRule)
    hard = with_rule(MODEL, "staff", replace(seen.rule, share=None)).table("staff")
    assert broken_rules(hard, seen.allowed) == []
    assert broken_rules(hard, seen.refused[0]) == [seen.rule.name]


def test_an_example_keeps_the_premise() -> None:
    seen = look("If the grade is senior then the bonus must be at least 5")
    assert seen.allowed is not None
    assert seen.allowed["grade"] == "senior"


def test_a_contradiction_is_a_smallest_set_of_rules() -> None:
    seen = look("Seniors must have a salary below 40,000 and a bonus above 45,000")
    assert not seen.conflicts  # juniors are left
    seen = look("The salary must be more than 200,000")
    assert [d.code for d in seen.conflicts] == ["E301"]
    assert "range of salary" in seen.conflicts[0].message
    assert "senior_pay" not in seen.conflicts[0].message


def test_what_is_implied_is_said_with_the_reason() -> None:
    assert look("Staff must be at least 16 when hired").implied_by == ("rule of_age",)
    assert look("The salary must not be negative").implied_by == ("the range of salary",)
    assert look("No two staff may have the same badge and grade").implied_by == (
        "rule badge_unique",
    )
    assert look("The badge determines the grade").implied_by == ("rule badge_unique",)


def test_a_rule_that_is_there_already_is_known() -> None:
    seen = look("Staff must be at least 18 when hired")
    assert seen.known
    assert seen.implied_by == ("rule of_age",)
    assert look("Every staff's boss must refer to an existing staff").known


def test_two_rows_show_what_a_unique_rule_refuses() -> None:
    seen = look("No two staff may have the same salary and grade")
    one, other = seen.refused
    assert (one["salary"], one["grade"]) == (other["salary"], other["grade"])
    assert one["badge"] != other["badge"]


def test_rules_across_rows_are_not_proved_and_that_is_said() -> None:
    seen = look("At most 5 staff per boss")
    assert seen.refused == ()
    assert "several rows" in seen.notes[0]


def test_a_soft_rule_that_no_row_can_keep_is_noted() -> None:
    seen = look("90% of staff must earn more than 200,000")
    assert not seen.conflicts
    assert any("no row can keep it" in note for note in seen.notes)


def test_no_time_is_said() -> None:
    seen = review(MODEL, read_english("Seniors must have a bonus", MODEL), budget_s=1e-9)
    assert seen.allowed is None
    assert any("could not decide" in note for note in seen.notes)
