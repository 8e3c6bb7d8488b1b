"""Rows to be explained: of one table, and of two with rules that look at other rows."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from batches import to_batch

from synthtab.lang.model import Model
from synthtab.solver.explanation import Explainer, Explanation, explain_row

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
