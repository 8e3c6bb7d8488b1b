"""Ending with all rules kept: mend what was written, decode again what stays broken, and so on.

With every round the number of times that rows break something falls, or nothing is taken over from
it. So it ends: in tables that keep all rules, or in what no round did away with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from synthtab.batch import Batch
from synthtab.draw import Method
from synthtab.relational.again import decoded_again
from synthtab.relational.database import Database
from synthtab.relational.judging import Broken, broken_rules, times_broken
from synthtab.relational.rearranging import rearranged
from synthtab.solver.mend import mend

VAIN = 4
"""How many rounds one after the other may do away with nothing."""
ROUNDS = 20

Told = Callable[[str, float], None]
"""Is told a stage and how far it is, as a share."""


@dataclass(frozen=True)
class Settled:
    """Tables, and what rows of them still ``broken`` break.

    By table: cells ``mended``, rows that were written ``again`` and are kept, rows drawn for that
    (``tries``).
    """

    batches: Mapping[str, Batch]
    broken: Broken
    mended: dict[str, int]
    again: dict[str, int]
    tries: dict[str, int]


def settle(
    database: Database,
    batches: Mapping[str, Batch],
    method: Method,
    rng: np.random.Generator,
    told: Told | None = None,
) -> Settled:
    """Mend tables that break rules, and decode again the groups that this leaves broken.

    Groups of children are written again, and in every second round their parents in their place.
    """
    made, mended = _mended(database, batches, rng, told)
    now = broken_rules(database.tables, made)
    again: dict[str, int] = {}
    tries: dict[str, int] = {}
    vain = 0
    for attempt in range(ROUNDS):
        if not now or vain == VAIN:
            break
        other = decoded_again(database, made, now, method, rng, parents=attempt % 2 == 1)
        tries = _added(tries, other.tries)
        if not any(other.rows.values()):
            vain += 1
            continue
        better, cells = _mended(database, other.batches, rng, told)
        left = broken_rules(database.tables, better)
        if times_broken(left) < times_broken(now):
            made, now, vain = better, left, 0
            again, mended = _added(again, other.rows), _added(mended, cells)
        else:
            vain += 1
    return Settled(made, now, mended, again, tries)


def _mended(
    database: Database,
    batches: Mapping[str, Batch],
    rng: np.random.Generator,
    told: Told | None,
) -> tuple[dict[str, Batch], dict[str, int]]:
    """Return mended tables and how many cells of each were changed."""
    if not broken_rules(database.tables, batches):
        return dict(batches), dict.fromkeys(batches, 0)
    sorted_ = rearranged(database.tables, batches)
    found = mend(database.tables, sorted_, rng=rng, progress=told)
    cells = {name: _differing(batch, sorted_[name]) for name, batch in batches.items()}
    for change in found.changes:
        cells[change.table] += 1
    return dict(found.batches), cells


def _differing(one: Batch, other: Batch) -> int:
    """Return how many cells differ between two batches of one pool."""
    return int(((one.codes != other.codes) | (one.nulls != other.nulls)).sum())


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {*one, *other}}
