"""Columns of few values, written as one symbol each: repeated words, sparse codes.

Text whose values repeat says what kind of thing a row is: spelled letter by letter it would be
learned badly. Only values that several rows share are listed; what one row alone holds is its own
business and is not written again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Codes, Mask
from synthtab.schema import Column, DecimalType, IntegerType, TextType
from synthtab.solver.feasible import EMPTY_HI, EMPTY_LO, Feasible

MOST = 400
SHARED = 0.5
# A column whose range has this many times its values is sparse.
SPARSE = 4


@dataclass(frozen=True)
class Listing:
    """A column's values, by symbol: ``words`` of text, else ``codes`` in ascending order."""

    column: str
    codes: tuple[int, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.words or self.codes)

    @property
    def strings(self) -> NDArray[np.object_]:
        """The words by symbol."""
        return np.array([*self.words, None], dtype=object)[:-1]

    def symbols(
        self, codes: Codes, nulls: Mask, pool: NDArray[np.object_], rng: np.random.Generator
    ) -> Codes:
        """Return the symbol of each cell; one that is not listed gets that of some other row."""
        if self.words:
            number = {word: k for k, word in enumerate(self.words)}
            known = np.array([number.get(text, -1) for text in pool] or [-1], dtype=np.int64)
            found = known[np.where(nulls, 0, codes)]
        else:
            values = np.array(self.codes)
            at = np.minimum(np.searchsorted(values, codes), len(values) - 1)
            found = np.where(values[at] == codes, at, -1)
        some = found[~nulls & (found >= 0)]
        lost = np.flatnonzero(found < 0)
        found[lost] = rng.choice(some if len(some) else np.arange(self.size), len(lost))
        return np.where(nulls, 0, found)

    def values(self, symbols: Codes) -> Codes:
        """Return the codes that symbols stand for; of text the symbols, which index the words."""
        return symbols if self.words else np.array(self.codes)[symbols]

    def among(self, feasible: Feasible) -> Feasible:
        """Return a feasible set of codes as one of symbols."""
        values = np.array(self.codes)
        allowed = feasible.meets(values, values)
        edges = np.diff(allowed.astype(np.int8), axis=1, prepend=0, append=0)
        rows, starts = np.nonzero(edges == 1)
        ends = np.nonzero(edges == -1)[1] - 1
        pieces = np.bincount(rows, minlength=len(allowed))
        most = max(1, int(pieces.max(initial=0)))
        number = np.arange(len(rows)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        lo = np.full((len(allowed), most), EMPTY_LO, dtype=np.int64)
        hi = np.full((len(allowed), most), EMPTY_HI, dtype=np.int64)
        lo[rows, number], hi[rows, number] = starts, ends
        return Feasible(feasible.null, lo, hi)

    def written(self, column: Column) -> Column:
        """Return the column that is written in its place."""
        return Column(column.name, IntegerType(), column.optional, 0, self.size - 1)


def listing_of(
    column: Column, codes: Codes, nulls: Mask, pool: NDArray[np.object_]
) -> Listing | None:
    """Return the listing of a column that is better written this way; None for any other."""
    text = isinstance(column.type, TextType)
    if not text and not isinstance(column.type, IntegerType | DecimalType):
        return None
    values, counts = np.unique(codes[~nulls], return_counts=True)
    shared = values[counts > 1]
    rows = int(counts.sum())
    if not len(shared) or len(shared) > MOST or counts[counts > 1].sum() < SHARED * rows:
        return None
    if text:
        return Listing(column.name, words=tuple(sorted(str(pool[v]) for v in shared)))
    if int(values[-1]) - int(values[0]) < SPARSE * len(values):
        return None
    return Listing(column.name, codes=tuple(shared.tolist()))
