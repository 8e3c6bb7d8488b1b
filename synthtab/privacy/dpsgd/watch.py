"""What the noisy sums of training say for one row, to whoever knows all the others: for audits."""

from __future__ import annotations

import numpy as np
import torch

from synthtab.batch import Batch
from synthtab.generate.tokenizer import Layout
from synthtab.privacy.dpsgd.course import Stretch
from synthtab.privacy.dpsgd.noise import Floats
from synthtab.privacy.dpsgd.training import Sums


class GradientEvidence:
    """Adds up, step by step, the log of how likely a noisy sum is with the canary over without.

    It is told the sums as :data:`~synthtab.privacy.dpsgd.training.Watch` is. ``rows`` are the other
    rows, all of which every step takes; ``bound`` is the norm that noise is made for.
    """

    def __init__(self, rows: Batch, canary: Batch, bound: float) -> None:
        self._rows, self._canary, self._bound = rows, canary, bound
        self.total = 0.0

    def __call__(self, stretch: Stretch, sums: Sums, layout: Layout, noisy: Floats) -> None:
        """Take a step's noisy sum into account."""
        others, own = (
            sums.of(torch.from_numpy(np.ascontiguousarray(layout.encode(b))))
            for b in (self._rows, self._canary)
        )
        spread = stretch.noise * self._bound
        self.total += float(((noisy - others) @ own - own @ own / 2) / spread**2)
