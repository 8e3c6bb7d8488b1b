"""What texts look like: their lengths, and the pairs of characters they are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Batch
from synthtab.schema import Column

Floats = NDArray[np.float64]

BIGRAMS = 500
"""So many pairs of characters, the most common of the real texts, are counted one by one."""
ROWS = 20_000
"""Of so many rows of a side texts are read character by character."""
_ENDS = "\x02", "\x03"


def vocabulary(column: Column, rows: Batch, most: int = BIGRAMS) -> tuple[str, ...]:
    """Return the most common pairs of characters; a text's beginning and end are characters too."""
    codes, nulls = rows.column(column.name)
    found: Counter[str] = Counter()
    for code, times in Counter(codes[~nulls][:ROWS].tolist()).items():
        for pair in _pairs(str(rows.pool[code])):
            found[pair] += times
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return tuple(pair for pair, _ in ordered[:most])


def bigrams(column: Column, rows: Batch, known: Sequence[str]) -> Floats:
    """Return how often each row has each known pair, and any other (rows, known + 1); NULL none."""
    place = {pair: at for at, pair in enumerate(known)}
    codes, nulls = rows.column(column.name)
    used, back = np.unique(codes[~nulls], return_inverse=True)
    counts = np.zeros((len(used), len(known) + 1))
    for at, code in enumerate(used):
        for pair in _pairs(str(rows.pool[code])):
            counts[at, place.get(pair, len(known))] += 1
    found = np.zeros((len(rows), len(known) + 1))
    found[~nulls] = counts[back]
    return found


def _pairs(text: str) -> list[str]:
    whole = f"{_ENDS[0]}{text}{_ENDS[1]}"
    return [whole[at : at + 2] for at in range(len(whole) - 1)]
