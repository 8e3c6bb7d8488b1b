"""Bounds hold for every value of every term that random rules lower to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import get_args

import numpy as np
import pytest
from strategies import cases

from synthtab.backends.vector import Evaluator
from synthtab.ir import core
from synthtab.ir.bounds import bounds
from synthtab.ir.corewalk import variables
from synthtab.ir.normalise import lower

X = core.Var("x")


def terms(node: object) -> Iterator[core.Term]:
    if isinstance(node, tuple):
        for item in node:
            yield from terms(item)
    elif is_dataclass(node):
        if isinstance(node, get_args(core.Term)):
            yield node  # type: ignore[misc]
        for field in fields(node):
            yield from terms(getattr(node, field.name))


def test_no_value_is_out_of_bounds() -> None:
    kinds = set()
    for case in cases(range(300, 420)):
        env = {name: case.batch.column(name) for name in case.batch.columns}
        domains = {name: (int(codes.min()), int(codes.max())) for name, (codes, _) in env.items()}
        evaluator = Evaluator(env, case.batch.pool)
        for rule in case.table.row_rules:
            for term in terms(lower(rule.condition, case.table)):
                lo, hi = bounds(term, domains)
                values, nulls = evaluator.value(term)
                known = np.ones(len(case.batch), dtype=bool) if nulls is None else ~nulls
                known = np.broadcast_to(known, len(case.batch))
                inside = np.broadcast_to(np.asarray((values >= lo) & (values <= hi)), known.shape)
                assert inside[known].all(), (case.seed, term)
                kinds.add(type(term))
    assert kinds == set(get_args(core.Term))


@pytest.mark.parametrize(
    ("term", "domain", "expected"),
    [
        (core.Sum(((2, X), (-1, X)), 5), (-1, 3), (0, 12)),
        (core.Product(X, X), (-3, 2), (-6, 9)),
        (core.FloorDiv(X, 7), (-8, 13), (-2, 1)),
        (core.Null(), (0, 1), (0, 0)),
        (core.Ite(((core.IsNull(X), core.Const(9)),), core.Null()), (0, 1), (9, 9)),
        (core.CalendarPart("year", X), (-1, 365), (1969, 1971)),
        (core.CalendarPart("month", X), (40, 60), (2, 3)),
        (core.CalendarPart("quarter", X), (40, 100), (1, 2)),
        (core.CalendarPart("month", X), (40, 400), (1, 12)),
        (core.AddMonths(X, core.Const(1)), (30, 58), (58, 86)),
        (core.AddMonths(X, core.Const(1), 24), (30 * 24 + 5, 58 * 24), (58 * 24, 86 * 24 + 23)),
        (core.TextLength(X), (0, 9), (0, 2**63 - 1)),
    ],
)
def test_bounds_are_tight(
    term: core.Term, domain: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert bounds(term, {"x": domain}) == expected


def test_lengths_of_texts_may_be_given() -> None:
    assert bounds(core.TextLength(X), {}, {"x": 12}) == (0, 12)


def test_a_variable_without_a_domain_is_an_error() -> None:
    assert variables(core.Sum(((1, X),))) == ("x",)
    with pytest.raises(KeyError, match="x"):
        bounds(core.Sum(((1, X),)), {})
