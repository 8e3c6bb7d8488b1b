"""Two versions of a model compared: brute force's verdict, witnesses the oracle confirms."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from small_tables import all_rows, condition, lawful, random_table

from synthtab.ir import nodes
from synthtab.ir.evaluate import evaluate
from synthtab.lang.model import Model
from synthtab.schema import decode_value
from synthtab.solver.diff import TableDiff, diff, overall

BASE = """table t {
  id integer key
  a integer in 0 .. 10
  b integer in 0 .. 10 optional
  k enum('x', 'z')
  s text(8) matching /[A-Z]+/
  d decimal(6, 2)
  rule r: a <= b
  rule q: when k = 'x' then a > 2
  rule w: a + b <= 15
}
"""


def compared(new: str, old: str = BASE) -> TableDiff:
    (found,) = diff(Model.parse(old).tables, Model.parse(new).tables, budget_s=20)
    return found


def changed(rng: random.Random, table: nodes.Table) -> nodes.Table:
    """Another version of a table: a rule dropped, added, replaced or made of another's half."""
    rules = list(table.rules)
    for number in range(rng.randint(1, 2)):
        at = rng.randrange(len(rules)) if rules else 0
        pick = rng.random()
        made = nodes.RowRule(f"n{number}", condition(rng, table, 1))
        if pick < 0.3 and rules:
            rules.pop(at)
        elif pick < 0.6 or not rules:
            rules.append(made)
        elif pick < 0.8:
            rules[at] = made
        else:
            both = nodes.And((rules[at].condition, made.condition))
            rules[at] = nodes.RowRule(rules[at].name, both)
    columns = list(table.columns)
    at = rng.randrange(len(columns))
    if rng.random() < 0.3:
        columns[at] = replace(columns[at], optional=not columns[at].optional)
    if rng.random() < 0.3 and columns[at].hi is not None:
        columns[at] = replace(columns[at], hi=columns[at].hi - 1)
    return nodes.Table("t", tuple(columns), tuple(rules))


def rows_of(table: nodes.Table) -> set[tuple[int | None, ...]]:
    codes, nulls = all_rows(table)
    good = lawful(table, codes, nulls)
    return {
        tuple(None if gone else int(c) for c, gone in zip(row, null, strict=True))
        for row, null in zip(codes[good], nulls[good], strict=True)
    }


def key_of(table: nodes.Table, row: dict) -> tuple[int | None, ...]:
    columns = [(c, table.column(c)) for c in table.column_names]
    by_value = {
        name: {decode_value(c.type, k): k for k in range(-60, 61)} if _numeric(c) else None
        for name, c in columns
    }
    out = []
    for name, column in columns:
        value = row[name]
        if value is None:
            out.append(None)
        elif by_value[name] is not None:
            out.append(by_value[name][value])
        else:
            options = range(2 if column.type.__class__.__name__ == "BooleanType" else 3)
            out.append(next(k for k in options if decode_value(column.type, k) == value))
    return tuple(out)


def _numeric(column) -> bool:
    return column.type.__class__.__name__ not in ("EnumType", "BooleanType")


@pytest.mark.parametrize("seed", range(100))
def test_verdicts_and_witnesses_are_those_of_brute_force(seed: int) -> None:
    rng = random.Random(seed)
    old = random_table(rng)
    new = changed(rng, old)
    before, after = rows_of(old), rows_of(new)
    (found,) = diff([old], [new], budget_s=30)
    assert found.open == ()
    expected = {
        (False, False): "equivalent",
        (True, False): "stricter",
        (False, True): "looser",
        (True, True): "neither",
    }[bool(before - after), bool(after - before)]
    assert found.verdict == expected
    for causes, gone in ((found.stricter, before - after), (found.looser, after - before)):
        for cause in causes:
            for row in cause.rows:
                assert key_of(old, dict(row)) in gone


@pytest.mark.parametrize("seed", range(60))
def test_the_causes_are_a_smallest_set(seed: int) -> None:
    """Added to the old rules the causes refuse what the new rules do; with one less they do not."""
    rng = random.Random(1000 + seed)
    old = random_table(rng)
    new = nodes.Table(old.name, old.columns, changed(rng, old).rules)
    (found,) = diff([old], [new], budget_s=30)
    wanted = rows_of(old) & rows_of(new)
    causes = [r for r in new.row_rules if f"rule {r.name}" in {c.title for c in found.stricter}]

    def allowed(rules: list[nodes.RowRule]) -> set:
        return rows_of(nodes.Table("t", old.columns, (*old.rules, *rules)))

    assert allowed(causes) == wanted
    for spared in causes:
        assert allowed([c for c in causes if c is not spared]) != wanted


