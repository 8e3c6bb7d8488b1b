"""Rows of a completed table, drawn under its own Plan and given back in the table as declared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from synthtab.generate.drawn import Drawn
from synthtab.generate.guide import Guide, Level
from synthtab.privacy.completed import Completed
from synthtab.schema import Column
from synthtab.solver.plan import Plan


class Drawing(Protocol):
    """What draws rows of the completed table."""

    def draw(
        self, rows: int, *, level: Level = ..., guide: Guide | None = None, seed: int = 0
    ) -> Drawn:
        """Draw rows, obeying as ``level`` says."""

    def save(self, directory: Path) -> None:
        """Write the generator's files into an existing directory."""


@dataclass(frozen=True)
class RestoredGenerator:
    """Draws with ``inner`` under ``plan``, which knows the completed table; brings rows back.

    The guide that it is asked to draw under knows texts, which the inner one does not write; what
    only that one forbids is left to be checked and mended.
    """

    inner: Drawing
    plan: Plan
    completed: Completed

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of the rows drawn, as declared."""
        return tuple(self.completed.original.column(n) for n in self.completed.learned)

    def draw(
        self, rows: int, *, level: Level = "solver", guide: Guide | None = None, seed: int = 0
    ) -> Drawn:
        """Draw rows: the same seed gives the same rows."""
        del guide
        drawn = self.inner.draw(rows, level=level, guide=self.plan, seed=seed)
        rng = np.random.default_rng(np.random.SeedSequence([seed, 7]))
        batch = self.completed.restore(drawn.batch, rng)
        return Drawn(batch, drawn.log_weight, drawn.malformed, drawn.dead, drawn.copied)

    def save(self, directory: Path) -> None:
        """Write the generator's files into an existing directory."""
        self.inner.save(directory)
