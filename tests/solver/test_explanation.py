"""Explanations, judged by brute force: cores are true, and repairs are the smallest."""

from __future__ import annotations

import json
import os
import random
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from batches import to_batch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from random_models import make_model
from small_tables import all_rows, lawful, random_table
from strategies import make_case

from synthtab.errors import UsageError
from synthtab.ir import nodes
from synthtab.ir.evaluate import evaluate
from synthtab.ir.evaluate_tables import violations
from synthtab.lang.model import Model
from synthtab.schema import encode_value
from synthtab.solver.explaining.allowed import Allowed
from synthtab.solver.explaining.deduce import MOST_OPTIONS, deduce
from synthtab.solver.explaining.hitting import hitting_sets
from synthtab.solver.explanation import Explainer, Explanation, explain_row
from synthtab.solver.witness import breaking

GOLDEN = Path(__file__).parent / "golden"
RULES = Path(__file__).parents[2] / "rules"

EMPLOYEE = """
table employee {
  id         integer key
  birth_date date in 1930-01-01 .. 2010-12-31
  hire_date  date
  left_on    date optional
  quantity   integer in 1 .. 50
  price      decimal(8, 2) in 0 .. 10_000
  total      decimal(10, 2)
  code       text(8) matching /[A-Z]{2}[0-9]{3,6}/
  note       text(20) optional
  rule adult "Employees are adults when hired": hire_date >= birth_date + 18 years
  rule left_later: left_on > hire_date
  rule total: total = price * quantity
  rule noted: when price > 9_000 then note is not null and length(note) >= 5
  rule cheap at least 90%: price <= 100
}
"""
SOUND: dict[str, Any] = {
    "id": 1,
    "birth_date": date(1985, 1, 1),
    "hire_date": date(2010, 3, 4),
    "left_on": None,
    "quantity": 3,
    "price": Decimal("10.00"),
    "total": Decimal("30.00"),
    "code": "AB123",
    "note": None,
}


def employee(**changed: Any) -> Explanation:
    return explain_row(Model.parse(EMPLOYEE).table(), SOUND | changed)


def table_of(seed: int) -> tuple[nodes.Table, np.ndarray, np.ndarray, np.ndarray]:
    """Return a random table, all rows of it as codes and nulls, and which of them are lawful."""
    table = random_table(random.Random(seed))
    codes, nulls = all_rows(table)
    return table, codes, nulls, lawful(table, codes, nulls)


