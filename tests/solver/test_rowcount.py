"""How many rows can exist, against the largest set of rows brute force finds."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from small_tables import all_rows, lawful, random_table

from synthtab.ir import nodes
from synthtab.solver.components import groups
from synthtab.solver.prove import examine


@pytest.mark.parametrize("seed", range(60))
def test_one_key_leaves_as_many_rows_as_it_has_values(seed: int) -> None:
    rng = random.Random(seed)
    plain = random_table(rng)
    names = rng.sample(plain.column_names, rng.randint(1, 2))
    columns = tuple(replace(c, optional=False) if c.name in names else c for c in plain.columns)
    key = nodes.UniqueRule("key", tuple(names), primary=True)
    table = nodes.Table("t", columns, (*plain.rules, key))
    codes, nulls = all_rows(table)
    good = codes[lawful(table, codes, nulls)][:, [table.column_names.index(n) for n in names]]
    most = len({tuple(row) for row in good.tolist()})
    if not most:
        return
    for rows in (most, most + 1):
        found = {d.code for d in examine([table], budget_s=30, rows=rows)}
        assert ("E304" in found) == (rows > most), rows
        assert "W303" not in found


def test_groups_are_connected_and_whole() -> None:
    found = groups("abcdefg", [("a", "c"), (), ("e",), ("c", "d"), ("g", "e")])
    assert [("".join(g.columns), g.rules) for g in found] == [
        ("acd", (0, 3)),
        ("b", ()),
        ("eg", (2, 4)),
        ("f", ()),
        ("", (1,)),
    ]
