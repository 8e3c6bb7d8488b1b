"""Whether synthetic rows tell somebody's secret column to whoever knows the rest of the row."""

from __future__ import annotations

import math
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
    """How often a secret column was guessed right from all other columns.

    ``through_synthetic`` is the share of training rows that a model trained on synthetic rows
    guesses right, ``baseline`` that of a model trained on as many rows of a hold-out, which knows
    what is true of people in general and of nobody in particular. One of the two models may be the
    better one for everybody. So ``gain`` is by how much the first is better for training rows,
    less by how much it is better for ``others``, rows that neither was learned from: a gain above
    0 is what a row's being learned from gave away.
    """

    column: str
    through_synthetic: float
    baseline: float
    gain: float
    interval: Interval
    targets: int
    others: int

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
            "others": self.others,
            "found": self.found,
        }


def guess_secret(
    columns: Sequence[Column],
    secret: str,
    targets: Batch,
    others: Batch,
    synthetic: Batch,
    reference: Batch,
    seed: int = 0,
    confidence: float = 0.95,
) -> Attribute:
    """Guess a secret column of ``targets`` (training rows) and of ``others`` (of a hold-out).

    Random forests guess, which learn copied rows by heart, one trained on synthetic rows and one on
    ``reference`` (other rows of the hold-out). The interval is that of a difference of two means,
    with one more pair of each agreement and disagreement on either side (after Agresti and Min,
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
    size = min(len(synthetic), len(reference))
    if not size or not len(targets) or not len(others):
        raise UsageError(
            f"guessing {secret!r} needs rows: there are {len(targets)} targets, {len(others)} "
            f"others, {len(synthetic)} synthetic rows and {len(reference)} of the reference"
        )
    rng = np.random.default_rng(seed)
    rest = [c for c in columns if c.name != secret]
    encoder = Encoder.of(rest, reference)
    edges = _edges(column, reference)
    forests = []
    for rows in (synthetic, reference):
        some = rows.take(np.sort(rng.permutation(len(rows))[:size]))
        forest = RandomForestClassifier(TREES, random_state=seed, n_jobs=1)
        forests.append(forest.fit(encoder.points(some), _levels(column, some, edges)))
    right = []
    for rows in (targets, others):
        truth, known = _levels(column, rows, edges), encoder.points(rows)
        right.append([np.asarray(forest.predict(known)) == truth for forest in forests])
    better = [one.astype(np.float64) - two for one, two in right]
    means, errors = zip(*(_shrunk(b) for b in better), strict=True)
    reach = float(stats.norm.isf((1 - confidence) / 2)) * math.hypot(*errors)
    middle = means[0] - means[1]
    return Attribute(
        secret,
        float(right[0][0].mean()),
        float(right[0][1].mean()),
        float(better[0].mean() - better[1].mean()),
        (max(-2.0, middle - reach), min(2.0, middle + reach)),
        len(targets),
        len(others),
    )


def _shrunk(better: NDArray[np.float64]) -> tuple[float, float]:
    """Return the mean of -1, 0 and 1, and its error, as if half a pair more of each were there."""
    total = len(better) + 2.0
    mean = float(better.sum()) / total
    squares = float((better**2).sum()) + 1.0
    return mean, math.sqrt(squares - mean**2 * total) / total


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
