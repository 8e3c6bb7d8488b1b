"""Columns as they are compared with each other: terms with codes, of this table or of a parent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.groups import Groups, factorize
from synthtab.batch import Batch, Codes, Mask
from synthtab.ir import nodes
from synthtab.schema import (
    Column,
    DatetimeType,
    DateType,
    DecimalType,
    IntegerType,
    Value,
    decode_value,
)

Measure = Literal["number", "date", "datetime"]
LARGEST = 2**58
"""Codes beyond this are let be, so that sums of a few never leave 64 bits."""


@dataclass(frozen=True, eq=False)
class Field:
    """A term of a table's rules with its code in every row; ``label`` is for names of rules."""

    label: str
    term: nodes.Term
    column: Column
    codes: Codes
    nulls: Mask

    @cached_property
    def groups(self) -> Groups:
        """Rows by value, NULLs in none."""
        held = factorize(self.codes[~self.nulls])
        ids = np.full(len(self.codes), -1, dtype=np.int64)
        ids[~self.nulls] = held.ids
        return Groups(ids, held.count)

    @cached_property
    def filled(self) -> int:
        """How many rows have a value."""
        return int((~self.nulls).sum())

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """The share of each value among those there are, numbered as in ``groups``."""
        ids = self.groups.ids
        return np.bincount(ids[ids >= 0], minlength=self.groups.count) / max(1, self.filled)

    @cached_property
    def measure(self) -> Measure | None:
        """What is measured, where values can be counted on."""
        match self.column.type:
            case IntegerType() | DecimalType():
                return "number"
            case DateType():
                return "date"
            case DatetimeType():
                return "datetime"
        return None

    @property
    def scale(self) -> int:
        """The digits after the point."""
        kind = self.column.type
        return kind.scale if isinstance(kind, DecimalType) else 0

    @property
    def resolution(self) -> int:
        """The seconds of a tick of a datetime, else 1."""
        kind = self.column.type
        return kind.resolution if isinstance(kind, DatetimeType) else 1

    @property
    def changes(self) -> bool:
        """Whether it has two values at least."""
        return self.groups.count > 1

    def literal(self, code: int) -> nodes.Literal:
        """Return a code as a constant."""
        return nodes.Literal(plain(decode_value(self.column.type, int(code))))


def fields_of(table: nodes.Table, batch: Batch) -> tuple[Field, ...]:
    """Return a table's columns."""
    found = []
    for column in table.columns:
        codes, nulls = batch.column(column.name)
        ref = nodes.ColumnRef(column.name)
        codes, nulls = np.ascontiguousarray(codes), np.ascontiguousarray(nulls)
        found.append(Field(column.name, ref, column, codes, nulls))
    return tuple(found)


def plain(value: Value) -> Value:
    """Return a constant without zeros after the last digit that counts."""
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else value.normalize()


def common_scale(fields: Sequence[Field]) -> list[Field]:
    """Return numbers, all with the digits after the point of the finest, without the large ones."""
    most = max((f.scale for f in fields), default=0)
    found = []
    for field in fields:
        factor = 10 ** (most - field.scale)
        largest = int(np.abs(field.codes).max()) if len(field.codes) else 0
        if largest * factor <= LARGEST:
            scaled = Field(field.label, field.term, field.column, field.codes * factor, field.nulls)
            found.append(scaled)
    return found


def slug(*words: str) -> str:
    """Return a name for a rule, of columns and what is between them."""
    text = re.sub(r"[^0-9a-zA-Z]+", "_", "_".join(words)).strip("_").lower()
    text = re.sub(r"_+", "_", text)[:48].rstrip("_")
    return text if text and not text[0].isdigit() else f"r_{text}"


def reduced(edges: Iterable[tuple[int, int]], fields: Sequence[Field]) -> set[tuple[int, int]]:
    """Return the edges of a graph without cycles that two others do not already imply.

    Nothing is implied through a column that is null where the first of the three is not.
    """
    given = set(edges)
    ends: dict[int, set[int]] = {}
    for first, second in given:
        ends.setdefault(first, set()).add(second)

    def follows(a: int, b: int) -> bool:
        return any(
            via != b and b in ends.get(via, ()) and not (fields[via].nulls & ~fields[a].nulls).any()
            for via in ends[a]
        )

    return {(a, b) for a, b in given if not follows(a, b)}
