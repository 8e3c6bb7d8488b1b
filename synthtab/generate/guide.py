"""What the decoder asks of whoever knows the rules, and the levels of obedience."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Batch, Codes, Mask
from synthtab.errors import UsageError
from synthtab.solver.feasible import Feasible

Level = Literal["free", "grammar", "solver"]
LEVELS: tuple[Level, ...] = ("free", "grammar", "solver")

Known = Mapping[str, tuple[Codes, Mask]]


@dataclass(frozen=True)
class Given:
    """What is known of each of some rows before it is written.

    ``columns``: a batch of the columns the rows begin with; the network reads them. ``known``:
    exact codes and nulls (rows,) of other columns by name, for the guide alone; ``pool`` has the
    strings of those that are text, named in ``texts``.
    """

    columns: Batch
    known: Known = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    pool: NDArray[np.object_] = field(default_factory=lambda: np.empty(0, dtype=object))

    def __len__(self) -> int:
        return len(self.columns)

    def take(self, rows: NDArray[np.int64]) -> Given:
        """Return what is known of the rows picked by index."""
        known = {name: (codes[rows], nulls[rows]) for name, (codes, nulls) in self.known.items()}
        return Given(self.columns.take(rows), known, self.texts, self.pool)


class Guide(Protocol):
    """Says what each column may still hold; a Plan is one."""

    def constrained(self, column: str) -> bool:
        """Say whether any rule bears on the column, so that :meth:`feasible` is worth asking."""

    def feasible(self, column: str, known: Known, pool: NDArray[np.object_]) -> Feasible:
        """Return what the column may hold in each of R rows.

        ``known`` has the codes and nulls (R,) of the columns decoded before; ``pool`` is what the
        codes of text columns index.
        """


def check_request(rows: int, level: Level, guide: Guide | None) -> None:
    """Raise UsageError where no rows are asked for, or at a level that is none or lacks a guide."""
    if rows < 1:
        raise UsageError(f"{rows} rows were asked for; at least 1 can be drawn")
    if level not in LEVELS:
        raise UsageError(f"the level {level!r} is none of {', '.join(LEVELS)}")
    if level == "solver" and guide is None:
        raise UsageError("the level 'solver' needs a guide, such as a compiled plan")
