"""Example rows: lawful ones, and rows that break one rule alone, judged by the oracle."""

from __future__ import annotations

import random

import pytest
from small_tables import all_rows, lawful, random_table

from synthtab.errors import InfeasibleError
from synthtab.ir import nodes
from synthtab.ir.evaluate import evaluate
from synthtab.lang.model import Model
from synthtab.schema import TextType, domain
from synthtab.solver.strings import Strings
from synthtab.solver.witness import Values, alike, breaking, broken_rules, examples

CLINIC = """table visit {
  id       integer key
  ward     enum('child', 'adult', 'surgery')
  born     date in 1930-01-01 .. 2020-12-31
  seen     date in 1990-01-01 .. 2024-12-31
  left_on  date optional
  code     text(8) matching /[A-Z]{2}[0-9]{3,6}/ unique
  note     text(20) optional
  price    decimal(8, 2) in 0 .. 10_000
  amount   integer in 1 .. 50
  total    decimal(10, 2)
  rule order: seen >= born
  rule children: when ward = 'child' then seen < born + 18 years
  rule leaves: left_on >= seen
  rule total: total = price * amount
  rule surgery: when ward = 'surgery' then code like 'S%'
  rule noted: when price > 9_000 then note is not null and length(note) >= 5
  rule not_xx: code != 'XX000'
}
"""


def table(text: str) -> nodes.Table:
    return Model.parse(text).table()


def fits(row: Values, made: nodes.Table) -> bool:
    """Say whether every cell is one its column may hold."""
    for column in made.columns:
        value = row[column.name]
        if value is None:
            if not column.optional:
                return False
        elif isinstance(column.type, TextType):
            assert isinstance(value, str)
            if not Strings(column.type.pattern, column.type.max_length).has(value):
                return False
    return True


def test_examples_keep_every_rule_and_differ() -> None:
    made = table(CLINIC)
    rows = examples(made, 30, seed=4)
    assert len(rows) == 30
    for row in rows:
        assert broken_rules(made, row) == []
        assert fits(row, made)
    assert len({r["id"] for r in rows}) == 30
    assert len({r["code"] for r in rows}) == 30
    assert {r["ward"] for r in rows} == {"child", "adult", "surgery"}
    for name in ("born", "seen", "price", "amount"):
        assert len({r[name] for r in rows}) >= 10, name
    assert rows == examples(made, 30, seed=4)
    assert rows != examples(made, 30, seed=5)


def test_each_rule_is_broken_alone() -> None:
    made = table(CLINIC)
    found = breaking(made, seed=1)
    assert [b.rule for b in found] == [r.name for r in made.rules]
    for one in found:
        assert one.reason is None, one
        for row in one.rows:
            assert fits(row, made)
        if isinstance(next(r for r in made.rules if r.name == one.rule), nodes.RowRule):
            (row,) = one.rows
            assert broken_rules(made, row) == [one.rule]
        else:
            first, second = one.rows
            assert broken_rules(made, first) == broken_rules(made, second) == []
            agreeing = [u.name for u in made.unique_rules if alike(made, u, first, second)]
            assert agreeing == [one.rule]


def test_a_rule_that_cannot_be_broken_alone_says_why() -> None:
    made = table(
        """table t {
  a integer in 0 .. 10
  b integer in 0 .. 10
  c integer in 0 .. 10 optional
  rule half: a + a <= b
  rule less: a <= b
  rule sure: a <= 20
  rule none: c is null
  key (a)
  unique (a, b)
  unique (c)
}
"""
    )
    said = {b.rule: b.reason for b in breaking(made)}
    assert said["half"] is None
    assert said["less"] == (
        "cannot be broken alone: every row that breaks it breaks rule half as well"
    )
    assert said["sure"] == "cannot be broken: it is always true because of the range of a"
    assert said["a_key"] is None
    assert said["a_b_unique"] == ("cannot be broken alone: rows that break it break a_key as well")
    assert said["c_unique"] == "cannot be broken: no lawful row has a value in every one of c"


@pytest.mark.parametrize("seed", range(60))
def test_small_tables_against_brute_force(seed: int) -> None:
    made = random_table(random.Random(seed))
    codes, nulls = all_rows(made)
    keeps = [
        lawful(nodes.Table("t", made.columns, (rule,)), codes, nulls) for rule in made.row_rules
    ]
    for at, one in enumerate(breaking(made, seed=seed, budget_s=30)):
        others = [k for j, k in enumerate(keeps) if j != at]
        can = any(~keeps[at] & (sum(others) == len(others) if others else True))
        assert bool(one.rows) == can
        assert (one.reason is None) == can
        if one.rows:
            assert broken_rules(made, one.rows[0]) == [one.rule]
    if lawful(made, codes, nulls).any():
        rows = examples(made, 3, seed=seed, budget_s=30)
        assert all(broken_rules(made, r) == [] for r in rows)
    else:
        with pytest.raises(InfeasibleError, match="no row of table 't' can keep its rules"):
            examples(made, 1, budget_s=30)


def test_fewer_rows_than_asked_for_is_an_error_that_says_so() -> None:
    made = table("table t {\n  a integer in 1 .. 4 key\n  b integer\n  rule r: a < b\n}")
    assert len(examples(made, 4)) == 4
    with pytest.raises(InfeasibleError, match="found 4 of 5 rows"):
        examples(made, 5, budget_s=1)


def test_unlimited_columns_get_readable_values() -> None:
    made = table("table t {\n  a integer\n  b date\n  c integer in 5 ..\n  d decimal(12, 2)\n}")
    for row in examples(made, 20):
        assert 0 <= row["a"] <= 10_000
        assert 1970 <= row["b"].year <= 2030
        assert 5 <= row["c"] <= 10_005
        assert 0 <= row["d"] <= 10_000
    assert domain(made.column("a"))[0] < 0


def test_values_outside_the_readable_stretch_are_found_where_rules_want_them() -> None:
    made = table(
        "table t {\n  a integer\n  rule big: a > 5_000_000 and a % 1 = 0\n}".replace(
            " and a % 1 = 0", ""
        )
    )
    for row in examples(made, 5):
        assert evaluate(made.row_rules[0].condition, row, made) is True
