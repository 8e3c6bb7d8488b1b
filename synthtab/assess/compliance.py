"""How well rows keep to the model: per rule, how many break it, and which come first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from synthtab.assess.figures import figures
from synthtab.backends.tables import Checks
from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch, Mask, concat
from synthtab.errors import UsageError
from synthtab.ir import nodes
from synthtab.ir.nodes import Table
from synthtab.ir.reads import reads
from synthtab.schema import TextType, Value, decode_value

EXAMPLES_KEPT = 5
_NO_STRINGS = np.empty(0, dtype=object)

Values = Mapping[str, Value | None]
Listener = Callable[[str, str, NDArray[np.int64], Sequence[Values]], None]
"""Is told of rows that break a rule: the table, the rule, row numbers from 1, values."""

_KINDS = {
    nodes.RowRule: "row",
    nodes.UniqueRule: "unique",
    nodes.DeterminesRule: "determines",
    nodes.ReferenceRule: "reference",
    nodes.NoOverlapRule: "no overlap",
    nodes.PairRule: "pair",
}


@dataclass(frozen=True)
class RuleCompliance:
    """One rule's count.

    ``kind`` is ``row``, ``unique``, ``determines``, ``reference``, ``no overlap`` or ``pair``, or
    ``column`` for a column's declaration. ``columns`` are those of its table that it speaks of,
    ``examples`` the numbers of the first rows that break it, counted from 1, and ``values`` what
    they hold in these columns, with the figures of other rows that the rule looks at. ``required``
    is the share of rows that have to keep a soft rule.
    """

    name: str
    kind: str
    description: str | None
    columns: tuple[str, ...]
    rows: int
    violated: int
    examples: tuple[int, ...]
    values: tuple[Values, ...] = ()
    required: Decimal | None = None

    @property
    def share(self) -> float:
        """The share of rows that keep the rule; 1 where there are no rows."""
        return 1.0 - self.violated / self.rows if self.rows else 1.0

    @property
    def kept(self) -> bool:
        """Whether no row breaks the rule, or few enough of a soft one."""
        return self.violated <= self.rows * (1 - (1 if self.required is None else self.required))


@dataclass(frozen=True)
class Unchecked:
    """A rule that could not be judged, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Compliance:
    """Every rule's count, and how many rows keep all hard ones."""

    rows: int
    valid: int
    rules: tuple[RuleCompliance, ...]
    unchecked: tuple[Unchecked, ...] = ()

    @property
    def share(self) -> float:
        """The share of rows that keep everything; 1 where there are no rows."""
        return self.valid / self.rows if self.rows else 1.0

    @property
    def broken(self) -> tuple[RuleCompliance, ...]:
        """The rules that are not kept: that one row breaks, or too many of a soft one."""
        return tuple(r for r in self.rules if not r.kept)


def compliance(table: Table, batch: Batch) -> Compliance:
    """Check every row of a batch against every rule and every column's declaration.

    Rules that need other tables are listed as unchecked.
    """
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


class Audit:
    """Compliance of several tables whose rows come in batches: add them all, then ask.

    ``given`` names the tables whose rows will come; rules that need others are not judged.
    ``listener`` is told of every violation.
    """

    def __init__(
        self,
        tables: Sequence[Table],
        given: Sequence[str] | None = None,
        listener: Listener | None = None,
    ) -> None:
        self.tables = tuple(tables)
        names = [t.name for t in tables] if given is None else given
        self.tallies = {
            t.name: Tally(t, self.tables, names, listener) for t in tables if t.name in names
        }

    def add(self, table: str, batch: Batch) -> None:
        """Count a batch of a table's rows."""
        self.tallies[table].add(batch)

    def results(self) -> dict[str, Compliance]:
        """Return the counts over all rows, by table."""
        checks = Checks(self.tables, {name: t.kept() for name, t in self.tallies.items()})
        return {name: tally.result(checks) for name, tally in self.tallies.items()}


