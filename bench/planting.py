"""Errors planted in clean tables, with the truth of every cell: what a repair should find.

Six kinds, each only where a table has what it takes: two cells of a row swapped, a value mistyped,
a reference to nothing, a key that is another row's, a summand or total changed, two dates in the
wrong order. A row has one error at most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.slips import TRIES, garbled, mistyped
from synthtab.backends.groups import one_pool
from synthtab.batch import Batch
from synthtab.ir import nodes
from synthtab.ir.reads import reads
from synthtab.ir.walk import children, descendants
from synthtab.schema import (
    Column,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
    Value,
    decode_value,
    type_domain,
)

LEAST_ROWS = 20
"""A smaller table is left as it is: 5% of it would be no row."""


@dataclass(frozen=True)
class Cell:
    """A planted cell: ``row`` from 0, ``wrong`` and ``truth`` as codes of the planted batches."""

    table: str
    row: int
    column: str
    wrong: int
    truth: int


@dataclass(frozen=True)
class Fault:
    """One error: the cells that were overwritten, all in one row."""

    kind: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Planted:
    """Tables before and after, in codes with one pool of strings for all, and the errors."""

    clean: Mapping[str, Batch]
    batches: Mapping[str, Batch]
    faults: tuple[Fault, ...]


Wrong = Mapping[str, int | str]
"""What a row's columns hold instead: a code, or a string that may be new."""


def plant(
    tables: Sequence[nodes.Table],
    batches: Mapping[str, Batch],
    share: float,
    rng: np.random.Generator,
) -> Planted:
    """Plant an error in ``share`` of the rows of every table, the kinds that apply in turn."""
    clean = one_pool({t.name: t for t in tables}, batches)
    pool = next(iter(clean.values())).pool
    place = {text: at for at, text in enumerate(pool)}
    made: list[Fault] = []
    codes = {name: batch.codes.copy() for name, batch in clean.items()}
    for table in tables:
        rows = clean[table.name]
        if len(rows) < LEAST_ROWS:
            continue
        kinds = _kinds(table, tables, clean, rng)
        chosen = rng.permutation(len(rows))[: round(share * len(rows))]
        for turn, row in enumerate(int(r) for r in np.sort(chosen)):
            for k in range(len(kinds)):
                name, make = kinds[(turn + k) % len(kinds)]
                wrong = make(row)
                if wrong is not None:
                    break
            else:
                continue
            cells = []
            for column, value in wrong.items():
                at = rows.index(column)
                code = place.setdefault(value, len(place)) if isinstance(value, str) else value
                cells.append(Cell(table.name, row, column, code, int(rows.codes[row, at])))
                codes[table.name][row, at] = code
            made.append(Fault(name, tuple(cells)))
    strings = np.array([*place, None], dtype=object)[:-1]
    return Planted(
        {n: Batch(b.columns, b.codes, b.nulls, strings) for n, b in clean.items()},
        {n: Batch(b.columns, codes[n], b.nulls, strings) for n, b in clean.items()},
        tuple(made),
    )


def value(table: nodes.Table, batch: Batch, column: str, code: int) -> Value:
    """Return the value a code stands for in a column of a batch."""
    kind = table.column(column).type
    return str(batch.pool[code]) if isinstance(kind, TextType) else decode_value(kind, code)


def _kinds(
    table: nodes.Table,
    tables: Sequence[nodes.Table],
    clean: Mapping[str, Batch],
    rng: np.random.Generator,
) -> list[tuple[str, Callable[[int], Wrong | None]]]:
    """Return the kinds of error that a table can have, each with what makes one of a row."""
    rows = clean[table.name]
    alike = [
        (a, b)
        for at, a in enumerate(table.columns)
        for b in table.columns[at + 1 :]
        if _same_type(a) == _same_type(b)
    ]
    plain = [c for c in table.columns if not isinstance(c.type, TextType)]
    summed = [table.column(c) for c in _summed(tables).get(table.name, ())]
    links = [
        (table.column(rule.columns[0]), clean[rule.parent].column(rule.parent_columns[0])[0])
        for rule in table.rules
        if isinstance(rule, nodes.ReferenceRule) and rule.share is None and len(rule.columns) == 1
        if not isinstance(table.column(rule.columns[0]).type, EnumType)
    ]
    keys = [rule for rule in table.unique_rules if _partners(rule, rows)]
    found: dict[str, Callable[[int], Wrong | None]] = {}
    if alike:
        found["swapped columns"] = lambda row: _swap(alike, rows, row, rng)
    if plain:
        found["mistyped value"] = lambda row: _mistype(plain, rows, row, rng)
    if links:
        found["orphan"] = lambda row: _orphan(links, rows, row, rng)
    if keys:
        found["duplicate key"] = lambda row: _duplicate(keys, rows, row, rng)
    if summed:
        found["broken sum"] = lambda row: _unbalance(summed, rows, row, rng)
    if ordered := _ordered(table):
        found["reversed dates"] = lambda row: _swap(ordered, rows, row, rng)
    return list(found.items())


def _swap(
    pairs: Sequence[tuple[Column, Column]], rows: Batch, row: int, rng: np.random.Generator
) -> Wrong | None:
    for at in rng.permutation(len(pairs))[:TRIES]:
        a, b = pairs[at]
        one, other = rows.index(a.name), rows.index(b.name)
        differ = rows.codes[row, one] != rows.codes[row, other]
        if differ and not rows.nulls[row, [one, other]].any():
            wrong = {
                a.name: int(rows.codes[row, other]),
                b.name: int(rows.codes[row, one]),
            }
            if all(_holds(c, wrong[c.name]) for c in (a, b)):
                return wrong
    return None


