"""Which rows need not keep a soft rule: as many as break it among real ones, no more than may."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np

from synthtab.batch import Mask

SPARE = 0.9
"""The part of the rows that may break a rule that do: others get lost later, and keep it mostly."""


def exempted(rows: int, share: float, kept: Decimal, rng: np.random.Generator) -> Mask:
    """Draw the rows (rows,) that need not keep a rule which ``kept`` of all rows have to keep.

    They are ``share`` of all, in a whole number rounded at random, unless that is more than may be.
    """
    wanted = math.floor(share * rows + rng.random())
    most = math.floor(SPARE * float((1 - kept) * rows) + (1 - SPARE))
    out = np.zeros(rows, dtype=bool)
    out[rng.permutation(rows)[: min(wanted, most)]] = True
    return out