def test_the_same_said_otherwise_is_equivalent() -> None:
    assert compared(BASE).verdict == "equivalent"
    assert compared(BASE.replace("a <= b", "not (b < a)")).verdict == "equivalent"
    assert compared(BASE.replace("rule w", "rule renamed")).verdict == "equivalent"


def test_columns_that_change_are_reported_and_compared() -> None:
    found = compared(BASE.replace("0 .. 10 optional", "0 .. 12"))
    assert found.verdict == "neither"
    assert found.changes == (
        "column b has the range 0 .. 12, had 0 .. 10",
        "column b is not optional any more",
    )
    assert [c.title for c in found.stricter] == ["that b is not optional"]
    assert found.stricter[0].rows[0]["b"] is None
    assert [c.title for c in found.looser] == ["the range of b"]
    wider = BASE.replace("'x', 'z'", "'x', 'y', 'z'").replace("decimal(6, 2)", "decimal(8, 3)")
    found = compared(wider)
    assert found.verdict == "looser"
    assert {c.title for c in found.looser} == {
        "the values of k",
        "the range of d",
        "the digits of d",
    }
    assert compared(BASE.replace("text(8)", "text(9)")).verdict == "looser"
    assert compared(BASE.replace("/[A-Z]+/", "/[A-Z]*/")).verdict == "looser"
    assert compared(BASE.replace("/[A-Z]+/", "/[A-Z]{2,}/")).verdict == "stricter"
    assert compared(BASE.replace("/[A-Z]+/", "/[A-Z][A-Z]*/")).verdict == "equivalent"
    assert compared(BASE.replace("/[A-Z]+/", "/[B-Z]*A?/")).verdict == "neither"
    assert compared(BASE.replace("'x', 'z'", "'z', 'x'")).verdict == "neither"


def test_rules_of_columns_that_one_version_lacks_are_named() -> None:
    found = compared(BASE.replace("  d decimal(6, 2)\n", "  e date\n  rule e: e > 2000-01-01\n"))
    assert found.verdict == "neither"
    assert "column d is removed" in found.changes
    assert "column e is added" in found.changes
    assert found.open == ("rule e speaks of a column that only one version has",)


def test_keys_are_compared_with_two_rows() -> None:
    found = compared(BASE.replace("integer key", "integer"))
    assert found.verdict == "looser"
    (cause,) = found.looser
    assert cause.title == "rule id_key"
    assert len(cause.rows) == 2
    assert cause.rows[0]["id"] == cause.rows[1]["id"]
    wider = BASE.replace("integer key", "integer").replace("rule r:", "unique (id, a)\n  rule r:")
    assert compared(wider).verdict == "looser"
    assert compared(BASE, wider).verdict == "stricter"


def test_tables_come_and_go() -> None:
    one = Model.parse("table a { x integer }").tables
    two = Model.parse("table a { x integer } table b { y integer }").tables
    found = diff(one, two)
    assert [(d.name, d.verdict, d.changes) for d in found] == [
        ("a", "equivalent", ()),
        ("b", "neither", ("the table is added",)),
    ]
    assert overall(found) == "neither"
    assert overall(diff(two, one)) == "neither"
    assert overall(diff(two, two)) == "equivalent"


def test_a_version_that_allows_nothing_is_the_strictest() -> None:
    nothing = BASE.replace("rule w: a + b <= 15", "rule w: a > 10")
    assert compared(nothing).verdict == "stricter"
    assert compared(BASE, nothing).verdict == "looser"
    assert compared(nothing.replace("a > 10", "a > 11"), nothing).verdict == "equivalent"


def test_what_time_does_not_allow_is_undecided() -> None:
    found = diff(
        Model.parse(BASE).tables, Model.parse(BASE.replace("<= 15", "<= 14")).tables, budget_s=0
    )
    assert found[0].verdict == "undecided"
    assert found[0].open


def test_witnesses_stand_before_the_oracle() -> None:
    new = BASE.replace("a > 2", "a * a > 10").replace("a <= b", "a < b")
    (old_table,), (new_table,) = Model.parse(BASE).tables, Model.parse(new).tables
    (found,) = diff([old_table], [new_table])
    assert found.verdict == "stricter"
    for cause in found.stricter:
        row = dict(cause.rows[0])
        assert all(evaluate(r.condition, row, old_table) is not False for r in old_table.row_rules)
        broken = [
            r.name for r in new_table.row_rules if evaluate(r.condition, row, new_table) is False
        ]
        assert cause.title.removeprefix("rule ") in broken
    assert np.all([len(c.rows) == 1 for c in found.stricter])
