"""Key columns that carry no meaning: numbered, not learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthtab.batch import Batch, Codes
from synthtab.errors import InfeasibleError
from synthtab.ir import nodes
from synthtab.ir.corewalk import variables
from synthtab.ir.normalise import lower
from synthtab.schema import IntegerType, domain


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
