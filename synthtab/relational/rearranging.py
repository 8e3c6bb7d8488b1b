"""Forbidden pairs of the commonest kind, and sequences, kept by putting values in another order.

``forbid pair (a, b): a.state = b.state and a.salary > b.salary and a.rate < b.rate`` says that
among rows that agree on some columns one column never falls while another rises. The values of the
one column, sorted, are given to the rows as the other sorts them: every pair is lawful then, each
column holds what it held, and it takes one sort.

``increasing(date) per year ordered by round`` is kept the same way, where siblings by another
reference than the one that rows come by are to be in order. Equal values are moved apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from synthtab.backends.groups import factorize, together
from synthtab.backends.tables import Checks
from synthtab.batch import Batch
from synthtab.ir import nodes
from synthtab.relational.reading import Rows
from synthtab.relational.structure import conjuncts
from synthtab.schema import BooleanType, EnumType, TextType, domain


@dataclass(frozen=True)
class Monotone:
    """Among rows that agree on ``per``, ``values`` do not fall along ``along``.

    Where it is not ``rising``, they do not rise.
    """

    per: tuple[str, ...]
    along: str
    values: str
    rising: bool


@dataclass(frozen=True)
class Rising:
    """Among rows that agree on ``per``, ``values`` rise in the order of some columns.

    Where it is not ``strict``, they may stay the same.
    """

    per: tuple[str, ...]
    order: tuple[str, ...]
    values: str
    strict: bool


def rising(rule: nodes.RowRule, table: nodes.Table) -> Rising | None:
    """Return the sequence that a rule asks for, if its columns have an order of their own."""
    match rule.condition:
        case nodes.Increasing(nodes.ColumnRef(values), strict, per, order):
            kinds = [table.column(c).type for c in (values, *order)]
            if order and not any(isinstance(k, TextType | EnumType | BooleanType) for k in kinds):
                return Rising(per, order, values, strict)
    return None


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
    """Return the tables with values put in the order that broken rules ask for.

    Where that would break other rules more often than it mends these, values stay where they are.
    """
    made = dict(batches)
    for table in tables:
        for rule in table.rules:
            if rule.share is not None or not isinstance(rule, nodes.PairRule | nodes.RowRule):
                continue
            what = monotone(rule) if isinstance(rule, nodes.PairRule) else rising(rule, table)
            if what is None or not Checks(tables, made).violated(table.name, rule).any():
                continue
            batch = made[table.name]
            if isinstance(what, Rising):
                in_turn = _sorted(batch, what.per, what.order, what.values, 1)
                moved = _spaced(in_turn, what, table) if what.strict else in_turn
            else:
                sign = 1 if what.rising else -1
                moved = _sorted(batch, what.per, (what.along,), what.values, sign)
            other = {**made, table.name: moved}
            if _broken(tables, other) < _broken(tables, made):
                made = other
    return made


def _places(batch: Batch, per: Sequence[str], order: Sequence[str], column: str) -> Rows:
    """Return the rows that have a place, a value and a group, group by group and in their order."""
    group = together([factorize(*batch.column(name)) for name in per], len(batch)).ids
    keys = [batch.column(name) for name in order]
    gone = batch.column(column)[1]
    fine = (group >= 0) & ~gone & ~np.any([nulls for _, nulls in keys], axis=0)
    rows = np.flatnonzero(fine)
    sorted_: Rows = np.lexsort([codes[rows] for codes, _ in reversed(keys)] + [group[rows]])
    return rows[sorted_]


def _sorted(
    batch: Batch, per: Sequence[str], order: Sequence[str], column: str, sign: int
) -> Batch:
    values = batch.column(column)[0]
    group = together([factorize(*batch.column(name)) for name in per], len(batch)).ids
    rows = _places(batch, per, order, column)
    # Rows at one place may hold their values in any order: they keep the one they have.
    keys = [sign * values[rows], *(batch.column(name)[0][rows] for name in reversed(order))]
    places = rows[np.lexsort([*keys, group[rows]])]
    given = rows[np.lexsort([sign * values[rows], group[rows]])]
    codes = batch.codes.copy()
    codes[places, batch.index(column)] = values[given]
    return Batch(batch.columns, codes, batch.nulls, batch.pool)


def _spaced(batch: Batch, what: Rising, table: nodes.Table) -> Batch:
    """Move equal values of a sequence that is in order apart, within the column's range."""
    lo, hi = domain(table.column(what.values))
    group = together([factorize(*batch.column(name)) for name in what.per], len(batch)).ids
    rows = _places(batch, what.per, what.order, what.values)
    codes = batch.codes.copy()
    values = codes[rows, batch.index(what.values)]
    same = group[rows][1:] == group[rows][:-1]
    tied = np.flatnonzero(same & (values[1:] <= values[:-1]))
    for one in np.unique(group[rows][tied]):
        at = np.flatnonzero(group[rows] == one)
        ramp = np.arange(len(at))
        # Up as far as needed, and where that leads beyond the range, down again.
        up = np.maximum.accumulate(values[at] - ramp) + ramp
        down = np.minimum(up, hi - ramp[::-1])
        values[at] = down if down[0] >= lo else values[at]
    codes[rows, batch.index(what.values)] = values
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
