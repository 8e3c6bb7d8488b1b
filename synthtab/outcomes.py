"""What fitting one table met, and what became of rows sampled from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from synthtab.choices import Mode
from synthtab.draw import Counts
from synthtab.generate.train import Trained


@dataclass(frozen=True)
class RealRows:
    """Real rows that a saved model holds as they are: in which file, and how many."""

    file: str
    rows: int


@dataclass(frozen=True)
class FitReport:
    """What fitting met: rows read and used, rows that break each rule, cells repaired, training.

    ``prompt`` says what a pretrained model reads before each row: tokens, lines of each part.
    ``real_rows`` are those that go into the saved model as they are, None where none do.
    """

    rows_read: int
    rows_used: int
    violated: Mapping[str, int]
    violations: str
    cells_repaired: int
    seed: int
    trained: Trained | None = None
    prompt: Mapping[str, Any] | None = None
    real_rows: RealRows | None = None

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> FitReport:
        """Return the report that ``dataclasses.asdict`` and JSON made ``facts`` of."""
        trained = facts["trained"]
        if trained is not None:
            trained = Trained(**{**trained, "position_loss": tuple(trained["position_loss"])})
        real = facts.get("real_rows")  # which earlier versions did not tell
        held = None if real is None else RealRows(**real)
        return cls(**{**facts, "trained": trained, "real_rows": held})


@dataclass(frozen=True)
class Sample:
    """Sampled rows and what became of every row drawn for them."""

    frame: pd.DataFrame
    mode: Mode
    seed: int
    counts: Counts
