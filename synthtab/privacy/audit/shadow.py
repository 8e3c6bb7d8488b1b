"""An attack that trains models of its own: shadows of the audited one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression

from synthtab.batch import Batch, concat
from synthtab.errors import UsageError
from synthtab.privacy.audit import attacks
from synthtab.privacy.audit.encoding import Encoder
from synthtab.privacy.audit.membership import Membership, judge
from synthtab.schema import Column, TextType

Learn: TypeAlias = Callable[[Batch], Batch]
"""Fits a model on rows and returns synthetic ones: what is audited, as a black box."""
Features = NDArray[np.float64]


def features(
    columns: Sequence[Column], records: Batch, synthetic: Batch, reference: Batch
) -> Features:
    """Return the scores of every attack on rows, as ranks among the records (records, attacks)."""
    encoder = Encoder.of(columns, reference)
    points = encoder.points(records), encoder.points(synthetic), encoder.points(reference)
    scores = [
        attacks.closest_record(points[0], points[1]),
        attacks.density_by_neighbours(*points),
        attacks.density_by_neighbours(*points, neighbours=5),
        attacks.density_by_kernels(*points),
        attacks.digit_strings(columns, records, synthetic, reference),
    ]
    return np.stack([rankdata(s) / len(records) - 0.5 for s in scores], axis=1)


def shadow_attack(
    learn: Learn,
    columns: Sequence[Column],
    records: Batch,
    included: NDArray[np.bool_],
    synthetic: Batch,
    population: Batch,
    shadows: int = 8,
    seed: int = 0,
    confidence: float = 0.95,
) -> Membership:
    """Tell which ``records`` a model was learned from, by models trained to see the difference.

    ``included`` is the truth that the attack is judged by, ``synthetic`` the audited model's rows,
    ``population`` rows of the same source that it has not seen. Each shadow is learned from half of
    the population and a random half of the records; the other half of the population is the
    reference for density ratios. A logistic regression from the attacks' scores to membership,
    trained on the shadows, is then applied to the audited model's rows (shadow models: Shokri,
    Stronati, Song and Shmatikov, "Membership inference attacks against machine learning models",
    2017; Stadler, Oprisanu and Troncoso, "Synthetic data - anonymisation groundhog day", 2022).

    Raises UsageError without records in and out, a population of four, or a shadow.
    """
    if shadows < 1 or len(population) < 4 or len(included) != len(records):
        raise UsageError(
            f"shadows={shadows}, {len(population)} rows of the population, {len(records)} records "
            f"and {len(included)} truths: one shadow, four rows, and a truth for each record"
        )
    if included.all() or not included.any():
        raise UsageError("membership needs records that were learned from, and some that were not")
    rng = np.random.default_rng(seed)
    seen, labels = [], []
    for _ in range(shadows):
        coins = rng.permutation(len(records)) < len(records) // 2
        order = rng.permutation(len(population))
        own, reference = (population.take(h) for h in np.array_split(order, 2))
        made = learn(_together(columns, own, records.take(coins)))
        seen.append(features(columns, records, made, reference))
        labels.append(coins)
    model = LogisticRegression().fit(np.concatenate(seen), np.concatenate(labels))
    # The audited model is seen through as many reference rows as the shadows were.
    reference = population.take(rng.permutation(len(population))[: len(population) // 2])
    scores = model.decision_function(features(columns, records, synthetic, reference))
    name = f"{shadows} shadow models"
    return judge(name, scores[included], scores[~included], confidence)


def _together(columns: Sequence[Column], one: Batch, two: Batch) -> Batch:
    texts = [c.name for c in columns if isinstance(c.type, TextType)]
    return concat([one, two], texts)
