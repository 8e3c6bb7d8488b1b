"""How noisy training goes, decided before a row is read: steps, samples, noise, learning rate.

Everything here follows from public facts: the declared columns, a noisy number of rows, the budget
left, and how fast this machine is on rows that are made up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from synthtab.errors import BudgetError
from synthtab.generate.model import ModelConfig
from synthtab.generate.train import TrainConfig
from synthtab.privacy.costs import SampledGaussian
from synthtab.privacy.ledger import Charge, Ledger

LEAST_NOISE = 0.5
"""Less noise a step than this buys nothing, and divergences of such steps are hard to compute."""
MOST_NOISE = 1e4


@dataclass(frozen=True)
class Phase:
    """A part of the steps: its share of them, and its noise relative to other phases'."""

    share: float
    noise: float


@dataclass(frozen=True)
class PrivateConfig:
    """How a row generator is trained under a budget.

    ``warm_start`` is the share of the budget that counts of single columns take, which rows to
    begin with are drawn from, ``warm_rows`` of them; ``warm`` how the network learns these, without
    noise. ``batch`` is the number of rows a step draws on average, ``epochs`` how often all rows
    are gone through, as far as ``seconds`` allow. Small tables are gone through in smaller batches,
    so that there are ``least_steps``: with samples this small the noise that all steps add up to
    hardly depends on the size of a step's sample.

    ``walk`` is how far noise alone may carry a weight, about: Adam makes steps of the size of the
    learning rate where noise outweighs the gradient, so that the rate at its height is ``walk`` /
    sqrt(steps). ``average`` is the share of the steps, counted from the end, over which weights are
    averaged. ``bound`` is the norm that gradients are scaled to, ``phases`` how the noise is shared
    out over the steps: evenly, as on Adult 1.5 or 1.4 times the noise in the first half made no
    difference that could be told from chance.
    """

    model: ModelConfig = field(
        default_factory=lambda: ModelConfig(
            hidden=32, layers=1, heads=4, kv_heads=2, feed_forward=64
        )
    )
    warm_start: float = 0.2
    warm_rows: int = 30_000
    warm: TrainConfig = field(default_factory=lambda: TrainConfig(symbols_seen=1_500_000))
    batch: int = 512
    epochs: float = 10.0
    least_steps: int = 250
    seconds: float = 120.0
    walk: float = 0.14
    warm_up: float = 0.05
    betas: tuple[float, float] = (0.9, 0.99)
    average: float = 0.3
    bound: float = 1.0
    phases: tuple[Phase, ...] = (Phase(1.0, 1.0),)


@dataclass(frozen=True)
class Stretch:
    """Steps of one noise multiplier: a charge of its own."""

    first: int
    steps: int
    rate: float
    noise: float

    @property
    def cost(self) -> SampledGaussian:
        """What all of its steps cost."""
        return SampledGaussian(self.noise, self.rate, self.steps)


@dataclass(frozen=True)
class Course:
    """All of the training: stretches in order, and the learning rate of each step."""

    stretches: tuple[Stretch, ...]
    config: PrivateConfig

    @property
    def steps(self) -> int:
        """How many steps there are."""
        return sum(s.steps for s in self.stretches)

    def rate(self, step: int) -> float:
        """Return the learning rate of a step: up in a line, then down by a cosine to a tenth."""
        top = self.config.walk / math.sqrt(self.steps)
        risen = self.config.warm_up * self.steps
        if step < risen:
            return top * (step + 1) / (risen + 1)
        done = (step - risen) / max(self.steps - risen, 1)
        return top * (0.55 + 0.45 * math.cos(math.pi * done))

    @property
    def averaged_from(self) -> int:
        """The first step whose weights count in the average."""
        return round(self.steps * (1 - self.config.average))


def plan_course(
    ledger: Ledger, config: PrivateConfig, rows: int, seconds_a_row: float, reads: Sequence[str]
) -> Course:
    """Return the course whose noise is the least that the ledger has room for.

    ``rows`` is the public number of rows, ``seconds_a_row`` what the gradient of one takes. Raises
    BudgetError where no noise is enough.
    """
    rate = min(1.0, config.batch / rows, config.epochs / config.least_steps)
    steps = config.epochs / rate
    if math.isfinite(config.seconds):
        steps = min(steps, config.seconds / (rate * rows * seconds_a_row))
    steps = max(len(config.phases), round(steps))
    ends = [
        round(steps * sum(p.share for p in config.phases[: k + 1]))
        for k in range(len(config.phases))
    ]
    ends[-1] = steps
    starts = [0, *ends[:-1]]
    blank = [
        Stretch(start, end - start, rate, phase.noise)
        for phase, start, end in zip(config.phases, starts, ends, strict=True)
        if end > start
    ]

    def scaled(by: float) -> tuple[Stretch, ...]:
        return tuple(replace(s, noise=s.noise * by) for s in blank)

    def fits(by: float) -> bool:
        return ledger.fits(*(charge_of(s, reads) for s in scaled(by)))

    high = 2.0 * LEAST_NOISE
    while not fits(high):
        high *= 2.0
        if high > MOST_NOISE:
            raise BudgetError(
                "the privacy budget left is too small for noisy training: the noise would be "
                "larger than any gradient; raise epsilon (1.0 is usual), or delta"
            )
    low = high / 2.0
    while high / low > 1.0005:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if fits(middle) else (middle, high)
    return Course(scaled(high), config)


def charge_of(stretch: Stretch, reads: Sequence[str]) -> Charge:
    """Return what is booked for a stretch of steps."""
    return Charge(
        "DP-SGD",
        stretch.cost,
        tuple(reads),
        "training of the row generator",
        settings={
            "noise multiplier": stretch.noise,
            "sampling rate": stretch.rate,
            "steps": stretch.steps,
        },
    )
