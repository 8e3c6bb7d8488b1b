"""A whole model with no data: rows drawn from the rules, and from the hints of the rules file.

The tables hang together as they do where they are learned; in the network's place stands a
generator that draws evenly from what the Plan leaves. What data would tell is made up: how many
children a row has, and whom rows refer to.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from synthtab.batch import Batch
from synthtab.errors import InfeasibleError
from synthtab.generate.uniform import NULLS, UniformGenerator
from synthtab.ir import nodes
from synthtab.keys import free_keys
from synthtab.relational.database import Database
from synthtab.relational.hidden import Exempt
from synthtab.relational.late import Late
from synthtab.relational.mapping import dependencies
from synthtab.relational.numbering import Made, made_up, spoken_of
from synthtab.relational.reading import Pick
from synthtab.relational.structure import Home, may_lack, structure
from synthtab.relational.tablemodel import TableModel, compile_view
from synthtab.relational.view import View
from synthtab.relational.views import views
from synthtab.schema import Column, DatetimeType, DateType, domain, encode_value

ROWS = 100
"""Rows of a table that comes by no other, where none are asked for."""
AGE = datetime(1900, 1, 1), datetime(2069, 12, 31)
"""Days without a declared range are first looked for between these."""
CHILDREN = (6, 60, 10**6)
"""Children a row may have at most: the first of these that the rules can do with."""


def rules_database(tables: Sequence[nodes.Table], *, budget_s: float = 10.0) -> Database:
    """Return a database that knows the rules alone. Raises InfeasibleError where they conflict."""
    whole = structure(tables, chains=True)
    made = {name: _made(home) for name, home in whole.homes.items()}
    seen = views(whole, {name: m.columns for name, m in made.items()}, {})
    models = {name: _model(view, made[name], budget_s) for name, view in seen.items()}
    return Database(whole, models, made)


def _made(home: Home) -> Made:
    """Return what is made up in a table: keys that nothing else speaks of."""
    free = [r for r in home.table.rules if _is_free(home, r)]
    table = nodes.Table(home.table.name, home.table.columns, tuple(free))
    sequences = made_up(home, _empty(home.table)).sequences
    taken = {s.column for s in sequences} | spoken_of(home.table, set())
    taken |= set(() if home.order is None else home.order.columns)
    taken |= {
        column
        for rule in home.table.rules
        if isinstance(rule, nodes.NoOverlapRule) and rule.share is None
        for column in (rule.start, rule.end)
    }
    draws = tuple(d for d in free_keys(table)[1] if not taken & {c.name for c in d.columns})
    return Made(sequences, draws)


def _is_free(home: Home, rule: nodes.Rule) -> bool:
    if isinstance(rule, nodes.UniqueRule):
        return not (home.placed | {d.column for d in home.deals}) & set(rule.columns)
    return isinstance(rule, nodes.RowRule) and nodes.is_pure(rule.condition)


def _empty(table: nodes.Table) -> Batch:
    shape = (0, len(table.columns))
    codes, nulls = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=bool)
    return Batch(table.column_names, codes, nulls, np.empty(0, dtype=object))


def _model(view: View, made: Made, budget_s: float) -> TableModel:
    home = view.home
    own = [c for c in home.table.columns if c.name not in home.placed | made.columns]
    names = {*(c.name for c in own), *view.counts}
    near = {c.name: _near(c) for c in own}
    far = {c.name: domain(c) for c in own}
    trials = [(ranges, most) for ranges in (near, far) for most in CHILDREN]
    for ranges, most in trials:
        spans = ranges | dict.fromkeys(view.counts, (0, most))
        try:
            plan = compile_view(view, spans, names, budget_s)
            break
        except InfeasibleError:
            if (ranges, most) == trials[-1]:
                raise
    written = tuple(c for c in plan.order if c in names)
    picks = tuple(Pick(r, may_lack(home.table, r), ()) for r in home.others)
    return TableModel(
        view=view,
        written=written,
        reads=(),
        picks=picks,
        relatives=(),
        plan=plan,
        generator=UniformGenerator(view.table, plan.domains, written, rising=rising(home))
        if written
        else None,
        rows=0 if home.lead is not None else ROWS,
        exempt={w.rule: 0.0 for w in view.hidden.values() if isinstance(w, Exempt)},
        dependencies=dependencies(home, _empty(home.table), made.columns),
        late={r: _late(home, r) for r in home.late if r.share is None},
        deals=home.deals,
    )


def rising(home: Home) -> tuple[str, ...]:
    """Return the columns that rise from sibling to sibling, and are to leave room for the next."""
    if home.order is None:
        return ()
    found = list(home.order.columns[:1])
    for rule in home.table.rules:
        if rule.share is not None:
            continue
        if isinstance(rule, nodes.NoOverlapRule) and frozenset(rule.per) == home.together:
            found += [rule.start, rule.end]
        match getattr(rule, "condition", None):
            case nodes.Increasing(nodes.ColumnRef(name), _, per, order):
                if frozenset(per) == home.together and order == home.order.columns:
                    found.append(name)
    return tuple(dict.fromkeys(found))


def _near(column: Column) -> tuple[int, int]:
    """Return a column's range; of dates without declared ends, those that people live by."""
    lo, hi = domain(column)
    match column.type:
        case DateType():
            first, last = (encode_value(column.type, day.date()) for day in AGE)
        case DatetimeType():
            first, last = (encode_value(column.type, day) for day in AGE)
        case _:
            return lo, hi
    near = (max(lo, first) if column.lo is None else lo, min(hi, last) if column.hi is None else hi)
    return near if near[0] <= near[1] else (lo, hi)


def _late(home: Home, rule: nodes.ReferenceRule) -> Late:
    nobody = round(100 * NULLS) if may_lack(home.table, rule) else 0
    return Late(rule, None, None, np.array([[100 - nobody, nobody]], dtype=np.int64))
