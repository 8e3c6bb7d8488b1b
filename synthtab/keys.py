"""Key columns that carry no meaning: numbered, or drawn without a repeat, not learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthtab.batch import Batch, Codes
from synthtab.distinct.tuples import distinct
from synthtab.errors import InfeasibleError
from synthtab.generate.uniform import null_share
from synthtab.ir import nodes
from synthtab.ir.corewalk import variables
from synthtab.ir.normalise import lower
from synthtab.schema import Column, IntegerType, domain

_NO_TEXTS = np.empty(0, dtype=object)


@dataclass(frozen=True)
class Sequence:
    """An integer key numbered from ``start`` upwards; ``last`` is the greatest code it may hold."""

    column: str
    rule: str
    start: int
    last: int

    def codes(self, n: int) -> Codes:
        """Return ``n`` codes, (n,) int64; InfeasibleError where the column cannot hold as many."""
        room = self.last - self.start + 1
        if n > room:
            raise InfeasibleError(
                f"rule {self.rule!r} leaves column {self.column!r} only {room:,} different values "
                f"({self.start} to {self.last}), and {n:,} rows were asked for"
            )
        return np.arange(self.start, self.start + n, dtype=np.int64)

    def batch(self, n: int) -> Batch:
        """Return the column of ``n`` rows; errors as :meth:`codes`."""
        codes = self.codes(n)[:, None]
        return Batch((self.column,), codes, np.zeros_like(codes, dtype=bool), _NO_TEXTS)


def surrogate_keys(table: nodes.Table, batch: Batch) -> tuple[Sequence, ...]:
    """Return the integer columns that are unique on their own and that no row rule speaks of.

    Their values mean nothing beyond being different, so that learning them would only leak real
    ones. Numbers start at the least one seen where there is room from there, else at the least the
    column may hold.
    """
    used = {c for r in table.row_rules for c in variables(lower(r.condition, table))}
    found: dict[str, Sequence] = {}
    for rule in table.unique_rules:
        name = rule.columns[0]
        column = table.column(name)
        if len(rule.columns) > 1 or name in used or name in found or column.optional:
            continue
        if isinstance(column.type, IntegerType):
            lo, hi = domain(column)
            seen = int(batch.column(name)[0].min()) if len(batch) else lo
            roomy = hi - seen >= 10 * len(batch)
            found[name] = Sequence(name, rule.name, seen if roomy else lo, hi)
    keys = tuple(found.values())
    # A generator needs something to learn.
    return keys[1:] if len(keys) == len(table.columns) else keys


@dataclass(frozen=True)
class Draws:
    """Columns that are unique together and mean nothing else: drawn, never twice."""

    columns: tuple[Column, ...]
    rule: str

    def batch(self, n: int, rng: np.random.Generator) -> Batch:
        """Return ``n`` rows of the columns; InfeasibleError where there cannot be as many.

        Cells of optional columns are NULL as often as declared: a unique rule lets them be.
        """
        nulls = np.zeros((n, len(self.columns)), dtype=bool)
        for at, column in enumerate(self.columns):
            nulls[:, at] = rng.random(n) < null_share(column)
        whole = np.flatnonzero(~nulls.any(axis=1))
        try:
            # Rows with a NULL may have anything beside it; it need not differ.
            some = distinct(self.columns, max(1, len(whole)), rng)
        except InfeasibleError as error:
            raise InfeasibleError(f"rule {self.rule!r}: {error}") from None
        rows = rng.integers(0, len(some), n)
        rows[whole] = np.arange(len(whole))
        return Batch(some.columns, np.where(nulls, 0, some.codes[rows]), nulls, some.pool)


def free_keys(table: nodes.Table) -> tuple[tuple[Sequence, ...], tuple[Draws, ...]]:
    """Return the keys that nothing but their own unique rule speaks of, with no data at hand.

    A single integer column is numbered, from the least one it may hold or from 1; others are
    drawn. Columns with a shape or kind of text declared are left to the generator.
    """
    used = {c for r in table.row_rules for c in variables(lower(r.condition, table))}
    times = [c for r in table.unique_rules for c in dict.fromkeys(r.columns)]
    sequences, draws = [], []
    for rule in table.unique_rules:
        columns = tuple(table.column(c) for c in rule.columns)
        hinted = any(c.hint is not None and c.hint.shape is not None for c in columns)
        if hinted or any(c.name in used or times.count(c.name) > 1 for c in columns):
            continue
        first = columns[0]
        if len(columns) == 1 and isinstance(first.type, IntegerType) and not first.optional:
            lo, hi = domain(first)
            start = lo if first.lo is not None or hi < 1 else 1
            sequences.append(Sequence(first.name, rule.name, start, hi))
        else:
            draws.append(Draws(columns, rule.name))
    return tuple(sequences), tuple(draws)
