"""What a row tells the rows that come by it: a few coarse symbols, the ones that matter.

A column is cut into at most sixteen ranges of equal weight, or keeps its values where they are few.
The language model reads these; rules are judged on exact values, which are kept apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Codes, Mask
from synthtab.schema import Column, IntegerType, TextType

FEW = 64
WORDS = 40
RANGES = 16

Symbols = NDArray[np.int64]


@dataclass(frozen=True)
class Feature:
    """A coarse view of a column.

    Symbol k stands for codes from ``edges[k]`` up to the next edge, or for ``words[k]`` where the
    column is text (the last symbol: any other text). A further symbol stands for NULL.
    """

    name: str
    edges: tuple[int, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many symbols there are."""
        return (len(self.words) + 1 if self.words else len(self.edges)) + 1

    def of(self, codes: Codes, nulls: Mask, pool: NDArray[np.object_] | None = None) -> Symbols:
        """Return the symbols (rows,) of codes and nulls (rows,)."""
        if self.words:
            assert pool is not None
            number = {word: k for k, word in enumerate(self.words)}
            known = np.array([number.get(text, len(self.words)) for text in pool], dtype=np.int64)
            symbols = known[codes] if len(pool) else np.zeros(len(codes), dtype=np.int64)
        else:
            symbols = np.searchsorted(np.array(self.edges), codes, side="right") - 1
        return np.where(nulls, self.size - 1, np.maximum(symbols, 0)).astype(np.int64)

    def column(self, name: str) -> Column:
        """Return the column a generator reads the symbols from."""
        return Column(name, IntegerType(), lo=0, hi=self.size - 1)


def feature_of(
    column: Column, codes: Codes, nulls: Mask, pool: NDArray[np.object_]
) -> Feature | None:
    """Return the coarse view of a column; None where it tells nothing, or everything."""
    present = codes[~nulls]
    if not len(present):
        return None
    values, counts = np.unique(present, return_counts=True)
    if len(values) == 1 and not nulls.any():
        return None
    if isinstance(column.type, TextType):
        if len(values) > WORDS or 4 * len(values) > len(present):
            return None
        common = values[np.argsort(-counts, kind="stable")]
        return Feature(column.name, words=tuple(str(pool[v]) for v in common))
    if len(values) <= FEW:
        return Feature(column.name, edges=tuple(values.tolist()))
    cuts = np.unique(np.quantile(present, np.linspace(0, 1, RANGES + 1)[:-1], method="lower"))
    return Feature(column.name, edges=tuple(cuts.astype(np.int64).tolist()))
