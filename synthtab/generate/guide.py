"""What the decoder asks of whoever knows the rules, and the levels of obedience."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Codes, Mask
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
