"""A column seen as a few levels: its values, whether it is null, or whether it is zero."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from synthtab.backends.groups import Ids
from synthtab.ir import nodes
from synthtab.learn.evidence import Options
from synthtab.learn.fields import Field
from synthtab.schema import BooleanType, DecimalType, EnumType, IntegerType

_MOST_VALUES = 60
_MOST_NUMBERS = 16
_LEAST_ZEROS = 0.05


@dataclass(frozen=True, eq=False)
class View:
    """The level of each row, -1 where there is none, and the constant of each level.

    For ``null`` and ``zero`` level 1 is that it is, level 0 that it is not.
    """

    field: Field
    what: Literal["value", "null", "zero"]
    ids: Ids
    levels: tuple[nodes.Literal, ...] = ()

    @property
    def size(self) -> int:
        """The number of levels."""
        return len(self.levels) if self.what == "value" else 2

    def among(self, levels: Collection[int]) -> nodes.Condition:
        """Return the condition that the column is at one of some levels, not all."""
        term = self.field.term
        chosen = sorted(levels)
        if self.what == "value":
            if len(chosen) == 1:
                return nodes.Compare("=", term, self.levels[chosen[0]])
            return nodes.In(term, tuple(self.levels[k] for k in chosen))
        yes = chosen == [1]
        if self.what == "null":
            return nodes.IsNull(term) if yes else nodes.Not(nodes.IsNull(term))
        return nodes.Compare("=" if yes else "!=", term, nodes.Literal(0))

    def outside(self, levels: Collection[int]) -> nodes.Condition:
        """Return the condition that the column is at none of some levels."""
        if self.what != "value" or self.size - len(levels) == 1:
            return self.among(set(range(self.size)) - set(levels))
        chosen = sorted(levels)
        if len(chosen) == 1:
            return nodes.Compare("!=", self.field.term, self.levels[chosen[0]])
        return nodes.Not(self.among(levels))

    def told(self, levels: Collection[int]) -> str:
        """Return levels in words, for a rule's name."""
        if self.what == "null":
            return f"{self.field.label}_{'null' if set(levels) == {1} else 'given'}"
        if self.what == "zero":
            return f"{self.field.label}_{'zero' if set(levels) == {1} else 'not_zero'}"
        if len(levels) == 1:
            return f"{self.field.label}_{self.levels[next(iter(levels))].value}"
        return self.field.label


def views(fields: Sequence[Field], options: Options) -> list[View]:
    """Return what columns can be seen as, those with two levels at least."""
    found: list[View] = []
    for field in fields:
        rows, nulls = len(field.codes), int(field.nulls.sum())
        if min(nulls, rows - nulls) >= options.least_support:
            found.append(View(field, "null", field.nulls.astype(np.int64)))
        kind, count = field.column.type, field.groups.count
        most = _MOST_NUMBERS if isinstance(kind, IntegerType) else _MOST_VALUES
        if isinstance(kind, EnumType | BooleanType | IntegerType) and 2 <= count <= most:
            codes, ids = np.unique(field.codes[~field.nulls], return_inverse=True)
            level = np.full(rows, -1, dtype=np.int64)
            level[~field.nulls] = ids
            found.append(View(field, "value", level, tuple(field.literal(c) for c in codes)))
        elif isinstance(kind, IntegerType | DecimalType) and field.filled:
            zeros = int(((field.codes == 0) & ~field.nulls).sum())
            others = field.filled - zeros
            if zeros >= _LEAST_ZEROS * field.filled and min(zeros, others) >= options.least_support:
                ids = np.where(field.nulls, -1, field.codes == 0).astype(np.int64)
                found.append(View(field, "zero", ids))
    return found
