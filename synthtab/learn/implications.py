"""What the values of one column say about those of another: ``when x = 'v' then y in (...)``.

Two columns of levels make a table of counts. Independent columns would fill a cell with the product
of its margins; a rule forbids cells that are (nearly) empty although much was expected there. Rules
of the two columns are chosen one after the other, each for the cells that those before leave open.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Mask
from synthtab.ir import nodes
from synthtab.learn.evidence import LEAST_SURPRISE, MOST_OF_EXPECTED, Found, Options, worth
from synthtab.learn.fields import Field, slug
from synthtab.learn.views import View, views

_FEW = 3  # an allowed set of so many levels is told as such, a larger one by what is missing
_LEAST_EXPECTED = 5.0  # in an empty cell that a rule forbids


@dataclass(frozen=True)
class _Candidate:
    """Premises (levels of the one), allowed or forbidden levels of the other, and the cells."""

    turned: bool
    premises: frozenset[int]
    levels: frozenset[int]
    allowed: bool
    cells: Mask

    @property
    def size(self) -> int:
        return len(self.premises) + len(self.levels)


def implications(
    fields: Sequence[Field], options: Options, settled: Collection[tuple[str, str]] = ()
) -> list[Found]:
    """Return implications between columns; ``settled`` pairs have one that determines the other.

    Of columns that determine each other only the first is looked at.
    """
    pairs = set(settled)
    doubles = {
        b.label
        for a, b in combinations(fields, 2)
        if (a.label, b.label) in pairs and (b.label, a.label) in pairs
    }
    found, seen = _equivalent(views(fields, options), options)
    for first, second in combinations(seen, 2):
        names = first.field.label, second.field.label
        if names[0] == names[1] or doubles & set(names):
            continue
        both_values = first.what == second.what == "value"
        if both_values and (names in pairs or names[::-1] in pairs):
            continue
        found += _between(first, second, options)
    return found


def _between(first: View, second: View, options: Options) -> list[Found]:
    counts = _counts(first, second)
    total = int(counts.sum())
    if total < options.least_support:
        return []
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / total
    candidates = [
        *_candidates(counts, expected, False, options),
        *_candidates(counts.T, expected.T, True, options),
    ]
    found: list[Found] = []
    covered = np.zeros_like(counts, dtype=bool)
    candidates.sort(key=lambda c: (counts[c.cells].sum() > 0, -expected[c.cells].sum(), c.size))
    for chosen in candidates:
        new = chosen.cells & ~covered
        gain, more = float(expected[new].sum()), int(counts[new].sum())
        sides = (second, first) if chosen.turned else (first, second)
        table = counts.T if chosen.turned else counts
        support = int(table[sorted(chosen.premises)].sum())
        if gain < 0.2 * expected[chosen.cells].sum() or not worth(gain, more, support, options):
            continue
        covered |= chosen.cells
        rule = _rule(chosen, *sides)
        mass, broken = float(expected[chosen.cells].sum()), int(counts[chosen.cells].sum())
        found.append(Found("implications", rule, support, mass, broken))
    return found


def _counts(first: View, second: View) -> NDArray[np.int64]:
    """Return how many rows are at each level of the one and each of the other."""
    rows = (first.ids >= 0) & (second.ids >= 0)
    size = first.size * second.size
    cells = first.ids[rows] * second.size + second.ids[rows]
    return np.bincount(cells, minlength=size).reshape(first.size, second.size)


def _equivalent(given: Sequence[View], options: Options) -> tuple[list[Found], list[View]]:
    """Return what always goes together, of columns with two levels; and the views without doubles.

    Two columns of values that do are a dependency each way, which is told as such.
    """
    found: list[Found] = []
    gone: set[int] = set()
    for (a, first), (b, second) in combinations(enumerate(given), 2):
        same = first.field.label == second.field.label or first.what == second.what == "value"
        if same or {a, b} & gone or first.size != 2 or second.size != 2:
            continue
        counts = _counts(first, second)
        if (straight := counts[0, 1] == counts[1, 0] == 0) or counts[0, 0] == counts[1, 1] == 0:
            total = int(counts.sum())
            margins = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / max(1, total)
            crossed = margins[0, 1] + margins[1, 0]
            expected = float(crossed if straight else total - crossed)
            if not worth(expected, 0, total, options):
                continue
            other = second.among({1 if straight else 0})
            name = slug(first.field.label, "with", second.field.label)
            rule = nodes.RowRule(name, nodes.Iff(first.among({1}), other))
            found.append(Found("implications", rule, total, expected))
            if np.array_equal(first.ids < 0, second.ids < 0):
                gone.add(b)
    return found, [v for at, v in enumerate(given) if at not in gone]


def _candidates(
    counts: NDArray[np.int64], expected: NDArray[np.float64], turned: bool, options: Options
) -> Iterator[_Candidate]:
    """Yield what each level of the rows, or several with the same conclusion, forbids."""
    hard: dict[tuple[frozenset[int], bool], set[int]] = {}
    for level, (row, chance) in enumerate(zip(counts, expected, strict=True)):
        support = int(row.sum())
        if support < options.least_support:
            continue
        seen = np.flatnonzero(row)
        if len(seen) < len(row) and float(chance[row == 0].sum()) >= _LEAST_EXPECTED:
            empty = np.flatnonzero((row == 0) & (chance >= _LEAST_EXPECTED))
            if len(seen) <= _FEW:
                hard.setdefault((frozenset(seen.tolist()), True), set()).add(level)
            elif len(empty):
                hard.setdefault((frozenset(empty.tolist()), False), set()).add(level)
        rare = (row <= MOST_OF_EXPECTED * chance) & (chance >= LEAST_SURPRISE)
        few = int(row[rare].sum())
        if few and few <= (1 - options.soft) * support:
            kept = np.flatnonzero(~rare & (row > 0))
            allowed = len(kept) <= _FEW
            levels = frozenset((kept if allowed else np.flatnonzero(rare)).tolist())
            if int(row[list(levels)].sum()) >= options.soft * support or not allowed:
                yield _made(counts.shape, turned, {level}, levels, allowed)
    for (levels, allowed), premises in hard.items():
        if len(premises) < len(counts):
            yield _made(counts.shape, turned, premises, levels, allowed)


def _made(
    shape: tuple[int, ...],
    turned: bool,
    premises: Collection[int],
    levels: frozenset[int],
    allowed: bool,
) -> _Candidate:
    cells = np.zeros(shape, dtype=bool)
    forbidden = np.isin(np.arange(shape[1]), sorted(levels)) != allowed
    cells[sorted(premises)] = forbidden
    return _Candidate(turned, frozenset(premises), levels, allowed, cells.T if turned else cells)


def _rule(chosen: _Candidate, premise: View, conclusion: View) -> nodes.RowRule:
    then = (conclusion.among if chosen.allowed else conclusion.outside)(chosen.levels)
    when = premise.among(chosen.premises)
    negative = not chosen.allowed and len(chosen.levels) < conclusion.size - 1
    told = conclusion.told(
        chosen.levels if chosen.allowed or negative else set(range(conclusion.size)) - chosen.levels
    )
    word = "excludes" if negative else "gives"
    name = slug(premise.told(chosen.premises), word, told)
    return nodes.RowRule(name, nodes.When(when, then))
