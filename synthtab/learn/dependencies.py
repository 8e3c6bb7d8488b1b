"""Columns that others determine."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.groups import Groups, Ids, together
from synthtab.batch import Mask
from synthtab.ir import nodes
from synthtab.learn.evidence import Found, Options, worth
from synthtab.learn.fields import Field, reduced, slug

_MOST_COLUMNS = 80
_FEW_COLUMNS = 14
_FEW_ROWS = 60_000
_GLANCE = 2_000
_LEAST_REPEATED = 5


def dependencies(
    fields: Sequence[Field],
    unique: frozenset[str],
    options: Options,
    formulas: Collection[frozenset[str]] = (),
) -> tuple[list[Found], set[tuple[str, str]]]:
    """Return dependencies that others do not imply, and all (determinant, dependent) that hold.

    ``formulas`` are columns each of which the others of its set give by a formula.
    """
    suited = [f for f in fields if f.changes][:_MOST_COLUMNS]
    holding: dict[tuple[int, int], Found] = {}
    for a, first in enumerate(suited):
        if first.label in unique or _is_measured(first):
            continue
        for b, second in enumerate(suited):
            if a != b and _may(first, second, options):
                made = _one(first, second)
                if worth(made.expected, made.broken, made.support, options):
                    holding[a, b] = made
    exact = {edge for edge, made in holding.items() if not made.broken}
    told = {*_told(exact, suited), *(edge for edge in holding if edge not in exact)}
    told = {(a, b) for a, b in told if (a, b) in exact or not _implied(a, b, exact)}
    told = {e for e in told if frozenset(suited[at].label for at in e) not in formulas}
    found = _merged([holding[edge] for edge in sorted(told)])
    if len(suited) <= _FEW_COLUMNS and len(suited[0].codes if suited else ()) <= _FEW_ROWS:
        known = {*exact, *((a, b) for a, b in holding)}
        found += _merged(_twos(suited, unique, known, options, formulas))
    return found, {(suited[a].label, suited[b].label) for a, b in exact}


def _is_measured(field: Field) -> bool:
    """Say whether values come back by chance more than by meaning: decimals, most there once."""
    return field.scale > 0 and field.filled < _LEAST_REPEATED * field.groups.count


def _merged(found: Sequence[Found]) -> list[Found]:
    """Put hard dependencies with the same determinants and as much support in one."""
    alike: dict[tuple[tuple[str, ...], int, int], list[Found]] = {}
    for at, one in enumerate(found):
        assert isinstance(one.rule, nodes.DeterminesRule)
        key = one.rule.determinants, one.support, at if one.broken else -1
        alike.setdefault(key, []).append(one)
    made = []
    for (determinants, support, _), ones in alike.items():
        rules = [f.rule for f in ones if isinstance(f.rule, nodes.DeterminesRule)]
        dependents = tuple(name for r in rules for name in r.dependents)
        word = "gives" if len(determinants) == 1 else "give"
        name = slug(*determinants, word, *dependents)
        rule = nodes.DeterminesRule(name, determinants, dependents)
        expected = max(f.expected for f in ones)
        made.append(Found(ones[0].kind, rule, support, expected, ones[0].broken))
    return made


def _implied(a: int, b: int, exact: set[tuple[int, int]]) -> bool:
    """Say whether a soft dependency follows from a hard one of the determinant's."""
    return any(first == a and (via, b) in exact for first, via in exact)


def _told(exact: set[tuple[int, int]], fields: Sequence[Field]) -> set[tuple[int, int]]:
    """Return those of a transitive relation from which all others follow."""
    heads: dict[int, int] = {}
    for at in sorted({x for edge in exact for x in edge}):
        heads[at] = min([at, *(b for a, b in exact if a == at and (b, a) in exact)])
    within = {(a, b) for a, b in exact if (b, a) in exact and heads[a] in (a, b)}
    among = {(heads[a], heads[b]) for a, b in exact if heads[a] != heads[b]}
    return within | {edge for edge in reduced(among, fields) if edge in exact}


