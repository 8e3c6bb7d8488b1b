"""Deductions about single rows, judged by brute force: cores are true, repairs the smallest."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from small_tables import all_rows, lawful, random_table

from synthtab.ir import nodes
from synthtab.lang.model import Model
from synthtab.schema import encode_value
from synthtab.solver.explaining.allowed import Allowed
from synthtab.solver.explaining.deduce import MOST_OPTIONS, Deduction, deduce
from synthtab.solver.explaining.hitting import hitting_sets

Cells = list[int | None]


def table_of(seed: int) -> tuple[nodes.Table, np.ndarray, np.ndarray, np.ndarray]:
    """Return a random table, all rows of it as codes and nulls, and which of them are lawful."""
    table = random_table(random.Random(seed))
    codes, nulls = all_rows(table)
    return table, codes, nulls, lawful(table, codes, nulls)


def cells(codes: np.ndarray, nulls: np.ndarray) -> Cells:
    return [None if n else int(c) for c, n in zip(codes, nulls, strict=True)]


@dataclass(frozen=True)
class Deduced:
    """A random table, all its rows, the lawful ones, and what is deduced of one that is not."""

    table: nodes.Table
    codes: np.ndarray
    nulls: np.ndarray
    everything: list[Cells]
    legal: list[Cells]
    row: Cells
    found: Deduction

    def under(self, names: tuple[str, ...]) -> list[Cells]:
        """Return the rows that keep some of the rules."""
        rules = tuple(r for r in self.table.row_rules if r.name in names)
        kept = lawful(replace(self.table, rules=rules), self.codes, self.nulls)
        return [row for row, ok in zip(self.everything, kept, strict=True) if ok]


def deduced(seed: int, pick: int) -> Deduced | None:
    """Deduce of a row of a random table why it is not lawful; None where all of them are."""
    table, codes, nulls, good = table_of(seed)
    bad = np.flatnonzero(~good)
    if not len(bad):
        return None
    everything = [cells(c, n) for c, n in zip(codes, nulls, strict=True)]
    row = everything[bad[pick % len(bad)]]
    named = dict(zip(table.column_names, row, strict=True))
    found = deduce(table, table.row_rules, named, budget_s=20)
    legal = [r for r, ok in zip(everything, good, strict=True) if ok]
    return Deduced(table, codes, nulls, everything, legal, row, found)


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
@example(233, 1)  # a cell that the range of its column can stand for
@example(463, 0)  # and one for want of what a product is
def test_against_brute_force(seed: int, pick: int) -> None:
    case = deduced(seed, pick)
    if case is None:
        return
    table, row, found, legal = case.table, case.row, case.found, case.legal
    names = table.column_names
    for one in found.contradictions:
        allowed = case.under(one.rules)
        kept = [names.index(c) for c in one.cells]
        assert not any(all(other[k] == row[k] for k in kept) for other in allowed)
        for at in kept:  # and none of its cells can be spared
            fewer = [k for k in kept if k != at]
            assert any(all(other[k] == row[k] for k in fewer) for other in allowed)
    if not legal:
        assert found.repair is None
        return
    assert found.repair is not None
    assert found.repair.minimal
    differ = [frozenset(n for n, a, b in zip(names, r, row, strict=True) if a != b) for r in legal]
    least = min(map(len, differ))
    smallest = {d for d in differ if len(d) == least}
    options = {frozenset(c.column for c in o) for o in found.repair.options}
    assert options <= smallest
    assert options == smallest or not found.repair.complete
    assert found.repair.complete or len(options) >= MOST_OPTIONS
    for option in found.repair.options:
        mended = list(row)
        for change in option:
            kind = table.column(change.column).type
            example = None if change.example is None else encode_value(kind, change.example)
            mended[names.index(change.column)] = example
        assert mended in legal
        for change in option:
            at = names.index(change.column)
            fits = {r[at] for r in legal if r[:at] + r[at + 1 :] == mended[:at] + mended[at + 1 :]}
            told = {r[at] for r in case.everything if change.allowed.has(r[at])}
            assert change.allowed.exact
            assert told == fits
            assert change.allowed.count == len(fits)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_steps_are_true(seed: int, pick: int) -> None:
    """With the given cells kept, the rules of a step leave its column what the step says."""
    case = deduced(seed, pick)
    if case is None:
        return
    table, names = case.table, case.table.column_names
    for one in case.found.contradictions:
        for step in one.steps:
            given_codes = {
                names.index(c): None if v is None else encode_value(table.column(c).type, v)
                for c, v in step.given.items()
            }
            at = names.index(step.column)
            left = {
                other[at]
                for other in case.under(step.rules)
                if all(other[k] == v for k, v in given_codes.items())
            }
            assert {r[at] for r in case.everything if step.allowed.has(r[at])} == left
        assert not one.steps or one.steps[-1].clash


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_a_cell_outside_its_range_has_to_change(seed: int) -> None:
    table, codes, nulls, good = table_of(seed)
    ranged = [c for c in table.columns if c.hi is not None]
    if not ranged or not good.any():
        return
    row = dict(zip(table.column_names, cells(codes[-1], nulls[-1]), strict=True))
    column = ranged[0]
    assert column.hi is not None
    row[column.name] = column.hi + 3
    found = deduce(table, table.row_rules, row, budget_s=20)
    assert found.contradictions[0].cells.keys() == {column.name}
    assert found.repair is not None
    legal = [cells(c, n) for c, n in zip(codes[good], nulls[good], strict=True)]
    own = [*row.values()]
    least = min(sum(a != b for a, b in zip(r, own, strict=True)) for r in legal)
    assert {len(o) for o in found.repair.options} == {least}
    assert all(column.name in {c.column for c in o} for o in found.repair.options)


@given(st.lists(st.frozensets(st.sampled_from("abcde"), min_size=1), max_size=6), st.integers(0, 4))
def test_hitting_sets(sets: list[frozenset[str]], most: int) -> None:
    found = list(hitting_sets(sets, "abcde", most))
    assert len(set(found)) == len(found)
    assert all(one & hit for hit in found for one in sets)
    union = sorted(set().union(*sets))
    every = [frozenset(c) for k in range(len(union) + 1) for c in combinations(union, k)]
    good = [s for s in every if all(one & s for one in sets)]
    least = min(map(len, good))
    if least <= most:
        assert {s for s in found if len(s) == least} == {s for s in good if len(s) == least}
    else:
        assert not found


def test_ranges_in_words() -> None:
    table = Model.parse(
        "table t {\n  n integer in 0 .. 100\n  m integer\n  e enum('a', 'b', 'c', 'd', 'e', 'f')\n}"
    ).table()
    n, m, e = table.columns
    assert Allowed(n, ((0, 100),)).words() == "any value between 0 and 100"
    assert Allowed(n, ((0, 2),), null=True).words() == "0, 1, 2 or NULL"
    assert Allowed(n, ((0, 49), (51, 100))).words() == "anything between 0 and 100 but 50"
    assert Allowed(n, ((0, 90),), stride=10).words() == "between 0 and 90 in steps of 10"
    assert Allowed(m, ((-(2**63) + 1, 7),)).words() == "at most 7"
    assert Allowed(e, ((0, 1), (3, 5))).words() == "anything but 'c'"
    assert Allowed(e, ((2, 3),)).words() == "'c' or 'd'"
    assert Allowed(e, ()).words() == "no value that was found"
    assert Allowed(n, ((0, 90),), stride=10).nearest(34) == 30
    assert Allowed(n, ((0, 2), (7, 9))).nearest(6) == 7
    assert Allowed(n, ((5, 95),), stride=10).nearest(None) == 5
    assert Allowed(m, ((1, 2**62),)).nearest(2**63 - 1) == 2**62
