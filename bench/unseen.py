"""Rows made after few real ones, against the real rows that were not learned.

Distances are from rows that nothing has learned, so that copying is not rewarded. Utility is on the
held-out rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TypedDict

import numpy as np

from bench.registry import Loaded
from bench.scoring import broken, told_apart, worth
from synthtab.assess.fidelity import compare
from synthtab.batch import Batch, concat
from synthtab.schema import TextType

MEASURES: Mapping[str, tuple[str, bool]] = MappingProxyType(
    {
        "shape": ("shape error", False),
        "pair": ("pair error", False),
        "auc": ("told apart, AUC", False),
        "utility": ("utility", True),
    }
)
"""What is measured: its name, and whether more is better."""


class Unseen(TypedDict):
    """The figures, of which ``auc`` and ``utility`` are None where they are not defined.

    ``broken`` counts rows that break a rule, as DuckDB finds.
    """

    shape: float
    pair: float
    auc: float | None
    utility: float | None
    broken: int


def figure_of(run: object, measure: str) -> float | None:
    """Return a figure of a run; a utility below 0 (R2) is that of rows that teach nothing, 0."""
    found: float | None = getattr(run, measure)
    return max(0.0, found) if found is not None and measure == "utility" else found


def parted(loaded: Loaded, size: int) -> tuple[Batch, Batch]:
    """Return ``size`` training rows to learn, or all there are, and all rows that are left."""
    order = np.arange(len(loaded.train))
    learned, left = (loaded.train.take(part) for part in np.split(order, [size]))
    texts = [c.name for c in loaded.table.columns if isinstance(c.type, TextType)]
    return learned, concat([left, loaded.holdout], texts)


def against(loaded: Loaded, others: Batch, made: Batch, seed: int) -> Unseen:
    """Return the figures of rows made, against the others of :func:`parted`."""
    distances = compare(loaded.table.columns, others, made)
    return Unseen(
        shape=distances.shape,
        pair=distances.pair,
        auc=told_apart(replace(loaded, train=others), made, seed),
        utility=worth(loaded, made, seed),
        broken=int(broken(loaded.table, made).sum()),
    )
