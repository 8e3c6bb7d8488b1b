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


def pooled(
    known: Known, texts: Mapping[str, NDArray[np.object_]]
) -> tuple[dict[str, tuple[Codes, Mask]], NDArray[np.object_]]:
    """Return the known columns with text codes that index a pool, and the pool.

    ``texts`` has the strings (rows,) of those that are text.
    """
    if not texts:
        return dict(known), np.empty(0, dtype=object)
    pool, codes = np.unique(np.concatenate(list(texts.values())), return_inverse=True)
    numbered = codes.reshape(len(texts), -1).astype(np.int64)
    named = {
        name: (np.where(known[name][1], 0, column), known[name][1])
        for name, column in zip(texts, numbered, strict=True)
    }
    return dict(known) | named, pool


def asked(
    guide: Guide | None,
    column: str,
    known: Known,
    texts: Mapping[str, NDArray[np.object_]],
    rows: int,
) -> Feasible | None:
    """Return what a guide leaves of a column in each of some rows; None where no rule bears on it.

    ``known`` and ``texts`` are as for :func:`pooled`. A guide that was told nothing of rows answers
    for one of them, which then holds for all.
    """
    if guide is None or not guide.constrained(column):
        return None
    found = guide.feasible(column, *pooled(known, texts))
    return found if len(found) == rows else found.take(np.zeros(rows, dtype=np.int64))


def check_request(rows: int, level: Level, guide: Guide | None) -> None:
    """Raise UsageError where no rows are asked for, or at a level that is none or lacks a guide."""
    if rows < 1:
        raise UsageError(f"{rows} rows were asked for; at least 1 can be drawn")
    if level not in LEVELS:
        raise UsageError(f"the level {level!r} is none of {', '.join(LEVELS)}")
    if level == "solver" and guide is None:
        raise UsageError("the level 'solver' needs a guide, such as a compiled plan")
