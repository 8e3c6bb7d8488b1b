"""What attacks on membership achieve: scores of members beside scores of others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from synthtab.errors import UsageError

Scores = NDArray[np.float64]
Interval = tuple[float, float]

FALSE_POSITIVES = 0.01
"""The rate of false alarms at which the rate of hits is told."""


@dataclass(frozen=True)
class Membership:
    """How well an attack tells members (rows that were learned from) from other rows.

    ``members`` and ``others`` are its scores, one for each record, higher being likelier a member.
    ``auc`` is the chance that a member scores higher than another row (ties count half; 0.5 is
    chance), ``hits`` the share of members above a threshold that at most 1% of the others pass.
    The intervals hold with ``confidence`` each.
    """

    attack: str
    members: Scores
    others: Scores
    auc: float
    auc_interval: Interval
    hits: float
    hits_interval: Interval
    confidence: float

    @property
    def found(self) -> bool:
        """Whether members were told from others better than by chance."""
        allowed = _passing(self.others)
        # The share of all others above a threshold that was taken from those seen.
        false = stats.beta.ppf(self.confidence, allowed + 1, len(self.others) - allowed)
        return self.auc_interval[0] > 0.5 or self.hits_interval[0] > float(false)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures, without the records' scores, as plain data."""
        return {
            "attack": self.attack,
            "members": len(self.members),
            "others": len(self.others),
            "auc": self.auc,
            "auc_interval": list(self.auc_interval),
            "tpr_at_1%_fpr": self.hits,
            "tpr_interval": list(self.hits_interval),
            "found": self.found,
        }


def judge(
    attack: str, members: ArrayLike, others: ArrayLike, confidence: float = 0.95
) -> Membership:
    """Return what an attack's scores amount to. Raises UsageError without scores on both sides."""
    inside, outside = (np.asarray(s, dtype=np.float64) for s in (members, others))
    if inside.ndim != 1 or outside.ndim != 1 or not len(inside) or not len(outside):
        raise UsageError(
            f"{attack}: scores of shapes {inside.shape} and {outside.shape}; give a number for "
            "each of at least one member and one other row"
        )
    if np.isnan(inside).any() or np.isnan(outside).any():
        raise UsageError(f"{attack}: a score is NaN; give every record a number")
    area = auc(inside, outside)
    # The highest threshold that at most 1% of the others pass.
    allowed = _passing(outside)
    threshold = np.sort(outside)[len(outside) - 1 - allowed]
    hit = int((inside > threshold).sum())
    return Membership(
        attack,
        inside,
        outside,
        area,
        auc_interval(area, len(inside), len(outside), confidence),
        hit / len(inside),
        share_interval(hit, len(inside), confidence),
        confidence,
    )


def auc(members: Scores, others: Scores) -> float:
    """Return the chance that a member's score is above another's, ties counting half."""
    ranks = stats.rankdata(np.concatenate([members, others]))
    count = len(members)
    return float((ranks[:count].sum() - count * (count + 1) / 2) / (count * len(others)))


def auc_interval(area: float, members: int, others: int, confidence: float) -> Interval:
    """Return a confidence interval of an AUC, which has a width at 0 and 1 too.

    Newcombe, "Confidence intervals for an effect size measure based on the Mann-Whitney statistic",
    2006, method 5: those areas from which the one seen is not too many of their own standard errors
    away, with Hanley and McNeil's standard error and both numbers taken as their mean.
    """
    many = stats.norm.isf((1 - confidence) / 2)
    mean = (members + others) / 2 - 1

    def away(true: float) -> float:
        spread = 1 + mean * ((1 - true) / (2 - true) + true / (1 + true))
        error = np.sqrt(true * (1 - true) * spread / (members * others))
        return float(abs(area - true) - many * error)

    # At 0 and 1 themselves no error is left: the ends are looked for a little beside.
    low = 0.0 if area <= 0 else _root(away, 0.0, min(area, 1 - 1e-12))
    high = 1.0 if area >= 1 else _root(away, max(area, 1e-12), 1.0)
    return low, high


def share_interval(hits: float, trials: float, confidence: float) -> Interval:
    """Return Clopper and Pearson's interval of a share; numbers may be fractions."""
    error = (1 - confidence) / 2
    low = 0.0 if hits <= 0 else float(stats.beta.ppf(error, hits, trials - hits + 1))
    high = 1.0 if hits >= trials else float(stats.beta.isf(error, hits + 1, trials - hits))
    return low, high


def _passing(others: Scores) -> int:
    return int(FALSE_POSITIVES * len(others))


def _root(of: Callable[[float], float], low: float, high: float) -> float:
    return float(optimize.brentq(of, low, high))
