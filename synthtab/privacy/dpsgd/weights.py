"""Which positions of a row noisy training looks at: decided by the layout and the rules alone."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from synthtab.generate.tokenizer import Layout


def position_weights(layout: Layout, computed: Collection[str]) -> Tensor:
    """Return the weight (positions,) of each position's loss.

    One row's gradient has a bounded norm, so that a position which has nothing to tell takes away
    from those which have. Columns that rules compute from others have weight 0: decoding under the
    rules gives them their values. All others have weight 1; to give less to groups of digits that
    only spell out what earlier ones began was tried, and lost.
    """
    return torch.tensor(
        [
            0.0 if column.column.name in computed else 1.0
            for column in layout.columns
            for _ in column.sizes
        ]
    )
