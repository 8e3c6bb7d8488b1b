"""One distribution from noisy marginals: a graphical model, by mbi (Private-PGM).

McKenna, Sheldon and Miklau, "Graphical-model based estimation and inference for differential
privacy", 2019. Cells that rules leave empty are given to it as constraints. Nothing here sees real
rows: all of it is post-processing.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthtab.errors import UsageError
from synthtab.privacy.chain import Chain, Link
from synthtab.privacy.grid import Grid

try:
    with warnings.catch_warnings():
        # It advises on settings of jax: 64 bits are set below, and a cache is for others to choose.
        warnings.simplefilter("ignore")
        import jax  # an extra, silenced
        import mbi  # an extra, silenced
        from mbi import junction_tree, marginal_oracles  # an extra, silenced
except ModuleNotFoundError as error:
    raise UsageError(
        f"measured marginals need {error.name}: pip install 'synthtab[privacy]'"
    ) from error

Floats = NDArray[np.float64]
Clique = tuple[str, ...]


@dataclass(frozen=True)
class Measured:
    """Noisy counts of the cells of some columns, and the noise's standard deviation."""

    columns: Clique
    counts: Floats
    spread: float


@dataclass(frozen=True)
class Zeros:
    """Cells of some columns that a row can lie in (True), and those that the rules leave empty."""

    columns: Clique
    occupied: NDArray[np.bool_]


@dataclass(frozen=True)
class Estimate:
    """The most even distribution over a grid that agrees with what was measured."""

    grid: Grid
    model: Any
    zeros: tuple[Zeros, ...] = ()

    @cached_property
    def _parts(self) -> Any:
        """The marginals of the junction tree's cliques, with the zeros' columns together."""
        cliques = [*(tuple(c) for c in self.model.cliques), *(z.columns for z in self.zeros)]
        tree, order = junction_tree.make_junction_tree(self.model.domain, cliques)
        potentials = self.model.potentials.expand(list(tree.nodes))
        marginals = marginal_oracles.message_passing_shafer_shenoy(
            potentials, 1.0, constraints=_constraints(self.grid, self.zeros)
        )
        return tree, order, marginals

    @cached_property
    def chain(self) -> Chain:
        """The same distribution, a column at a time given columns before it, to draw rows from."""
        tree, order, marginals = self._parts
        cliques = [set(c) for c in tree.nodes]
        drawn: list[str] = []
        links = []
        for column in reversed(order):
            beside = set().union(*(c for c in cliques if column in c))
            given = tuple(c for c in drawn if c in beside)
            joint = np.asarray(marginals.project((*given, column)).values, dtype=np.float64)
            links.append(Link(column, given, _conditional(np.maximum(joint, 0.0))))
            drawn.append(column)
        return Chain(self.grid, tuple(links))


def _conditional(joint: Floats) -> Floats:
    """Return the distribution along the last axis; even where nothing is."""
    total = joint.sum(axis=-1, keepdims=True)
    return np.where(total > 0, joint / np.where(total > 0, total, 1.0), 1 / joint.shape[-1])


def estimate(
    grid: Grid,
    measured: Sequence[Measured],
    zeros: Sequence[Zeros],
    rows: float,
    *,
    steps: int = 500,
    start: Estimate | None = None,
) -> Estimate:
    """Return the graphical model that fits the measurements best; at least one of them.

    ``rows`` is how many rows there are, about; ``start`` an earlier estimate to go on from.
    """
    with jax.enable_x64(True):
        domain = _domain(grid)
        facts = [
            mbi.LinearMeasurement(
                m.counts.reshape(-1).astype(np.float64), m.columns, stddev=float(m.spread)
            )
            for m in measured
        ]
        model = mbi.estimation.MirrorDescent().estimate(
            domain,
            facts,
            known_total=float(rows),
            constraints=_constraints(grid, zeros),
            iters=steps,
            warm_start=None if start is None else start.model.potentials,
            tol=1e-4,
        )
        made = Estimate(grid, model, tuple(zeros))
        made.chain  # noqa: B018 (computed here, where 64 bits are on)
        return made


def size_mb(grid: Grid, cliques: Iterable[Clique]) -> float:
    """Return how large a model over these cliques would be, in megabytes."""
    return float(junction_tree.hypothetical_model_size(_domain(grid), list(cliques)))


def _domain(grid: Grid) -> Any:
    return mbi.Domain(grid.columns, tuple(a.size for a in grid.axes))


def _constraints(grid: Grid, zeros: Sequence[Zeros]) -> tuple[Any, ...]:
    domain = _domain(grid)
    return tuple(
        mbi.Constraint(domain.project(z.columns), valid=np.argwhere(z.occupied)) for z in zeros
    )
