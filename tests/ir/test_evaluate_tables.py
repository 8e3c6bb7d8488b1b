"""What rules across rows and tables mean, case by case: the oracle on small tables."""

from __future__ import annotations

from datetime import date

import pytest

from synthtab.ir.evaluate_tables import violations
from synthtab.lang.model import Model

COLUMNS = """
table p {
  id integer optional
  k  integer unique
  x  integer optional
}
table t {
  g  integer optional
  k  integer
  x  integer optional
  d  date optional
  e  date optional
  pk integer optional -> p.k
"""
Cells = tuple[int | None, ...]


def broken(rule: str, rows: list[Cells], parents: list[Cells] = ()) -> list[int]:  # type: ignore[assignment]
    """Return the rows of ``t``, from 0, that break the rule; rows are (g, x) or (g, x, pk)."""
    model = Model.parse(f"{COLUMNS}  {rule}\n}}\n")
    records = [
        {"g": r[0], "k": at, "x": r[1], "d": None, "e": None, "pk": r[2] if len(r) > 2 else None}
        for at, r in enumerate(rows)
    ]
    above = [{"id": None, "k": k, "x": x} for k, x in parents]
    found = violations(model.tables, {"t": records, "p": above})
    name = model.table("t").rules[-1].name
    return [at for at, bad in enumerate(found["t", name]) if bad]


@pytest.mark.parametrize(
    ("rule", "rows", "expected"),
    [
        ("rule r: count() per g <= 1", [(1, 0), (1, 0), (2, 0), (None, 0)], [0, 1]),
        ("rule r: count(x) per g >= 1", [(1, None), (2, 0), (None, None)], [0]),
        ("rule r: count(distinct x) per g = 1", [(1, 5), (1, 5), (2, 5), (2, 6)], [2, 3]),
        ("rule r: sum(x) per g = 3", [(1, 1), (1, 2), (2, None), (3, 4)], [3]),
        ("rule r: sum(x where x > 0) per g = 3", [(1, 3), (1, -9), (2, -1)], []),
        ("rule r: avg(x) per g >= 2", [(1, 1), (1, 2), (2, 2), (3, None)], [0, 1]),
        ("rule r: max(x) per g - min(x) per g < 2", [(1, 1), (1, 3), (2, 7)], [0, 1]),
        ("rule r: x <= avg(x)", [(1, 1), (1, 2), (None, 3)], [2]),
        # Sequences: NULL comes first in the order, the first row has none before it.
        ("rule r: increasing(x) per g ordered by k", [(1, 1), (1, 1), (2, 0), (1, 2)], [1]),
        ("rule r: non_decreasing(x) per g ordered by k", [(1, 1), (1, 1), (1, 0)], [2]),
        ("rule r: x = previous(x, 10) per g ordered by k + 1", [(1, 11), (1, 12), (1, 9)], [2]),
        ("rule r: x = previous(x) per g ordered by k + 1", [(1, 7), (1, 9), (None, 1)], [1]),
        ("rule r: gap_free(x) per g", [(1, 1), (1, 2), (1, 4), (1, 5), (2, 2)], [2, 4]),
        ("rule r: gap_free(x) per g", [(1, 1), (1, 1), (1, 2), (None, 9), (1, None)], [0, 1]),
        ("rule r: gap_free(x, 0) per g", [(1, 0), (1, 1), (1, -1)], [2]),
        # Rules about several rows.
        (
            "rule r: g determines x",
            [(1, 5), (1, 6), (2, None), (2, None), (3, 1), (3, None)],
            [0, 1, 4, 5],
        ),
        ("rule r: g determines x", [(None, 5), (None, 6)], []),
        ("rule r: unique (g, x)", [(1, 5), (1, 5), (1, None), (1, None), (1, 5)], [1, 4]),
        ("rule r: unique (g) where x > 0", [(1, 5), (1, -5), (1, 6), (1, None)], [2]),
        ("rule r: forbid pair (a, b): a.g = b.g and a.x < b.x", [(1, 1), (1, 2), (2, 9)], [0, 1]),
        ("rule r: forbid pair (a, b): a.x >= b.x", [(1, 1)], []),
        ("rule r: forbid pair (a, b): a.x = b.x", [(1, 1), (1, None), (2, 1)], [0, 2]),
    ],
)
def test_rules_over_one_table(rule: str, rows: list[Cells], expected: list[int]) -> None:
    assert broken(rule, rows) == expected


@pytest.mark.parametrize(
    ("rule", "rows", "parents", "expected"),
    [
        ("rule r: p.x = x", [(0, 5, 1), (0, 6, 1), (0, 7, 9), (0, 8, None)], [(1, 5)], [1]),
        ("rule r: x > 0", [(0, 0, 1)], [(1, None)], [0]),
        (
            "rule r: sum(x) per pk <= p.x",
            [(0, 3, 1), (0, 3, 1), (0, 3, 2)],
            [(1, 5), (2, 5)],
            [0, 1],
        ),
    ],
)
def test_rules_that_reach_a_parent(
    rule: str, rows: list[Cells], parents: list[Cells], expected: list[int]
) -> None:
    assert broken(rule, rows, parents) == expected


def test_orphans_are_rows_whose_values_no_parent_has() -> None:
    model = Model.parse(COLUMNS + "}\n")
    rows = [{"g": 0, "k": 0, "x": 0, "d": None, "e": None, "pk": pk} for pk in (1, 2, None)]
    found = violations(model.tables, {"t": rows, "p": [{"id": 0, "k": 1, "x": 0}]})
    assert found["t", "pk_reference"] == [False, True, False]


def test_children_are_counted_from_the_parent() -> None:
    text = COLUMNS.replace("x  integer optional\n}", "x  integer optional\n  rule c: FIGURE\n}", 1)
    parents = [{"id": 0, "k": k, "x": 6} for k in (1, 2, 3)]
    rows = [
        {"g": 0, "k": 0, "x": x, "d": None, "e": None, "pk": pk}
        for pk, x in ((1, 2), (1, 4), (2, None), (9, 1))
    ]
    for figure, expected in (
        ("count(of t) >= 1", [False, False, True]),
        ("count(x of t) >= 1", [False, True, True]),
        ("sum(x of t) = x", [False, False, False]),
        ("sum(x of t where x > 2) = x", [True, False, False]),
    ):
        model = Model.parse(text.replace("FIGURE", figure) + "}\n")
        assert violations(model.tables, {"t": rows, "p": parents})["p", "c"] == expected, figure


def test_intervals_are_half_open() -> None:
    model = Model.parse(COLUMNS + "  rule r: no overlap (d, e) per g\n}\n")
    spans = [(1, 1, 5), (1, 5, 9), (1, 8, 9), (2, 1, 9), (1, 3, 3), (1, 4, None), (None, 1, 9)]
    rows = [
        {
            "g": g,
            "k": 0,
            "x": 0,
            "pk": None,
            "d": date(2024, 1, start),
            "e": None if end is None else date(2024, 1, end),
        }
        for g, start, end in spans
    ]
    found = violations(model.tables, {"t": rows, "p": []})["t", "r"]
    assert [at for at, bad in enumerate(found) if bad] == [1, 2]
