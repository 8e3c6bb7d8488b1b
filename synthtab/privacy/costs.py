"""What one release of a mechanism costs, as Rényi divergences, pure epsilon and delta.

Rényi divergences come from dp-accounting. Each is given at the same orders, so that costs of
mechanisms in sequence are added order by order (Mironov, "Rényi differential privacy", 2017,
proposition 1).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from numbers import Real
from typing import Any, Protocol

import numpy as np
from dp_accounting import dp_event as events
from dp_accounting.rdp import RdpAccountant
from dp_accounting.rdp import rdp_privacy_accountant as rdp
from numpy.typing import NDArray

from synthtab.errors import UsageError

Curve = NDArray[np.float64]

ORDERS: Curve = np.asarray(RdpAccountant().orders, dtype=np.float64)
"""The orders (above 1) at which divergences are known."""


class Cost(Protocol):
    """What one release costs whoever is in the data."""

    @property
    def pure(self) -> float:
        """The epsilon at delta 0; infinite where there is none."""

    @property
    def delta(self) -> float:
        """The chance that the bound on divergences does not hold at all; mostly 0."""

    def curve(self) -> Curve:
        """Return the Rényi divergences at ORDERS."""


@dataclass(frozen=True)
class Gaussian:
    """Gaussian noise, continuous or discrete, ``noise`` times the L2 sensitivity.

    Its divergence of order a is a / (2 noise^2); for the discrete one see Canonne, Kamath and
    Steinke, "The discrete Gaussian for differential privacy", 2020, theorem 4.
    """

    noise: float

    pure = math.inf
    delta = 0.0

    def __post_init__(self) -> None:
        _at_least(0, noise=self.noise)

    def curve(self) -> Curve:
        """Return the Rényi divergences at ORDERS."""
        return _curve(events.GaussianDpEvent(self.noise))


@dataclass(frozen=True)
class Pure:
    """Any epsilon-private mechanism: Laplace, geometric, snapping.

    It is epsilon^2 / 2 zero-concentrated (Bun and Steinke, 2016, proposition 1.4).
    """

    epsilon: float

    delta = 0.0

    def __post_init__(self) -> None:
        _at_least(0, epsilon=self.epsilon)

    @property
    def pure(self) -> float:
        """The epsilon."""
        return self.epsilon

    def curve(self) -> Curve:
        """Return the Rényi divergences at ORDERS."""
        return np.minimum(_curve(events.ZCDpEvent(self.epsilon**2 / 2)), self.epsilon)


@dataclass(frozen=True)
class Selection:
    """The exponential mechanism, whose privacy loss lies within a range of epsilon.

    It is epsilon^2 / 8 zero-concentrated (Cesar and Rogers, "Bounding, concentrating, and
    truncating", 2021, lemma 3.4).
    """

    epsilon: float

    delta = 0.0

    def __post_init__(self) -> None:
        _at_least(0, epsilon=self.epsilon)

    @property
    def pure(self) -> float:
        """The epsilon."""
        return self.epsilon

    def curve(self) -> Curve:
        """Return the Rényi divergences at ORDERS."""
        return np.minimum(_curve(events.ZCDpEvent(self.epsilon**2 / 8)), self.epsilon)


@dataclass(frozen=True)
class SampledGaussian:
    """``steps`` times: rows drawn each with probability ``rate``, Gaussian noise on their sum.

    ``noise`` is in multiples of what one row adds at most. Accounted for by Mironov, Talwar and
    Zhang, "Rényi differential privacy of the sampled Gaussian mechanism", 2019; neighbours differ
    by one row added or removed.
    """

    noise: float
    rate: float
    steps: int

    pure = math.inf
    delta = 0.0

    def __post_init__(self) -> None:
        _at_least(0, noise=self.noise, rate=self.rate, steps=self.steps)
        if self.rate > 1:
            raise UsageError(f"rate={self.rate!r}; it is a probability")

    def curve(self) -> Curve:
        """Return the Rényi divergences at ORDERS."""
        one = events.PoissonSampledDpEvent(self.rate, events.GaussianDpEvent(self.noise))
        return _curve(events.SelfComposedDpEvent(one, self.steps))


@dataclass(frozen=True)
class Thresholded:
    """Noise on counts of categories nobody declared; those below a threshold are not named.

    ``failure`` is the chance that a category of one unit alone is named all the same.
    """

    noise: Gaussian | Pure
    failure: float

    pure = math.inf

    def __post_init__(self) -> None:
        _at_least(0, failure=self.failure)

    @property
    def delta(self) -> float:
        """The chance of naming somebody's own category."""
        return self.failure

    def curve(self) -> Curve:
        """Return the Rényi divergences at ORDERS, of the noise."""
        return self.noise.curve()


@dataclass(frozen=True)
class Nothing:
    """What reads no real rows, and costs nothing."""

    pure = 0.0
    delta = 0.0

    def curve(self) -> Curve:
        """Return zeros."""
        return np.zeros_like(ORDERS)


KINDS: Mapping[str, type[Any]] = {
    "gaussian": Gaussian,
    "pure": Pure,
    "selection": Selection,
    "sampled-gaussian": SampledGaussian,
    "thresholded": Thresholded,
    "nothing": Nothing,
}


def to_dict(cost: Cost) -> dict[str, Any]:
    """Return a cost as plain data."""
    kind = next(name for name, made in KINDS.items() if isinstance(cost, made))
    if isinstance(cost, Thresholded):
        return {"kind": kind, "noise": to_dict(cost.noise), "failure": cost.failure}
    return {"kind": kind, **asdict(cost)}  # type: ignore[call-overload]


def from_dict(facts: Mapping[str, Any]) -> Cost:
    """Return the cost that :func:`to_dict` made ``facts`` of; KeyError, TypeError for another."""
    rest = {k: from_dict(v) if isinstance(v, Mapping) else v for k, v in facts.items()}
    made: Cost = KINDS[str(rest.pop("kind"))](**rest)
    return made


def epsilon_at(curve: Curve, delta: float) -> float:
    """Return the epsilon of divergences at a delta (Canonne, Kamath, Steinke, proposition 12)."""
    if not curve.any():
        return 0.0
    if delta <= 0:
        return math.inf
    return float(rdp.compute_epsilon(ORDERS, curve, delta)[0])


def _at_least(least: float, **given: object) -> None:
    """Raise UsageError for what is less, or no number: such a cost would pay budget back."""
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, Real) or not float(value) >= least:
            raise UsageError(f"{name}={value!r} of a privacy cost; it is {least} or more")


@cache
def _curve(event: events.DpEvent) -> Curve:
    accountant = RdpAccountant()
    accountant.compose(event)
    found = np.array(accountant.rdp, dtype=np.float64)
    found.setflags(write=False)
    return found
