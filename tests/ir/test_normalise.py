"""The forms rules are lowered to; that they mean the same is tested in test_parity."""

from __future__ import annotations

import re

import pytest

from synthtab.ir import core
from synthtab.ir.normalise import constant_number, like_pattern, lower
from synthtab.lang.model import Model

COLUMNS = """
  x integer optional
  y integer
  m decimal(10,2)
  d date
  e date
  t datetime
  h datetime(hour)
  flag boolean
  g enum('a', 'b', 'c')
  k enum('c', 'x')
  s text(9)
"""
X, Y, M, D, E, T, H, G, S = map(core.Var, "xymdethgs")


def lowered(rule: str) -> core.Cond:
    table = Model.parse(f"table r {{\n{COLUMNS}\n rule r: {rule}\n}}").table()
    return lower(table.row_rules[0].condition, table)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("x < 3", core.Cmp("<=", X, core.Const(2))),
        ("x > 3", core.Cmp("<=", core.Const(4), X)),
        ("2 * x <= 7", core.Cmp("<=", X, core.Const(3))),
        ("-2 * x <= 7", core.Cmp("<=", core.Const(-3), X)),
        ("x + 1 = y + 1", core.Cmp("=", X, Y)),
        ("x < y", core.Cmp("<", X, Y)),
        ("x - y < 5", core.Cmp("<=", X, core.Sum(((1, Y),), 4))),
        ("m <= 0.5 * y", core.Cmp("<=", M, core.Sum(((50, Y),)))),
        ("m / 3 = 2", core.Cmp("=", M, core.Const(600))),
        ("y in (3, 1.5, 1)", core.InSet(Y, (1, 3))),
        ("y + 1 in (3, 1)", core.InSet(Y, (0, 2))),
        ("m in (1.5, 1.555)", core.Cmp("=", M, core.Const(150))),
        ("d + 2 weeks <= e", core.Cmp("<=", D, core.Sum(((1, E),), -14))),
        ("e - d >= 30 days", core.Cmp("<=", D, core.Sum(((1, E),), -30))),
        ("d + 1 years <= e", core.Cmp("<=", core.AddMonths(D, core.Const(12)), E)),
        ("t >= h", core.Cmp("<=", core.Sum(((3600, H),)), T)),
        ("t - h < 1 hours", core.Cmp("<=", T, core.Sum(((3600, H),), 3599))),
        ("flag", core.Cmp("=", core.Var("flag"), core.Const(1))),
        ("g < 'c'", core.Cmp("<=", G, core.Const(1))),
        ("g in ('a', 'c')", core.InSet(G, (0, 2))),
        ("g matching /a|c/", core.InSet(G, (0, 2))),
        ("g like '_'", core.InSet(G, (0, 1, 2))),
        ("s = 'q'", core.TextIs(S, "q")),
        ("x is null", core.IsNull(X)),
        ("x + y is null", core.Or((core.IsNull(X), core.IsNull(Y)))),
        ("not (not (x = 1))", core.Cmp("=", X, core.Const(1))),
        ("1 + 1 = 2", core.Truth(True)),
        ("1 / 0 = 2", core.Truth(None)),
        ("year(2020-05-05) = 2020", core.Truth(True)),
        ("2020-01-31 + 1 months = 2020-02-29", core.Truth(True)),
        ("length('☃') = 1", core.Truth(True)),
        ("min(3, 2) = 2 and max(1, 4, 3) = 4 and abs(-2) = 2", core.Truth(True)),
        ("coalesce('a', s) = 'a'", core.Truth(True)),
    ],
)
def test_normal_forms(rule: str, expected: core.Cond) -> None:
    assert lowered(rule) == expected


def test_what_cancels_out_is_still_unknown_where_it_is_null() -> None:
    null_or_fine = core.Or((core.Not(core.IsNull(X)), core.Truth(None)))
    assert lowered("x = x") == null_or_fine
    assert lowered("0 * x = 0") == null_or_fine
    assert lowered("2 * x = 1") == core.And((core.IsNull(X), core.Truth(None)))


def test_products_take_out_constants_and_do_not_mind_the_order() -> None:
    assert lowered("(2 * x) * (3 * y) = 12") == core.Cmp("=", core.Product(X, Y), core.Const(2))
    assert lowered("x * y = 2") == lowered("y * x = 2")


def test_constant_numbers_are_known() -> None:
    table = Model.parse(
        f"table r {{\n{COLUMNS}\n rule r: y / (min(2, 3) - 0.5) = x / 0\n}}"
    ).table()
    comparison = table.row_rules[0].condition
    divisor, zero = comparison.left.right, comparison.right.right  # type: ignore[union-attr]
    assert constant_number(divisor, table) == 1.5
    assert constant_number(zero, table) == 0
    assert constant_number(comparison.right, table) is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("a_c", "abc", True),
        ("a_c", "a\nc", True),
        ("a%", "a", True),
        ("%a%", "xax\n", True),
        ("a.c", "abc", False),
        ("50%", "500", True),
        ("_", "", False),
        ("", "", True),
        ("[a]", "[a]", True),
    ],
)
def test_like_as_a_regular_expression(pattern: str, text: str, expected: bool) -> None:
    assert bool(re.fullmatch(like_pattern(pattern), text)) == expected
