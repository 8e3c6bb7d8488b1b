"""What the solver is told of figures from other rows is true of every table that keeps the rules.

On random models with random rows, rules that the rows break are made soft, and ranges that they
leave are dropped: then the rows keep the model, and each of its rows, with the figures the oracle
computes, must keep every claim of the wider table.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from random_models import ModelCase, make_model

from synthtab.backends.vector import Evaluator
from synthtab.ir import nodes
from synthtab.ir.evaluate import Day, Moment
from synthtab.ir.evaluate_tables import World
from synthtab.ir.lowered import Number
from synthtab.ir.references import references
from synthtab.lang.model import Model
from synthtab.schema import INT64_MAX, Column, DatetimeType, TextType, Value, domain, encode_value
from synthtab.solver.beyond import widen
from synthtab.solver.circles import Round, round_terms

SEEDS = range(60)


def kept(case: ModelCase) -> tuple[nodes.Table, ...]:
    """Return the case's tables, loosened as far as their rows want."""
    loose = {t.name: t for t in case.tables}
    for table in case.tables:
        rows = case.rows[table.name]
        columns = tuple(fitting(c, [row[c.name] for row in rows]) for c in table.columns)
        keys = tuple(
            nodes.UniqueRule(f"key {'_'.join(names)}", names)
            for names in (table.column_names[:1], table.column_names[:3])
        )
        loose[table.name] = replace(table, columns=columns, rules=(*table.rules, *keys))
    oracle = World(tuple(loose.values()), case.rows)
    for table in tuple(loose.values()):
        rules = tuple(
            replace(r, share=Decimal("0.1")) if any(oracle.violated(table, r)) else r
            for r in table.rules
        )
        loose[table.name] = replace(table, rules=rules)
    return tuple(loose.values())


def led(case: ModelCase) -> ModelCase:
    """Return the case with NULL where a reference led nowhere, so that some are kept."""
    oracle = World(case.tables, case.rows)
    rows = {name: [dict(record) for record in records] for name, records in case.rows.items()}
    for table in case.tables:
        for rule in references(table):
            for record, lost in zip(rows[table.name], oracle.violated(table, rule), strict=True):
                record.update(dict.fromkeys(rule.columns) if lost else {})
    return replace(case, rows=rows)


def fitting(column: Column, values: list[Value | None]) -> Column:
    codes = [
        encode_value(column.type, v)
        for v in values
        if v is not None and not isinstance(column.type, TextType)
    ]
    lo, hi = domain(column)
    if any(not lo <= c <= hi for c in codes):
        column = replace(column, lo=None, hi=None)
    if isinstance(column.type, TextType):
        column = replace(column, type=TextType(100))
    return replace(column, optional=column.optional or None in values)


def cell(value: Any, column: Column, unit: object) -> int | str | None:
    """Return a figure as the wider table holds it."""
    if value is None or isinstance(column.type, TextType):
        return None if value is None else str(value)
    if isinstance(unit, Number):
        scaled = value * unit.denominator
        assert scaled.denominator == 1
        return int(scaled)
    if isinstance(value, Day):
        return value.number
    if isinstance(value, Moment):
        assert isinstance(column.type, DatetimeType)
        return value.seconds // column.type.resolution
    if isinstance(value, Fraction):
        value = Decimal(value.numerator) / Decimal(value.denominator)
        value = int(value) if value == value.to_integral_value() else value
    return encode_value(column.type, value)


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_with_their_figures_keep_every_claim(seed: int) -> None:
    case = led(make_model(seed, rules=10))
    tables = {t.name: t for t in kept(case)}
    oracle = World(tuple(tables.values()), case.rows)
    table = tables["t"]
    boss = table.rules[1]
    assert isinstance(boss, nodes.ReferenceRule)
    wide = widen(table, tables, round_terms(table, [Round(("t",), (boss,))], tables))
    rows = []
    for at, record in enumerate(case.rows["t"]):
        row = {c.name: cell(record[c.name], c, None) for c in table.columns}
        for what, name in wide.terms.items():
            value = oracle.value(what, table, at)  # type: ignore[arg-type]
            row[name] = cell(value, wide.table.column(name), wide.known.get(name))
        # Figures are taken to fit 64 bits.
        if all(abs(v) <= INT64_MAX for v in row.values() if isinstance(v, int)):
            rows.append(row)
    for column in wide.table.columns:
        lo, hi = domain(column)
        codes = [v for row in rows if isinstance(v := row[column.name], int)]
        assert all(lo <= code <= hi for code in codes), column
        assert column.optional or all(row[column.name] is not None for row in rows)
    if rows:
        evaluator = evaluator_of(rows)
        for claim in wide.claims():
            assert not np.any(evaluator.truth(claim.condition)[1]), claim


def evaluator_of(rows: list[dict[str, int | str | None]]) -> Evaluator:
    pool = sorted({v for row in rows for v in row.values() if isinstance(v, str)})
    env = {}
    for name in rows[0]:
        cells = [row[name] for row in rows]
        codes = [pool.index(v) if isinstance(v, str) else v or 0 for v in cells]
        env[name] = (np.array(codes, dtype=np.int64), np.array([v is None for v in cells]))
    return Evaluator(env, np.array(pool, dtype=object))


def test_there_is_something_to_be_told() -> None:
    told: set[str] = set()
    for seed in SEEDS:
        tables = {t.name: t for t in kept(make_model(seed, rules=10))}
        wide = widen(tables["t"], tables)
        told |= {type(what).__name__ for what in wide.terms}
    assert told == {"ParentRef", "Aggregate", "Previous", "Position", "GapFree"}


def test_paths_and_counts_are_told_apart_by_reference_not_by_word() -> None:
    model = Model.parse(
        """table p {
  id integer key
  x  integer
  rule few: count(of t) <= 3 and count(of t via p_id) > 1
}
table t { p_id integer -> p.id  y integer  rule r: y < p_id.x  rule s: y > p.x }
"""
    )
    tables = {t.name: t for t in model.tables}
    assert len(widen(tables["p"], tables).terms) == 1
    paths = [w.path for w in widen(tables["t"], tables).terms if isinstance(w, nodes.ParentRef)]
    assert set(paths) == {("p_id",)}
