"""Columns that are another column, a sum or a product of others, or a fixed distance from one.

Candidates are what a sample of rows allows; each is then counted on all rows. Relations that follow
from those already found are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Codes, Mask
from synthtab.ir import nodes
from synthtab.learn.evidence import Found, Options, worth
from synthtab.learn.fields import LARGEST, Field, common_scale, slug

_SAMPLE = 40
_MOST_COLUMNS = 120
_FEW_COLUMNS = 60
_MOST_CHECKED = 3_000
_FIT = 0.9  # of a sample; a soft rule may be broken in it


class Known:
    """Linear relations found so far, to tell those that follow from them."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._place = {label: at for at, label in enumerate(labels)}
        self._rows: list[NDArray[np.float64]] = []

    def is_new(self, coefficients: dict[str, int]) -> bool:
        """Take a relation (whose sum is constant) that does not follow from the others."""
        row = np.zeros(len(self._place))
        for label, factor in coefficients.items():
            row[self._place[label]] = factor
        rank = np.linalg.matrix_rank(np.array([*self._rows, row]))
        if rank <= len(self._rows):
            return False
        self._rows.append(row)
        return True


def totals(fields: Sequence[Field], options: Options, seed: int = 0) -> list[Found]:
    """Return equalities, fixed distances, sums and products, in that order."""
    known = Known([f.label for f in fields])
    found = _equal(fields, known, options)
    for measure in ("number", "date", "datetime"):
        suited = [f for f in fields if f.measure == measure and f.changes]
        found += _distances(suited, known, options)
    numbers = [f for f in fields if f.measure == "number" and f.changes and f.filled]
    numbers = numbers[:_MOST_COLUMNS]
    plain = common_scale(numbers)
    if len(plain) > 2:
        rng = np.random.default_rng(seed)
        found += _sums(plain, known, options, rng)
        found += _products([f for f in numbers if _small(f)], options, rng)
    return found


def _small(field: Field) -> bool:
    return int(np.abs(field.codes).max()) ** 2 <= LARGEST


def _equal(fields: Sequence[Field], known: Known, options: Options) -> list[Found]:
    found = []
    for first, second in combinations(fields, 2):
        if first.column.type != second.column.type or not (first.changes and second.changes):
            continue
        both = ~first.nulls & ~second.nulls
        glance = slice(0, 500)
        same = first.codes == second.codes
        if both[glance].any() and same[glance][both[glance]].mean() < _FIT:
            continue
        broken = int((both & ~same).sum())
        support = int(both.sum())
        expected = support * (1 - _meeting(first, second))
        if worth(expected, broken, support, options):
            if not broken and not known.is_new({first.label: 1, second.label: -1}):
                continue
            condition = nodes.Compare("=", first.term, second.term)
            rule = nodes.RowRule(slug(first.label, "is", second.label), condition)
            found.append(Found("equalities", rule, support, expected, broken))
    return found


def _meeting(first: Field, second: Field) -> float:
    """Return the share of rows in which two columns would agree by chance."""
    values, ours = np.unique(first.codes[~first.nulls], return_counts=True)
    others, theirs = np.unique(second.codes[~second.nulls], return_counts=True)
    _, a, b = np.intersect1d(values, others, assume_unique=True, return_indices=True)
    total = max(1, first.filled) * max(1, second.filled)
    return float((ours[a].astype(float) * theirs[b]).sum() / total)


def _distances(fields: Sequence[Field], known: Known, options: Options) -> list[Found]:
    """Return pairs of columns whose difference is one and the same, other than zero."""
    found = []
    for first, second in combinations(fields, 2):
        alike = first.scale == second.scale and first.resolution == second.resolution
        both = ~first.nulls & ~second.nulls
        support = int(both.sum())
        if not alike or support < options.least_support:
            continue
        if max(np.abs(first.codes).max(), np.abs(second.codes).max()) > LARGEST:
            continue
        difference = (first.codes - second.codes)[both]
        step = int(difference[0])
        if step == 0 or not (difference == step).all():
            continue
        alone = max(float(first.shares.max()), float(second.shares.max()))
        if not worth(support * (1 - alone), 0, support, options):
            continue
        if not known.is_new({first.label: 1, second.label: -1}):
            continue
        upper, lower = (first, second) if step > 0 else (second, first)
        condition = nodes.Compare("=", upper.term, _moved(lower, abs(step)))
        rule = nodes.RowRule(slug(upper.label, "from", lower.label), condition)
        found.append(Found("equalities", rule, support, support * (1 - alone)))
    return found