def cells(codes: np.ndarray, nulls: np.ndarray) -> list[int | None]:
    return [None if n else int(c) for c, n in zip(codes, nulls, strict=True)]


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
@example(233, 1)  # a cell that the range of its column can stand for
@example(463, 0)  # and one for want of what a product is
def test_against_brute_force(seed: int, pick: int) -> None:
    table, codes, nulls, good = table_of(seed)
    bad = np.flatnonzero(~good)
    if not len(bad):
        return
    row = cells(codes[bad[pick % len(bad)]], nulls[bad[pick % len(bad)]])
    names = table.column_names
    found = deduce(table, table.row_rules, dict(zip(names, row, strict=True)), budget_s=20)
    everything = [cells(c, n) for c, n in zip(codes, nulls, strict=True)]
    for one in found.contradictions:
        rules = tuple(r for r in table.row_rules if r.name in one.rules)
        allowed = lawful(replace(table, rules=rules), codes, nulls)
        kept = [names.index(c) for c in one.cells]
        assert not any(
            ok and all(other[k] == row[k] for k in kept)
            for ok, other in zip(allowed, everything, strict=True)
        )
        for at in kept:  # and none of its cells can be spared
            fewer = [k for k in kept if k != at]
            assert any(
                ok and all(other[k] == row[k] for k in fewer)
                for ok, other in zip(allowed, everything, strict=True)
            )
    legal = [r for r, ok in zip(everything, good, strict=True) if ok]
    if not legal:
        assert found.repair is None
        return
    assert found.repair is not None
    assert found.repair.minimal
    differ = [frozenset(n for n, a, b in zip(names, r, row, strict=True) if a != b) for r in legal]
    least = min(map(len, differ))
    smallest = {d for d in differ if len(d) == least}
    options = {frozenset(c.column for c in o) for o in found.repair.options}
    assert options <= smallest
    assert options == smallest or not found.repair.complete
    assert found.repair.complete or len(options) >= MOST_OPTIONS
    for option in found.repair.options:
        mended = list(row)
        for change in option:
            kind = table.column(change.column).type
            example = None if change.example is None else encode_value(kind, change.example)
            mended[names.index(change.column)] = example
        assert mended in legal
        for change in option:
            at = names.index(change.column)
            fits = {r[at] for r in legal if r[:at] + r[at + 1 :] == mended[:at] + mended[at + 1 :]}
            told = {r[at] for r in everything if change.allowed.has(r[at])}
            assert change.allowed.exact
            assert told == fits
            assert change.allowed.count == len(fits)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_steps_are_true(seed: int, pick: int) -> None:
    """With the given cells kept, the rules of a step leave its column what the step says."""
    table, codes, nulls, good = table_of(seed)
    bad = np.flatnonzero(~good)
    if not len(bad):
        return
    row = cells(codes[bad[pick % len(bad)]], nulls[bad[pick % len(bad)]])
    names = table.column_names
    found = deduce(table, table.row_rules, dict(zip(names, row, strict=True)), budget_s=20)
    everything = [cells(c, n) for c, n in zip(codes, nulls, strict=True)]
    for one in found.contradictions:
        for step in one.steps:
            rules = tuple(r for r in table.row_rules if r.name in step.rules)
            allowed = lawful(replace(table, rules=rules), codes, nulls)
            given_codes = {
                names.index(c): None if v is None else encode_value(table.column(c).type, v)
                for c, v in step.given.items()
            }
            at = names.index(step.column)
            left = {
                other[at]
                for ok, other in zip(allowed, everything, strict=True)
                if ok and all(other[k] == v for k, v in given_codes.items())
            }
            assert {r[at] for r in everything if step.allowed.has(r[at])} == left
        assert not one.steps or one.steps[-1].clash


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_a_cell_outside_its_range_has_to_change(seed: int) -> None:
    table, codes, nulls, good = table_of(seed)
    ranged = [c for c in table.columns if c.hi is not None]
    if not ranged or not good.any():
        return
    row = dict(zip(table.column_names, cells(codes[-1], nulls[-1]), strict=True))
    column = ranged[0]
    assert column.hi is not None
    row[column.name] = column.hi + 3
    found = deduce(table, table.row_rules, row, budget_s=20)
    assert found.contradictions[0].cells.keys() == {column.name}
    assert found.repair is not None
    legal = [cells(c, n) for c, n in zip(codes[good], nulls[good], strict=True)]
    own = [*row.values()]
    least = min(sum(a != b for a, b in zip(r, own, strict=True)) for r in legal)
    assert {len(o) for o in found.repair.options} == {least}
    assert all(column.name in {c.column for c in o} for o in found.repair.options)


@given(st.lists(st.frozensets(st.sampled_from("abcde"), min_size=1), max_size=6), st.integers(0, 4))
def test_hitting_sets(sets: list[frozenset[str]], most: int) -> None:
    found = list(hitting_sets(sets, "abcde", most))
    assert len(set(found)) == len(found)
    assert all(one & hit for hit in found for one in sets)
    union = sorted(set().union(*sets))
    every = [frozenset(c) for k in range(len(union) + 1) for c in combinations(union, k)]
    good = [s for s in every if all(one & s for one in sets)]
    least = min(map(len, good))
    if least <= most:
        assert {s for s in found if len(s) == least} == {s for s in good if len(s) == least}
    else:
        assert not found


@pytest.mark.parametrize("first", [0, 220, 270])
def test_tables_of_all_types(first: int) -> None:
    """Wide numbers, calendars and texts: every repair is one, as the oracle says."""
    explained = 0
    for seed in range(first, first + 15):
        case = make_case(seed, rules=2, rows=3)
        for row in case.rows:
            try:
                found = explain_row(case.table, row, budget_s=2)
            except UsageError:
                assert not any(
                    evaluate(r.condition, row, case.table) is False for r in case.table.row_rules
                )
                continue
            json.dumps(found.to_dict(), default=str)
            assert found.text()
            for option in found.repair.options if found.repair is not None else ():
                made = row | {change.column: change.example for change in option}
                with pytest.raises(UsageError, match="breaks no rule"):
                    explain_row(case.table, made)
                explained += 1
    assert explained >= 3


