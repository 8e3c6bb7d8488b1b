"""Sums over the same rows: what they can come to together, counted out by brute force."""

from __future__ import annotations

from itertools import combinations_with_replacement, product

import pytest
from test_without_data import mended, sampled

from synthtab.ir import nodes
from synthtab.ir.normalise import lower
from synthtab.lang.model import Model
from synthtab.relational.structure import structure
from synthtab.relational.view import View
from synthtab.relational.views import views
from synthtab.solver.eliminate import Deadline
from synthtab.solver.inquiry import Inquiry, rule_claims

TWO = """
table entry {{
  id integer key
  a  integer in 0 .. 20
  b  integer in 0 .. 20
  rule first: a = coalesce(sum(x of line), 0)
  rule second: b = coalesce(sum(y of line), 0)
}}
table line {{
  id       integer key
  entry_id integer -> entry.id
  x        integer in 0 .. 20
  y        integer in 0 .. 20
  rule kinds: {rule}
}}
"""
ROWS = {
    "(x > 0 and y = 0) or (x = 0 and y > 0)": lambda x, y: (x > 0) != (y > 0),
    "x = 0 or y = 0": lambda x, y: x == 0 or y == 0,
    "x + y > 0": lambda x, y: x + y > 0,
    "when x > 0 then y > 0": lambda x, y: x == 0 or y > 0,
    "x > 0 and y = 0": lambda x, y: x > 0 and y == 0,
    "x <= 20": lambda x, y: True,
}


def seen(text: str) -> dict[str, View]:
    tables = Model.parse(text).tables
    return views(structure(tables), {t.name: frozenset({"id"}) for t in tables}, {})


@pytest.mark.parametrize("rule", ROWS)
def test_a_parent_asks_for_what_so_many_children_can_come_to(rule: str) -> None:
    view = seen(TWO.format(rule=rule))["entry"]
    (number,) = view.counts
    asked = Inquiry(view.table, rule_claims(view.table, view.table.row_rules), Deadline(60.0))
    # No sum is so large that the most a row can add would matter.
    rows = [(x, y) for x, y in product(range(4), repeat=2) if ROWS[rule](x, y)]
    for many in range(4):
        wanted = {
            (sum(x for x, _ in some), sum(y for _, y in some))
            for some in combinations_with_replacement(rows, many)
        }
        for a, b in product(range(4), repeat=2):
            cells = {number: many, "a": a, "b": b}
            held = [
                nodes.Compare("=", nodes.ColumnRef(name), nodes.Literal(value))
                for name, value in cells.items()
            ]
            verdict = asked.can(lower(nodes.And(tuple(held)), view.table)).verdict
            assert verdict == ("yes" if (a, b) in wanted else "no"), cells


def test_sums_that_do_not_bear_on_each_other_are_left_alone() -> None:
    plain, bound = (seen(TWO.format(rule=r)) for r in ("x <= 20", "x = 0 or y = 0"))
    for name in ("entry", "line"):
        assert len(bound[name].rests) > len(plain[name].rests) == 2


def test_both_sides_of_an_entry_come_out_equal() -> None:
    got = sampled(
        "table entry { id integer key amount decimal(12, 2) in 0.01 .."
        " rule two: count(of line) >= 2"
        " rule debits: amount = coalesce(sum(debit of line), 0)"
        " rule credits: amount = coalesce(sum(credit of line), 0) }"
        "table line { id integer key entry_id integer -> entry.id"
        " debit decimal(12, 2) in 0 .. credit decimal(12, 2) in 0 .."
        " rule one_side: (debit > 0 and credit = 0) or (debit = 0 and credit > 0) }",
        {"entry": 60},
    )
    assert mended(got) == 0
    sides = got.frames["line"].assign(on=lambda f: f["debit"] > 0).groupby("entry_id")["on"]
    assert (sides.nunique() == 2).all()


def test_sums_of_rows_of_one_sort_each_come_out() -> None:
    got = sampled(
        "table game { id integer key home integer in 0 .. 30 away integer in 0 .. 30"
        " rule home_points: home = coalesce(sum(points of goal where side = 'home'), 0)"
        " rule away_points: away = coalesce(sum(points of goal where side = 'away'), 0) }"
        "table goal { id integer key game_id integer -> game.id"
        " side enum('home', 'away') points integer in 1 .. }",
        {"game": 60},
    )
    assert mended(got) == 0
    assert (got.frames["game"]["home"] > 0).any()
