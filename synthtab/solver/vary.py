"""Rows that look like rows: values all over what is allowed, not at the edges a solver picks.

:class:`Sampler` draws lawful rows under a Plan; :func:`stir` walks away from one row a solver
found, column by column, as far as the rules let it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.vector import Evaluator, VectorBackend
from synthtab.batch import Batch, Codes, Mask, concat
from synthtab.ir import core, nodes
from synthtab.ir.corewalk import variables
from synthtab.ir.walk import columns_of
from synthtab.schema import (
    DAY_SECONDS,
    Column,
    DatetimeType,
    DateType,
    DecimalType,
    TextType,
    domain,
)
from synthtab.solver.feasible import Feasible
from synthtab.solver.inquiry import Cell, Claim, Row
from synthtab.solver.project import compile_plan
from synthtab.solver.strings import Strings

NULL_SHARE = 0.15
# Texts drawn from those that rules speak of, where they do.
NAMED_SHARE = 0.3
# Where no range is declared, values are drawn from the first so many whole units above 0.
FREE_UNITS = 10_000
# Days of the years 1970 to 2029.
FREE_DAYS = 21_915
CANDIDATES = 48
SWEEPS = 3
# Seconds for a Plan in all, and the number of connected parts they are shared among at most.
PLAN_S, MOST_PARTS = 3.0, 4
ROUNDS = 12
TEXTS = 200


def window(column: Column) -> tuple[int, int]:
    """Return the codes of a column that examples are drawn from by preference.

    That is its range, or a stretch of readable size where an end is not declared.
    """
    lo, hi = domain(column)
    match column.type:
        case DateType():
            size = FREE_DAYS
        case DatetimeType(resolution):
            size = FREE_DAYS * (DAY_SECONDS // resolution)
        case DecimalType(_, scale):
            size = FREE_UNITS * 10**scale
        case _:
            size = FREE_UNITS
    if column.lo is None and column.hi is None:
        return max(lo, 0), min(hi, size)
    if column.lo is None:
        return max(lo, hi - size), hi
    return (lo, min(hi, lo + size)) if column.hi is None else (lo, hi)


def texts_for(column: Column, literals: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Return strings a text column can hold: those its rules name, and some of its pattern."""
    kind = column.type
    assert isinstance(kind, TextType)
    source = Strings(kind.pattern, kind.max_length)
    drawn = (source.draw(rng) for _ in range(TEXTS))
    found = [t for t in literals if source.has(t)] + [t for t in drawn if t is not None]
    filled = [t for t in found if t]
    return list(dict.fromkeys(filled or found))


class Sampler:
    """Draws lawful rows of a table. Raises InfeasibleError at once where there are none.

    ``literals`` are the strings rules name, per text column; ``budget_s`` bounds the Plan's time.
    """

    def __init__(
        self,
        table: nodes.Table,
        rng: np.random.Generator,
        *,
        literals: dict[str, list[str]] | None = None,
        budget_s: float = 10.0,
    ) -> None:
        self._table, self._rng = table, rng
        # An inexact Plan costs rows that are thrown away, no more: little time is well spent on it.
        parts = max(1, len({columns_of(r.condition) for r in table.row_rules}))
        self._plan = compile_plan(table, budget_s=min(budget_s, PLAN_S) / min(parts, MOST_PARTS))
        self._backend = VectorBackend(table)
        self._literals = literals or {}

    def draw(self, n: int) -> Batch:
        """Return up to ``n`` rows that keep every row rule, key and unique rule.

        Fewer where the Plan is not exact, or keys are short of values, and patience ran out.
        """
        got = self._lawful(n)
        for _ in range(ROUNDS):
            if len(got) >= n:
                break
            texts = [c.name for c in self._table.columns if isinstance(c.type, TextType)]
            got = self._distinct(concat([got, self._lawful(max(n, 64))], texts))
        return got.take(np.arange(min(n, len(got))))

    def _lawful(self, n: int) -> Batch:
        batch = self._raw(n)
        broken = self._backend.violated(batch), self._backend.out_of_domain(batch)
        bad = np.concatenate(broken, axis=1).any(axis=1)
        return self._distinct(batch.take(np.flatnonzero(~bad)))

    def _distinct(self, batch: Batch) -> Batch:
        for rule in self._table.unique_rules:
            batch = batch.take(~self._backend.duplicates(batch, rule))
        return batch

    def _raw(self, n: int) -> Batch:
        known: dict[str, tuple[Codes, Mask]] = {}
        strings: list[str] = []
        for column in self._table.columns:
            if isinstance(column.type, TextType):
                named = self._literals.get(column.name, [])
                own = texts_for(column, named, self._rng)
                few = len(set(named) & set(own))  # they come first
                codes = self._rng.integers(0, max(1, len(own)), n)
                if few:
                    pick = self._rng.integers(0, few, n)
                    codes = np.where(self._rng.random(n) < NAMED_SHARE, pick, codes)
                codes += len(strings)
                strings += own
                nulls = (
                    self._rng.random(n) < NULL_SHARE if column.optional else np.zeros(n, dtype=bool)
                )
                known[column.name] = np.where(nulls, 0, codes), nulls
        # Two columns may have a string in common: one code for one string.
        place = {s: k for k, s in enumerate(dict.fromkeys(strings))}
        codes_of = np.array([place[s] for s in strings] or [0], dtype=np.int64)
        pool = np.array(list(place), dtype=object)
        known = {
            c: (np.where(nulls, 0, codes_of[codes]), nulls) for c, (codes, nulls) in known.items()
        }
        for name in self._plan.order:
            if name not in known:
                allowed = self._plan.feasible(name, known, pool)
                if len(allowed) == 1 < n:
                    allowed = allowed.take(np.zeros(n, dtype=np.int64))
                known[name] = self._cells(self._table.column(name), allowed)
        names = self._table.column_names
        return Batch(
            names,
            np.stack([known[c][0] for c in names], axis=1).astype(np.int64),
            np.stack([known[c][1] for c in names], axis=1),
            pool,
        )

    def _cells(self, column: Column, allowed: Feasible) -> tuple[Codes, Mask]:
        codes, nulls = _clipped(allowed, *window(column)).uniform(self._rng)
        empty = allowed.null & (self._rng.random(len(allowed)) < NULL_SHARE)
        nulls = nulls | empty
        return np.where(nulls, 0, codes), nulls