def test_rows_made_to_break_one_rule_are_explained_by_it() -> None:
    table = Model.parse(EMPLOYEE).table()
    told = 0
    for one in breaking(table, seed=2):
        rule = next(r for r in table.rules if r.name == one.rule)
        if isinstance(rule, nodes.RowRule) and one.rows:
            found = explain_row(table, one.rows[0])
            hard = [b.rule for b in found.broken if b.share is None]
            assert hard == [one.rule]
            assert found.repair is not None
            assert found.repair.minimal
            assert {c.rules[0] for c in found.contradictions} >= {one.rule}
            told += 1
    assert told == 4


def test_a_sound_row_is_refused() -> None:
    with pytest.raises(UsageError, match="breaks no rule"):
        employee()


def test_a_comparison_shows_both_sides() -> None:
    found = employee(hire_date=date(2001, 3, 4))
    assert [b.rule for b in found.broken] == ["adult"]
    step = found.broken[0].step
    assert step is not None
    assert step.filled == "hire_date (2001-03-04) >= birth_date + 18 years (2003-01-01)"
    assert step.value == "FALSE"
    assert step.parts[0].filled == "birth_date + 18 years: 1985-01-01 + 18 years"
    assert step.parts[0].value == "2003-01-01"
    assert found.repair is not None
    assert found.repair.minimal
    words = {o[0].column: o[0].allowed.words() for o in found.repair.options}
    assert words == {
        "birth_date": "between 1930-01-01 and 1983-03-04",
        "hire_date": "at least 2003-01-01",
    }


def test_products_and_texts() -> None:
    found = employee(price=Decimal(9500), total=Decimal(28500), code="X1")
    assert [b.rule for b in found.broken] == ["code: declaration", "noted", "cheap"]
    assert found.repair is not None
    # The soft rule lets the price be: this row may be an exception.
    assert [[c.column for c in o] for o in found.repair.options] == [["code", "note"]]
    changed = {c.column: c.example for c in found.repair.options[0]}
    made = SOUND | {"price": Decimal(9500), "total": Decimal(28500)} | changed
    table = Model.parse(EMPLOYEE).table()
    assert all(evaluate(r.condition, made, table) is not False for r in table.row_rules)
    assert "code ('X1') matching /[A-Z]{2}[0-9]{3,6}/ is FALSE" in found.text()
    assert "rule cheap (asked of at least 90% of the rows): price <= 100" in found.text()


def test_a_soft_rule_alone() -> None:
    found = employee(price=Decimal(200), total=Decimal(600))
    assert [b.rule for b in found.broken] == ["cheap"]
    assert found.repair is not None
    assert {frozenset(c.column for c in o) for o in found.repair.options} == {
        frozenset({"price", "total"}),
        frozenset({"price", "quantity"}),
    }


def test_null_where_none_may_be() -> None:
    found = employee(quantity=None)
    assert [b.rule for b in found.broken] == ["quantity: declaration"]
    assert "quantity (NULL) is not null is FALSE" in found.text()
    assert found.repair is not None
    assert [[c.column for c in o] for o in found.repair.options] == [["quantity"]]
    assert found.repair.options[0][0].allowed.words() == "3"


def test_rules_that_exclude_every_row() -> None:
    table = Model.parse(
        "table t {\n  a integer in 0 .. 9\n  rule low: a < 3\n  rule high: a > 5\n}"
    ).table()
    found = explain_row(table, {"a": 4})
    assert found.repair is None
    assert "No repair is possible: the rules exclude every row." in found.text()
    assert json.loads(json.dumps(found.to_dict()))["repair"] is None


def test_a_budget_that_is_spent_is_said() -> None:
    table = Model.parse(EMPLOYEE).table()
    found = explain_row(table, SOUND | {"total": Decimal(31)}, budget_s=1e-9)
    assert found.repair is not None
    assert not found.repair.minimal
    assert not found.repair.complete
    assert [c.rules for c in found.contradictions] == [("total",)]
    (option,) = found.repair.options  # found greedily, and checked
    made = SOUND | {"total": Decimal(31)} | {c.column: c.example for c in option}
    assert all(evaluate(r.condition, made, table) is not False for r in table.row_rules)
    assert "is not proved: the time for it ran out." in found.text()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"quantity": "three"}, "column 'quantity': 'three' is not a value of integer"),
        ({"price": 1.5}, "column 'price': 1.5 is not a value of"),
        ({"code": 7}, "column 'code': 7 is not a value of"),
    ],
)
def test_values_of_another_type_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        employee(**changed)


