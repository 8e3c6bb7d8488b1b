"""Boosted trees, from XGBoost (the extra ``synthtab[assess]``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from synthtab.errors import UsageError

if TYPE_CHECKING:
    from types import ModuleType

SETTINGS = {
    "n_estimators": 100,
    "max_depth": 5,
    "learning_rate": 0.15,
    "subsample": 0.8,
    "colsample_bytree": 0.8,
    "tree_method": "hist",
    "enable_categorical": True,
}
"""Of every model here; what is not named is XGBoost's default."""


def classifier(types: Sequence[str], seed: int) -> Any:
    """Return a classifier of features of these types. Raises UsageError without XGBoost."""
    return _xgboost().XGBClassifier(**SETTINGS, feature_types=list(types), random_state=seed)


def regressor(types: Sequence[str], seed: int) -> Any:
    """Return a regressor of features of these types. Raises UsageError without XGBoost."""
    return _xgboost().XGBRegressor(**SETTINGS, feature_types=list(types), random_state=seed)


def version() -> str:
    """Return XGBoost's version. Raises UsageError without it."""
    return str(_xgboost().__version__)


def _xgboost() -> ModuleType:
    try:
        import xgboost  # an extra
    except ImportError as error:
        raise UsageError(
            "boosted trees, which tell synthetic from real rows and stand for what rows are good "
            "for, need XGBoost: pip install 'synthtab[assess]', or leave these --parts out"
        ) from error
    return xgboost
