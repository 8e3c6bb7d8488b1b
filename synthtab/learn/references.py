"""Columns whose values are another table's key, and how many rows refer to one."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.context import Context
from synthtab.backends.groups import Groups
from synthtab.batch import Mask
from synthtab.ir import nodes
from synthtab.lang.ruletree import default_rule_name
from synthtab.learn.evidence import LEAST_SURPRISE, Found, Options, worth
from synthtab.learn.fields import Field, slug
from synthtab.schema import Column, EnumType, IntegerType, TextType

_MOST_LEVELS = 12
_MOST_PER_PARENT = 5


@dataclass(frozen=True)
class _Target:
    """A column of a table that never repeats."""

    table: str
    column: Column
    is_key: bool


def references(
    tables: Sequence[nodes.Table], context: Context, options: Options
) -> dict[str, list[nodes.ReferenceRule]]:
    """Return, by table, the columns that refer to a unique column of some table.

    What the names say counts most; without their help values must be many of the parent's, and no
    small numbers, which are contained in any key that counts from 1.
    """
    targets = [
        _Target(t.name, t.column(r.columns[0]), r.primary)
        for t in tables
        for r in t.unique_rules
        if len(r.columns) == 1
    ]
    found: dict[str, list[nodes.ReferenceRule]] = {t.name: [] for t in tables}
    for table in tables:
        for column in table.columns:
            best: tuple[float, nodes.ReferenceRule] | None = None
            if _names_itself(table, column):
                continue
            for target in targets:
                rule = nodes.ReferenceRule(
                    default_rule_name([column.name], "reference"),
                    (column.name,),
                    target.table,
                    (target.column.name,),
                )
                score = _score(table.name, column, target, context, rule, options)
                back = any(
                    r.parent == table.name and r.parent_columns == (column.name,)
                    for r in found[target.table]
                )
                if score > (best[0] if best else 0.0) and not back:
                    best = score, rule
            if best is not None:
                found[table.name].append(best[1])
    return found


def _names_itself(table: nodes.Table, column: Column) -> bool:
    """Say whether a column is its table's key and called so: client_id of client."""
    is_key = any(r.primary and r.columns == (column.name,) for r in table.unique_rules)
    return is_key and set(_words(table.name)) <= set(_words(column.name))


def _score(
    table: str,
    column: Column,
    target: _Target,
    context: Context,
    rule: nodes.ReferenceRule,
    options: Options,
) -> float:
    """Return how well a column fits a key, 0 where it does not."""
    if not _comparable(column, target.column):
        return 0.0
    named = _named(column.name, target)
    if (table == target.table and (column.name == target.column.name or named < 2)) or (
        not target.is_key and (named < 2 or not target.column.name.lower().endswith("id"))
    ):
        return 0.0
    child, parent = context.shared_keys(table, rule)
    present = np.zeros(child.count, dtype=bool)
    present[parent.ids[parent.ids >= 0]] = True
    ids = child.ids[child.ids >= 0]
    if not len(ids):
        return 0.0
    used = np.unique(ids)
    covered = present[used].sum() / max(1, present.sum())
    contained = float(present[ids].mean())
    if contained < (options.soft if named else 1.0):
        return 0.0
    if not named:
        codes, nulls = context.batches[table].column(column.name)
        small = (
            isinstance(column.type, IntegerType) and int(codes[~nulls].max()) < 10 * present.sum()
        )
        if small or len(used) < 20 or covered < 0.3:
            return 0.0
    return named + float(covered) / 2 + contained / 4 + target.is_key / 8


def _comparable(column: Column, other: Column) -> bool:
    if isinstance(column.type, IntegerType):
        return isinstance(other.type, IntegerType)
    texts = EnumType | TextType
    return isinstance(column.type, texts) and isinstance(other.type, texts)


def _named(name: str, target: _Target) -> int:
    """Say how much of a column's name speaks for a target: 0 nothing, 3 all."""
    own, key, table = (_words(w) for w in (name, target.column.name, target.table))
    if not own or not key:
        return 0
    ending = len(own) > len(key) and own[-len(key) :] == key
    if own == [*table, *key] or (own == key and (len(key) > 1 or not _is_id(key))):
        return 3
    if own == table or (_is_id(own[-1:]) and own[:-1] == table):
        return 3
    return 2 if ending and (len(key) > 1 or _is_id(key)) and _is_near(own, table, key) else 0


def _is_near(own: Sequence[str], table: Sequence[str], key: Sequence[str]) -> bool:
    """Say whether a name that ends like a key may be a role of the table: home_team_id of team."""
    return len(key) > 1 or set(table) <= set(own)


def _is_id(words: Sequence[str]) -> bool:
    return list(words) in (["id"], ["key"], ["no"], ["nr"], ["number"], ["code"], ["uuid"])