def test_a_column_without_a_value_is_refused() -> None:
    values = {k: v for k, v in SOUND.items() if k != "note"}
    with pytest.raises(UsageError, match="no value for column 'note'"):
        explain_row(Model.parse(EMPLOYEE).table(), values)


def test_a_row_that_is_not_there() -> None:
    table = Model.parse(EMPLOYEE).table()
    batch = to_batch(table.columns, [SOUND])
    explainer = Explainer([table], {table.name: batch})
    with pytest.raises(UsageError, match="has 1 rows; there is no row 2"):
        explainer.row("employee", 1)
    with pytest.raises(UsageError, match="no rows are given of table 'other'"):
        explainer.row("other", 0)
    with pytest.raises(UsageError, match="no rows were given"):
        Explainer([table]).row("employee", 0)


# Rules that look at other rows.


@pytest.mark.parametrize("block", range(4))
def test_changes_across_rows_do_what_they_say(block: int) -> None:
    explained = options = 0
    for seed in range(block * 12, block * 12 + 12):
        case = make_model(seed, rules=3, rows=5)
        before = violations(case.tables, case.rows)
        explainer = Explainer(case.tables, case.batches, budget_s=2)
        for (table, rule), broken in before.items():
            for at in [k for k, bad in enumerate(broken) if bad][:1]:
                found = explainer.row(table, at)
                told = {b.rule for b in found.broken}
                assert told >= {r for (t, r), bad in before.items() if t == table and bad[at]}
                json.dumps(found.to_dict(), default=str)
                assert found.text()
                assert found.as_feedback()
                explained += 1
                for one in found.across:
                    if one.rule == rule:
                        options += len(one.options)
                        for option in one.options:
                            _check(case, before, (table, rule, at), option)
    assert explained >= 5
    assert options >= 3


def _check(case: Any, before: Any, asked: tuple[str, str, int], option: Any) -> None:
    rows = {name: [dict(r) for r in records] for name, records in case.rows.items()}
    for change in option:
        assert rows[change.table][change.row - 1][change.column] == change.old
        rows[change.table][change.row - 1][change.column] = change.new
    after = violations(case.tables, rows)
    table, rule, at = asked
    assert not after[table, rule][at]
    for key, broken in after.items():
        assert not any(b and not a for a, b in zip(before[key], broken, strict=True)), key


COMPANY = """
table department {
  id      integer key
  payroll decimal(10, 2) in 0 .. 1_000_000
}
table employee {
  id        integer key
  dept_id   integer -> department.id
  salary    decimal(10, 2) in 0 .. 500_000
  boss      integer optional -> employee.id
  starts    integer in 0 .. 100
  ends      integer in 0 .. 100
  email     text(20) unique
  rule payroll "The payroll covers all": sum(salary) per dept_id <= department.payroll
  rule fair: salary <= 3 * avg(salary) per dept_id
  rule below: salary <= boss.salary
  rule rises: increasing(starts) per dept_id ordered by id
  rule apart: no overlap (starts, ends) per dept_id
  rule order: starts < ends
}
"""


def company() -> Explainer:
    tables = Model.parse(COMPANY).tables

    def one(*values: Any) -> dict[str, Any]:
        names = ("id", "dept_id", "salary", "boss", "starts", "ends", "email")
        return dict(zip(names, values, strict=True))

    rows: dict[str, list[dict[str, Any]]] = {
        "department": [{"id": 1, "payroll": Decimal(1000)}, {"id": 2, "payroll": Decimal(5000)}],
        "employee": [
            one(1, 1, Decimal(600), None, 0, 5, "a"),
            one(2, 1, Decimal(500), 1, 4, 9, "b"),
            one(3, 2, Decimal(700), 1, 0, 5, "b"),
            one(4, 9, Decimal(700), None, 7, 5, "d"),
        ],
    }
    return Explainer(tables, {t.name: to_batch(t.columns, rows[t.name]) for t in tables})