def stir(
    table: nodes.Table,
    row: Row,
    wanted: core.Cond,
    claims: Sequence[Claim],
    rng: np.random.Generator,
    *,
    literals: dict[str, list[str]] | None = None,
    donors: Sequence[Row] = (),
) -> Row:
    """Return another row that keeps ``claims`` and makes ``wanted`` TRUE, as ``row`` does.

    Each column in turn takes a value drawn from those that keep the row as it should be. Columns
    that are tied to each other move together: all that a claim mentions take a donor's values.
    """
    cells: dict[str, Cell] = dict(row)
    names = list(table.column_names)
    blocks = [tuple(names), *(variables(c.condition) for c in claims), *((n,) for n in names)]
    for donor in donors:
        for block in dict.fromkeys(blocks):
            moved = {**cells, **{c: donor[c] for c in block}}
            if block and _judge(moved, block[0], [moved[block[0]]], wanted, claims)[0]:
                cells = moved
    for _ in range(SWEEPS):
        for at in rng.permutation(len(names)):
            column = table.column(names[at])
            options = _options(column, cells[column.name], (literals or {}), rng)
            fits = np.flatnonzero(_judge(cells, column.name, options, wanted, claims))
            if len(fits):
                cells[column.name] = options[int(rng.choice(fits))]
    return cells


def _options(
    column: Column, now: Cell, literals: dict[str, list[str]], rng: np.random.Generator
) -> list[Cell]:
    made: list[Cell] = [None] if column.optional else []
    if isinstance(column.type, TextType):
        made += texts_for(column, literals.get(column.name, ()), rng)[:CANDIDATES]
    else:
        lo, hi = window(column)
        made += [int(c) for c in rng.integers(lo, hi, CANDIDATES, endpoint=True)]
        if isinstance(now, int):
            near = rng.integers(-20, 20, 8, endpoint=True)
            low, high = domain(column)
            made += [min(max(now + int(d), low), high) for d in near]
    return made


def _judge(
    cells: dict[str, Cell],
    column: str,
    options: Sequence[Cell],
    wanted: core.Cond,
    claims: Sequence[Claim],
) -> NDArray[np.bool_]:
    strings = list(dict.fromkeys(v for v in (*cells.values(), *options) if isinstance(v, str)))
    place = {s: k for k, s in enumerate(strings)}

    def arrays(values: Sequence[Cell]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        codes = [place[v] if isinstance(v, str) else v or 0 for v in values]
        return np.array(codes, dtype=np.int64), np.array([v is None for v in values])

    env: dict[str, Any] = {c: arrays([v]) for c, v in cells.items()}
    env[column] = arrays(options)
    evaluator = Evaluator(env, np.array(strings, dtype=object))
    good = np.broadcast_to(evaluator.truth(wanted)[0], (len(options),)).copy()
    for claim in claims:
        good &= ~np.broadcast_to(evaluator.truth(claim.condition)[1], (len(options),))
    return good


def _clipped(allowed: Feasible, lo: int, hi: int) -> Feasible:
    """Return the part of each set between ``lo`` and ``hi``; the whole set where that is empty."""
    inside = allowed.within(lo, hi)
    some = np.asarray((inside.lo <= inside.hi).any(axis=1))[:, None]
    ends = np.where(some, inside.lo, allowed.lo), np.where(some, inside.hi, allowed.hi)
    return Feasible(allowed.null, *ends, allowed.stride)
