"""What is to be changed about a model whose rows are off: which columns, and which way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from synthtab.generate.drawn import Drawn
from synthtab.generate.generator import RowGenerator
from synthtab.generate.guide import Guide, Level
from synthtab.refine.levels import Floats, Levels
from synthtab.refine.targets import PairErrors, Targets, expected_errors
from synthtab.schema import Column

HEAVIEST = 3.0
"""The loss of the column that is most off counts so many times as that of one that is not off."""
COLDEST, HOTTEST = 0.8, 1.25
STEP = 0.25
"""A temperature changes by so much, in logarithms, for each nat that a column's entropy is off."""


@dataclass(frozen=True)
class Temperatures:
    """Temperatures by column, 1 for those not named, and how they came about.

    ``errors`` is how far each column was from its target before, ``before`` what it was drawn at.
    Columns that are ``settled`` were taken back to a temperature, and stay at it.
    """

    now: Mapping[str, float] = field(default_factory=dict)
    before: Mapping[str, float] = field(default_factory=dict)
    errors: Mapping[str, float] = field(default_factory=dict)
    settled: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Heated:
    """A generator that draws each column at a temperature of its own."""

    generator: RowGenerator
    temperatures: Mapping[str, float]

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of the rows drawn."""
        return self.generator.columns

    def draw(
        self, rows: int, *, level: Level = "solver", guide: Guide | None = None, seed: int = 0
    ) -> Drawn:
        """Draw rows: the same seed gives the same rows."""
        return self.generator.draw(
            rows, level=level, guide=guide, seed=seed, temperature=self.temperatures
        )


def excess_errors(targets: Targets, found: PairErrors, rows: int) -> Mapping[str, float]:
    """Return, by column, how far a pool of ``rows`` rows is off beyond chance; 0 where it is not.

    It is the mean error of the pairs that the column is in (``found`` are the pool's errors), less
    what chance would make it.
    """
    mean = found.by_column(targets.columns)
    chance = expected_errors(targets, rows).by_column(targets.columns)
    return {name: max(0.0, mean[name] - chance[name]) for name in targets.columns}


def emphasis(excess: Mapping[str, float]) -> Mapping[str, float]:
    """Return, by column, what its loss is to count: from 1 to HEAVIEST, by its excess error.

    Empty where no column is off beyond chance.
    """
    most = max(excess.values(), default=0.0)
    if most <= 0:
        return {}
    return {name: 1 + (HEAVIEST - 1) * off / most for name, off in excess.items() if off > 0}


def cooled(
    targets: Targets, pool: Levels, excess: Mapping[str, float], had: Temperatures
) -> Temperatures:
    """Return other temperatures for the columns that are off beyond chance (``excess`` above 0).

    Where a pool's values are more even than the target's, the column is drawn colder, else hotter.
    A column that the last change brought no nearer goes back to what it was, and stays there.
    """
    now, errors, settled = dict(had.now), {}, set(had.settled)
    for axis, name in enumerate(pool.columns):
        wanted, got = targets.known.shares((axis,)), pool.shares((axis,))
        errors[name] = float(np.abs(wanted - got).sum() / 2)
        heat = had.now.get(name, 1.0)
        earlier = had.before.get(name, heat)
        if name not in settled and heat != earlier and errors[name] >= had.errors[name]:
            now[name] = earlier
            settled.add(name)
        elif name not in settled and excess[name] > 0:
            step = np.exp(STEP * (_entropy(wanted) - _entropy(got)))
            now[name] = round(float(np.clip(heat * step, COLDEST, HOTTEST)), 2)
    now = {name: heat for name, heat in now.items() if heat != 1.0}
    before = {name: had.now.get(name, 1.0) for name in pool.columns}
    return Temperatures(now, before, errors, frozenset(settled))


def _entropy(shares: Floats) -> float:
    """Return the entropy of shares, in nats."""
    some = shares[shares > 0]
    return float(-(some * np.log(some)).sum())
