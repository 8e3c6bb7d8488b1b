"""Who a row comes with: its parents, and the siblings before it, in tables that are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from synthtab.backends.context import Context
from synthtab.batch import Batch
from synthtab.ir import nodes
from synthtab.relational.reading import Company, Rows, Steps
from synthtab.relational.structure import Home


def company(home: Home, context: Context) -> tuple[Rows, Company]:
    """Return a table's rows, sibling by sibling and in their order, and who each comes with.

    The company is that of the rows as they come; ``before`` counts in the same order.
    """
    name = home.table.name
    rows = context.rows(name)
    links = {rule: context.referred(name, rule) for rule in home.picked}
    alone = np.zeros(rows, dtype=np.int64) if home.chained else np.arange(rows)
    group = alone if home.lead is None else links[home.lead]
    keys: list[Any] = []
    if home.order is not None:
        for column in reversed(home.order.columns):
            codes, nulls = context.batches[name].column(column)
            ranks = context.keys.ranks(home.table.column(column), codes)
            keys += [np.where(nulls, 0, ranks), ~nulls]
    order = np.lexsort([*keys, group])
    ordered = group[order]
    new = np.ones(rows, dtype=bool)
    new[1:] = ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(new)
    lengths = np.diff([*starts, rows])
    place = np.arange(rows) - np.repeat(starts, lengths) + 1
    before = np.where(new, -1, np.arange(rows) - 1)
    taken = {rule: found[order] for rule, found in links.items()}
    return order, Company(taken, before, place, np.repeat(lengths, lengths))


def numbers_of_children(context: Context, child: str, rule: nodes.ReferenceRule) -> Rows:
    """Return how many rows of ``child`` refer to each row of the rule's parent."""
    referred = context.referred(child, rule)
    return np.bincount(referred[referred >= 0], minlength=context.rows(rule.parent))


class Links:
    """Where chains of references lead, through tables that are there."""

    def __init__(self, links: Mapping[tuple[str, nodes.ReferenceRule], Rows]) -> None:
        self._links = links

    def follow(self, table: str, rows: Mapping[nodes.ReferenceRule, Rows], steps: Steps) -> Rows:
        """Return the rows that ``steps`` lead to from new rows of ``table``; -1 for none.

        ``rows`` has what the new rows refer to; the further steps start from rows that are there.
        """
        at = rows[steps[0]]
        name = steps[0].parent
        for step in steps[1:]:
            there = self._links[name, step]
            at = np.where(at < 0, -1, there[at]) if len(there) else np.full(len(at), -1)
            name = step.parent
        return at


@dataclass(frozen=True)
class There:
    """Tables whose rows are there, and where their references lead."""

    batches: Mapping[str, Batch]
    links: Links

    def batch(self, table: str) -> Batch:
        """Return a table's rows."""
        return self.batches[table]


def links_of(homes: Mapping[str, Home], context: Context) -> Links:
    """Return the links of tables all of whose rows are there."""
    return Links(
        {
            (name, rule): context.referred(name, rule)
            for name, home in homes.items()
            for rule in (*home.picked, *home.late)
        }
    )
