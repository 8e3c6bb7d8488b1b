"""Whether rows lie where the real ones do, and cover them: alpha-precision and beta-recall.

Alaa, van Breugel, Saveliev and van der Schaar, "How faithful is your synthetic data?", 2022. The
alpha-support of a source is the smallest set that holds a share alpha of its rows. Alpha-precision
compares the share of synthetic rows in the real alpha-support with alpha, for every alpha;
beta-recall the share of real rows in the synthetic beta-support with beta. Each is 1 less twice the
area between the curve and the diagonal: 1 where the curve is the diagonal, 0 where no row is
inside, 0 too where every row is in the innermost support.

Where this differs from the authors: they embed rows by a trained network and take balls around one
centre for supports. Here rows are points with numbers in twice their standard deviation and
categories as indicators (:class:`synthtab.privacy.audit.encoding.Encoder`), and a support is where
the k-th nearest of one half of the source is no farther than it is for a share alpha of the other
half. Nothing is trained, supports of several parts are seen as such, and rows of the same source
have a curve that is the diagonal but for chance. Their beta-recall asks besides that a real row's
nearest synthetic row be as near as its nearest real one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthtab.assess.intervals import Floats, Interval, interval
from synthtab.batch import Batch
from synthtab.errors import UsageError
from synthtab.privacy.audit.attacks import nearest
from synthtab.privacy.audit.encoding import Encoder, Points
from synthtab.schema import Column

ROWS = 2_000
"""Rows of each half, and of those that are looked for."""
NEIGHBOURS = 5
LEAST = 30
"""So many rows of each side are needed: ten of each third."""
DRAWS = 100


@dataclass(frozen=True)
class Precision:
    """Both figures with their intervals, and what real rows come to in place of either side."""

    precision: float
    precision_interval: Interval
    recall: float
    recall_interval: Interval
    floor: float
    floor_interval: Interval
    rows: int


def precision_recall(
    columns: Sequence[Column],
    real: Batch,
    synthetic: Batch,
    seed: int = 0,
    confidence: float = 0.95,
    rows: int = ROWS,
) -> Precision:
    """Return both figures. The floor is of disjoint thirds of the real rows, as large as the sides.

    Intervals are by bootstrap over the rows that are looked for and over the half that alpha is
    counted in. Raises UsageError with fewer than 30 rows on a side, and without columns.
    """
    size = min(rows, len(real) // 3, len(synthetic) // 3)
    if 3 * size < LEAST or not columns:
        raise UsageError(
            f"precision and recall need a column and {LEAST} rows of each side: there are "
            f"{len(columns)} columns, {len(real):,} real rows and {len(synthetic):,} others"
        )
    rng = np.random.default_rng(seed)
    encoder = Encoder.of(columns, real)
    thirds = [
        np.split(encoder.points(b.take(rng.permutation(len(b))[: 3 * size])), 3)
        for b in (real, synthetic)
    ]
    (first, second, third), (a, b, c) = thirds
    found = []
    for support, inner, looked_for in ((first, second, c), (a, b, third), (first, second, third)):
        draws = _draws(support, inner, looked_for, rng)
        found.append((float(draws[0]), interval(draws, confidence, 0.0, 1.0)))
    (precise, around), (covered, near), (floor, about) = found
    return Precision(precise, around, covered, near, floor, about, size)


def _draws(support: Points, inner: Points, looked_for: Points, rng: np.random.Generator) -> Floats:
    """Return the figure of rows in the supports of a source, then for every draw (1 + draws,)."""
    usual = nearest(inner, support, NEIGHBOURS)[:, -1]
    seen = nearest(looked_for, support, NEIGHBOURS)[:, -1]
    values = [closeness(usual, seen)]
    for _ in range(DRAWS):
        picked = [side[rng.integers(0, len(side), len(side))] for side in (usual, seen)]
        values.append(closeness(picked[0], picked[1]))
    return np.array(values)


def closeness(usual: Floats, seen: Floats) -> float:
    """Return 1 less twice the area between the diagonal and the curve of shares.

    ``usual`` are the distances of rows of the source, ``seen`` those of the rows that are looked
    for. The curve at alpha is the share of ``seen`` no farther than a share alpha of ``usual``.
    """
    ends, values = np.sort(usual), np.sort(seen)
    below, upto = (np.searchsorted(ends, values, side=side) for side in ("left", "right"))
    first, last = (np.searchsorted(values, values, side=side) for side in ("left", "right"))
    # Rows at a tie are spread evenly over its steps: the curve is straight there.
    within = (np.arange(len(values)) - first + 0.5) / (last - first)
    places = (below + within * (upto - below)) / len(ends)
    # The area between a curve and the diagonal is that between their inverses.
    expected = (np.arange(len(places)) + 0.5) / len(places)
    return float(max(0.0, 1 - 2 * np.abs(places - expected).mean()))
