"""Ending with all rules kept: mend what was written, decode again what stays broken, and so on.

With every round the number of times that rows break something falls, or nothing is taken over from
it. So it ends: in tables that keep all rules, in what no round did away with, or when time is up.
"""

from __future__ import annotations

import time
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
    (``tries``). ``late`` says that the time was up.
    """

    batches: Mapping[str, Batch]
    broken: Broken
    mended: dict[str, int]
    again: dict[str, int]
    tries: dict[str, int]
    late: bool = False


def settle(
    database: Database,
    batches: Mapping[str, Batch],
    method: Method,
    rng: np.random.Generator,
    told: Told | None = None,
    *,
    budget_s: float | None = None,
) -> Settled:
    """Mend tables that break rules, and decode again the groups that this leaves broken.

    Groups of children are written again, and in every second round their parents in their place.
    ``budget_s`` limits the time, in seconds; nothing is begun when it is up. ``told`` hears of the
    share of what rows broke that is done away with, or, where that is more, of the time that is
    gone: either way it ends at 1.
    """
    now = broken_rules(database.tables, batches)
    clock = _Clock(times_broken(now), budget_s, told)
    made, mended = _mended(database, batches, now, rng, clock)
    now = broken_rules(database.tables, made)
    again: dict[str, int] = {}
    tries: dict[str, int] = {}
    vain = 0
    for attempt in range(ROUNDS):
        clock.tell(times_broken(now))
        if not now or vain == VAIN or clock.late:
            break
        other = decoded_again(database, made, now, method, rng, parents=attempt % 2 == 1)
        tries = _added(tries, other.tries)
        if not any(other.rows.values()):
            vain += 1
            continue
        open_ = broken_rules(database.tables, other.batches)
        better, cells = _mended(database, other.batches, open_, rng, clock)
        left = broken_rules(database.tables, better)
        if times_broken(left) < times_broken(now):
            made, now, vain = better, left, 0
            again, mended = _added(again, other.rows), _added(mended, cells)
        else:
            vain += 1
    return Settled(made, now, mended, again, tries, bool(now) and clock.late)


class _Clock:
    """How much of the time is gone, and how far the work was when that was last told."""

    def __init__(self, broken: int, budget_s: float | None, told: Told | None) -> None:
        self._started, self._budget, self._told = time.monotonic(), budget_s, told
        self._broken, self._share = max(1, broken), 0.0

    @property
    def left(self) -> float | None:
        """The seconds that are left; None without a limit."""
        gone = time.monotonic() - self._started
        return None if self._budget is None else max(0.0, self._budget - gone)

    @property
    def late(self) -> bool:
        """Whether the time is up."""
        return self.left == 0.0

    def tell(self, broken: float) -> None:
        """Tell how far the work is if so much is ``broken``: never less far than before."""
        if self._told is None:
            return
        left = self.left
        gone = 0.0 if left is None or not self._budget else 1.0 - left / self._budget
        self._share = max(self._share, 1.0 - broken / self._broken, gone)
        self._told("mending", self._share)


def _mended(
    database: Database,
    batches: Mapping[str, Batch],
    broken: Broken,
    rng: np.random.Generator,
    clock: _Clock,
) -> tuple[dict[str, Batch], dict[str, int]]:
    """Return tables that break some rules mended, and how many cells of each were changed."""
    if not broken:
        return dict(batches), dict.fromkeys(batches, 0)
    sorted_, begun = rearranged(database.tables, batches), times_broken(broken)
    found = mend(
        database.tables,
        sorted_,
        rng=rng,
        budget_s=clock.left,
        progress=lambda _, share: clock.tell(begun * (1.0 - share)),
    )
    cells = {name: _differing(batch, sorted_[name]) for name, batch in batches.items()}
    for change in found.changes:
        cells[change.table] += 1
    return dict(found.batches), cells


def _differing(one: Batch, other: Batch) -> int:
    """Return how many cells differ between two batches of one pool."""
    return int(((one.codes != other.codes) | (one.nulls != other.nulls)).sum())


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {*one, *other}}
