"""Figures of whole rows as scores: the two-sample test, precision and recall, copies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synthtab.assess.assessment import Score
from synthtab.assess.copies import copied_share
from synthtab.assess.fidelity import random_halves
from synthtab.assess.precision import Precision, precision_recall
from synthtab.assess.twosample import ROWS, TwoSample, two_sample
from synthtab.batch import Batch
from synthtab.schema import Column

C2ST = (
    "The area under the ROC curve of boosted trees that tell synthetic from real rows, "
    "cross-validated: 0.5 where they cannot be told apart."
)
PRECISION = (
    "Alpha-precision: 1 less twice the area between the diagonal and the share of synthetic rows "
    "in the set that holds a share alpha of real rows. Low where rows lie where real ones do not."
)
RECALL = (
    "Beta-recall: the same for real rows in the set that holds a share beta of synthetic rows. Low "
    "where parts of the real rows are not covered."
)
COPIES = (
    "The share of synthetic rows that are real rows to the cell. The floor is the share of other "
    "real rows that are."
)


def two_sample_score(
    columns: Sequence[Column], real: Batch, synthetic: Batch, seed: int, confidence: float
) -> tuple[Score, int]:
    """Return the test's area beside that of two halves of the real rows, and the rows of a side.

    Both are of as many rows. Raises UsageError as :func:`two_sample` does.
    """
    size = min(ROWS, len(synthetic), max(len(real) // 2, 1))
    found = two_sample(columns, real, synthetic, seed, confidence, size)
    order = np.random.default_rng(seed).permutation(len(real))
    halves = [real.take(part) for part in (order[:size], order[size : 2 * size])]
    floor: TwoSample = two_sample(columns, halves[0], halves[1], seed, confidence, size)
    return Score(
        *("c2st", found.auc, found.interval, floor.auc, floor.interval, "lower", C2ST)
    ), found.rows


def precision_scores(
    columns: Sequence[Column], real: Batch, synthetic: Batch, seed: int, confidence: float
) -> tuple[tuple[Score, Score], int]:
    """Return alpha-precision and beta-recall, and the rows of each third."""
    found: Precision = precision_recall(columns, real, synthetic, seed, confidence)
    usual = found.floor, found.floor_interval
    return (
        Score(
            *("alpha_precision", found.precision, found.precision_interval, *usual),
            "higher",
            PRECISION,
        ),
        Score(*("beta_recall", found.recall, found.recall_interval, *usual), "higher", RECALL),
    ), found.rows


def copies_score(
    columns: Sequence[Column],
    real: Batch,
    synthetic: Batch,
    holdout: Batch | None,
    seed: int,
    confidence: float,
) -> Score:
    """Return the share of exact copies beside that among a hold-out, or between halves of real."""
    others: Batch | None = holdout
    known = real
    if others is None and len(real) > 1:
        others, known = random_halves(real, np.random.default_rng(seed))
    value, around = copied_share(columns, synthetic, real, confidence)
    usual, about = (
        (None, None) if others is None else copied_share(columns, others, known, confidence)
    )
    return Score("copies", value, around, usual, about, "lower", COPIES, "percent")
