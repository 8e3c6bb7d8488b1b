"""Categories that nobody declared: a stable histogram, of which only the large bars are told.

A text that one unit alone has would betray it by being named at all, whatever noise its count has.
So counts get noise, and only texts whose noisy count reaches a threshold are named; the chance that
one unit's own text reaches it is the delta (Korolova, Kenthapadi, Mishra and Ntoulas, "Releasing
search queries and clicks privately", 2009; Bun, Nissim and Stemmer, "Simultaneous private learning
of multiple concepts", 2016). It is computed from the law of the noise, not from a bound on it.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from synthtab.privacy.costs import Thresholded
from synthtab.privacy.ledger import Charge
from synthtab.privacy.mechanisms import CountNoise, DiscreteGaussian, Geometric
from synthtab.privacy.vault import Room

SIGMAS = 40
"""So many standard deviations of a discrete Gaussian are summed; beyond, nothing is left."""


def tail(noise: CountNoise, least: int) -> float:
    """Return the chance that noise is ``least`` or more."""
    if least <= 0:
        return 1.0 - tail(noise, 1 - least)
    if isinstance(noise, Geometric):
        ratio = math.exp(-noise.epsilon / noise.l1)
        return ratio**least / (1 + ratio)
    assert isinstance(noise, DiscreteGaussian)
    most = math.ceil(SIGMAS * noise.sigma) + 1
    masses = np.exp(-np.square(np.arange(1, most + 1) / noise.sigma) / 2)
    return float(masses[least - 1 :][::-1].sum() / (1 + 2 * masses[::-1].sum()))


def failure_of(noise: CountNoise, threshold: int, most: int = 1) -> float:
    """Return the chance that a text is named that one unit alone has.

    A unit of ``most`` rows has at most as many texts of its own, each in at most ``most`` rows.
    """
    return max(most, 1) * tail(noise, threshold - most)


def threshold_for(noise: CountNoise, failure: float, most: int = 1) -> int:
    """Return the least threshold whose failure is within ``failure``.

    With a ``most`` of 0 it is what noise alone reaches with that chance.
    """
    low, high = most, most + 1
    while failure_of(noise, high, most) > failure:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if failure_of(noise, middle, most) > failure else (low, middle)
    return high


@dataclass(frozen=True)
class NameCategories:
    """The texts of a column whose noisy count reaches a threshold, with that count.

    ``public`` texts, which the rules name, are counted and told in any case.
    """

    table: str
    column: str
    public: tuple[str, ...]
    noise: CountNoise
    threshold: int
    most: int = 1

    @property
    def charge(self) -> Charge:
        """The noise's cost, and the chance that it does not hide a text."""
        settings = {"standard deviation": self.noise.spread, "threshold": float(self.threshold)}
        return Charge(
            f"{self.noise.name}, above a threshold",
            Thresholded(self.noise.cost, failure_of(self.noise, self.threshold, self.most)),
            (f"{self.table}.{self.column}",),
            "categories that the rules do not declare",
            None,
            settings,
        )

    def read(self, room: Room) -> dict[str, int]:
        """Return the texts that are named, in alphabetical order, and their noisy counts."""
        batch = room.batch(self.table)
        codes, nulls = batch.column(self.column)
        found = Counter(dict.fromkeys(self.public, 0))
        for code, count in zip(*np.unique(codes[~nulls], return_counts=True), strict=True):
            found[str(batch.pool[code])] += int(count)
        texts = sorted(found)
        noisy = self.noise.add(np.array([found[text] for text in texts], dtype=np.int64))
        return {
            text: int(count)
            for text, count in zip(texts, noisy, strict=True)
            if count >= self.threshold or text in self.public
        }
