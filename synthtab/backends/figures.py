"""Figures of groups: count, sum, least and greatest, in whole numbers and never rounded."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.groups import Groups, Ids, factorize, starts_of, together
from synthtab.batch import Mask
from synthtab.schema import INT64_MAX


def figure(
    function: str, groups: Groups, values: NDArray[Any] | None, asked: Mask, *, distinct: bool
) -> tuple[NDArray[Any], Mask]:
    """Return (values, nulls) of the function over the asked rows of each group, (groups,) each.

    ``values`` (rows,) are int64, or Python ints where those are too small; None counts rows.
    """
    rows = np.flatnonzero(asked & (groups.ids >= 0))
    ids = groups.ids[rows]
    chosen = None if values is None else values[rows]
    if distinct and chosen is not None:
        same = together([Groups(ids, groups.count), factorize(chosen)], len(ids))
        first = np.unique(same.ids, return_index=True)[1]
        ids, chosen = ids[first], chosen[first]
    if function == "count":
        counts = np.bincount(ids, minlength=groups.count).astype(np.int64)
        return counts, np.zeros(groups.count, dtype=bool)
    assert chosen is not None
    return _reduced(function, ids, groups.count, chosen)


def _reduced(
    function: str, ids: Ids, count: int, values: NDArray[Any]
) -> tuple[NDArray[Any], Mask]:
    nulls = np.ones(count, dtype=bool)
    if not len(ids):
        return np.zeros(count, dtype=np.int64), nulls
    if function == "sum" and values.dtype != object and not _sum_fits(values):
        values = values.astype(object)
    order = np.argsort(ids, kind="stable")
    starts = starts_of(ids[order])
    ufunc: Any = {"sum": np.add, "min": np.minimum, "max": np.maximum}[function]
    found = ufunc.reduceat(values[order], starts)
    out = np.zeros(count, dtype=found.dtype)
    at = ids[order][starts]
    out[at] = found
    nulls[at] = False
    return out, nulls


def _sum_fits(values: NDArray[Any]) -> bool:
    largest = max(abs(int(values.min())), abs(int(values.max())))
    return largest * len(values) <= INT64_MAX
