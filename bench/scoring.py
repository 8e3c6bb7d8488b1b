"""How good synthetic rows are: do they keep the rules, look like the real ones, teach the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.registry import Loaded
from bench.utility import score, two_sample
from synthtab.assess.fidelity import compare
from synthtab.backends.sql import SqlBackend
from synthtab.frames import encode_frame
from synthtab.schema import domain


@dataclass(frozen=True)
class Scores:
    """Share of valid rows; distances; areas under curves (R2 of a number); None: not defined."""

    valid: float
    shape: float | None
    pair: float | None
    c2st: float | None
    utility: float | None
    utility_real: float | None


def scored(loaded: Loaded, frame: pd.DataFrame, seed: int = 0) -> Scores:
    """Return the scores of rows against the training rows, utility on the hold-out."""
    table, target = loaded.table, loaded.entry.target
    columns = table.columns
    batch = encode_frame(columns, frame)
    broken = SqlBackend(table).violated(frame).any(axis=1)
    for column in columns:
        codes, nulls = batch.column(column.name)
        lo, hi = domain(column)
        outside = ~nulls & ((codes < lo) | (codes > hi))
        broken |= outside | (nulls & (not column.optional))
    few = min(len(loaded.holdout), len(batch))
    apart = compare(columns, loaded.train, batch.take(np.arange(few)))
    known = target is not None and target in table.column_names
    return Scores(
        1.0 - float(broken.mean()),
        apart.shape,
        apart.pair,
        two_sample(columns, loaded.train, batch),
        score(columns, batch, loaded.holdout, target) if known else None,
        score(columns, loaded.train, loaded.holdout, target) if known else None,
    )
