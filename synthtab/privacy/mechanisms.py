"""The noise: diffprivlib's mechanisms, each with what it costs and what it is applied to.

None takes a seed. Noise that can be repeated can be subtracted, so every draw is from the system's
own randomness. Counts get whole-numbered noise, which leaves no trace of floating point in the
answer; other numbers the snapping mechanism (Mironov, "On significance of the least significant
bits", 2012).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
from diffprivlib import mechanisms as lib
from numpy.typing import NDArray

from synthtab.errors import BudgetError, UsageError
from synthtab.privacy.costs import Gaussian, Pure, Selection
from synthtab.privacy.ledger import Purse
from synthtab.privacy.settings import Neighbours

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

MOST_NOISE = 1e7
"""Whole-numbered noise of more than this says nothing."""
_FINE = 2**20
"""Scales are multiples of one over this."""


class CountNoise(Protocol):
    """Noise for vectors of counts."""

    @property
    def cost(self) -> Gaussian | Pure:
        """What one use costs."""

    @property
    def spread(self) -> float:
        """The standard deviation of the noise on one count."""

    @property
    def name(self) -> str:
        """The mechanism's name, for the ledger."""

    def add(self, counts: Counts) -> Counts:
        """Return the counts with noise, of the same shape."""


@dataclass(frozen=True)
class DiscreteGaussian:
    """Discrete Gaussian noise of scale ``sigma`` on counts of a given L2 sensitivity."""

    sigma: float
    l2: float = 1.0

    name = "discrete Gaussian"

    @property
    def cost(self) -> Gaussian:
        """What one use costs."""
        return Gaussian(self.sigma / self.l2)

    @property
    def spread(self) -> float:
        """The standard deviation of the noise on one count (from scale 1 on the scale itself)."""
        return self.sigma

    def add(self, counts: Counts) -> Counts:
        """Return the counts with noise, of the same shape."""
        noise = _ScaledGaussian(self.sigma)
        flat = [noise.randomise(int(c)) for c in np.ravel(counts)]
        return np.array(flat, dtype=np.int64).reshape(np.shape(counts))


@dataclass(frozen=True)
class Geometric:
    """Two-sided geometric noise on counts of a given L1 sensitivity."""

    epsilon: float
    l1: int = 1

    name = "geometric"

    @property
    def cost(self) -> Pure:
        """What one use costs."""
        return Pure(self.epsilon)

    @property
    def spread(self) -> float:
        """The standard deviation of the noise on one count."""
        ratio = math.exp(-self.epsilon / self.l1)
        return math.sqrt(2 * ratio) / (1 - ratio)

    def add(self, counts: Counts) -> Counts:
        """Return the counts with noise, of the same shape."""
        noise = lib.Geometric(epsilon=self.epsilon, sensitivity=self.l1)
        flat = [noise.randomise(int(c)) for c in np.ravel(counts)]
        return np.array(flat, dtype=np.int64).reshape(np.shape(counts))


@dataclass(frozen=True)
class Exponential:
    """A choice, likelier the higher its score; a unit moves a score by ``sensitivity`` at most."""

    epsilon: float
    sensitivity: float = 1.0

    name = "exponential"

    @property
    def cost(self) -> Selection:
        """What one choice costs."""
        return Selection(self.epsilon)

    def choose(self, scores: Floats, measure: Floats | None = None) -> int:
        """Return the index of the chosen one; ``measure`` weighs candidates beforehand."""
        made = lib.Exponential(
            epsilon=self.epsilon,
            sensitivity=self.sensitivity,
            utility=[float(s) for s in scores],
            measure=None if measure is None else [float(m) for m in measure],
        )
        return int(made.randomise())


@dataclass(frozen=True)
class Snapping:
    """Laplace noise on a number between two bounds, rounded so that floats give nothing away."""

    epsilon: float
    sensitivity: float
    lower: float
    upper: float

    name = "snapping Laplace"

    @property
    def cost(self) -> Pure:
        """What one use costs."""
        return Pure(self.epsilon)

    def add(self, values: Floats) -> Floats:
        """Return the numbers, moved into the bounds, with noise, within the bounds."""
        made = lib.Snapping(
            epsilon=self.epsilon,
            sensitivity=self.sensitivity,
            lower=self.lower,
            upper=self.upper,
        )
        inside = np.clip(values, self.lower, self.upper)
        return np.array([made.randomise(float(v)) for v in inside])


