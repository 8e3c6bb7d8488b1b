"""A smaller data set that hangs together: some rows of one table, and what goes with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from synthtab.backends.context import Context
from synthtab.batch import Batch, Mask
from synthtab.ir import nodes
from synthtab.ir.references import references


def subset(
    tables: Sequence[nodes.Table], batches: Mapping[str, Batch], root: str, rows: int, seed: int
) -> dict[str, Batch]:
    """Keep ``rows`` random rows of the table ``root``, and drop what is lost with the others.

    A row goes when one that it refers to goes, and when rows referred to it and all of them have
    gone (rows of ``root`` do not, for that). Rows keep their order.
    """
    context = Context(tables, batches)
    kept = {name: np.ones(len(batch), dtype=bool) for name, batch in batches.items()}
    chosen = np.random.default_rng(seed).permutation(len(batches[root]))[:rows]
    kept[root] = np.isin(np.arange(len(batches[root])), chosen)
    links = [
        (t.name, rule.parent, context.referred(t.name, rule))
        for t in tables
        for rule in references(t)
    ]
    children = {t.name: _children(t.name, links, kept, everyone=True) for t in tables}
    while True:
        before = sum(int(mask.sum()) for mask in kept.values())
        for child, parent, places in links:
            kept[child] &= (places < 0) | kept[parent][places]
        for t in tables:
            if t.name != root:
                left = _children(t.name, links, kept, everyone=False)
                kept[t.name] &= ~((children[t.name] > 0) & (left == 0))
        if sum(int(mask.sum()) for mask in kept.values()) == before:
            return {name: batch.take(kept[name]) for name, batch in batches.items()}


def _children(
    table: str,
    links: Sequence[tuple[str, str, np.ndarray]],
    kept: Mapping[str, Mask],
    *,
    everyone: bool,
) -> np.ndarray:
    """Count the rows of other tables that refer to each row: all of them, or those still kept."""
    found = np.zeros(len(kept[table]), dtype=np.int64)
    for child, parent, places in links:
        if parent == table and child != table:
            some = places[(places >= 0) & (everyone | kept[child])]
            found += np.bincount(some, minlength=len(found))
    return found
