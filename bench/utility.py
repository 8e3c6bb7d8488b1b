"""What rows are good for: a model trained on them, and one that tells them from real ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import cross_val_predict

from synthtab.batch import Batch
from synthtab.schema import BooleanType, Column, EnumType, TextType

Floats = NDArray[np.float64]
MOST = 10_000
"""Rows of each side that are told apart."""


def matrix(columns: Sequence[Column], batch: Batch, without: str = "") -> Floats:
    """Return the columns but ``without`` and texts as numbers, NULL as NaN."""
    parts = []
    for column in columns:
        if column.name != without and not isinstance(column.type, TextType):
            codes, nulls = batch.column(column.name)
            parts.append(np.where(nulls, np.nan, codes.astype(np.float64)))
    return np.stack(parts, axis=1)


def _categories(columns: Sequence[Column], without: str = "") -> list[bool]:
    # The library takes 255 categories; more are numbers to it.
    return [
        isinstance(c.type, BooleanType)
        or (isinstance(c.type, EnumType) and len(c.type.values) <= 255)
        for c in columns
        if c.name != without and not isinstance(c.type, TextType)
    ]


def score(
    columns: Sequence[Column],
    train: Batch,
    test: Batch,
    target: str,
    *,
    classes: bool | None = None,
    seed: int = 0,
) -> float:
    """Return how well boosted trees trained on ``train`` do on ``test``.

    That is the area under the ROC curve (one against the rest, averaged, for several classes), or
    R2 of a number. Classes that one side lacks are left out; 0.5 where fewer than two are left.
    ``classes`` says whether the target's values are classes; without it an enum's and a boolean's
    are, and those of a number that has no more than two.
    """
    column = next(c for c in columns if c.name == target)
    sides = []
    for batch in (train, test):
        codes, nulls = batch.column(target)
        some = batch.take(~nulls)
        sides.append((matrix(columns, some, target), codes[~nulls]))
    (x, y), (x_test, y_test) = sides
    categories = _categories(columns, target)
    if classes is None:
        classes = isinstance(column.type, EnumType | BooleanType) or len(np.unique(y_test)) <= 2
    if not classes:
        model = HistGradientBoostingRegressor(categorical_features=categories, random_state=seed)
        return float(r2_score(y_test, model.fit(x, y).predict(x_test)))
    both = np.intersect1d(np.unique(y), np.unique(y_test))
    if len(both) < 2:
        return 0.5
    keep, keep_test = np.isin(y, both), np.isin(y_test, both)
    model = HistGradientBoostingClassifier(categorical_features=categories, random_state=seed)
    shares = model.fit(x[keep], y[keep]).predict_proba(x_test[keep_test])
    if len(both) == 2:
        return float(roc_auc_score(y_test[keep_test] == both[1], shares[:, 1]))
    return float(roc_auc_score(y_test[keep_test], shares, multi_class="ovr", labels=both))


def two_sample(columns: Sequence[Column], one: Batch, other: Batch, seed: int = 0) -> float:
    """Return how well boosted trees tell two tables' rows apart: 0.5 where they cannot."""
    random = np.random.default_rng(seed)
    size = min(MOST, len(one), len(other))
    sides = [matrix(columns, b.take(random.permutation(len(b))[:size])) for b in (one, other)]
    x, y = np.concatenate(sides), np.repeat([0, 1], size)
    model = HistGradientBoostingClassifier(
        categorical_features=_categories(columns), random_state=seed
    )
    shares = cross_val_predict(model, x, y, cv=3, method="predict_proba")[:, 1]
    return float(roc_auc_score(y, shares))