def _words(name: str) -> list[str]:
    """Return the words of a name, small and singular."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return [_singular(w) for w in re.split(r"[^0-9a-z]+", split) if w]


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and len(word) > 3 and not word.endswith("ss") else word


def cardinalities(
    parent: nodes.Table,
    children: Mapping[str, Sequence[nodes.ReferenceRule]],
    fields: Mapping[str, Sequence[Field]],
    context: Context,
    options: Options,
) -> list[Found]:
    """Return how many rows of each referring table a row has: at least one, exactly, at most."""
    found = []
    for child, rules in children.items():
        own = [r for r in rules if r.parent == parent.name and child != parent.name]
        for rule in own:
            ways = [r for r in context.tables[child].rules if isinstance(r, nodes.ReferenceRule)]
            several = sum(r.parent == parent.name for r in ways) > 1
            via = rule.columns[0] if several else None
            ids, there = context.shared_keys(child, rule)
            counts = _counts(ids, there, np.ones(len(ids.ids), dtype=bool))
            if len(counts) < options.least_support or rule.columns == _key(context, child):
                continue
            label = slug(child, *((via,) if via else ()))
            term = nodes.Aggregate("count", of=child, via=via)
            unique = any(u.columns == rule.columns for u in context.tables[child].unique_rules)
            found += _told(counts, label, term, unique)
            found += _of_kinds(child, fields[child], ids, there, label, via)
    return found


def _key(context: Context, table: str) -> tuple[str, ...] | None:
    return next((r.columns for r in context.tables[table].unique_rules if r.primary), None)


def _counts(child: Groups, parent: Groups, asked: Mask) -> NDArray[np.int64]:
    """Return how many of the rows asked about refer to each row of the parent."""
    counts = np.bincount(child.ids[asked & (child.ids >= 0)], minlength=parent.count)
    return np.asarray(counts[parent.ids[parent.ids >= 0]])


def _told(
    counts: NDArray[np.int64], label: str, term: nodes.Aggregate, unique: bool = False
) -> list[Found]:
    """Return what all counts keep to that counts around the same mean would not."""
    rows, mean = len(counts), float(counts.mean())
    least, most = int(counts.min()), int(counts.max())
    found = []
    if least == most and least:
        chance = 1 - _poisson(least, mean)
        found.append(("one" if least == 1 else "as_many", "=", least, rows * chance))
    else:
        if least:
            below = sum(_poisson(k, mean) for k in range(least))
            found.append(("some", ">=", least, rows * below))
        if most <= _MOST_PER_PARENT and not unique:
            above = 1 - sum(_poisson(k, mean) for k in range(most + 1))
            found.append(("few", "<=", most, rows * above))
    made = []
    for word, op, number, expected in found:
        if expected >= LEAST_SURPRISE:
            condition = nodes.Compare(op, term, nodes.Literal(number))  # type: ignore[arg-type]
            rule = nodes.RowRule(slug(word, label), condition)
            made.append(Found("cardinalities", rule, rows, expected))
    return made


def _of_kinds(
    child: str,
    fields: Sequence[Field],
    ids: Groups,
    there: Groups,
    label: str,
    via: str | None,
) -> list[Found]:
    """Return kinds of which each parent has exactly one."""
    found = []
    for field in fields:
        kind = field.column.type
        if not isinstance(kind, EnumType) or not 2 <= field.groups.count <= _MOST_LEVELS:
            continue
        for code in np.unique(field.codes[~field.nulls]):
            counts = _counts(ids, there, ~field.nulls & (field.codes == code))
            if len(counts) and counts.min() == counts.max() == 1:
                where = nodes.Compare("=", field.term, field.literal(code))
                term = nodes.Aggregate("count", where=where, of=child, via=via)
                found += _told(counts, f"{label}_{field.literal(code).value}", term)
    return found


def kinds_reached(
    reached: Sequence[Field], parents: Mapping[str, Field], options: Options
) -> list[Found]:
    """Return values that all rows referred to have, though not all rows of the parent do."""
    found = []
    for field in reached:
        if not isinstance(field.column.type, EnumType) or field.groups.count != 1:
            continue
        parent = parents[field.label]
        code = int(field.codes[~field.nulls][0])
        share = float((~parent.nulls & (parent.codes == code)).mean())
        expected = field.filled * (1 - share)
        if worth(expected, 0, field.filled, options):
            literal = field.literal(code)
            rule = nodes.RowRule(
                slug(field.label, str(literal.value)), nodes.Compare("=", field.term, literal)
            )
            found.append(Found("kinds reached", rule, field.filled, expected))
    return found


def _poisson(count: int, mean: float) -> float:
    return math.exp(count * math.log(mean) - mean - math.lgamma(count + 1)) if mean else 0.0
