"""Maximal marginal relevance: near to the query, and not near to what is chosen already."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def marginal(
    relevance: NDArray[Any], likeness: NDArray[Any], most: int, diversity: float
) -> list[int]:
    """Return the places of up to ``most`` candidates, in the order in which they are chosen.

    ``relevance`` (n,) is each candidate's nearness to the query, ``likeness`` (n, n) that of two
    candidates. The next one is the greatest of
    ``(1 - diversity) * relevance - diversity * (greatest likeness to one chosen)``, which is
    Carbonell and Goldstein's measure ("The use of MMR, diversity-based reranking", 1998) with
    lambda = 1 - diversity. Ties go to the first candidate.
    """
    chosen: list[int] = []
    left = np.ones(len(relevance), dtype=np.bool_)
    nearest = np.full(len(relevance), -np.inf)
    while left.any() and len(chosen) < most:
        # Nothing is chosen yet at first, so that likeness says nothing.
        worth = relevance if not chosen else (1 - diversity) * relevance - diversity * nearest
        at = int(np.argmax(np.where(left, worth, -np.inf)))
        chosen.append(at)
        left[at] = False
        nearest = np.maximum(nearest, likeness[at])
    return chosen
