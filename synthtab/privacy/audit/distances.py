"""Whether synthetic rows lie nearer to the rows they were learned from than to a hold-out.

DCR is the distance to the closest record, NNDR that distance over the distance to the second
closest, which is small where a row is next to one record alone. Where nothing was memorised, rows
are as near to the hold-out as to as many rows of the training data: 50% are nearer to either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from synthtab.errors import UsageError
from synthtab.privacy.audit.encoding import Points
from synthtab.privacy.audit.membership import Interval, share_interval

_DIGITS = 6
"""Distances are as exact as this: they come from differences of squares."""


@dataclass(frozen=True)
class Nearness:
    """The share of synthetic rows that are nearer to training rows than to the hold-out.

    ``effective`` is the number of rows that the interval rests on: synthetic rows which share
    their nearest real row say the same thing, n rows of which w_i are nearest to the i-th real one
    count as n^2 / sum(w_i^2) (Kish's effective sample size).
    """

    measure: str
    share: float
    interval: Interval
    rows: int
    effective: float

    @property
    def found(self) -> bool:
        """Whether the share is above 50% by more than chance."""
        return self.interval[0] > 0.5

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain data."""
        return {
            "measure": self.measure,
            "share": self.share,
            "interval": list(self.interval),
            "rows": self.rows,
            "effective_rows": self.effective,
            "found": self.found,
        }


@dataclass(frozen=True)
class Copies:
    """The shares of synthetic rows that are also training rows, and hold-out rows, to the cell."""

    train: float
    holdout: float


def nearer_to_training(
    synthetic: Points, train: Points, holdout: Points, seed: int = 0, confidence: float = 0.95
) -> tuple[Nearness, Nearness, Copies]:
    """Return DCR's share, NNDR's, and the shares of copies; ties count half.

    Of the larger of both sides as many rows are drawn as the other has, as more rows are nearer.
    Raises UsageError without two real rows of each kind and one synthetic row.
    """
    size = min(len(train), len(holdout))
    if size < 2 or not len(synthetic):
        raise UsageError(
            "distances need a synthetic row, and two rows each of the training data and of the "
            f"hold-out: there are {len(synthetic)}, {len(train)} and {len(holdout)}"
        )
    rng = np.random.default_rng(seed)
    sides = [s[np.sort(rng.permutation(len(s))[:size])] for s in (train, holdout)]
    found = [NearestNeighbors(n_neighbors=2).fit(s).kneighbors(synthetic) for s in sides]
    first = [np.round(d[:, 0], _DIGITS) for d, _ in found]
    second = [np.round(d[:, 1], _DIGITS) for d, _ in found]
    ratio = [
        np.where(b > 0, a / np.where(b > 0, b, 1), 1.0) for a, b in zip(first, second, strict=True)
    ]
    winner = np.where(first[0] <= first[1], found[0][1][:, 0], size + found[1][1][:, 0])
    weights = np.bincount(winner, minlength=2 * size).astype(np.float64)
    effective = float(len(synthetic) ** 2 / (weights**2).sum())
    copies = Copies(float((first[0] == 0).mean()), float((first[1] == 0).mean()))
    return (
        _nearness("DCR", first, effective, confidence),
        _nearness("NNDR", ratio, effective, confidence),
        copies,
    )


def _nearness(
    measure: str, sides: list[NDArray[np.float64]], effective: float, confidence: float
) -> Nearness:
    train, holdout = sides
    share = float((train < holdout).mean() + (train == holdout).mean() / 2)
    interval = share_interval(share * effective, effective, confidence)
    return Nearness(measure, share, interval, len(train), effective)
