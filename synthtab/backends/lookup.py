"""Long conditions on few columns of few values each: judged once for every combination of values.

A `case` of sixteen branches costs as many comparisons a row; looking its verdict up costs one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.arrays import Env, Evaluator
from synthtab.batch import Mask
from synthtab.ir import core
from synthtab.ir.corewalk import descendants, variables
from synthtab.schema import Column, TextType, domain

# Shorter conditions are judged faster than looked up.
LEAST_NODES = 20
MOST_COMBINATIONS = 16_384


@dataclass(frozen=True)
class Lookup:
    """Whether a condition is FALSE, for each combination of codes and NULL of its columns.

    ``lows`` are the columns' least codes, ``sizes`` how many they have. ``broken`` is flat, the
    last column running fastest, and NULL is the last value of each.
    """

    names: tuple[str, ...]
    lows: tuple[int, ...]
    sizes: tuple[int, ...]
    broken: NDArray[np.bool_]

    def false(self, env: Env) -> Mask | None:
        """Return where the condition is FALSE, (rows,); None where a code is out of range."""
        index: NDArray[np.int64] | int = 0
        for name, low, size in zip(self.names, self.lows, self.sizes, strict=True):
            codes, nulls = env[name]
            place = codes - low
            if nulls is not None:
                place[nulls] = 0
            # Unsigned, what is below the range is far above it.
            if len(place) and int(place.view(np.uint64).max()) >= size:
                return None
            if nulls is not None:
                place[nulls] = size
            index = index * (size + 1) + place
        return np.asarray(self.broken[index])


def lookup(condition: core.Cond, columns: Mapping[str, Column]) -> Lookup | None:
    """Return a condition's table of verdicts; None where it is short, or the table were large."""
    names = variables(condition)
    kinds = [columns[name] for name in names]
    if not names or any(isinstance(c.type, TextType) for c in kinds):
        return None
    ends = [domain(c) for c in kinds]
    sizes = tuple(hi - lo + 1 for lo, hi in ends)
    if prod(size + 1 for size in sizes) > MOST_COMBINATIONS:
        return None
    if sum(1 for _ in descendants(condition)) < LEAST_NODES:
        return None
    places = np.meshgrid(*(np.arange(size + 1) for size in sizes), indexing="ij")
    env = {
        name: (np.where(place == size, 0, place).ravel() + lo, (place == size).ravel())
        for name, place, (lo, _), size in zip(names, places, ends, sizes, strict=True)
    }
    broken = np.broadcast_to(Evaluator(env).truth(condition)[1], (places[0].size,))
    return Lookup(names, tuple(lo for lo, _ in ends), sizes, broken.copy())
