"""Rows that need not keep a soft rule: never more than may break it."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from synthtab.relational.exempting import exempted


@given(
    st.integers(0, 3_000),
    st.floats(0, 1),
    st.decimals(0, 1, places=4),
    st.integers(0, 2**32 - 1),
)
def test_never_more_than_may_break_the_rule(
    rows: int, share: float, kept: Decimal, seed: int
) -> None:
    mask = exempted(rows, share, kept, np.random.default_rng(seed))
    assert len(mask) == rows
    assert mask.sum() <= (1 - kept) * rows
    assert mask.sum() <= share * rows + 1


def test_the_share_is_that_of_the_real_rows() -> None:
    rng = np.random.default_rng(0)
    drawn = [exempted(50, 0.013, Decimal("0.9"), rng).sum() for _ in range(4_000)]
    # The mean of 4,000 numbers of standard deviation below 0.5: six of its own are 0.05.
    assert abs(np.mean(drawn) - 0.65) < 0.05
