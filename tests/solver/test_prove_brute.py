"""What is proved about random small tables is what going through all their rows says."""

from __future__ import annotations

import random

import numpy as np
import pytest
from small_tables import all_rows, random_table

from synthtab.backends.vector import truth
from synthtab.ir import core, nodes
from synthtab.ir.normalise import lower
from synthtab.schema import BooleanType, EnumType, domain
from synthtab.solver.conditions import Part, parts
from synthtab.solver.inquiry import rule_claims
from synthtab.solver.prove import examine

BUDGET_S = 30.0


class Rows:
    """All rows of a table, and which rules each keeps."""

    def __init__(self, table: nodes.Table) -> None:
        self.table = table
        self.codes, self.nulls = all_rows(table)
        self.env = {
            n: (self.codes[:, k], self.nulls[:, k]) for k, n in enumerate(table.column_names)
        }
        self.kept = np.stack(
            [~self.truth(c.condition)[1] for c in rule_claims(table, table.row_rules)]
        )
        self.lawful = self.kept.all(axis=0)

    def truth(self, cond: core.Cond) -> tuple[np.ndarray, np.ndarray]:
        return tuple(np.broadcast_to(t, (len(self.codes),)) for t in truth(cond, self.env))

    def dead_parts(self, found: tuple[Part, ...]) -> list[Part]:
        dead = []
        for part in found:
            if (self.truth(part.wanted)[0] & self.lawful).any():
                dead += self.dead_parts(part.inner)
            else:
                dead.append(part)
        return dead


def expected(table: nodes.Table) -> set[tuple[str, str]]:
    rows = Rows(table)
    if not rows.lawful.any():
        return {("E301", "")}
    out: set[tuple[str, str]] = set()
    silent = set()
    for rule in table.row_rules:
        dead = rows.dead_parts(parts(rule.condition, table))
        out |= {("W306", rule.name)} if dead else set()
        silent |= {rule.name} if dead else set()
    left = list(range(len(table.row_rules)))
    for k in reversed(range(len(table.row_rules))):
        if table.row_rules[k].name in silent:
            continue
        rest = [j for j in left if j != k]
        if rows.kept[k][rows.kept[rest].all(axis=0)].all():
            out.add(("W305" if rows.kept[k].all() else "W304", table.row_rules[k].name))
            left = rest
    for at, column in enumerate(table.columns):
        nulls = rows.nulls[rows.lawful, at]
        values = rows.codes[rows.lawful, at][~nulls]
        lo, hi = domain(column)
        if nulls.all():
            out.add(("W308", column.name))
            continue
        if column.optional and not nulls.any():
            out.add(("W309", column.name))
        if len(set(values)) == 1:
            out |= {("W307", column.name)} if lo < hi else set()
        elif isinstance(column.type, EnumType):
            out |= {("W310", column.name)} if len(set(values)) < hi - lo + 1 else set()
        elif not isinstance(column.type, BooleanType) and (values.min(), values.max()) != (lo, hi):
            out.add(("W311", column.name))
    return out


@pytest.mark.parametrize("seed", [*range(100), 2405, 2501, 2575])
def test_findings_are_those_of_brute_force(seed: int) -> None:
    table = random_table(random.Random(seed))
    wanted = expected(table)
    named = [r.name for r in table.row_rules] + list(table.column_names)
    found = examine([table], budget_s=BUDGET_S)
    assert "W303" not in {d.code for d in found}, [d.message for d in found]
    if wanted == {("E301", "")}:
        assert {d.code for d in found} >= {"E301"}
        return
    got = set()
    for finding in found:
        words = finding.message.replace(":", " ").replace("rule ", "rule").split()
        subject = next(n for w in words for n in named if w in (n, f"rule{n}"))
        got.add((finding.code, subject))
    assert got == wanted


@pytest.mark.parametrize("seed", range(60))
def test_effective_ranges_are_those_of_brute_force(seed: int) -> None:
    table = random_table(random.Random(seed))
    rows = Rows(table)
    for finding in examine([table], budget_s=BUDGET_S):
        if finding.code == "W311":
            name = finding.message.split()[1]
            at = table.column_names.index(name)
            cells = rows.codes[rows.lawful & ~rows.nulls[:, at], at]
            from synthtab.solver.report import value_of

            ends = [value_of(table.column(name), int(c)) for c in (cells.min(), cells.max())]
            assert f"only hold {ends[0]} .. {ends[1]}" in finding.message


def test_lowered_conditions_are_shared_with_the_rules() -> None:
    table = random_table(random.Random(3))
    claims = rule_claims(table, table.row_rules)
    assert [c.condition for c in claims] == [lower(r.condition, table) for r in table.row_rules]
