"""Which of a table's rules SDV has constraints for, and how it would be told them.

SDV can be told that one column is not above another (Inequality), that three stand in order
(Range), and that only combinations of values seen in the data occur (FixedCombinations). No column
may be in two of them, as each takes its columns out of what is learned. So combinations that meet
are put together, and the comparisons that are left with a taken column are left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from synthtab.batch import Batch
from synthtab.ir import nodes
from synthtab.ir.walk import columns_of
from synthtab.schema import BooleanType, EnumType, TextType

FEW = 50
"""Values of a column that still make it one of kinds, for combinations."""
MOST = 2_000
"""Combinations of values that are still learned as kinds of their own."""

Told = dict[str, Any]


def constraints(table: nodes.Table, train: Batch) -> tuple[list[Told], list[str]]:
    """Return SDV's constraints (class and arguments), and the rules that they do not cover."""
    combined: list[tuple[set[str], list[str]]] = []
    compared: list[tuple[str, str, bool, str]] = []
    left_out: list[str] = []
    for rule in table.rules:
        names = _combined(table, rule, train)
        pair = None if names else _compared(table, rule)
        if names:
            combined = _joined(combined, names, rule.name)
        elif pair:
            compared.append((*pair, rule.name))
        else:
            left_out.append(rule.name)
    taken: set[str] = set()
    told: list[Told] = []
    for columns, rules in combined:
        if _combinations(train, sorted(columns)) > MOST:
            left_out += rules
            continue
        taken |= columns
        told.append({"kind": "FixedCombinations", "given": {"column_names": sorted(columns)}})
    for chain, strict, rules in _chains(compared):
        if taken & set(chain):
            left_out += rules
            continue
        taken |= set(chain)
        told.append(_ordered(chain, strict))
    met = {name for _, _, names in _chains(compared) for name in names}
    left_out += [name for *_, name in compared if name not in met]
    return told, left_out


def _ordered(chain: tuple[str, ...], strict: bool) -> Told:
    if len(chain) == 2:
        names = {"low_column_name": chain[0], "high_column_name": chain[1]}
        return {"kind": "Inequality", "given": {**names, "strict_boundaries": strict}}
    names = dict(
        zip(("low_column_name", "middle_column_name", "high_column_name"), chain, strict=True)
    )
    return {"kind": "Range", "given": {**names, "strict_boundaries": strict}}


def _combined(table: nodes.Table, rule: nodes.Rule, train: Batch) -> set[str]:
    """Return the columns of a rule that speaks of kinds alone, none where it does not."""
    if isinstance(rule, nodes.DeterminesRule) and rule.share is None:
        names = {*rule.determinants, *rule.dependents}
    elif rule in table.row_rules and isinstance(rule, nodes.RowRule):
        names = set(columns_of(rule.condition))
    else:
        return set()
    few = all(_few(table, name, train) for name in names)
    return names if few and len(names) > 1 else set()


def _few(table: nodes.Table, name: str, train: Batch) -> bool:
    kind = table.column(name).type
    if isinstance(kind, EnumType | BooleanType):
        return True
    seen = len(np.unique(train.column(name)[0]))
    return not isinstance(kind, TextType) and seen <= min(FEW, len(train) / 20)


def _compared(table: nodes.Table, rule: nodes.Rule) -> tuple[str, str, bool] | None:
    """Return (lower, higher, strictly) of a rule that compares two columns."""
    if rule not in table.row_rules or not isinstance(rule, nodes.RowRule):
        return None
    match rule.condition:
        case nodes.Compare(op=op, left=nodes.ColumnRef(name=one), right=nodes.ColumnRef(name=two)):
            ways = {"<": (one, two, True), "<=": (one, two, False)}
            ways |= {">": (two, one, True), ">=": (two, one, False)}
            return ways.get(op)
    return None


def _joined(
    sets: list[tuple[set[str], list[str]]], names: set[str], rule: str
) -> list[tuple[set[str], list[str]]]:
    apart = [(c, r) for c, r in sets if not c & names]
    met = [(c, r) for c, r in sets if c & names]
    columns = names.union(*(c for c, _ in met))
    return [*apart, (columns, [*(x for _, r in met for x in r), rule])]


def _combinations(train: Batch, names: list[str]) -> int:
    part = train.select(names)
    return len(np.unique(np.concatenate([part.codes, part.nulls], axis=1), axis=0))


def _chains(
    compared: list[tuple[str, str, bool, str]],
) -> list[tuple[tuple[str, ...], bool, list[str]]]:
    """Put comparisons that meet into chains of three, each column in one of them."""
    left, chains = list(compared), []
    taken: set[str] = set()
    while left:
        low, high, strict, name = left.pop(0)
        if {low, high} & taken:
            continue
        chain, rules = (low, high), [name]
        for other in left:
            above, below = other[0] == high, other[1] == low
            new = other[1] if above else other[0]
            if other[2] is strict and (above or below) and not {*other[:2]} & taken - {low, high}:
                chain = (low, high, new) if above else (new, low, high)
                rules.append(other[3])
                break
        taken |= set(chain)
        chains.append((chain, strict, rules))
    return chains
