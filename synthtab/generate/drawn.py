"""Rows as a generator gives them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Batch, Mask


@dataclass(frozen=True)
class Drawn:
    """Generated rows, and what is to be known about each (rows,).

    ``log_weight``: logarithm of the share of probability that masks left, over all steps: with it
    as an importance weight, rows follow what the generator would write if it were asked again until
    it obeyed. ``malformed``: a cell is no value of its type (30 February), or a mask left nothing
    to write. ``dead``: the latter alone. ``copied``: a text is one of the training texts.
    """

    batch: Batch
    log_weight: NDArray[np.float64]
    malformed: Mask
    dead: Mask
    copied: Mask
