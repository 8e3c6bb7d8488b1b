"""Randomness that nobody can repeat: Gaussian noise on sums, and Poisson samples of rows.

Both are made of the operating system's cryptographic generator, never of PyTorch's, whose state can
be told from its output.

What a float can give away (Mironov, "On significance of the least significant bits", 2012; Jin et
al., "Are we there yet? Timing and floating-point attacks on differential privacy systems", 2022) is
met by a lattice. The sum is rounded to multiples of a step far below the noise, the noise is
rounded to multiples of the same step, and the two are added as whole numbers. Rounding commutes
with whole multiples, so that the result is distributed as continuous Gaussian noise on the rounded
sum, rounded afterwards, which costs nothing; and its last bits are those of any other multiple.
What rounding adds to the sensitivity, and what single precision adds when gradients are summed, is
covered by clipping to ``MARGIN`` below the bound that is accounted for.

What remains: the noise comes from 53-bit numbers by Box and Muller's method, so that it ends at 8.6
standard deviations, and far out its values are a little sparse. And the time that a step takes
depends on how many rows were drawn, which whoever can watch the training sees.
"""

from __future__ import annotations

import math
import os

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MARGIN = 1e-3
"""By how much, relatively, gradients are clipped below the bound that noise is made for."""
STEP = 2.0**-28
"""The lattice's step, in multiples of the bound on one row's gradient."""


def noisy_sum(total: Floats, bound: float, noise: float) -> Floats:
    """Return a sum (numbers,) with Gaussian noise of standard deviation ``noise * bound`` on each.

    ``bound`` is what no row's part of the sum passes, in L2 norm.
    """
    step = bound * STEP
    whole = np.rint(total / step) + np.rint(gaussian(len(total)) * (noise / STEP))
    return np.asarray(whole * step)


def gaussian(size: int) -> Floats:
    """Return standard normal numbers (size,), by Box and Muller's method."""
    half = (size + 1) // 2
    uniform = _uniform(2 * half)
    # 1 - u is above 0, and at most 1.
    radius = np.sqrt(-2.0 * np.log1p(-uniform[:half]))
    angle = uniform[half:] * (2.0 * math.pi)
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:size]


def poisson_sample(rows: int, rate: float) -> NDArray[np.int64]:
    """Return the numbers of the rows drawn, each by itself with probability ``rate``."""
    drawn = np.frombuffer(os.urandom(8 * rows), dtype=np.uint64) >> np.uint64(11)
    return np.flatnonzero(drawn < np.uint64(math.floor(rate * 2.0**53)))


def _uniform(size: int) -> Floats:
    """Return numbers from 0 on and below 1, multiples of 2**-53."""
    bits = np.frombuffer(os.urandom(8 * size), dtype=np.uint64) >> np.uint64(11)
    return bits.astype(np.float64) * 2.0**-53
