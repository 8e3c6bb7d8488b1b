"""Feasible sets of one column for many rows at once, and how token prefixes meet them.

A set is a union of disjoint arithmetic progressions per row: ``lo, lo + stride, ...`` up to ``hi``.
One representation serves every type, because a token prefix always stands for one interval of
codes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Codes, Mask

EMPTY_LO, EMPTY_HI = 1, 0


@dataclass(frozen=True)
class Feasible:
    """What a column may hold in each of R rows.

    ``null`` (R,) bool: may the cell be NULL; ``lo`` and ``hi`` (R, m) int64: m pieces per row, both
    ends included, ascending and disjoint; an empty piece has ``lo > hi``. Where ``stride`` > 1,
    piece k holds only ``lo, lo + stride, ...`` and its ``hi`` is the last of them; pieces may then
    interleave.
    """

    null: Mask
    lo: Codes
    hi: Codes
    stride: int = 1

    def __len__(self) -> int:
        return len(self.null)

    def meets(self, lo: Codes, hi: Codes) -> Mask:
        """Say which intervals contain a feasible code.

        ``lo`` and ``hi`` have shape (S,) or (R, S), both ends included, empty where ``lo > hi``.
        Returns bool (R, S).
        """
        rows, pieces = self.lo.shape
        lo2, hi2 = np.atleast_2d(lo), np.atleast_2d(hi)
        met = np.zeros((rows, lo2.shape[1]), dtype=bool)
        for k in range(pieces):
            first, last = self.lo[:, k, None], self.hi[:, k, None]
            start = np.maximum(lo2, first)
            if self.stride > 1:
                start = start + (first - start) % self.stride
            met |= (start <= np.minimum(hi2, last)) & (lo2 <= hi2)
        return met

    def any(self) -> Mask:
        """Say per row (R,) whether anything at all, NULL included, is feasible."""
        return self.null | (self.lo <= self.hi).any(axis=1)

    def contains(self, codes: Codes, nulls: Mask) -> Mask:
        """Say per row (R,) whether the given cell is in the set."""
        inside = self.meets(codes[:, None], codes[:, None])[:, 0]
        return np.where(nulls, self.null, inside)

    def take(self, rows: Codes) -> Feasible:
        """Return the sets of the rows picked by index (with repetition)."""
        return Feasible(self.null[rows], self.lo[rows], self.hi[rows], self.stride)

    def between(self, lo: Codes, hi: Codes) -> Feasible:
        """Return the codes of each set from its own ``lo`` to ``hi`` (R,), as :meth:`within`."""
        return self.within(lo[:, None], hi[:, None])

    def within(self, lo: int | Codes, hi: int | Codes) -> Feasible:
        """Return the codes of each set from ``lo`` to ``hi``, both included; NULLs stay.

        The ends are numbers, or of shape (R, 1).
        """
        # Not subtracted where it could overflow: an end is only moved inwards.
        first, last = np.maximum(self.lo, lo), np.minimum(self.hi, hi)
        if self.stride > 1:
            first = first + (self.lo - first) % self.stride
            last = np.where(first <= last, last - (last - first) % self.stride, last)
        return Feasible(self.null, first, last, self.stride)

    def sizes(self) -> NDArray[np.float64]:
        """Return how many codes each piece (R, m) has: it may be more than an int64 counts."""
        span = self.hi.astype(float) - self.lo
        return np.where(self.lo <= self.hi, span // self.stride + 1.0, 0.0)

    def uniform(
        self, rng: np.random.Generator, least_of: Codes | None = None
    ) -> tuple[Codes, Mask]:
        """Draw one cell per row, (R,) codes and nulls, uniformly over the codes of its set.

        With ``least_of`` (R,) it is the least of so many draws, as the first of so many rows in
        order has it. NULL is drawn only where nothing else is feasible. A row whose set is empty
        gets code 0.
        """
        sizes = self.sizes()
        total = sizes.sum(axis=1)
        rows = np.arange(len(self))
        share = rng.random(len(self))
        if least_of is not None:
            share = -np.expm1(np.log1p(-share) / np.maximum(least_of, 1))
        target = share * total
        before = np.cumsum(sizes, axis=1)
        piece = (before > target[:, None]).argmax(axis=1)
        lo, hi = self.lo[rows, piece], self.hi[rows, piece]
        if least_of is None:
            code = rng.integers(lo, np.maximum(lo, hi) + (self.stride - 1), endpoint=True)
        else:
            inside = target - (before[rows, piece] - sizes[rows, piece])
            code = np.minimum(lo + np.floor(inside).astype(np.int64) * self.stride, hi)
        code -= (code - lo) % self.stride
        some = total > 0
        return np.where(some, code, 0), ~some & self.null
