"""What the language means, by example: NULL, exactness, calendar."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest

from synthtab.ir.evaluate import Result, evaluate
from synthtab.lang.model import Model

COLUMNS = """
  x integer optional
  y integer
  m decimal(10,2)
  d date
  t datetime
  flag boolean optional
  g enum('low', 'mid', 'high')
  s text(9)
"""
ROW = {
    "x": None,
    "y": 7,
    "m": Decimal("0.10"),
    "d": date(2024, 1, 31),
    "t": datetime(2024, 2, 29, 23, 59, 58),
    "flag": None,
    "g": "mid",
    "s": "naïve\n☃",
}


def result(rule: str) -> Result:
    table = Model.parse(f"table r {{\n{COLUMNS}\n rule r: {rule}\n}}").table()
    return evaluate(table.row_rules[0].condition, ROW, table)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        # NULL
        ("x = 1", None),
        ("x != 1", None),
        ("x = x", None),
        ("x is null", True),
        ("x + 1 is null", True),
        ("x = 1 and y = 8", False),
        ("x = 1 and y = 7", None),
        ("x = 1 or y = 7", True),
        ("not (x = 1)", None),
        ("when x = 1 then y = 7", True),
        ("when x = 1 then y = 8", None),
        ("when y = 8 then x = 1", True),
        ("x = 1 iff y = 7", None),
        ("y = 7 iff m > 0", True),
        ("y = 8 iff m > 0", False),
        ("x in (1, 2)", None),
        ("y between x and 3", False),
        ("y between x and 9", None),
        ("min(x, y) = 7", None),
        ("coalesce(x, y) = 7", True),
        ("case when x = 1 then 1 when y = 7 then 2 end = 2", True),
        ("case when x = 1 then 1 end is null", True),
        ("y / 0 = 1", None),
        ("y / 0 is null", True),
        ("flag", None),
        ("flag = true", None),
        # exactness
        ("m * 3 = 0.3", True),
        ("y / 3 * 3 = 7", True),
        ("y / 7 = 1", True),
        ("abs(-y) = 7", True),
        ("max(m, 0.10) = 0.1", True),
        # calendar
        ("d + 1 months = 2024-02-29", True),
        ("d + 13 months = 2025-02-28", True),
        ("d - 2 months = 2023-11-30", True),
        ("d + 1 years = 2025-01-31", True),
        ("d + 1 weeks = 2024-02-07", True),
        ("2024-03-01 - d = 30", True),
        ("date(t) - d = 29 days", True),
        ("t + 2 seconds = 2024-03-01T00:00:00", True),
        ("t - 2024-02-29T11:59:58 = 12 hours", True),
        ("t - 2024-02-29T11:59:58 = 0.5", True),
        ("hour(t) = 23 and minute(t) = 59 and second(t) = 58", True),
        ("weekday(d) = 3 and quarter(d) = 1 and year(d) = 2024", True),
        ("year(d - 3000 years) = -976", True),
        ("year(d + 9000 years) = 11024", True),
        # strings
        ("g < 'high' and g > 'low'", True),
        ("max(y, 1) > 1 and g in ('mid')", True),
        ("length(s) = 7", True),
        ("s like 'na_ve%'", True),
        ("s like 'NA%'", False),
        ("s matching /na.*/", False),
        ("g matching /m.d/", True),
        ("g matching /m/", False),
        ("coalesce(g, 'low') = 'mid'", True),
    ],
)
def test_rules_by_example(rule: str, expected: bool | None) -> None:
    assert result(rule) is expected
