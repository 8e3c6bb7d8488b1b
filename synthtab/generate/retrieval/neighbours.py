"""Nearest neighbours among unit vectors: Annoy finds candidates, dot products put them in order.

Annoy (a forest of random splits) is an extra, ``synthtab[retrieval]``. One thread and a fixed seed
build the same forest from the same vectors every time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthtab.errors import SavedModelError, UsageError
from synthtab.generate.retrieval.documents import Vectors

TREES = 24
_SEED = 1
_LOOKS = 400
SCANNED = 10_000
"""Up to so many vectors are looked at one by one, which is faster than the forest."""


@dataclass(frozen=True)
class Neighbours:
    """Vectors (n, dimensions), and Annoy's forest over them.

    Where there are up to ``scanned`` vectors, or most of them are asked for, all are looked at.
    """

    vectors: Vectors
    forest: Any
    scanned: int = SCANNED

    @classmethod
    def build(cls, vectors: Vectors, trees: int = TREES, scanned: int = SCANNED) -> Neighbours:
        """Build a forest over unit vectors. Raises UsageError where Annoy is not installed."""
        forest = _forest(vectors.shape[1])
        forest.set_seed(_SEED)
        for at, vector in enumerate(vectors):
            forest.add_item(at, vector)
        forest.build(trees, n_jobs=1)
        return cls(vectors, forest, scanned)

    @cached_property
    def centre(self) -> Vectors:
        """The mean of the vectors, shape (dimensions,)."""
        mean: Vectors = self.vectors.mean(axis=0)
        return mean

    def __len__(self) -> int:
        return len(self.vectors)

    def save(self, path: Path) -> None:
        """Write the forest; it can be read by machines of the same byte order."""
        self.forest.save(str(path))

    @classmethod
    def load(cls, path: Path, vectors: Vectors) -> Neighbours:
        """Open a forest that was saved for these vectors; pages are read as they are needed.

        Raises SavedModelError where it was saved for others, UsageError without Annoy.
        """
        forest = _forest(vectors.shape[1])
        try:
            forest.load(str(path))
        except OSError as error:
            raise SavedModelError(f"{path} is no index of Annoy's: {error}") from error
        if forest.get_n_items() != len(vectors):
            raise SavedModelError(
                f"{path} is an index of {forest.get_n_items():,} vectors; there are "
                f"{len(vectors):,}: build the corpus again"
            )
        return cls(vectors, forest)

    def near(self, query: Vectors, most: int) -> NDArray[np.int64]:
        """Return the places of the ``most`` vectors nearest to a unit vector, nearest first.

        Where not all are looked at, the answer is approximate in which vectors it names, never in
        their order. Of equally near ones the first comes first.
        """
        most = min(most, len(self))
        if len(self) <= max(self.scanned, 2 * most):
            found = np.arange(len(self))
        else:
            looks = max(_LOOKS, 4 * most) * self.forest.get_n_trees()
            nearest = self.forest.get_nns_by_vector(query, most, looks)
            found = np.sort(np.array(nearest, dtype=np.int64))
        cosines = self.vectors[found] @ query
        return found[np.argsort(-cosines, kind="stable")[:most]]


def _forest(dimensions: int) -> Any:
    try:
        from annoy import AnnoyIndex  # compiled where it is installed, an extra
    except ModuleNotFoundError as error:
        raise UsageError(
            "retrieval needs annoy: pip install 'synthtab[retrieval]' (it is compiled when it is "
            "installed, which takes a C++ compiler)"
        ) from error
    return AnnoyIndex(dimensions, "angular")
