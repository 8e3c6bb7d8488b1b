"""Numbers, dates and balances that follow from row to row within a group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synthtab.backends.context import Context
from synthtab.backends.groups import Ids, together
from synthtab.ir import nodes
from synthtab.learn.evidence import LEAST_SURPRISE, Found, Options, worth
from synthtab.learn.fields import Field, slug
from synthtab.schema import EnumType, IntegerType

_LEAST_PER_GROUP = 1.5
_MOST_GROUPINGS = 6
_LEAST_CHANGES = 0.5


def sequences(
    table: nodes.Table,
    fields: Sequence[Field],
    groupings: Sequence[str],
    context: Context,
    options: Options,
) -> list[Found]:
    """Return gap-free numbering per group, and what keeps an order given by it or by the key."""
    found: list[Found] = []
    by_name = {f.label: f for f in fields}
    for name in groupings[:_MOST_GROUPINGS]:
        group = by_name[name]
        if group.filled < options.least_support:
            continue
        if group.filled < _LEAST_PER_GROUP * group.groups.count or group.groups.count < 2:
            continue
        numbered = [f for f in fields if f is not group and _is_numbered(f, group)]
        for field in numbered:
            start = int(field.codes.min())
            condition = nodes.GapFree(field.term, start, (name,))
            rule = nodes.RowRule(slug(field.label, "numbered_per", name), condition)
            repeated = group.filled - group.groups.count
            expected = repeated * (1 - 1 / max(2, field.groups.count))
            if worth(expected, 0, group.filled, options):
                found.append(Found("sequences", rule, group.filled, expected))
        key = next((r.columns[0] for r in table.unique_rules if len(r.columns) == 1), None)
        order = numbered[0].label if numbered else key
        if order is not None and order != name:
            found += _in_order(fields, group, order, bool(numbered), context, table.name, options)
    return found


def _is_numbered(field: Field, group: Field) -> bool:
    """Say whether a column counts up from 0 or 1 within each group."""
    if not isinstance(field.column.type, IntegerType) or field.nulls.any() or not field.changes:
        return False
    start = int(field.codes.min())
    if start not in (0, 1) or int(field.codes.max()) - start >= len(field.codes):
        return False
    rows = np.flatnonzero(group.groups.ids >= 0)
    ids = group.groups.ids[rows]
    sizes = np.bincount(ids, minlength=group.groups.count)
    most = np.zeros(group.groups.count, dtype=np.int64)
    np.maximum.at(most, ids, field.codes[rows] - start + 1)
    if (most != sizes).any():
        return False
    both = together([group.groups, field.groups], len(field.codes)).ids[rows]
    return len(np.unique(both)) == len(rows)


def _in_order(
    fields: Sequence[Field],
    group: Field,
    order: str,
    numbered: bool,
    context: Context,
    table: str,
    options: Options,
) -> list[Found]:
    per = group.label
    rows = context.ordered(table, (per,), (order,))
    ids = group.groups.ids[rows]
    follows = np.flatnonzero(ids[1:] == ids[:-1])
    before, after = rows[follows], rows[follows + 1]
    if len(after) < options.least_support:
        return []
    found: list[Found] = []
    measured = [f for f in fields if f.measure and f.label not in (per, order) and f.changes]
    for field in measured:
        pairs = ~field.nulls[before] & ~field.nulls[after]
        moved = field.codes[after][pairs] - field.codes[before][pairs]
        falls, changes = int((moved < 0).sum()), int((moved != 0).sum())
        # As many would fall as rise where order means nothing.
        if field.measure != "number" and worth(changes / 2, falls, len(moved), options):
            condition = nodes.Increasing(field.term, False, (per,), (order,))
            rule = nodes.RowRule(slug(field.label, "in_order_per", per), condition)
            found.append(Found("sequences", rule, len(moved), changes / 2, falls))
    if numbered:
        first = rows[np.concatenate([[True], ids[1:] != ids[:-1]])]
        found += _balances(measured, fields, per, order, (before, after, first), options)
    return found


def _balances(
    measured: Sequence[Field],
    fields: Sequence[Field],
    per: str,
    order: str,
    places: tuple[Ids, Ids, Ids],
    options: Options,
) -> list[Found]:
    """Return columns that are what they were in the row before plus or minus another's value."""
    before, after, first = places
    found = []
    numbers = [f for f in measured if f.measure == "number" and not f.nulls.any()]
    kinds = [f for f in fields if isinstance(f.column.type, EnumType) and not f.nulls.any()]
    for balance in numbers:
        moved = np.concatenate([balance.codes[after] - balance.codes[before], balance.codes[first]])
        at = np.concatenate([after, first])
        if (moved != 0).mean() < _LEAST_CHANGES:
            continue
        for amount in numbers:
            if amount is balance or amount.scale != balance.scale:
                continue
            steps = amount.codes[at]
            if (np.abs(np.abs(moved) - np.abs(steps)) > 1).mean() > 0:
                continue
            slack = int(np.abs(np.abs(moved) - np.abs(steps)).max())
            term = _signed(amount, kinds, moved, at, slack)
            if term is None:
                continue
            previous = nodes.Previous(balance.term, nodes.Literal(0), (per,), (order,))
            total = nodes.Add(previous, term)
            condition: nodes.Condition = nodes.Compare("=", balance.term, total)
            if slack:
                limit = balance.literal(slack)
                gap = nodes.Absolute(nodes.Subtract(total, balance.term))
                condition = nodes.Compare("<=", gap, limit)
            expected = float((moved != 0).sum()) * (1 - float(amount.shares.max()))
            if expected >= LEAST_SURPRISE:
                rule = nodes.RowRule(slug("running", balance.label), condition)
                found.append(Found("sequences", rule, len(at), expected))
    return found


def _signed(
    amount: Field, kinds: Sequence[Field], moved: Ids, at: Ids, slack: int
) -> nodes.Term | None:
    """Return the amount with the sign that a kind of row gives it; None where none does."""
    steps = amount.codes[at]
    rises = np.abs(moved - steps) <= slack
    if rises.all():
        return amount.term
    for kind in kinds:
        plus, minus = [], []
        for code in np.unique(kind.codes[at]):
            rows = kind.codes[at] == code
            if rises[rows].all():
                plus.append(code)
            elif (np.abs(moved + steps)[rows] <= slack).all():
                minus.append(code)
            else:
                break
        else:
            literals = tuple(kind.literal(c) for c in plus)
            if not literals:
                return nodes.Negate(amount.term)
            one = nodes.Compare("=", kind.term, literals[0])
            when = one if len(literals) == 1 else nodes.In(kind.term, literals)
            return nodes.Case(((when, amount.term),), nodes.Negate(amount.term))
    return None
