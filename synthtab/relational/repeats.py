"""Keys that are written: what rows of one table hold already, so that no row repeats it."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from synthtab.batch import Batch, Mask
from synthtab.relational.reading import Rows
from synthtab.relational.structure import Home


class Repeats:
    """Remembers the values of one ``unique`` rule's columns, row by row.

    A row with a NULL among them repeats nothing.
    """

    def __init__(self, columns: tuple[str, ...]) -> None:
        self._columns = columns
        self._taken: set[bytes] = set()

    def of(self, batch: Batch) -> Mask:
        """Say which rows (rows,) hold what a row remembered does, or one before it in the batch.

        Codes of text have to stand for the same strings at each call.
        """
        keys, whole = self._keys(batch)
        again = np.zeros(len(batch), dtype=bool)
        seen: set[bytes] = set()
        for at in np.flatnonzero(whole).tolist():
            key = keys[at]
            again[at] = key in self._taken or key in seen
            seen.add(key)
        return again

    def remember(self, batch: Batch) -> None:
        """Remember what rows hold."""
        keys, whole = self._keys(batch)
        self._taken.update(keys[at] for at in np.flatnonzero(whole).tolist())

    def _keys(self, batch: Batch) -> tuple[list[bytes], Mask]:
        at = [batch.index(c) for c in self._columns]
        codes = np.ascontiguousarray(batch.codes[:, at])
        width = codes.itemsize * len(at)
        data = codes.tobytes()
        keys = [data[k : k + width] for k in range(0, len(data), width)]
        return keys, np.asarray(~batch.nulls[:, at].any(axis=1))


def repeats_of(home: Home, written: Collection[str]) -> list[Repeats]:
    """Return a memory for each hard ``unique`` rule that rows can break as they are ``written``.

    Left out are rules about what is made up last, and what can break no such rule: numbers of
    siblings, and keys of parents alone, which are picked without a repeat.
    """
    numbered = home.order.numbered if home.order is not None else None
    safe = {numbered[0], *home.together} if numbered and home.together is not None else None
    keys = {c for r in home.picked for c in r.columns}
    found = []
    for rule in home.table.unique_rules:
        columns = set(rule.columns)
        if rule.share is not None or rule.where is not None or not columns <= set(written):
            continue
        if columns <= keys or (safe is not None and safe <= columns):
            continue
        found.append(Repeats(tuple(rule.columns)))
    return found


def first_of_each(memories: list[Repeats], batch: Batch, fine: Mask) -> Rows:
    """Return which rows of a batch repeat no other, those that are ``fine`` alone, and note them.

    Rows that are not fine keep no other from holding what they hold.
    """
    rows = np.flatnonzero(fine)
    for memory in memories:
        rows = rows[~memory.of(batch.take(rows))]
    for memory in memories:
        memory.remember(batch.take(rows))
    return rows
