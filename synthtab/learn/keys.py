"""Columns, and pairs of columns, that never repeat."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from synthtab.backends.groups import together
from synthtab.ir import nodes
from synthtab.lang.ruletree import default_rule_name
from synthtab.learn.evidence import LEAST_SURPRISE, Found, Options
from synthtab.learn.fields import Field
from synthtab.schema import EnumType, IntegerType, TextType

_MOST_COLUMNS = 30


def keys(
    table: nodes.Table, fields: tuple[Field, ...], options: Options
) -> tuple[list[Found], frozenset[str]]:
    """Return keys not declared yet, and the names of all columns that never repeat."""
    rows = len(fields[0].codes)
    declared = {r.columns for r in table.unique_rules}
    primary = any(r.primary for r in table.unique_rules)
    found: list[Found] = []
    alone: set[str] = set()
    for field in fields:
        if field.groups.count < field.filled or field.filled < 2:
            continue
        alone.add(field.label)
        expected = _repeats(field)
        enough = expected >= LEAST_SURPRISE and field.filled >= options.least_support
        if enough and (field.label,) not in declared:
            found.append(_unique((field.label,), field.filled, expected))
    pairs = _pairs(tuple(f for f in fields if f.label not in alone), rows, options)
    if pairs and not primary and not any(name in alone for name in table.column_names):
        best = max(pairs, key=lambda f: f.expected)
        pairs.remove(best)
        assert isinstance(best.rule, nodes.UniqueRule)
        columns = best.rule.columns
        if not any(table.column(c).optional for c in columns):
            rule = nodes.UniqueRule(default_rule_name(columns, "key"), columns, True)
            best = Found("keys", rule, best.support, best.expected)
        pairs.insert(0, best)
    return found + pairs, frozenset(alone)


def _repeats(field: Field) -> float:
    """Return how many pairs of rows chance would make equal in a column without repetitions."""
    pairs = field.filled * (field.filled - 1) / 2
    match field.column.type:
        case IntegerType():
            codes = field.codes[~field.nulls]
            return float(pairs / (int(codes.max()) - int(codes.min()) + 1))
        case TextType():
            return field.filled / 2
    return 0.0


def _alike(field: Field) -> float:
    """Return how likely two different rows are to have the same value."""
    counts = field.shares * field.filled
    return float((counts * (counts - 1)).sum() / max(1, field.filled * (field.filled - 1)))


def _pairs(fields: tuple[Field, ...], rows: int, options: Options) -> list[Found]:
    """Return pairs of columns that never repeat together though chance would have them do so."""
    suited = [
        f
        for f in fields
        if isinstance(f.column.type, IntegerType | TextType | EnumType)
        or f.measure in ("date", "datetime")
        if f.changes
    ]
    suited = sorted(suited, key=lambda f: -f.groups.count)[:_MOST_COLUMNS]
    found = []
    for first, second in combinations(sorted(suited, key=fields.index), 2):
        if first.groups.count * second.groups.count < rows:
            continue
        both = int((~first.nulls & ~second.nulls).sum())
        alike = _alike(first) * _alike(second)
        expected = both * (both - 1) / 2 * alike
        if both < max(options.least_support, rows / 2) or expected < LEAST_SURPRISE:
            continue
        ids = together([first.groups, second.groups], rows).ids
        if len(np.unique(ids[ids >= 0])) == both:
            found.append(_unique((first.label, second.label), both, expected))
    return found


def _unique(columns: tuple[str, ...], support: int, expected: float) -> Found:
    rule = nodes.UniqueRule(default_rule_name(columns, "unique"), columns)
    return Found("keys", rule, support, expected)
