"""Forbidden pairs of the commonest kind, kept by putting values in another order.

``forbid pair (a, b): a.state = b.state and a.salary > b.salary and a.rate < b.rate`` says that
among rows that agree on some columns one column never falls while another rises. The values of the
one column, sorted, are given to the rows as the other sorts them: every pair is lawful then, each
column holds what it held, and it takes one sort.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from synthtab.backends.groups import factorize, together
from synthtab.backends.tables import Checks
from synthtab.batch import Batch
from synthtab.ir import nodes
from synthtab.relational.structure import conjuncts


@dataclass(frozen=True)
class Monotone:
    """Among rows that agree on ``per``, ``values`` do not fall along ``along``.

    Where it is not ``rising``, they do not rise.
    """

    per: tuple[str, ...]
    along: str
    values: str
    rising: bool


def monotone(rule: nodes.PairRule) -> Monotone | None:
    """Return what a rule says, if it is of this kind."""
    per: list[str] = []
    larger: list[tuple[str, bool]] = []
    for part in conjuncts(rule.condition):
        match part:
            case nodes.Compare(
                op, nodes.ParentRef((one,), column), nodes.ParentRef((other,), same)
            ) if column == same and {one, other} == {rule.first, rule.second}:
                if op == "=":
                    per.append(column)
                elif op in (">", "<"):
                    larger.append((column, (op == ">") == (one == rule.first)))
                else:
                    return None
            case _:
                return None
    if len(larger) != 2:
        return None
    (along, first), (values, second) = larger
    return Monotone(tuple(per), along, values, first != second)


def rearranged(tables: Sequence[nodes.Table], batches: Mapping[str, Batch]) -> dict[str, Batch]:
    """Return the tables with values put in the order that broken pair rules ask for.

    Where that would break other rules more often than it mends these, values stay where they are.
    """
    made = dict(batches)
    for table in tables:
        for rule in table.rules:
            if not isinstance(rule, nodes.PairRule) or rule.share is not None:
                continue
            what = monotone(rule)
            if what is None or not Checks(tables, made).violated(table.name, rule).any():
                continue
            other = {**made, table.name: _sorted(made[table.name], what)}
            if _broken(tables, other) < _broken(tables, made):
                made = other
    return made


def _sorted(batch: Batch, what: Monotone) -> Batch:
    along, no_place = batch.column(what.along)
    values, no_value = batch.column(what.values)
    parts = [factorize(*batch.column(name)) for name in what.per]
    group = together(parts, len(batch)).ids
    rows = np.flatnonzero((group >= 0) & ~no_place & ~no_value)
    sign = 1 if what.rising else -1
    # Rows at one place may hold their values in any order: they keep the one they have.
    places = rows[np.lexsort([sign * values[rows], along[rows], group[rows]])]
    given = rows[np.lexsort([sign * values[rows], group[rows]])]
    codes = batch.codes.copy()
    codes[places, batch.index(what.values)] = values[given]
    return Batch(batch.columns, codes, batch.nulls, batch.pool)


def _broken(tables: Sequence[nodes.Table], batches: Mapping[str, Batch]) -> int:
    """Return how many times rows break hard rules."""
    checks = Checks(tables, batches)
    return sum(
        int(checks.violated(t.name, rule).sum())
        for t in tables
        for rule in t.rules
        if rule.share is None
    )
