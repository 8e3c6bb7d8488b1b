"""What every proposer sees: the rows, the violations, and where to put offers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from synthtab.backends.context import Context
from synthtab.backends.groups import Ids
from synthtab.batch import Codes, Mask
from synthtab.ir import nodes
from synthtab.solver.mending.cover import Columns
from synthtab.solver.mending.offers import Offers
from synthtab.solver.mending.places import Link
from synthtab.solver.mending.sheets import Broken, Edits, Law, Sheets
from synthtab.solver.mending.slopes import Differ
from synthtab.solver.mending.worlds import Index, Pairs

MOST_ASKED = 20_000
"""Violations of one law that are looked at in one round; the others come in the next."""


@dataclass(frozen=True)
class Case:
    """One law and rows that break it; ``owners`` numbers these violations among all."""

    law: Law
    rows: Ids
    owners: Ids


@dataclass
class Scene:
    """One round of mending."""

    sheets: Sheets
    laws: Sequence[Law]
    broken: Broken
    columns: Columns
    frozen: frozenset[int]
    rng: np.random.Generator
    skip: Sequence[Mask]

    def __post_init__(self) -> None:
        self.offers = Offers(self.sheets)
        self.cases: list[Case] = []
        self.violations = 0
        for k, law in enumerate(self.laws):
            rows = np.flatnonzero(self.broken.masks[k] & ~self.skip[k])[:MOST_ASKED]
            owners = self.violations + np.arange(len(rows))
            self.violations += len(rows)
            if len(rows):
                self.cases.append(Case(law, rows, owners))

    @property
    def context(self) -> Context:
        """The rows as they are at the start of the round."""
        return self.broken.checks.context

    @cached_property
    def suspects(self) -> list[Mask]:
        """Which rows of each table break anything."""
        return self.broken.anything(self.laws, self.sheets)

    @cached_property
    def differ(self) -> Differ:
        """Takes rules apart in the rows as they are."""
        named = {t.name: self.suspects[k] for k, t in enumerate(self.sheets.tables)}
        return Differ(self.context, named)

    @cached_property
    def index(self) -> Index:
        """Finds rows from rows by links, one candidate for each violation."""
        none = np.empty(0, np.int64)
        nothing = Edits(none, none, none, none, none, none.astype(bool), self.violations)
        return Index(self.sheets, self.context, nothing)

    def of(self, *kinds: type[nodes.Rule]) -> Iterator[Case]:
        """Yield the cases of rules of some kinds."""
        for case in self.cases:
            if isinstance(case.law.rule, kinds):
                yield case

    def table(self, case: Case) -> nodes.Table:
        """Return the table a case's law is of."""
        return self.sheets.tables[case.law.table]

    def cells(self, table: int, column: str) -> tuple[Codes, Mask]:
        """Return a column's codes and nulls as they are, views of shape (rows,)."""
        at = self.sheets.tables[table].column_names.index(column)
        return self.sheets.codes[table][:, at], self.sheets.nulls[table][:, at]

    def drawn(self, table: int, column: int, shape: tuple[int, ...]) -> Codes | None:
        """Return values that the column had at first, drawn with replacement; None without any."""
        values = self.columns.values(table, column)
        if not len(values):
            return None
        return np.asarray(values[self.rng.integers(0, len(values), shape)])

    def seen_from(self, case: Case) -> list[tuple[str, frozenset[str], Link, Pairs]]:
        """Return each place of a law but the root: table, columns, link, and rows by reader."""
        needed = [Pairs(case.owners, case.rows)]
        made = []
        for place in case.law.places[1:]:
            assert place.link is not None
            reader = case.law.places[place.reader]
            found, _ = self.index.down(reader.table, place.link, needed[place.reader])
            needed.append(found)
            made.append((place.table, place.columns, place.link, found))
        return made
