"""Explanations of rules that look at other rows: what was found there, and what would do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from batches import to_batch
from explained_rows import company
from random_models import make_model

from synthtab.ir.evaluate_tables import violations
from synthtab.lang.model import Model
from synthtab.solver.explanation import Explainer


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