def _mistype(
    columns: Sequence[Column], rows: Batch, row: int, rng: np.random.Generator
) -> Wrong | None:
    for at in rng.permutation(len(columns))[:TRIES]:
        column = columns[at]
        place = rows.index(column.name)
        if not rows.nulls[row, place]:
            made = mistyped(column.type, int(rows.codes[row, place]), rng)
            if made is not None:
                return {column.name: made}
    return None


def _orphan(
    links: Sequence[tuple[Column, np.ndarray]], rows: Batch, row: int, rng: np.random.Generator
) -> Wrong | None:
    for at in rng.permutation(len(links)):
        column, parents = links[at]
        place = rows.index(column.name)
        if rows.nulls[row, place]:
            continue
        code = int(rows.codes[row, place])
        for _ in range(TRIES):
            if isinstance(column.type, TextType):
                text = garbled(str(rows.pool[code]), rng)
                known = {str(rows.pool[p]) for p in parents}
                if text is not None and text not in known:
                    return {column.name: text}
            else:
                made = mistyped(column.type, code, rng)
                if made is not None and not (parents == made).any():
                    return {column.name: made}
    return None


def _partners(rule: nodes.UniqueRule, rows: Batch) -> bool:
    return len(rows) > 1 and all(c in rows.columns for c in rule.columns)


def _duplicate(
    keys: Sequence[nodes.UniqueRule], rows: Batch, row: int, rng: np.random.Generator
) -> Wrong | None:
    """Overwrite one cell of a key so that the whole key is another row's."""
    for at in rng.permutation(len(keys)):
        rule = keys[at]
        places = [rows.index(name) for name in rule.columns]
        if rows.nulls[row, places].any():
            continue
        for one in rng.permutation(len(places)):
            others = [p for k, p in enumerate(places) if k != one]
            same = (rows.codes[:, others] == rows.codes[row, others]).all(axis=1)
            same &= ~rows.nulls[:, places].any(axis=1)
            same &= rows.codes[:, places[one]] != rows.codes[row, places[one]]
            if same.any():
                partner = rng.choice(np.flatnonzero(same))
                return {rule.columns[one]: int(rows.codes[partner, places[one]])}
    return None


def _unbalance(
    columns: Sequence[Column], rows: Batch, row: int, rng: np.random.Generator
) -> Wrong | None:
    for at in rng.permutation(len(columns)):
        column = columns[at]
        place = rows.index(column.name)
        if rows.nulls[row, place]:
            continue
        code = int(rows.codes[row, place])
        change = int(rng.integers(1, max(2, abs(code) // 2 + 1)))
        for made in (code + change, code - change):
            if _holds(column, made):
                return {column.name: made}
    return None


def _holds(column: Column, code: int) -> bool:
    """Say whether a column's type, whatever its range, has a value with this code."""
    lo, hi = type_domain(column.type)
    return lo <= code <= hi


def _same_type(column: Column) -> object:
    """Return what two columns share whose cells may be swapped."""
    match column.type:
        case DecimalType(_, scale):
            return DecimalType, scale
        case TextType():
            return TextType
    return column.type


def _summed(tables: Sequence[nodes.Table]) -> dict[str, list[str]]:
    """Return, by table, the columns of numbers whose sums the rules fix."""
    by_name = {t.name: t for t in tables}
    found: dict[str, dict[str, None]] = {}
    for table in tables:
        for rule in table.rules:
            if isinstance(rule, nodes.RowRule) and _adds_up(rule.condition):
                for name, columns in reads(rule, table, by_name).items():
                    numbers = [
                        c
                        for c in columns
                        if isinstance(by_name[name].column(c).type, IntegerType | DecimalType)
                        and not any(c in r.columns for r in by_name[name].unique_rules)
                        and not _refers(by_name[name], c)
                    ]
                    found.setdefault(name, {}).update(dict.fromkeys(numbers))
    return {name: list(columns) for name, columns in found.items()}


def _adds_up(condition: nodes.Condition) -> bool:
    """Say whether a condition equates sums, if only up to rounding."""
    return any(
        isinstance(node, nodes.Compare)
        and (node.op == "=" or any(isinstance(n, nodes.Absolute) for n in children(node)))
        and any(
            isinstance(n, nodes.Add | nodes.Subtract)
            or (isinstance(n, nodes.Aggregate) and n.function == "sum")
            for n in descendants(node)
        )
        for node in descendants(condition)
    )


def _refers(table: nodes.Table, column: str) -> bool:
    return any(isinstance(r, nodes.ReferenceRule) and column in r.columns for r in table.rules)


def _ordered(table: nodes.Table) -> list[tuple[Column, Column]]:
    """Return the pairs of dates, or of moments, that a rule puts in order."""
    found: dict[tuple[str, str], None] = {}
    for rule in table.rules:
        if isinstance(rule, nodes.NoOverlapRule):
            found[rule.start, rule.end] = None
        elif isinstance(rule, nodes.RowRule):
            for node in descendants(rule.condition):
                if isinstance(node, nodes.Compare) and node.op not in ("=", "!="):
                    sides = [node.left, node.right]
                    if all(isinstance(s, nodes.ColumnRef) for s in sides):
                        found[sides[0].name, sides[1].name] = None  # type: ignore[union-attr]
    pairs = [(table.column(a), table.column(b)) for a, b in found]
    return [
        (a, b)
        for a, b in pairs
        if isinstance(a.type, DateType | DatetimeType) and _same_type(a) == _same_type(b)
    ]
