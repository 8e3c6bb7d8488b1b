"""How well rows keep to the model: per rule, how many break it, and which come first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch, Mask, concat
from synthtab.ir.nodes import RowRule, Table, UniqueRule
from synthtab.ir.walk import columns_of
from synthtab.schema import TextType

EXAMPLES_KEPT = 5


@dataclass(frozen=True)
class RuleCompliance:
    """One rule's count. ``kind`` is ``row``, ``unique``, or ``column`` for a column's declaration.

    ``examples`` are the numbers of the first rows that break it, counted from 1; ``columns`` what
    the rule speaks of.
    """

    name: str
    kind: str
    description: str | None
    columns: tuple[str, ...]
    rows: int
    violated: int
    examples: tuple[int, ...]

    @property
    def share(self) -> float:
        """The share of rows that keep the rule; 1 where there are no rows."""
        return 1.0 - self.violated / self.rows if self.rows else 1.0


@dataclass(frozen=True)
class Compliance:
    """Every rule's count, and how many rows keep all of them."""

    rows: int
    valid: int
    rules: tuple[RuleCompliance, ...]

    @property
    def share(self) -> float:
        """The share of rows that keep everything; 1 where there are no rows."""
        return self.valid / self.rows if self.rows else 1.0

    @property
    def broken(self) -> tuple[RuleCompliance, ...]:
        """The rules that at least one row breaks."""
        return tuple(r for r in self.rules if r.violated)


def compliance(table: Table, batch: Batch) -> Compliance:
    """Check every row of a batch against every rule and every column's declaration."""
    tally = Tally(table)
    tally.add(batch)
    return tally.result()


def valid_rows(table: Table, batch: Batch) -> Mask:
    """Say per row (R,) whether it breaks no row rule, no declaration, and repeats no unique key."""
    backend = VectorBackend(table)
    violated, outside = backend.violated(batch), backend.out_of_domain(batch)
    bad = np.asarray(violated.any(axis=1) | outside.any(axis=1))
    for rule in table.unique_rules:
        bad |= backend.duplicates(batch, rule)
    return ~bad


class Tally:
    """Compliance of rows that come in batches: add each, then ask for the result.

    Only the columns of unique rules are kept between batches; all else is counted and let go.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._backend = VectorBackend(table)
        self._rows = 0
        self._valid = 0
        self._columns = _Counts(len(table.columns))
        self._row_rules = _Counts(len(table.row_rules))
        self._keys: list[Batch] = []
        self._good: list[Mask] = []
        self._text = [c.name for c in table.columns if isinstance(c.type, TextType)]

    def add(self, batch: Batch) -> Mask:
        """Count a batch's rows; say which break a row rule or a column's declaration."""
        outside = self._backend.out_of_domain(batch)
        violated = self._backend.violated(batch)
        self._columns.add(outside, self._rows)
        self._row_rules.add(violated, self._rows)
        bad = np.asarray(outside.any(axis=1) | violated.any(axis=1))
        self._rows += len(batch)
        self._valid += int((~bad).sum())
        unique = self._table.unique_rules
        if unique:
            wanted = dict.fromkeys(name for rule in unique for name in rule.columns)
            self._keys.append(batch.select(tuple(wanted)))
            self._good.append(~bad)
        return bad

    def result(self) -> Compliance:
        """Return the counts over all rows added."""
        table = self._table
        rules = [
            self._rule(f"{c.name}: declaration", "column", None, (c.name,), self._columns, at)
            for at, c in enumerate(table.columns)
            if self._columns.count[at]
        ]
        row_rules = iter(range(len(table.row_rules)))
        repeats, valid = self._duplicates()
        unique_rules = iter(range(len(table.unique_rules)))
        for rule in table.rules:
            if isinstance(rule, RowRule):
                names = columns_of(rule.condition)
                counts, at, kind = self._row_rules, next(row_rules), "row"
            else:
                names = rule.columns
                counts, at, kind = repeats, next(unique_rules), "unique"
            rules.append(self._rule(rule.name, kind, rule.description, names, counts, at))
        return Compliance(self._rows, valid, tuple(rules))

    def _rule(
        self,
        name: str,
        kind: str,
        description: str | None,
        columns: tuple[str, ...],
        counts: _Counts,
        at: int,
    ) -> RuleCompliance:
        examples = tuple(counts.first[at])
        return RuleCompliance(
            name, kind, description, columns, self._rows, int(counts.count[at]), examples
        )

    def _duplicates(self) -> tuple[_Counts, int]:
        """Return the unique rules' counts, and how many rows break nothing at all."""
        rules: tuple[UniqueRule, ...] = self._table.unique_rules
        counts = _Counts(len(rules))
        if not self._keys:
            return counts, self._valid
        text = [name for name in self._text if name in self._keys[0].columns]
        keys = concat(self._keys, text)
        repeated = np.stack([self._backend.duplicates(keys, rule) for rule in rules], axis=1)
        counts.add(repeated, 0)
        good = np.concatenate(self._good) & ~repeated.any(axis=1)
        return counts, int(good.sum())


class _Counts:
    """Counts per rule, and the first rows that break each."""

    def __init__(self, rules: int) -> None:
        self.count = np.zeros(rules, dtype=np.int64)
        self.first: list[list[int]] = [[] for _ in range(rules)]

    def add(self, broken: Mask, rows_before: int) -> None:
        found = broken.sum(axis=0)
        self.count += found
        for at in np.flatnonzero(found):
            wanted = EXAMPLES_KEPT - len(self.first[at])
            if wanted > 0:
                rows = np.flatnonzero(broken[:, at])[:wanted]
                self.first[at].extend(int(r) + rows_before + 1 for r in rows)
