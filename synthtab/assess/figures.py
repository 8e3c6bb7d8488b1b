"""What a rule found beyond a row: the parent's values and the figures it compares with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.computed import known_value, plain_value
from synthtab.backends.context import Context
from synthtab.ir import nodes
from synthtab.ir.context import separate, simplified
from synthtab.lang.write import format_node
from synthtab.schema import Value

_SHOWN = (nodes.ParentRef, nodes.Aggregate, nodes.Previous)


def figures(
    context: Context, table: str, rule: nodes.Rule, rows: NDArray[np.int64]
) -> list[dict[str, Value | None]]:
    """Return for each of the rows the value of each context term of a row rule, by its text.

    An average is shown as the sum and the count that it is compared by. Numbers that have no end
    in decimals are text such as ``10/3``.
    """
    found: list[dict[str, Value | None]] = [{} for _ in rows]
    if not isinstance(rule, nodes.RowRule):
        return found
    parts = separate(simplified(rule.condition), context.tables[table], context.tables)
    for what in parts.definitions.values():
        if not isinstance(what, _SHOWN):
            continue
        text, values = format_node(what), context.column(table, what)
        for record, row in zip(found, rows, strict=True):
            value = known_value(context, values, row)
            record[text] = None if value is None else plain_value(value)
    return found