@dataclass(frozen=True, eq=False)
class Randomiser:
    """The exponential mechanism on one value by itself: the nearer a candidate, the likelier.

    ``distances`` (values, candidates) are public. Candidate u stands for value v with probability
    in proportion to exp(-strength * distances[v, u]), and ``epsilon`` is the greatest log-ratio
    that any two values give one candidate: privacy/channels.py finds the strength that it belongs
    to. On numbers this is discrete Laplace noise within bounds (Holohan, Antonatos, Braghin and Mac
    Aonghusa, "The bounded Laplace mechanism in differential privacy", 2018), on categories k-ary
    randomised response (Kairouz, Oh and Viswanath, "Extremal mechanisms for local differential
    privacy", 2016).
    """

    distances: Floats
    strength: float
    epsilon: float

    name = "exponential"

    @property
    def cost(self) -> Pure:
        """What it costs the row that the value is of."""
        return Pure(self.epsilon)

    def probabilities(self) -> Floats:
        """Return the probability of each candidate for each value (values, candidates)."""
        weights = np.exp(-self.strength * self.distances)
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def draw(self, values: Counts) -> Counts:
        """Return a candidate for each value, each drawn by itself."""
        drawn = np.zeros(len(values), dtype=np.int64)
        for value in np.unique(values):
            rows = np.flatnonzero(values == value)
            made = _CheckedOnce(
                # The strength is within the utility. The library would find one for an epsilon,
                # and halve it for normalising constants that differ: ``epsilon`` counts these.
                epsilon=1.0,
                sensitivity=1.0,
                utility=[-float(d) for d in self.strength * self.distances[value]],
                monotonic=True,
            )
            drawn[rows] = [made.randomise() for _ in rows]
        return drawn


class _CheckedOnce(lib.Exponential):  # type: ignore[misc]
    """The library's mechanism, whose arguments are checked when it is made and not at each draw."""

    def _check_all(self, value: None) -> bool:
        return True


class _ScaledGaussian(lib.GaussianDiscrete):  # type: ignore[misc]
    """The library's sampler at a scale of ours: it finds one for an epsilon and a delta of its own.

    Composition is ours to account for, and needs the scale itself.
    """

    def __init__(self, sigma: float) -> None:
        self._wanted = sigma
        self._whole = math.floor(sigma) + 1
        # Rounded up, so that the noise is never less than what was paid for.
        variance = Fraction(math.ceil(sigma * _FINE), _FINE) ** 2
        self._up, self._down = variance.numerator, variance.denominator
        super().__init__(epsilon=1.0, delta=0.5)

    def _find_scale(self) -> float:
        return self._wanted

    def randomise(self, value: int) -> int:
        """Return the value with noise, drawn with whole numbers alone and in constant time.

        Canonne, Kamath and Steinke's algorithm 3. The library's own goes up one by one to the
        noise, which takes as long as the noise is large.
        """
        scale, up, down = self._whole, self._up, self._down
        while True:
            noise = self._laplace(scale)
            off = abs(noise) * down * scale - up
            if self._chance(off * off, 2 * up * down * scale * scale):
                return int(value) + noise

    def _laplace(self, scale: int) -> int:
        """Draw from the discrete Laplace distribution of a whole scale (their algorithm 2)."""
        while True:
            low = int(self._rng.randrange(scale))
            if not self._chance(low, scale):
                continue
            size = low
            while self._chance(1, 1):
                size += scale
            negative = self._rng.getrandbits(1)
            if size or not negative:
                return -size if negative else size

    def _chance(self, up: int, down: int) -> bool:
        """Return True with the probability exp(-up / down) (their algorithm 1)."""
        for _ in range(up // down if up > down else 0):
            if not self._chance(1, 1):
                return False
        up, terms = up if up <= down else up % down, 1
        while self._rng.randrange(down * terms) < up:
            terms += 1
        return terms % 2 == 1


def count_noise(purse: Purse, neighbours: Neighbours, most: int = 1) -> CountNoise:
    """Return the noise that a purse pays for, on counts of which one unit changes few.

    ``most`` is how many rows a unit may have: all of them may be in one cell. Raises BudgetError
    where the purse pays for no answer that would say anything.
    """
    if purse.rho is not None:
        l2 = most * math.sqrt(neighbours.l2_squared)
        if not purse.rho > 0 or l2 / math.sqrt(2 * purse.rho) > MOST_NOISE:
            raise BudgetError(_TOO_SMALL)
        return DiscreteGaussian(l2 / math.sqrt(2 * purse.rho), l2)
    l1 = most * neighbours.l1
    if not purse.epsilon > 0 or l1 / purse.epsilon > MOST_NOISE:
        raise BudgetError(_TOO_SMALL)
    return Geometric(purse.epsilon, l1)


def selection(purse: Purse, sensitivity: float) -> Exponential:
    """Return the choice that a purse pays for. Raises BudgetError where it pays for none."""
    epsilon = purse.epsilon if purse.rho is None else math.sqrt(8 * purse.rho)
    if not epsilon > 1 / MOST_NOISE:
        raise BudgetError(_TOO_SMALL)
    return Exponential(epsilon, sensitivity)


def refuse_seed(seed: int | None) -> None:
    """Raise UsageError for a seed: noise that can be repeated can be subtracted."""
    if seed is not None:
        raise UsageError(
            f"seed={seed}: learning under a privacy budget takes no seed, as noise that can be "
            "repeated can be subtracted; sampling afterwards takes one"
        )


_TOO_SMALL = (
    "the privacy budget is too small for any answer: the noise would be larger than any count; "
    "raise epsilon (1.0 is usual), or delta if it is 0"
)
