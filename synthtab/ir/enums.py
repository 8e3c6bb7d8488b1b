"""Which enum's order a comparison goes by."""

from __future__ import annotations

from synthtab.ir import nodes
from synthtab.ir.typing import StringT, type_of


def enum_order(table: nodes.Table, *terms: nodes.Term) -> tuple[str, ...]:
    """Return the values, in order, of the enum that one of the compared terms is of; () if none."""
    for term in terms:
        kind = type_of(term, table)
        if not isinstance(kind, StringT):
            return ()
        if kind.values is not None:
            return kind.values
    return ()