class Tally:
    """Compliance of one table's rows that come in batches: add each, then ask for the result.

    Only the columns that rules across rows read are kept between batches; all else is counted and
    let go.
    """

    def __init__(
        self,
        table: Table,
        tables: Sequence[Table] | None = None,
        given: Sequence[str] | None = None,
        listener: Listener | None = None,
    ) -> None:
        self._table = table
        self._tables = {t.name: t for t in tables or (table,)}
        given = [table.name] if given is None else given
        self._listener = listener
        self._backend = VectorBackend(table)
        self._rows = 0
        self._bad: list[Mask] = []
        self._kept: list[Batch] = []
        self._unchecked: list[Unchecked] = []
        self._judged: list[nodes.Rule] = []
        self._speaks: dict[str, tuple[str, ...]] = {}
        keep: dict[str, None] = {}
        for home in self._tables.values():
            own = home.name == table.name
            by_row = {r.name for r in home.row_rules}
            for rule in home.rules:
                if rule.name in by_row and not own:
                    continue
                missing = _missing(rule, home, self._tables)
                read = {} if missing else reads(rule, home, self._tables)
                missing = missing or [name for name in read if name not in given]
                if not missing and rule.name not in by_row:
                    keep.update(read.get(table.name, {}))
                if not own:
                    continue
                self._speaks[rule.name] = tuple(read.get(table.name, {}))
                if missing:
                    reason = f"it needs table {', '.join(missing)}, which is not given"
                    self._unchecked.append(Unchecked(rule.name, reason))
                elif rule.name not in by_row:
                    self._judged.append(rule)
        self._keep = tuple(name for name in table.column_names if name in keep)
        kinds = {c.name: c.type for c in table.columns}
        self._text = [name for name in self._keep if isinstance(kinds[name], TextType)]
        self._counts = {
            **{_declaration(c.name): _Count((c.name,)) for c in table.columns},
            **{name: _Count(columns) for name, columns in self._speaks.items()},
        }

    def add(self, batch: Batch) -> Mask:
        """Count a batch's rows; say which break a row rule or a column's declaration."""
        outside = self._backend.out_of_domain(batch)
        violated = self._backend.violated(batch)
        for at, column in enumerate(self._table.columns):
            self._count(_declaration(column.name), outside[:, at], batch, self._rows)
        for at, rule in enumerate(self._table.row_rules):
            self._count(rule.name, violated[:, at], batch, self._rows)
        bad = np.asarray(outside.any(axis=1) | violated.any(axis=1))
        self._rows += len(batch)
        self._bad.append(bad)
        kept = batch.select(self._keep)
        if not self._text:
            kept = Batch(kept.columns, kept.codes, kept.nulls, _NO_STRINGS)
        self._kept.append(kept)
        return bad

    def kept(self) -> Batch:
        """Return the columns that rules across rows read, of all rows added."""
        if not self._kept:
            empty = np.zeros((0, len(self._keep)), dtype=np.int64)
            return Batch(self._keep, empty, empty.astype(bool), _NO_STRINGS)
        self._kept = [concat(self._kept, self._text)]
        return self._kept[0]

    def result(self, checks: Checks | None = None) -> Compliance:
        """Return the counts over all rows added; ``checks`` has the rows of the other tables."""
        table, batch = self._table, self.kept()
        if checks is None:
            checks = Checks(tuple(self._tables.values()), {table.name: batch})
        bad = np.concatenate([np.zeros(0, dtype=bool), *self._bad])
        counts = dict(self._counts)
        unchecked = list(self._unchecked)
        for rule in self._judged:
            try:
                broken = checks.violated(table.name, rule)
            except UsageError as error:
                unchecked.append(Unchecked(rule.name, str(error)))
                continue
            counts[rule.name] = _Count(self._speaks[rule.name])

            def beyond(
                rows: NDArray[np.int64], rule: nodes.Rule = rule
            ) -> Sequence[Mapping[str, Value | None]]:
                return figures(checks.context, table.name, rule, rows)

            self._count(rule.name, broken, batch, 0, counts, beyond)
            if rule.share is None:
                bad = bad | broken
        left = {u.name for u in unchecked}
        declared = [_declaration(c.name) for c in table.columns]
        rules = [
            self._rule(name, "column", None, None, counts[name])
            for name in declared
            if counts[name].count
        ]
        rules += [
            self._rule(r.name, _KINDS[type(r)], r.description, r.share, counts[r.name])
            for r in table.rules
            if r.name not in left
        ]
        return Compliance(self._rows, int((~bad).sum()), tuple(rules), tuple(unchecked))

    def _count(
        self,
        name: str,
        broken: Mask,
        batch: Batch,
        before: int,
        counts: Mapping[str, _Count] | None = None,
        beyond: Callable[[NDArray[np.int64]], Sequence[Values]] | None = None,
    ) -> None:
        if not broken.any():
            return
        count = (counts or self._counts)[name]
        rows = np.flatnonzero(broken)
        wanted = (
            rows if self._listener is not None else rows[: max(0, EXAMPLES_KEPT - len(count.rows))]
        )
        values = _values(self._table, batch, wanted, count.columns)
        if beyond is not None:
            values = [{**own, **more} for own, more in zip(values, beyond(wanted), strict=True)]
        count.add(len(rows), [int(r) + before + 1 for r in wanted], values)
        if self._listener is not None:
            self._listener(self._table.name, name, rows + before + 1, values)

    def _rule(
        self, name: str, kind: str, text: str | None, share: Decimal | None, count: _Count
    ) -> RuleCompliance:
        return RuleCompliance(
            name,
            kind,
            text,
            count.columns,
            self._rows,
            count.count,
            tuple(count.rows),
            tuple(count.values),
            share,
        )


class _Count:
    """How many rows break a rule, and the first of them."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.columns = columns
        self.count = 0
        self.rows: list[int] = []
        self.values: list[Values] = []

    def add(self, count: int, rows: Sequence[int], values: Sequence[Values]) -> None:
        self.count += count
        room = EXAMPLES_KEPT - len(self.rows)
        self.rows.extend(rows[:room])
        self.values.extend(values[:room])


def _declaration(column: str) -> str:
    return f"{column}: declaration"


def _missing(rule: nodes.Rule, table: Table, tables: Mapping[str, Table]) -> list[str]:
    """Return the tables a rule names that are not even declared here."""
    if isinstance(rule, nodes.ReferenceRule) and rule.parent not in tables:
        return [rule.parent]
    try:
        reads(rule, table, tables)
    except (LookupError, KeyError):
        return ["other than these"]
    return []


def _values(
    table: Table, batch: Batch, rows: NDArray[np.int64], columns: Sequence[str]
) -> list[Values]:
    kinds = [table.column(name).type for name in columns]
    cells = [batch.column(name) for name in columns]
    found: list[Values] = []
    for row in rows:
        record: dict[str, Value | None] = {}
        for name, kind, (codes, nulls) in zip(columns, kinds, cells, strict=True):
            code = int(codes[row])
            if nulls[row]:
                record[name] = None
            else:
                text = isinstance(kind, TextType)
                record[name] = batch.pool[code] if text else decode_value(kind, code)
        found.append(record)
    return found
