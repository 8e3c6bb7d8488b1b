"""Tables whose rows follow each other, for peers that learn sequences."""

from __future__ import annotations

from bench.registry import Loaded, single
from synthtab.assess.relations import sequences

Sequence = dict[str, list[str]]

KNOWN: dict[str, Sequence] = {
    "grunfeld": {"group": ["firm"], "order": ["year"]},
    "interest_inflation": {"group": [], "order": ["year", "quarter"]},
    "macrodata": {"group": [], "order": ["year", "quarter"]},
}
"""Registered tables whose rules do not say that there is an order, as one row keeps them."""


def sequence_of(loaded: Loaded) -> Sequence | None:
    """Return the columns that group a table's rows and those that order them; None without order.

    Rules that look at the row before are not in ``loaded``, but they are in its rules file.
    """
    found = KNOWN.get(loaded.entry.name) or _declared(loaded)
    if found is None or not {*found["group"], *found["order"]} <= set(loaded.table.column_names):
        return None
    return found


def _declared(loaded: Loaded) -> Sequence | None:
    for group, order in sequences(single(loaded.entry)):
        return {"group": list(group), "order": list(order)}
    return None
