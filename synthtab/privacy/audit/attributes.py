"""Whether synthetic rows tell somebody's secret column to whoever knows the rest of the row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.ensemble import RandomForestClassifier

from synthtab.batch import Batch
from synthtab.errors import UsageError
from synthtab.privacy.audit.encoding import Encoder
from synthtab.privacy.audit.membership import Interval
from synthtab.schema import BooleanType, Column, EnumType, TextType

Levels = NDArray[np.int64]

BINS = 10
"""A secret number is guessed as one of so many quantile bins."""
TREES = 50


@dataclass(frozen=True)
class Attribute:
    """How often a secret column of training rows was guessed right from all other columns.

    ``through_synthetic`` is the share of right guesses of a model trained on synthetic rows,
    ``baseline`` of one trained on as many rows of a hold-out, which knows what is true of people in
    general and of nobody in particular. ``gain`` is the difference; its interval is that of paired
    guesses. A gain above 0 is what a row's being learned from gave away.
    """

    column: str
    through_synthetic: float
    baseline: float
    gain: float
    interval: Interval
    targets: int

    @property
    def found(self) -> bool:
        """Whether more was guessed than by chance."""
        return self.interval[0] > 0

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain data."""
        return {
            "column": self.column,
            "through_synthetic": self.through_synthetic,
            "baseline": self.baseline,
            "gain": self.gain,
            "interval": list(self.interval),
            "targets": self.targets,
            "found": self.found,
        }


def guess_secret(
    columns: Sequence[Column],
    secret: str,
    targets: Batch,
    synthetic: Batch,
    holdout: Batch,
    seed: int = 0,
    confidence: float = 0.95,
) -> Attribute:
    """Guess a secret column of ``targets`` (training rows) through synthetic rows and a hold-out.

    Random forests guess, which learn copied rows by heart. The interval is for the difference of
    two shares of the same targets, with one more pair of each disagreement (Agresti and Min,
    "Simple improved confidence intervals for comparing matched proportions", 2005).

    Raises UsageError for a column that is not there or is text, and without rows on a side.
    """
    column = next((c for c in columns if c.name == secret), None)
    if column is None or isinstance(column.type, TextType) or len(columns) < 2:
        names = ", ".join(c.name for c in columns if not isinstance(c.type, TextType))
        raise UsageError(
            f"{secret!r} cannot be guessed as a secret: it is to be one of {names}, beside another "
            "column"
        )
    size = min(len(synthetic), len(holdout))
    if not size or not len(targets):
        raise UsageError(
            f"guessing {secret!r} needs rows: there are {len(targets)} targets, {len(synthetic)} "
            f"synthetic rows and {len(holdout)} of the hold-out"
        )
    rng = np.random.default_rng(seed)
    rest = [c for c in columns if c.name != secret]
    encoder = Encoder.of(rest, holdout)
    edges = _edges(column, holdout)
    truth, known = _levels(column, targets, edges), encoder.points(targets)
    right = []
    for rows in (synthetic, holdout):
        some = rows.take(np.sort(rng.permutation(len(rows))[:size]))
        forest = RandomForestClassifier(TREES, random_state=seed, n_jobs=1)
        forest.fit(encoder.points(some), _levels(column, some, edges))
        right.append(np.asarray(forest.predict(known)) == truth)
    gained = int((right[0] & ~right[1]).sum())
    lost = int((right[1] & ~right[0]).sum())
    return Attribute(
        secret,
        float(right[0].mean()),
        float(right[1].mean()),
        (gained - lost) / len(truth),
        _paired_interval(gained, lost, len(truth), confidence),
        len(truth),
    )


def _paired_interval(gained: int, lost: int, targets: int, confidence: float) -> Interval:
    more, total = 0.5, targets + 2.0
    plus, minus = gained + more, lost + more
    middle = (plus - minus) / total
    error = np.sqrt((plus + minus) - (plus - minus) ** 2 / total) / total
    reach = float(stats.norm.isf((1 - confidence) / 2) * error)
    return max(-1.0, middle - reach), min(1.0, middle + reach)


def _edges(column: Column, rows: Batch) -> Levels:
    """Return the upper ends of a number's quantile bins; none for an enum or a boolean."""
    codes, nulls = rows.column(column.name)
    known = np.sort(codes[~nulls])
    if isinstance(column.type, EnumType | BooleanType) or not len(known):
        return np.empty(0, dtype=np.int64)
    return np.unique(known[(np.arange(1, BINS) * len(known)) // BINS])


def _levels(column: Column, rows: Batch, edges: Levels) -> Levels:
    codes, nulls = rows.column(column.name)
    if isinstance(column.type, EnumType | BooleanType):
        return np.where(nulls, -1, codes)
    return np.where(nulls, -1, np.searchsorted(edges, codes, side="left"))
