"""A table whose columns all have finite public ranges: rows brought into it, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch, Codes, Mask
from synthtab.distinct.language import readable
from synthtab.ir import nodes
from synthtab.ir.typing import check
from synthtab.lang.quoting import write_name
from synthtab.schema import Column, EnumType, TextType, domain
from synthtab.solver.report import value_of


@dataclass(frozen=True)
class Range:
    """A number's or a date's ends, as codes; values beyond move to the nearer one."""

    lo: int
    hi: int


@dataclass(frozen=True)
class Categories:
    """The texts of a column that are told, in alphabetical order.

    Others become ``fallback``, and NULL where that is None.
    """

    values: tuple[str, ...]
    fallback: str | None


@dataclass(frozen=True)
class MadeUp:
    """No text is told: they are made up of public facts, or NULL where the column is optional."""


Found = Range | Categories | MadeUp
"""What became known of a column, in public."""
KINDS = {Range: "range", Categories: "categories", MadeUp: "made up"}


@dataclass(frozen=True)
class Completed:
    """What a table of rules becomes when all its columns have finite ranges.

    ``original`` is the table as declared, under which rows are written in the end; ``learned`` are
    the columns that a mechanism is told of, and ``found`` is what was found of some of them.
    """

    original: nodes.Table
    learned: tuple[str, ...]
    found: Mapping[str, Found]

    @property
    def rows(self) -> str:
        """The name under which a vault holds the rows of :attr:`table`."""
        same = self.table.column_names == self.original.column_names and not self.found
        return self.original.name if same else f"{self.original.name} (completed)"

    @cached_property
    def table(self) -> nodes.Table:
        """The completed table, under the original's name.

        It has the learned columns but those that are made up, with finite ranges, texts being
        enums. It has those of the rules that still make sense: all but :attr:`set_aside`.
        """
        columns = tuple(
            _completed(self.original.column(name), self.found.get(name))
            for name in self.learned
            if not isinstance(self.found.get(name), MadeUp)
        )
        bare = replace(self.original, columns=columns, rules=())
        rules = tuple(r for r in self.original.rules if _makes_sense(replace(bare, rules=(r,))))
        return replace(bare, rules=rules)

    @property
    def set_aside(self) -> tuple[str, ...]:
        """The names of rules about what the completed table lacks.

        They compare texts with texts that were not named, say, or speak of keys or of other tables.
        Rows keep them in the end, being written under the original table.
        """
        kept = {r.name for r in self.table.rules}
        return tuple(r.name for r in self.original.rules if r.name not in kept)

    def bring(self, batch: Batch) -> Batch:
        """Return rows of the original table as rows of the completed one, each by itself.

        Numbers move into their ranges and texts that were not named become others, as ``found``
        says; rows that break a rule afterwards, or lack a value, are left out.
        """
        made = self.moved(batch)
        backend = VectorBackend(self.table)
        broken, outside = backend.violated(made), backend.out_of_domain(made)
        wrong: Mask = np.asarray(broken.any(axis=1) | outside.any(axis=1))
        return made.take(~wrong)

    def moved(self, batch: Batch) -> Batch:
        """Return rows as :meth:`bring` does, but all of them, one for one."""
        parts = [self._brought(batch, column) for column in self.table.columns]
        return _batch(self.table.column_names, parts, len(batch), [])

    def restore(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """Return rows of the completed table in the original's learned columns.

        Categories are texts again, and texts of which none was told are made up: drawn from the
        strings of the column's pattern, or words, or NULL where the column is optional.
        """
        pool: dict[str, int] = {}
        parts = [self._restored(batch, name, pool, rng) for name in self.learned]
        return _batch(self.learned, parts, len(batch), list(pool))

    def in_words(self) -> tuple[str, ...]:
        """Return a line for each column that something was found of."""
        said = []
        for name, found in self.found.items():
            column = self.original.column(name)
            match found:
                case Range(lo, hi):
                    said.append(
                        f"{write_name(name)}: in {value_of(column, lo)} .. {value_of(column, hi)}"
                    )
                case Categories(values, fallback):
                    rest = "NULL" if fallback is None else repr(fallback)
                    said.append(f"{write_name(name)}: {len(values)} texts; others become {rest}")
                case MadeUp():
                    made = "NULL" if column.optional else "made up"
                    said.append(f"{write_name(name)}: no text is common enough; it is {made}")
        return tuple(said)

    def to_dict(self) -> dict[str, Any]:
        """Return what was found as plain data, without the original table."""
        found = {name: {"kind": KINDS[type(f)], **asdict(f)} for name, f in self.found.items()}
        return {"learned": list(self.learned), "found": found}

    @classmethod
    def from_dict(cls, original: nodes.Table, facts: Mapping[str, Any]) -> Completed:
        """Return what :meth:`to_dict` made ``facts`` of; KeyError or TypeError for others."""
        found: dict[str, Found] = {}
        for name, fact in facts["found"].items():
            match fact["kind"]:
                case "range":
                    found[name] = Range(fact["lo"], fact["hi"])
                case "categories":
                    found[name] = Categories(tuple(fact["values"]), fact["fallback"])
                case "made up":
                    found[name] = MadeUp()
                case other:
                    raise KeyError(other)
        return cls(original, tuple(facts["learned"]), found)

    def _brought(self, batch: Batch, column: Column) -> tuple[Codes, Mask]:
        codes, nulls = batch.column(column.name)
        found = self.found.get(column.name)
        if isinstance(found, Categories):
            place = {text: k for k, text in enumerate(found.values)}
            other = -1 if found.fallback is None else place[found.fallback]
            numbers = np.array([place.get(text, other) for text in batch.pool], dtype=np.int64)
            if len(numbers):
                codes = numbers[codes]
            nulls = nulls | (codes < 0)
        else:
            codes = np.clip(codes, *domain(column))
        return np.where(nulls, 0, codes), nulls

    def _restored(
        self, batch: Batch, name: str, pool: dict[str, int], rng: np.random.Generator
    ) -> tuple[Codes, Mask]:
        found, column = self.found.get(name), self.original.column(name)
        if isinstance(found, Categories):
            codes, nulls = batch.column(name)
            numbers = [pool.setdefault(text, len(pool)) for text in found.values]
            return np.where(nulls, 0, np.array(numbers, dtype=np.int64)[codes]), nulls
        if not isinstance(found, MadeUp):
            return batch.column(name)
        absent = np.full(len(batch), column.optional)
        if column.optional:
            return np.zeros(len(batch), dtype=np.int64), absent
        assert isinstance(column.type, TextType)
        texts = readable(column.type).draw(len(batch), rng, by_length=True)
        numbers = [pool.setdefault(str(text), len(pool)) for text in texts]
        return np.array(numbers, dtype=np.int64), absent


def _completed(column: Column, found: Found | None) -> Column:
    match found:
        case Range(lo, hi):
            return replace(column, lo=lo, hi=hi, lo_name=None, hi_name=None)
        case Categories(values, _):
            return replace(column, type=EnumType(values), hint=None)
    return column


def _makes_sense(table: nodes.Table) -> bool:
    return not any(d.severity == "error" for d in check([table]))


def _batch(
    columns: tuple[str, ...], parts: list[tuple[Codes, Mask]], rows: int, texts: list[str]
) -> Batch:
    codes = np.empty((rows, len(columns)), dtype=np.int64)
    nulls = np.empty((rows, len(columns)), dtype=np.bool_)
    for at, (own, absent) in enumerate(parts):
        codes[:, at], nulls[:, at] = own, absent
    pool = np.empty(len(texts), dtype=object)
    pool[:] = texts
    return Batch(columns, codes, nulls, pool)
