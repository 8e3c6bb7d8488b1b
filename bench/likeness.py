"""Distances of many tables put together: means over columns, pairs, references and sequences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.report import percent
from synthtab.assess.fidelity import Distances, compare, noise_floor
from synthtab.assess.relations import Relations, compare_relations, relations_floor
from synthtab.batch import Batch
from synthtab.ir import nodes

Batches = Mapping[str, Batch]


@dataclass(frozen=True)
class Likeness:
    """Means of the distances within tables and across them; None where there is nothing to mean.

    ``children`` counts in mean numbers of children; the others are shares, and differences of
    correlations.
    """

    shape: float | None
    pair: float | None
    children: float | None
    across: float | None
    variation: float | None
    correlation: float | None

    def figures(self) -> dict[str, str]:
        """Return what each is called, and the figure as text; ``none`` where there is none."""
        return {
            "shape error of columns": _shown(self.shape, percent),
            "pair error within tables": _shown(self.pair, percent),
            "children per parent, W1 in means": _shown(self.children, _plain),
            "pair error of child and parent": _shown(self.across, percent),
            "pair error of a value and the next": _shown(self.variation, percent),
            "difference of lag-1 correlations": _shown(self.correlation, _plain),
        }


def likeness(tables: Sequence[nodes.Table], real: Batches, other: Batches) -> Likeness:
    """Return how far other tables are from the real ones; empty ones are left out.

    Rows of more tables than ``tables`` may be given.
    """
    real, other = _only(tables, real), _only(tables, other)
    within = [
        compare(t.columns, real[t.name], other[t.name])
        for t in tables
        if len(real[t.name]) and len(other[t.name])
    ]
    return _likeness(within, compare_relations(tables, real, other))


def floor(tables: Sequence[nodes.Table], real: Batches, seed: int) -> Likeness:
    """Return how far random halves of the real tables are from each other: chance alone."""
    real = _only(tables, real)
    within = [noise_floor(t.columns, real[t.name], seed) for t in tables if len(real[t.name]) > 1]
    return _likeness(within, relations_floor(tables, real, seed))


def _only(tables: Sequence[nodes.Table], batches: Batches) -> Batches:
    return {t.name: batches[t.name] for t in tables}


def _likeness(within: Sequence[Distances], across: Relations) -> Likeness:
    shapes = [c.shape for d in within for c in d.columns]
    pairs = [p[2] for d in within for p in d.pairs]
    return Likeness(
        float(np.mean(shapes)) if shapes else None,
        float(np.mean(pairs)) if pairs else None,
        across.children,
        across.pair,
        across.variation,
        across.correlation,
    )


def _plain(value: float) -> str:
    return f"{value:.3f}"


def _shown(value: float | None, show: Callable[[float], str]) -> str:
    return "none" if value is None else show(value)
