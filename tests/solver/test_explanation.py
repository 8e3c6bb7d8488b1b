"""Explanations of single rows: what is said of them, and bad input."""

from __future__ import annotations

import json
import os
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from batches import to_batch
from explained_rows import EMPLOYEE, SOUND, company, employee
from strategies import make_case

from synthtab.errors import UsageError
from synthtab.ir import nodes
from synthtab.ir.evaluate import evaluate
from synthtab.lang.model import Model
from synthtab.solver.explanation import Explainer, explain_row
from synthtab.solver.witness import breaking

GOLDEN = Path(__file__).parent / "golden"
RULES = Path(__file__).parents[2] / "rules"


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
        ({"quantity": 2**70}, "column 'quantity': 1180591620717411303424 is no integer"),
        ({"price": Decimal(10) ** 30}, "column 'price': 1\\.0*E\\+30 is no decimal"),
        ({"price": Decimal("Infinity")}, "column 'price': Infinity is no decimal"),
        ({"price": Decimal("NaN")}, "column 'price': NaN is no decimal"),
    ],
)
def test_values_of_another_type_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        employee(**changed)


def test_a_value_of_more_digits_than_its_type_has_is_explained() -> None:
    found = employee(price=Decimal(10) ** 7)
    assert found.broken[0].rule == "price: declaration"


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
    with pytest.raises(UsageError, match=r"there is no table 'other'.*given are 'employee'"):
        Explainer([table]).alone("other", {})


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
