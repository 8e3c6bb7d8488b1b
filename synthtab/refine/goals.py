"""What a pool of rows is to come to: the targets, as far as they can be told from chance.

A target's share of a cell is off by chance, and so moving all the way to it would copy the noise of
the rows it was counted in. Each marginal of the pool is moved towards its target by the share of
their squared distance that the target's noise does not account for: the positive-part estimator of
James and Stein (Efron and Morris, "Stein's estimation rule and its competitors", 1973), with the
pool, which the model has smoothed, in the place of the origin. Where the pool is as near as a
perfect sample would be, it stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from synthtab.refine.levels import Floats, Levels, Pair
from synthtab.refine.targets import Targets, expected_errors, pair_errors

MOST_PAIRS = 600
"""Goals are set for so many pairs: those that are off by most beyond chance."""
MOST_CELLS = 10_000
"""A pair of more cells than this has more cells than rows, and is no goal."""
_FITTING = 20


@dataclass(frozen=True)
class Goal:
    """The shares (cells,) that some columns should have together.

    ``scale`` (cells,) weights squared differences: by the inverse of what chance would make of
    them, so that their sum goes with the sum of absolute ones, which is what pair error counts.
    ``trust`` is how far, from 0 to 1, the pool is to be moved to the target.
    """

    axes: tuple[int, ...]
    shares: Floats
    scale: Floats
    trust: float

    def gap(self, shares: Floats) -> float:
        """Return the weighted squared distance of other shares."""
        return float((self.scale * (shares - self.shares) ** 2).sum())


def set_goals(
    targets: Targets, pool: Levels, rows: int, most_pairs: int = MOST_PAIRS
) -> tuple[Goal, ...]:
    """Return goals for each column and for pairs, of ``rows`` rows to be chosen from a pool."""
    axes = sorted({axis for pair in targets.pairs for axis in pair})
    alone = {axis: _goal(targets, pool, (axis,), pool.shares((axis,)), rows) for axis in axes}
    pairs = _worst(targets, pool, most_pairs)
    return (
        *alone.values(),
        *(_goal(targets, pool, pair, _fitted(pool, pair, alone), rows) for pair in pairs),
    )


def _worst(targets: Targets, pool: Levels, most: int) -> Sequence[Pair]:
    """Return the pairs that are most off beyond chance, in order of columns."""
    fit = [k for k, pair in enumerate(targets.pairs) if pool.size(pair) <= MOST_CELLS]
    if len(fit) > most:
        chance = expected_errors(targets, len(pool)).each
        excess = pair_errors(targets, pool).each - chance
        fit = sorted(sorted(fit, key=lambda k: -excess[k])[:most])
    return [targets.pairs[k] for k in fit]


def _goal(targets: Targets, pool: Levels, axes: tuple[int, ...], base: Floats, rows: int) -> Goal:
    """Return ``base``, shares of the pool, moved towards the target as far as that is told."""
    target = targets.known.shares(axes)
    # What no row of the pool has cannot be chosen from it.
    target = _whole(np.where(pool.shares(axes) > 0, target, 0.0), target)
    between = (target + base) / 2
    scale = 1 / np.sqrt(between + 1 / rows)
    noise = float((scale * between * (1 - between)).sum()) / len(targets.known)
    apart = float((scale * (target - base) ** 2).sum())
    trust = max(0.0, 1 - noise / apart) if apart > 0 else 0.0
    return Goal(axes, base + trust * (target - base), scale, trust)


def _fitted(pool: Levels, pair: Pair, alone: Mapping[int, Goal]) -> Floats:
    """Return the pool's table of a pair, brought to the goals of the two columns alone.

    Iterative proportional fitting (Deming and Stephan, 1940), which leaves odds ratios as they are.
    """
    shape = tuple(pool.sizes[axis] for axis in pair)
    table = pool.shares(pair).reshape(shape)
    across, down = (alone[axis].shares for axis in pair)
    for _ in range(_FITTING):
        table = table * _ratio(across, table.sum(axis=1))[:, None]
        table = table * _ratio(down, table.sum(axis=0))[None, :]
    return _whole(table.reshape(-1), pool.shares(pair))


def _ratio(wanted: Floats, had: Floats) -> Floats:
    return np.asarray(np.where(had > 0, wanted / np.where(had > 0, had, 1.0), 0.0))


def _whole(shares: Floats, instead: Floats) -> Floats:
    """Return shares that add up to 1; ``instead`` where nothing is left of them."""
    total = shares.sum()
    return shares / total if total > 0 else instead
