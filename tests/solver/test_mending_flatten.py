"""A rule about a group, said on one wide row, is broken where the oracle says it is."""

from __future__ import annotations

import numpy as np
import pytest
from random_models import make_model

from synthtab.backends.tables import Checks
from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch
from synthtab.errors import UsageError
from synthtab.ir import nodes
from synthtab.solver.mending.flatten import Flattener, TooMuchError


@pytest.mark.parametrize("block", range(4))
def test_wide_rows_break_what_the_rows_break(block):
    compared = broken = 0
    for seed in range(block * 20, block * 20 + 20):
        case = make_model(seed + 300, rules=4, rows=5)
        checks = Checks(case.tables, case.batches)
        for rule in case.tables[1].rules:
            if isinstance(rule, nodes.UniqueRule | nodes.ReferenceRule):
                continue
            marks = checks.violated("t", rule)
            for row in range(len(marks)):
                flattener = Flattener(checks.context)
                try:
                    conditions = flattener.rule("t", rule, row)
                except (TooMuchError, UsageError):
                    continue
                found = wide_breaks(flattener, conditions)
                assert found == bool(marks[row]), (seed, rule, row)
                compared += 1
                broken += found
    assert compared > 100
    assert broken > 20


def wide_breaks(flattener: Flattener, conditions: list[nodes.Condition]) -> bool:
    columns = tuple(flattener.cells.values())
    rules = tuple(nodes.RowRule(f"r{k}", c) for k, c in enumerate(conditions))
    table = nodes.Table("wide", columns, rules)
    batches = flattener.context.batches
    codes = np.zeros((1, len(columns)), np.int64)
    nulls = np.zeros((1, len(columns)), bool)
    for at, (name, row, column) in enumerate(flattener.cells):
        own, absent = batches[name].column(column)
        codes[0, at], nulls[0, at] = own[row], absent[row]
    pool = next(iter(batches.values())).pool
    batch = Batch(tuple(c.name for c in columns), codes, nulls, pool)
    return bool(VectorBackend(table).violated(batch).any())