def test_a_group_is_shown_with_its_figures() -> None:
    found = company().row("employee", 0)
    payroll = next(a for a in found.across if a.rule == "payroll")
    assert payroll.figures == {"sum(salary) per dept_id": 1100, "department.payroll": 1000}
    assert {(s.table, s.row) for s in payroll.seen} == {("department", 1), ("employee", 2)}
    assert payroll.count == 2
    assert payroll.minimal
    assert all(len(option) == 1 for option in payroll.options)


def test_what_a_repair_would_harm_is_said() -> None:
    tables = Model.parse(
        "table t {\n  id integer in 1 .. 4 key\n  x integer in 0 .. 9\n  rule same: x = id\n}"
    ).tables
    rows = [{"id": 1, "x": 2}, {"id": 2, "x": 2}]
    found = Explainer(tables, {"t": to_batch(tables[0].columns, rows)}).row("t", 0)
    assert found.repair is not None
    assert [o[0].column for o in found.repair.options] == ["x", "id"]
    assert found.repair.harms == ((), ("id_key",))
    assert "which would break rule id_key" in found.text()


def test_a_repair_takes_the_value_that_other_rows_ask_for() -> None:
    tables = Model.parse(
        "table t {\n  g integer in 0 .. 3\n  x integer in 0 .. 50\n  top boolean\n"
        "  rule sums: when top then x = sum(x where not top) per g\n  rule low: x <= 40\n}"
    ).tables
    rows = [
        {"g": 1, "x": 7, "top": False},
        {"g": 1, "x": 8, "top": False},
        {"g": 1, "x": 44, "top": True},
    ]
    found = Explainer(tables, {"t": to_batch(tables[0].columns, rows)}).row("t", 2)
    assert found.repair is not None
    ((change,),) = found.repair.options
    assert (change.column, change.example) == ("x", 15)
    assert found.repair.harms == ()
    assert "x from 44 to a value between 0 and 40, for instance 15" in found.as_feedback()


def golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("SYNTHTAB_UPDATE_GOLDEN"):
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")


def test_what_people_read() -> None:
    adult = Model.load(RULES / "adult.rules").table()
    wife: dict[str, Any] = {
        "age": 17,
        "workclass": "Private",
        "fnlwgt": 77_516,
        "education": "Doctorate",
        "education_num": 13,
        "marital_status": "Never-married",
        "occupation": "Sales",
        "relationship": "Wife",
        "race": "White",
        "sex": "Male",
        "capital_gain": 0,
        "capital_loss": 50,
        "hours_per_week": 140,
        "native_country": "Cuba",
        "income": "<=50K",
    }
    told = [explain_row(adult, wife, row=5), employee(hire_date=date(2001, 3, 4))]
    told += [company().row("employee", at) for at in range(4)]
    parts = [f"{e.text()}\n\n--- to a model:\n{e.as_feedback()}\n" for e in told]
    golden("explanations.txt", "\n=====\n".join(parts))


def test_ranges_in_words() -> None:
    table = Model.parse(
        "table t {\n  n integer in 0 .. 100\n  m integer\n  e enum('a', 'b', 'c', 'd', 'e', 'f')\n}"
    ).table()
    n, m, e = table.columns
    assert Allowed(n, ((0, 100),)).words() == "any value between 0 and 100"
    assert Allowed(n, ((0, 2),), null=True).words() == "0, 1, 2 or NULL"
    assert Allowed(n, ((0, 49), (51, 100))).words() == "anything between 0 and 100 but 50"
    assert Allowed(n, ((0, 90),), stride=10).words() == "between 0 and 90 in steps of 10"
    assert Allowed(m, ((-(2**63) + 1, 7),)).words() == "at most 7"
    assert Allowed(e, ((0, 1), (3, 5))).words() == "anything but 'c'"
    assert Allowed(e, ((2, 3),)).words() == "'c' or 'd'"
    assert Allowed(e, ()).words() == "no value that was found"
    assert Allowed(n, ((0, 90),), stride=10).nearest(34) == 30
    assert Allowed(n, ((0, 2), (7, 9))).nearest(6) == 7
    assert Allowed(n, ((5, 95),), stride=10).nearest(None) == 5
    assert Allowed(m, ((1, 2**62),)).nearest(2**63 - 1) == 2**62
