"""Texts for a column without data: what its hint, its pattern and its rules ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.vector import Evaluator
from synthtab.batch import Mask
from synthtab.distinct.automaton import TooLargeError
from synthtab.distinct.language import Language, readable
from synthtab.generate.names import lookalikes
from synthtab.hints import Like
from synthtab.ir import core, nodes
from synthtab.ir.corewalk import descendants, variables
from synthtab.ir.normalise import lower
from synthtab.schema import Column, TextType
from synthtab.solver.strings import Strings

Texts = NDArray[np.object_]

# Texts taken from what rules speak of, where they speak of the column.
NAMED_SHARE = 0.3
# Strings drawn for a pattern that a rule speaks of, to find some that the column can hold.
_DRAWN = 60
# Draws of a text until it keeps the rules about it alone.
_TRIES = 12


@dataclass(frozen=True)
class Wording:
    """Draws the texts of one column.

    ``named`` are strings its rules name or that fit patterns its rules name; ``partners`` text
    columns its rules want it to equal; ``rules`` those about no other column; ``fresh`` says that
    no text should come twice.
    """

    column: Column
    named: tuple[str, ...] = ()
    partners: tuple[str, ...] = ()
    rules: tuple[core.Cond, ...] = ()
    fresh: bool = False

    def draw(self, n: int, rng: np.random.Generator) -> Texts:
        """Return ``n`` strings the column can hold.

        They keep the rules about this column alone where a few tries are enough.
        """
        out = self._any(n, rng)
        bad = np.flatnonzero(self._broken(out))
        for _ in range(_TRIES):
            if not len(bad):
                break
            out[bad] = self._any(len(bad), rng)
            bad = bad[self._broken(out[bad])]
        return out

    def _broken(self, texts: Texts) -> Mask:
        """Say of each text (n,) whether one of the column's own rules refuses it."""
        broken = np.zeros(len(texts), dtype=bool)
        if self.rules:
            pool, codes = np.unique(texts, return_inverse=True)
            evaluator = Evaluator({self.column.name: (codes.reshape(-1), broken)}, pool)
            for rule in self.rules:
                broken = broken | evaluator.truth(rule)[1]
        return broken

    def _any(self, n: int, rng: np.random.Generator) -> Texts:
        out = self._plain(n, rng)
        if self.named:
            few = np.empty(len(self.named), dtype=object)
            few[:] = self.named
            rows = np.flatnonzero(rng.random(n) < NAMED_SHARE)
            out[rows] = few[rng.integers(0, len(few), len(rows))]
        return out

    def _plain(self, n: int, rng: np.random.Generator) -> Texts:
        hint = self.column.hint
        if hint is None or not isinstance(hint.shape, Like):
            return of_pattern(self._kind, n, rng)
        made = lookalikes(hint.shape.kind, n, rng, fresh=self.fresh)
        bad = np.flatnonzero([not self._holds(text) for text in made])
        if not len(bad):
            return made
        good = np.setdiff1d(np.arange(n), bad)
        if len(good) > n / 5 and not self.fresh:
            made[bad] = made[good[rng.integers(0, len(good), len(bad))]]
        elif self._kind.pattern is not None:
            made[bad] = of_pattern(self._kind, len(bad), rng)
        else:
            made[bad] = [text[: self._kind.max_length].rstrip() for text in made[bad]]
        return made

    @property
    def _kind(self) -> TextType:
        assert isinstance(self.column.type, TextType)
        return self.column.type

    def _holds(self, text: str) -> bool:
        pattern = self._kind.pattern
        fits = pattern is None or re.fullmatch(pattern, text) is not None
        return fits and len(text) <= self._kind.max_length


def of_pattern(kind: TextType, n: int, rng: np.random.Generator) -> Texts:
    """Return strings of a text type, of each length its pattern has as many: words without one."""
    try:
        strings = readable(kind)
    except TooLargeError:
        source = Strings(kind.pattern, kind.max_length)
        out = np.empty(n, dtype=object)
        out[:] = [source.draw(rng) or "" for _ in range(n)]
        return out
    return _drawn(strings, n, rng)


def _drawn(strings: Language, n: int, rng: np.random.Generator) -> Texts:
    if not strings.size:
        return np.full(n, "", dtype=object)
    return strings.draw(n, rng, by_length=True)


def wordings(table: nodes.Table, rng: np.random.Generator) -> dict[str, Wording]:
    """Return what to draw each text column of a table from, by name."""
    alone = {r.columns[0] for r in table.unique_rules if len(r.columns) == 1}
    rules = [lower(r.condition, table) for r in table.row_rules]
    equal = [pair for rule in rules for pair in _equalities(rule)]
    return {
        column.name: Wording(
            column,
            _named(column, [f for rule in rules for f in descendants(rule)], rng),
            tuple(
                dict.fromkeys(
                    b if a == column.name else a for a, b in equal if column.name in (a, b)
                )
            ),
            tuple(rule for rule in rules if variables(rule) == (column.name,)),
            column.name in alone,
        )
        for column in table.columns
        if isinstance(column.type, TextType)
    }


def _named(
    column: Column, facts: Sequence[core.Cond | core.Term], rng: np.random.Generator
) -> tuple[str, ...]:
    kind = column.type
    assert isinstance(kind, TextType)
    source = Strings(kind.pattern, kind.max_length)
    found: dict[str, None] = {}
    for fact in facts:
        match fact:
            case core.TextIs(core.Var(name), text) if name == column.name:
                found[text] = None
            case core.TextMatch(core.Var(name), pattern) if name == column.name:
                fits = of_pattern(TextType(kind.max_length, pattern), _DRAWN, rng)
                found |= dict.fromkeys(fits)
    return tuple(text for text in found if source.has(text))


def _equalities(condition: core.Cond) -> Iterator[tuple[str, str]]:
    """Yield the pairs of columns that a condition wants to be equal, in some case at least."""
    match condition:
        case core.And(args) | core.Or(args):
            for arg in args:
                yield from _equalities(arg)
        case core.Cmp("=", left, right):
            names = variables(condition)
            if len(names) == 2 and variables(left) and variables(right):
                yield names[0], names[1]
