"""What is made up once a table's rows are there: its own keys, in the order rules ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from synthtab.batch import Batch, Mask, beside
from synthtab.ir import nodes
from synthtab.ir.walk import columns_of, descendants
from synthtab.keys import Draws, Sequence
from synthtab.relational.reading import Rows
from synthtab.relational.structure import Home
from synthtab.schema import IntegerType, TextType, domain


@dataclass(frozen=True)
class Made:
    """The columns of a table whose values are made up.

    Integer keys are numbered from somewhere, others drawn without a repeat.
    """

    sequences: tuple[Sequence, ...]
    draws: tuple[Draws, ...] = ()

    @property
    def columns(self) -> frozenset[str]:
        """Their names."""
        drawn = {c.name for d in self.draws for c in d.columns}
        return frozenset({s.column for s in self.sequences} | drawn)


def made_up(home: Home, batch: Batch) -> Made:
    """Return what is made up in a table: integers that are unique on their own and mean nothing.

    Those that rules on one row, or rules of siblings, speak of are left to be written, but for
    rules that number all rows or put them in order.
    """
    table, found = home.table, {}
    late = {c for r in home.late for c in r.columns}
    spoken = spoken_of(table, late)
    for rule in table.unique_rules:
        name = rule.columns[0]
        column = table.column(name)
        if len(rule.columns) > 1 or name in home.placed | spoken or column.optional:
            continue
        if isinstance(column.type, IntegerType) and name not in found:
            lo, hi = domain(column)
            codes = batch.column(name)[0]
            seen = int(codes.min()) if len(batch) else max(lo, 1)
            start = _start(table, name)
            roomy = hi - seen >= 10 * len(batch)
            found[name] = Sequence(
                name, rule.name, start if start is not None else seen if roomy else lo, hi
            )
    return Made(tuple(found.values()), _drawn(home, spoken))


def _drawn(home: Home, spoken: set[str]) -> tuple[Draws, ...]:
    """Return the codes by a pattern that are unique on their own, and that no rule speaks of."""
    found: dict[str, Draws] = {}
    for rule in home.table.unique_rules:
        column = home.table.column(rule.columns[0])
        dealt = {deal.column for deal in home.deals}
        free = len(rule.columns) == 1 and column.name not in home.placed | spoken | dealt
        if free and isinstance(column.type, TextType) and column.type.pattern is not None:
            found.setdefault(column.name, Draws((column,), rule.name))
    return tuple(found.values())


def numbered(
    home: Home,
    made: Made,
    batch: Batch,
    rng: np.random.Generator,
    wanted: Mapping[str, tuple[Mask, tuple[int, int]]],
) -> tuple[Rows, Batch]:
    """Return the rows in the order of their numbers (as row numbers), and the batch with them.

    ``wanted`` says of a key column which rows are better numbered within a range. Raises
    InfeasibleError where there are not as many different keys as rows.
    """
    # The rows of a chain are numbered as they come.
    order = np.arange(len(batch)) if home.chained else _in_order(home.table, made, batch)
    for sequence in made.sequences:
        if sequence.column in wanted and (np.diff(order) == 1).all() and not home.chained:
            some, (lo, hi) = wanted[sequence.column]
            order = _within(some, lo - sequence.start, hi - sequence.start, rng)
    codes, nulls = batch.codes[order].copy(), batch.nulls[order].copy()
    for sequence in made.sequences:
        at = batch.index(sequence.column)
        codes[:, at] = sequence.codes(len(batch))
        nulls[:, at] = False
    whole = Batch(batch.columns, codes, nulls, batch.pool)
    texts = [c.name for c in home.table.columns if isinstance(c.type, TextType)]
    for draw in made.draws if len(batch) else ():
        drawn = draw.batch(len(batch), rng)
        rest = whole.select([c for c in whole.columns if c not in drawn.columns])
        whole = beside([rest, drawn], texts).select(batch.columns)
    return order, whole


def _within(some: Mask, first: int, last: int, rng: np.random.Generator) -> Rows:
    """Return an order of rows that has as many of ``some`` as possible at places in a range."""
    places = np.arange(len(some))
    inside = (places >= first) & (places <= last)
    chosen = rng.permutation(np.flatnonzero(some))[: int(inside.sum())]
    spots = np.sort(rng.permutation(places[inside])[: len(chosen)])
    order = np.full(len(some), -1)
    order[spots] = np.sort(chosen)
    order[order < 0] = np.setdiff1d(places, chosen)
    return order


def spoken_of(table: nodes.Table, late: set[str]) -> set[str]:
    """Return the columns that rules read for more than an order or a number of all rows.

    Rules about references that wait are judged when numbers are there anyway.
    """
    found: set[str] = set()
    for rule in table.rules:
        if not isinstance(rule, nodes.RowRule) or rule.share is not None:
            continue
        if late & set(columns_of(rule.condition)) or _led(rule.condition, late):
            continue
        for node in descendants(rule.condition):
            if isinstance(node, nodes.ColumnRef):
                found.add(node.name)
        if isinstance(rule.condition, nodes.GapFree) and not rule.condition.per:
            found -= {getattr(rule.condition.operand, "name", "")}
    return found


def _led(condition: nodes.Condition, late: set[str]) -> bool:
    """Say whether a condition speaks of a row that a reference which waits leads to."""
    return any(isinstance(n, nodes.ParentRef) and n.path[0] in late for n in descendants(condition))


def _start(table: nodes.Table, column: str) -> int | None:
    """Return the first number of a column that numbers all rows without a gap."""
    for rule in table.rules:
        if isinstance(rule, nodes.RowRule) and isinstance(rule.condition, nodes.GapFree):
            gap_free = rule.condition
            if gap_free.operand == nodes.ColumnRef(column) and not gap_free.per:
                return gap_free.start
    return None


def _in_order(table: nodes.Table, made: Made, batch: Batch) -> Rows:
    """Return the rows so that what has to rise with a made-up number does."""
    keys = []
    for rule in table.rules:
        if isinstance(rule, nodes.RowRule) and isinstance(rule.condition, nodes.Increasing):
            rising = rule.condition
            whole = not rising.per and set(rising.order) <= made.columns
            if whole and isinstance(rising.operand, nodes.ColumnRef):
                codes, nulls = batch.column(rising.operand.name)
                keys += [codes, nulls]
    return np.lexsort(keys) if keys else np.arange(len(batch))
