"""A shuffle of the numbers below N that need not be stored: any stretch of it at any time.

Small ranges are shuffled outright. For larger ones a Feistel network permutes a grid that is hardly
larger than N, and a number that falls outside goes through it again until it falls inside
("cycle walking"; Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import isqrt

import numpy as np
from numpy.typing import NDArray

MAX_SIZE = 2**62
_SHUFFLED = 2**16
_ROUNDS = 8


@dataclass(frozen=True)
class Permutation:
    """A pseudo-random permutation of 0 .. ``size`` - 1, which ``seed`` picks; 2**62 is the most."""

    size: int
    seed: int

    def __post_init__(self) -> None:
        if not 0 <= self.size <= MAX_SIZE:
            raise ValueError(f"cannot permute {self.size:,} numbers; 2**62 is the most")

    def at(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers (n,) at the given places (n,), each from 0 to ``size`` - 1."""
        if self.size <= _SHUFFLED:
            return self._table[places]
        out = self._mixed(places.astype(np.uint64))
        outside = np.flatnonzero(out >= self.size)
        while len(outside):
            out[outside] = self._mixed(out[outside])
            outside = outside[out[outside] >= self.size]
        return out.astype(np.int64)

    @cached_property
    def _table(self) -> NDArray[np.int64]:
        return np.random.default_rng(self.seed).permutation(self.size)

    @cached_property
    def _keys(self) -> NDArray[np.uint64]:
        return np.random.default_rng(self.seed).integers(0, 2**64, _ROUNDS, dtype=np.uint64)

    def _mixed(self, numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Permute the numbers below wide * high, the least such grid that holds ``size``."""
        wide = isqrt(self.size - 1) + 1
        high = -(-self.size // wide)
        sides = np.uint64(wide), np.uint64(high)
        left, right = numbers % sides[0], numbers // sides[0]
        for number, key in enumerate(self._keys):
            # Left is below sides[number % 2], right below the other: each round swaps them.
            side = sides[number % 2]
            left, right = right, (left + _hashed(right ^ key) % side) % side
        return left + right * sides[0]


def _hashed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix the bits of each number (the finaliser of SplitMix64)."""
    mixed = numbers + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
