"""Whether a classifier tells two tables' rows apart: the classifier two-sample test.

Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", 2017, with the area under the ROC
curve in place of the accuracy, and cross-validation in place of one split. The area is 0.5 where
rows cannot be told apart, 1 where every one can. Far below 0.5 it is where rows of one side repeat
rows of the other: the twin of a row that is judged was trained on, with the other label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from synthtab.assess import boosted
from synthtab.assess.features import for_trees
from synthtab.assess.intervals import Interval
from synthtab.batch import Batch
from synthtab.errors import UsageError
from synthtab.privacy.audit.membership import auc_interval
from synthtab.schema import Column

ROWS = 4_000
"""Rows of each side that are told apart."""
FOLDS = 5
LEAST = 4 * FOLDS
"""So many rows of each side are needed."""


@dataclass(frozen=True)
class TwoSample:
    """The area under the ROC curve with its interval, and how many rows of each side it is of."""

    auc: float
    interval: Interval
    rows: int


def two_sample(
    columns: Sequence[Column],
    one: Batch,
    other: Batch,
    seed: int = 0,
    confidence: float = 0.95,
    rows: int = ROWS,
) -> TwoSample:
    """Tell as many rows of one side from as many of the other by boosted trees.

    The area is the mean over five folds, each judged by a model trained on the others; areas of
    scores of several models put together would be below 0.5 where there is nothing to tell. The
    interval is Newcombe's. Folds share training rows, so that their scores vary together: the
    interval is that of fewer rows, by the factor of Nadeau and Bengio ("Inference for the
    generalization error", 2003), 1 + 5 / 4 for five folds. So rows of one source are told apart
    (the lower end is above 0.5) in fewer than (1 - confidence) / 2 of tests: 2.5% at 95%.

    Raises UsageError without columns, with fewer than 20 rows on a side, and without XGBoost.
    """
    size = min(rows, len(one), len(other))
    if size < LEAST or not columns:
        raise UsageError(
            f"telling rows apart needs a column and {LEAST} rows of each side: there are "
            f"{len(columns)} columns, {len(one):,} and {len(other):,} rows"
        )
    rng = np.random.default_rng(seed)
    sides = [b.take(rng.permutation(len(b))[:size]) for b in (one, other)]
    features, types = for_trees(columns, sides[0], sides)
    x, y = np.concatenate(features), np.repeat([0, 1], size)
    areas = []
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(x, y):
        model = boosted.classifier(types, seed).fit(x[train], y[train])
        areas.append(float(roc_auc_score(y[test], model.predict_proba(x[test])[:, 1])))
    area = float(np.mean(areas))
    effective = max(1, int(size / (1 + FOLDS / (FOLDS - 1))))
    return TwoSample(area, auc_interval(area, effective, effective, confidence), size)
