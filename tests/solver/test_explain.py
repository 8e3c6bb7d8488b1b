"""What rulecheck plan says of a column, in words."""

import pytest

from synthtab.lang.model import Model
from synthtab.solver.project import compile_plan

TABLE = """table t {
  kind  enum('a', 'b', 'c', 'd')
  price decimal(8, 6) in 0 .. 20
  paid  decimal(8, 6) in 0 .. 20
  n     integer in 0 .. 50
  m     integer in 0 .. 50
  born  date in 1950-01-01 .. 2000-12-31
  hired date optional
  flag  boolean
  rule r: %s
}"""


@pytest.mark.parametrize(
    ("rule", "column", "words"),
    [
        ("n <= 12", "n", "n <= 12"),
        ("price = 0 or price >= 0.0001", "price", "price = 0.000000 or price >= 0.000100"),
        ("when kind in ('a', 'b') then flag", "kind", "kind in ('c', 'd') or flag = true"),
        ("kind >= 'c'", "kind", "kind in ('c', 'd')"),
        ("3 * n + 1 <= 2 * m", "m", "3*n + 1 <= 2*m"),
        ("2 * n = 3 * m", "n", "n is a multiple of 3"),
        (
            "hired >= born + 18 years",
            "hired",
            "hired is null or born + 216 months <= hired (in days)",
        ),
        ("paid <= price", "price", "paid <= price (in units of 0.000001)"),
        ("hired is null or born < 1980-06-01", "born", "hired is null or born <= 1980-05-31"),
    ],
)
def test_a_column_in_words(rule, column, words):
    order = None
    if column in {"price", "born"}:
        order = ["paid", "hired", "kind", "price", "n", "m", "born", "flag"]
    if column == "n":
        order = ["n", "m", "kind", "price", "paid", "born", "hired", "flag"]
    plan = compile_plan(Model.parse(TABLE % rule).table(), order=order)
    allowed = {row["column"]: row["allowed"] for row in plan.describe()}
    assert allowed[column] == words


def test_long_formulas_are_counted():
    rule = " or ".join(f"n = {k} and m = {k + 1}" for k in range(20))
    plan = compile_plan(Model.parse(TABLE % rule).table())
    allowed = [row["allowed"] for row in plan.describe()]
    assert any("comparisons over m, n" in str(a) for a in allowed)
