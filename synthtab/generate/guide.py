"""What the decoder asks of whoever knows the rules, and the levels of obedience."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Batch, Codes, Mask
from synthtab.solver.feasible import Feasible

Level = Literal["free", "grammar", "solver"]
LEVELS: tuple[Level, ...] = ("free", "grammar", "solver")

Known = Mapping[str, tuple[Codes, Mask]]


class Guide(Protocol):
    """Says what each column may still hold; a Plan is one."""

    def constrained(self, column: str) -> bool:
        """Say whether any rule bears on the column, so that :meth:`feasible` is worth asking."""

    def feasible(self, column: str, known: Known, pool: NDArray[np.object_]) -> Feasible:
        """Return what the column may hold in each of R rows.

        ``known`` has the codes and nulls (R,) of the columns decoded before; ``pool`` is what the
        codes of text columns index.
        """


@dataclass(frozen=True)
class Given:
    """What is known of each row before it is written.

    ``columns`` is a batch of the layout's first columns, one row each; ``known`` has the exact
    codes and nulls of context columns by name, for the guide only; ``pool`` the strings of text
    columns among ``known``.
    """

    columns: Batch
    known: Known
    pool: NDArray[np.object_]
