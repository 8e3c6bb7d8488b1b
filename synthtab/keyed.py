"""Rows for keys that are nearly used up: the key's values first, the rest of each row around them.

Where rules speak of a key it cannot be drawn by itself. Drawing rows until enough keys differ is
quick while few are used, and hopeless for the last ones. Here every tuple of the key's columns that
rules leave is listed, once, and rows are drawn around tuples of that list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Batch
from synthtab.distinct.automaton import TooLargeError
from synthtab.distinct.tuples import capacity, distinct
from synthtab.errors import InfeasibleError
from synthtab.generate.drawn import Drawn
from synthtab.generate.guide import Given, Guide, Level
from synthtab.generate.uniform import UniformGenerator
from synthtab.ir import nodes
from synthtab.schema import Column
from synthtab.solver.plan import Plan
from synthtab.solver.project import compile_plan

# Tuples are listed where there are at most so many, and so many for each row asked for.
LISTED, LISTED_PER_ROW = 200_000, 20
# With fewer rows than this share of the tuples, two rows rarely get the same one.
DENSE = 1 / 8
_NO_TEXTS = np.empty(0, dtype=object)


class KeyedSource:
    """Draws rows around the tuples of a list, each once before any comes again."""

    def __init__(
        self, generator: UniformGenerator, keys: Batch, random: np.random.Generator
    ) -> None:
        self._generator, self._keys, self._random = generator, keys, random
        self._left = np.empty(0, dtype=np.int64)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of the rows drawn."""
        return self._generator.columns

    def draw(
        self, rows: int, *, level: Level = "solver", guide: Guide | None = None, seed: int = 0
    ) -> Drawn:
        """Draw rows around the next tuples; weights are all alike, as nearly all are needed."""
        given = Given(self._keys.take(self._next(rows)))
        drawn = self._generator.draw(rows, level=level, guide=guide, seed=seed, given=given)
        return replace(drawn, log_weight=np.zeros(rows))

    def _next(self, rows: int) -> NDArray[np.int64]:
        while len(self._left) < rows:
            again = self._random.permutation(len(self._keys))
            self._left = np.concatenate([self._left, again])
        taken, self._left = self._left[:rows], self._left[rows:]
        return taken


def keyed(
    table: nodes.Table,
    generator: UniformGenerator,
    n: int,
    random: np.random.Generator,
    *,
    budget_s: float = 10.0,
) -> tuple[KeyedSource, Plan] | None:
    """Return what draws ``n`` rows where a key of the generator is nearly used up by them.

    Of several keys that is the one with the fewest values left. None where no key is, or that is
    not known. Raises InfeasibleError, saying how many keys the rules of ``table`` leave, where
    ``n`` rows cannot all differ.
    """
    found: tuple[KeyedSource, Plan] | None = None
    fewest = n / DENSE
    for rule in generator.table.unique_rules:
        columns = [table.column(name) for name in rule.columns]
        most = _listed(columns, n)
        if most is None:
            continue
        first = tuple(dict.fromkeys(rule.columns))
        rest = [c for c in _order(table, generator) if c not in first]
        plan = compile_plan(table, order=(*first, *rest), budget_s=budget_s)
        keys = _possible(distinct(columns, most, random), plan)
        if n > len(keys):
            raise InfeasibleError(
                f"rule {rule.name!r} and the rules of table {table.name!r} leave "
                f"{len(keys):,} different keys, and {n:,} rows were asked for"
            )
        if len(keys) < fewest:
            fewest = len(keys)
            drawn = tuple(c for c in plan.order if c in generator.order)
            found = KeyedSource(replace(generator, order=drawn), keys, random), plan
    return found


def _listed(columns: Sequence[Column], n: int) -> int | None:
    """Return how many tuples of the columns there are; None for too many to list, or with NULLs."""
    if any(c.optional for c in columns):
        return None
    try:
        most = capacity(columns)
    except TooLargeError:
        return None
    return most if 0 < most <= LISTED + LISTED_PER_ROW * n else None


def _order(table: nodes.Table, generator: UniformGenerator) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*generator.order, *table.column_names)))


def _possible(keys: Batch, plan: Plan) -> Batch:
    """Return the tuples that can be completed to a row, as far as the Plan knows."""
    for at, name in enumerate(keys.columns):
        known = {c: keys.column(c) for c in keys.columns[:at]}
        allowed = plan.feasible(name, known, keys.pool)
        if len(allowed) != len(keys):
            allowed = allowed.take(np.zeros(len(keys), dtype=np.int64))
        keys = keys.take(allowed.contains(*keys.column(name)))
    return keys
