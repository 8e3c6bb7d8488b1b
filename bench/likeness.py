"""Distances of many tables put together: means over columns, pairs, references and sequences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.report import percent
from synthtab.assess.fidelity import Distances, compare, noise_floor
from synthtab.assess.relations import (
    Relations,
    compare_relations,
    meaningful,
    relations_floor,
)
from synthtab.batch import Batch
from synthtab.ir import nodes

Batches = Mapping[str, Batch]


@dataclass(frozen=True)
class Likeness:
    """Means of the distances within tables and across them; None where there is nothing to mean.

    ``children`` counts in mean numbers of children; the others are shares, and differences of
    correlations. ``meaning`` and ``meaning_pair`` leave out columns that only tell rows apart or
    hold keys of other rows: which numbers those are means nothing.
    """

    shape: float | None
    meaning: float | None
    pair: float | None
    meaning_pair: float | None
    children: float | None
    across: float | None
    variation: float | None
    correlation: float | None

    def figures(self) -> dict[str, str]:
        """Return what each is called, and the figure as text; ``none`` where there is none."""
        return {
            "shape error of columns": _shown(self.shape, percent),
            "shape error of columns, keys apart": _shown(self.meaning, percent),
            "pair error within tables": _shown(self.pair, percent),
            "pair error within tables, keys apart": _shown(self.meaning_pair, percent),
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
        (t, compare(t.columns, real[t.name], other[t.name]))
        for t in tables
        if len(real[t.name]) and len(other[t.name])
    ]
    return _likeness(within, compare_relations(tables, real, other))


def floor(tables: Sequence[nodes.Table], real: Batches, seed: int) -> Likeness:
    """Return how far random halves of the real tables are from each other: chance alone."""
    real = _only(tables, real)
    within = [
        (t, noise_floor(t.columns, real[t.name], seed)) for t in tables if len(real[t.name]) > 1
    ]
    return _likeness(within, relations_floor(tables, real, seed))


def _only(tables: Sequence[nodes.Table], batches: Batches) -> Batches:
    return {t.name: batches[t.name] for t in tables}


def _likeness(within: Sequence[tuple[nodes.Table, Distances]], across: Relations) -> Likeness:
    meant = {t.name: {c.name for c in meaningful(t)} for t, _ in within}
    shapes = [(c.name in meant[t.name], c.shape) for t, d in within for c in d.columns]
    pairs = [({one, two} <= meant[t.name], apart) for t, d in within for one, two, apart in d.pairs]
    return Likeness(
        _mean([shape for _, shape in shapes]),
        _mean([shape for means, shape in shapes if means]),
        _mean([pair for _, pair in pairs]),
        _mean([pair for means, pair in pairs if means]),
        across.children,
        across.pair,
        across.variation,
        across.correlation,
    )


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _plain(value: float) -> str:
    return f"{value:.3f}"


def _shown(value: float | None, show: Callable[[float], str]) -> str:
    return "none" if value is None else show(value)