def _moved(field: Field, step: int) -> nodes.Term:
    """Return a column plus a fixed distance."""
    if field.measure == "number":
        return nodes.Add(field.term, field.literal(step))
    if field.measure == "date":
        return nodes.Shift(field.term, nodes.Literal(step), "days")
    seconds = step * field.resolution
    return nodes.Shift(field.term, nodes.Literal(seconds), "seconds")


def _sums(
    fields: Sequence[Field], known: Known, options: Options, rng: np.random.Generator
) -> list[Found]:
    rows = rng.integers(0, len(fields[0].codes), _SAMPLE)
    values = np.array([f.codes[rows] for f in fields])
    nulls = np.array([f.nulls[rows] for f in fields])
    found: list[Found] = []
    checked = 0
    for terms in (2, 3) if len(fields) <= _FEW_COLUMNS else (2,):
        for parts in combinations(range(len(fields)), terms):
            total = values[list(parts)].sum(axis=0)
            gone = nulls[list(parts)].any(axis=0)
            fits = ((values == total) | gone | nulls).mean(axis=1) >= _FIT
            fits &= ((values == total) & ~gone & ~nulls).any(axis=1)
            fits[list(parts)] = False
            for target in np.flatnonzero(fits).tolist():
                checked += 1
                if checked > _MOST_CHECKED:
                    return found
                made = _sum(fields[target], [fields[p] for p in parts], options)
                relation = {fields[p].label: 1 for p in parts} | {fields[target].label: -1}
                if made is not None and known.is_new(relation):
                    found.append(made)
    return found


def _sum(target: Field, parts: Sequence[Field], options: Options) -> Found | None:
    whole, gone = target.codes, target.nulls.copy()
    total = np.zeros(len(whole), dtype=np.int64)
    # Where a part is zero the rest is an equality, which is no sum.
    telling = np.ones(len(whole), dtype=bool)
    for part in parts:
        total += part.codes
        gone |= part.nulls
        telling &= part.codes != 0
    return _judged(target, parts, total, gone, telling, options, "sum")


def _judged(
    target: Field,
    parts: Sequence[Field],
    total: Codes,
    gone: Mask,
    telling: Mask,
    options: Options,
    word: str,
) -> Found | None:
    """Count a relation on all rows."""
    broken = int((~gone & (target.codes != total)).sum())
    support = int((telling & ~gone).sum())
    if not support or broken > (1 - options.soft) * support:
        return None
    values, counts = np.unique(total[~gone], return_counts=True)
    place = np.minimum(np.searchsorted(values, target.codes[~gone]), len(values) - 1)
    meets = np.where(values[place] == target.codes[~gone], counts[place], 0).mean() / (~gone).sum()
    expected = support * (1 - float(meets))
    if not worth(expected, broken, support, options):
        return None
    term = parts[0].term
    join: Callable[[nodes.Term, nodes.Term], nodes.Term]
    join = nodes.Add if word == "sum" else nodes.Multiply
    for part in parts[1:]:
        term = join(term, part.term)
    condition = nodes.Compare("=", target.term, term)
    rule = nodes.RowRule(slug(target.label, word), condition)
    return Found(f"{word}s", rule, support, expected, broken)


def _products(fields: Sequence[Field], options: Options, rng: np.random.Generator) -> list[Found]:
    if len(fields) < 3:
        return []
    rows = rng.integers(0, len(fields[0].codes), _SAMPLE)
    values = np.array([f.codes[rows] for f in fields])
    nulls = np.array([f.nulls[rows] for f in fields])
    found: list[Found] = []
    for a, b in combinations(range(len(fields)), 2):
        whole = values[a] * values[b]
        gone = nulls[a] | nulls[b]
        # target / unit = a / unit * b / unit, without a division.
        factor = fields[a].scale + fields[b].scale
        for target in range(len(fields)):
            shift = factor - fields[target].scale
            largest = int(np.abs(fields[target].codes).max())
            if target in (a, b) or shift < 0 or largest * 10**shift > LARGEST:
                continue
            out = gone | nulls[target]
            same = values[target] * 10**shift == whole
            if (same | out).mean() < _FIT or not (same & ~out).any():
                continue
            made = _product(fields[target], fields[a], fields[b], 10**shift, options)
            if made is not None:
                found.append(made)
    return found


def _product(
    target: Field, first: Field, second: Field, factor: int, options: Options
) -> Found | None:
    total = first.codes * second.codes
    gone = target.nulls | first.nulls | second.nulls
    ones = (10**first.scale, 10**second.scale)
    telling = (total != 0) & (first.codes != ones[0]) & (second.codes != ones[1])
    scaled = Field(target.label, target.term, target.column, target.codes * factor, target.nulls)
    return _judged(scaled, (first, second), total, gone, telling, options, "product")
