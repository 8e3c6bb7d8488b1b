"""Models that are trained on rows to tell one of their columns, each behind the same function.

A learner takes training rows and test rows and returns scores of the test rows: for a class each
the chance that a row is of it (rows, classes), for a number its guess (rows, 1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from synthtab.assess import boosted
from synthtab.assess.features import Indicators, for_trees
from synthtab.batch import Batch
from synthtab.schema import Column

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Task:
    """What is to be told: from ``columns``, one of ``classes`` classes, or a number where None."""

    columns: tuple[Column, ...]
    classes: int | None


@dataclass(frozen=True)
class Examples:
    """Rows, and what is true of each (rows,): the number of a class from 0, or a number."""

    rows: Batch
    truth: Floats

    def take(self, rows: Ids) -> Examples:
        """Return the rows picked by index."""
        return Examples(self.rows.take(rows), self.truth[rows])


Learn = Callable[[Task, Examples, Batch, int], Floats]
"""Takes a task, training rows, test rows and a seed."""


def trees(task: Task, train: Examples, test: Batch, seed: int) -> Floats:
    """Boosted trees (XGBoost). Raises UsageError where it is not installed."""
    (x, x_test), types = for_trees(task.columns, train.rows, (train.rows, test))
    if task.classes is None:
        centre, scale = standard(train.truth)
        model = boosted.regressor(types, seed).fit(x, (train.truth - centre) / scale)
        return np.asarray(model.predict(x_test), dtype=np.float64)[:, None] * scale + centre
    known, truth = np.unique(train.truth, return_inverse=True)
    if len(known) < 2:
        return _spread(np.ones((len(test), 1)), known, task.classes)
    model = boosted.classifier(types, seed).fit(x, truth)
    return _spread(model.predict_proba(x_test), known, task.classes)


def linear(task: Task, train: Examples, test: Batch, seed: int) -> Floats:
    """Logistic regression for classes, ridge regression for numbers (both with penalty 1)."""
    encoder = Indicators.of(task.columns, train.rows)
    scaler = StandardScaler().fit(encoder.points(train.rows))
    x, x_test = (scaler.transform(encoder.points(rows)) for rows in (train.rows, test))
    if task.classes is None:
        centre, scale = standard(train.truth)
        fitted = Ridge(alpha=1.0).fit(x, (train.truth - centre) / scale)
        return np.asarray(fitted.predict(x_test))[:, None] * scale + centre
    known, truth = np.unique(train.truth, return_inverse=True)
    if len(known) < 2:
        return _spread(np.ones((len(test), 1)), known, task.classes)
    model = LogisticRegression(max_iter=200, tol=1e-3, random_state=seed).fit(x, truth)
    return _spread(model.predict_proba(x_test), known, task.classes)


def standard(truth: Floats) -> tuple[float, float]:
    """Return the mean and the standard deviation of what is to be told; 1 where that is 0."""
    return float(truth.mean()), float(truth.std() or 1.0)


def _spread(shares: Floats, known: Sequence[float] | Floats, classes: int) -> Floats:
    """Return shares of all classes; those that were not trained on have none."""
    found = np.zeros((len(shares), classes))
    found[:, np.asarray(known, dtype=np.int64)] = shares
    return found
