"""Attacks on membership that need nothing but rows: synthetic ones, and others of the same source.

Each gives every record a score, higher where the record looks more like one that was learned from.
The attacker holds the synthetic rows and a reference, which are real rows that were not learned
from; :func:`synthtab.privacy.audit.membership.judge` says what the scores are worth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.neighbors import KernelDensity, NearestNeighbors

from synthtab.batch import Batch
from synthtab.privacy.audit.encoding import Points
from synthtab.schema import Column, DecimalType, IntegerType

Scores = NDArray[np.float64]

DIMENSIONS = 8
"""Kernel densities are estimated in so many principal components at most."""
_TINY = 1e-6
"""Distances below this are as good as none."""


def nearest(points: Points, others: Points, count: int = 1) -> Points:
    """Return the distances of each point to its nearest among the others (points, count)."""
    found = NearestNeighbors(n_neighbors=min(count, len(others))).fit(others).kneighbors(points)[0]
    missing = count - found.shape[1]
    return np.pad(np.asarray(found), ((0, 0), (0, missing)), mode="edge")


def closest_record(records: Points, synthetic: Points) -> Scores:
    """Score records by how close the closest synthetic row is."""
    return -nearest(records, synthetic)[:, 0]


def density_by_neighbours(
    records: Points, synthetic: Points, reference: Points, neighbours: int = 1
) -> Scores:
    """Score records by the synthetic rows' density over the reference's, from nearest neighbours.

    A density is in proportion to the distance of the k-th neighbour to the power of minus the
    number of dimensions, so that the ratio's order is that of the distances' ratio (van Breugel,
    Sun, Qian and van der Schaar, "Membership inference attacks against synthetic data through
    overfitting detection", 2023, with an estimator that sees single copied rows).
    """
    near = nearest(records, synthetic, neighbours)[:, -1]
    usual = nearest(records, reference, neighbours)[:, -1]
    return np.asarray(np.log(np.maximum(usual, _TINY)) - np.log(np.maximum(near, _TINY)))


def density_by_kernels(records: Points, synthetic: Points, reference: Points) -> Scores:
    """Score records by the same ratio, from Gaussian kernels in the leading principal components.

    It sees regions that are too dense, where no single row is copied. The components, scaled to
    the same variance, are those of the reference, the widths of the kernels Scott's.
    """
    dimensions = min(DIMENSIONS, reference.shape[1], len(reference))
    components = PCA(dimensions, whiten=True, random_state=0).fit(reference)
    densities = []
    for rows in (synthetic, reference):
        width = len(rows) ** (-1 / (dimensions + 4))
        kernel = KernelDensity(bandwidth=width, rtol=1e-4).fit(_bounded(components, rows))
        densities.append(np.asarray(kernel.score_samples(_bounded(components, records))))
    return np.asarray(densities[0] - densities[1])


def _bounded(components: PCA, rows: Points) -> Points:
    """Return rows in components, outliers moved to 10 standard deviations."""
    return np.asarray(np.clip(components.transform(rows), -10.0, 10.0))


def has_digits(columns: Sequence[Column], rows: Batch) -> bool:
    """Say whether some number has three digits or more, so that its last ones may be copied."""
    return any(
        bool((np.abs(rows.column(c.name)[0]) >= 100).any()) for c in columns if _is_number(c)
    )


def digit_strings(
    columns: Sequence[Column], records: Batch, synthetic: Batch, reference: Batch
) -> Scores:
    """Score records by the ends of their numbers that synthetic rows repeat and others do not.

    A language model writes numbers digit by digit and may know a string of digits by heart while
    the row around it is new. For each column of numbers, and each ending of two digits or more of
    a record's number, the number itself included, the share of synthetic rows that end so is put
    over the reference's share (half a row is added to both counts); the largest logarithm of a
    column's endings counts, summed over columns.
    """
    score = np.zeros(len(records))
    for column in (c for c in columns if _is_number(c)):
        counts = []
        for rows in (synthetic, reference):
            codes, nulls = rows.column(column.name)
            counts.append(Counter(e for code in codes[~nulls] for e in _endings(int(code))))
        codes, nulls = records.column(column.name)
        ratios: dict[int, float] = {}
        for code in np.unique(codes[~nulls]):
            ratios[int(code)] = max(
                np.log((counts[0][e] + 0.5) / (len(synthetic) + 1))
                - np.log((counts[1][e] + 0.5) / (len(reference) + 1))
                for e in _endings(int(code))
            )
        score += [0.0 if no else ratios[int(c)] for c, no in zip(codes, nulls, strict=True)]
    return score


def _is_number(column: Column) -> bool:
    return isinstance(column.type, IntegerType | DecimalType)


def _endings(code: int) -> Iterator[str]:
    """Return the endings of a number's digits, two of them or more, and the number itself."""
    digits = str(abs(code))
    for size in range(2, len(digits)):
        yield digits[-size:]
    yield str(code) + "."
