"""Small tables for tests of private readers: their batches, neighbours of theirs, recorders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from synthtab.batch import Batch
from synthtab.privacy.costs import Cost
from synthtab.privacy.ledger import Charge
from synthtab.privacy.vault import Room

NO_POOL = np.empty(0, dtype=object)


def batch_of(columns: Sequence[str], rows: Sequence[Sequence[int | None]]) -> Batch:
    """Return rows of codes as a batch; None is NULL."""
    shape = (len(rows), len(columns))
    codes = np.array([[v or 0 for v in row] for row in rows], dtype=np.int64).reshape(shape)
    nulls = np.array([[v is None for v in row] for row in rows], dtype=bool).reshape(shape)
    return Batch(tuple(columns), codes, nulls, NO_POOL)


@dataclass(frozen=True)
class NoNoise:
    """Adds nothing, so that what a reader counts can be seen; charged as it is told."""

    cost: Cost
    spread: float = 0.0
    name: str = "none"

    def add(self, counts: np.ndarray) -> np.ndarray:
        return counts


@dataclass
class Recorder:
    """A reader that writes down what became of it."""

    cost: Cost
    events: list[str] = field(default_factory=list)

    @property
    def charge(self) -> Charge:
        self.events.append("charged")
        return Charge("recorder", self.cost, ("t.c",), "a test")

    def read(self, room: Room) -> int:
        self.events.append("read")
        return len(room.batch("t"))
