"""In which turn rows are written: together as far as none of them goes by another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from synthtab.ir import nodes
from synthtab.relational.company import There
from synthtab.relational.page import pooled
from synthtab.relational.reading import Rows, cells
from synthtab.relational.view import View

Links = Mapping[nodes.ReferenceRule, Rows]


def turns(view: View, place: Rows, links: Links, there: There) -> list[Rows]:
    """Return the rows to be written together: all at once, or all first siblings, and so on.

    ``place`` (rows,) numbers siblings from 1. Rows of strands are written one by one, in the order
    of what is to rise along them and is known of the rows they come by.
    """
    rows = np.arange(len(place))
    if not len(rows):
        return []
    strand = view.home.strand
    if strand is not None:
        keys: list[Any] = [rows]
        for steps, column in reversed(strand.rising):
            at = there.links.follow(view.home.table.name, links, steps)
            codes, nulls = cells(pooled(there.batch(steps[-1].parent)), column, at)
            keys += [codes, nulls]
        return np.split(np.lexsort(keys), rows[1:])
    if not view.staged:
        return [rows]
    ends = np.cumsum(np.bincount(place)[1:])
    return np.split(np.argsort(place, kind="stable"), ends[:-1])