def _may(first: Field, second: Field, options: Options) -> bool:
    """Say whether the first rows leave it possible that one column determines another."""
    ids, values = first.groups.ids[:_GLANCE], second.groups.ids[:_GLANCE]
    torn, some = _torn(Groups(ids, first.groups.count), values)
    return int(torn.sum()) <= (1.1 - options.soft) * max(1, int(some.sum()))


def _one(first: Field, second: Field) -> Found:
    groups = first.groups
    torn, some = _torn(groups, second.groups.ids)
    present = len(np.unique(groups.ids[some])) if some.any() else 0
    shares = np.bincount(second.groups.ids[groups.ids >= 0] + 1) / max(1, first.filled)
    chance = 1 - float((shares**2).sum())
    expected = (int(some.sum()) - present) * chance
    name = slug(first.label, "gives", second.label)
    rule = nodes.DeterminesRule(name, (first.label,), (second.label,))
    return Found("dependencies", rule, int(some.sum()), expected, int(torn.sum()))


def _torn(groups: Groups, values: Ids) -> tuple[Mask, Mask]:
    """Say of each row whether its group has several values, and whether it has several rows."""
    inside = groups.ids >= 0
    ids, held = groups.ids[inside], values[inside]
    least = np.full(groups.count, np.iinfo(np.int64).max)
    most = np.full(groups.count, np.iinfo(np.int64).min)
    np.minimum.at(least, ids, held)
    np.maximum.at(most, ids, held)
    sizes = np.bincount(ids, minlength=groups.count)
    torn, some = np.zeros(len(inside), dtype=bool), np.zeros(len(inside), dtype=bool)
    torn[inside], some[inside] = (least != most)[ids], (sizes > 1)[ids]
    return torn, some


def _twos(
    fields: Sequence[Field],
    unique: frozenset[str],
    known: set[tuple[int, int]],
    options: Options,
    formulas: Collection[frozenset[str]],
) -> list[Found]:
    """Return what two columns determine together and neither does alone."""
    found = []
    rows = len(fields[0].codes) if fields else 0
    for a, b in combinations(range(len(fields)), 2):
        first, second = fields[a], fields[b]
        related = (a, b) in known or (b, a) in known
        if related or first.label in unique or second.label in unique:
            continue
        both = together([first.groups, second.groups], rows)
        sizes = np.bincount(both.ids[both.ids >= 0], minlength=both.count)
        if sizes[sizes > 1].sum() < options.least_support:
            continue
        for c, third in enumerate(fields):
            if c in (a, b) or (a, c) in known or (b, c) in known:
                continue
            if frozenset((first.label, second.label, third.label)) in formulas:
                continue
            glance = Groups(both.ids[:_GLANCE], both.count)
            if _torn(glance, third.groups.ids[:_GLANCE])[0].any():
                continue
            torn, some = _torn(both, third.groups.ids)
            if torn.any():
                continue
            expected = min(_given(f, third, both, sizes) for f in (first, second))
            if worth(expected, 0, int(some.sum()), options):
                name = slug(first.label, second.label, "give", third.label)
                pair = (first.label, second.label)
                rule = nodes.DeterminesRule(name, pair, (third.label,))
                found.append(Found("dependencies of two", rule, int(some.sum()), expected))
    return found


def _given(
    one: Field,
    third: Field,
    both: Groups,
    sizes: NDArray[np.int64],
) -> float:
    """Return how many rows would differ from their group's first if only one column mattered."""
    rows = np.flatnonzero((both.ids >= 0) & (third.groups.ids >= 0))
    pair = together([one.groups, third.groups], len(one.codes)).ids[rows]
    ids = one.groups.ids[rows]
    counts = np.bincount(pair)
    within = np.bincount(ids, minlength=one.groups.count)
    alike = np.zeros(one.groups.count)
    np.add.at(alike, ids, counts[pair] / within[ids])  # the sum over values of n_v^2 / n
    alike /= np.maximum(within, 1)
    more = (sizes[both.ids[rows]] - 1) / sizes[both.ids[rows]]
    return float(((1 - alike[ids]) * more).sum())
