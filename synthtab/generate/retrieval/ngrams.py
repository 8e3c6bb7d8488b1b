"""The embedder that needs no weights: weighted n-grams, hashed and projected.

A text's terms are its character n-grams (within words, so that inflected and compounded words and
misspellings meet) and its pairs of neighbouring words (so that a value keeps to its column's name).
They are counted by hash, damped and weighted by how few documents have them (TF-IDF; Salton and
Buckley, "Term-weighting approaches in automatic text retrieval", 1988). Annoy wants short dense
vectors: every hash adds to a few fixed coordinates with fixed signs, a sparse Johnson-Lindenstrauss
transform in blocks (Kane and Nelson, "Sparser Johnson-Lindenstrauss transforms", 2014), made by
MurmurHash. So nothing is random, and the same corpus gives the same vectors everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.utils import murmurhash3_32

from synthtab.errors import UsageError
from synthtab.generate.retrieval.documents import Vectors
from synthtab.generate.retrieval.embedder import unit

KIND = "ngrams"
FEATURES = 1 << 16
DIMENSIONS = 512
_NONZEROS = 8
_SHORTEST, _LONGEST = 2, 4
_BLOCK = 4_096
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class NgramEmbedder:
    """Hashed n-grams with the weights of a corpus.

    ``idf`` (features,) holds each hash's weight: 0 where no document of the corpus has it.
    ``dimensions`` is a multiple of 8. Raises UsageError where it is none.
    """

    idf: NDArray[np.float32]
    dimensions: int = DIMENSIONS

    def __post_init__(self) -> None:
        if self.dimensions < _NONZEROS or self.dimensions % _NONZEROS:
            raise UsageError(
                f"dimensions={self.dimensions!r}; n-grams are projected to a multiple of "
                f"{_NONZEROS}, and {DIMENSIONS} is usual"
            )

    @classmethod
    def fit(cls, texts: Sequence[str], dimensions: int = DIMENSIONS) -> NgramEmbedder:
        """Weigh the terms by the texts that have them. Without texts all weigh the same."""
        having = np.zeros(FEATURES)
        for counts in _counts(texts):
            having += np.bincount(counts.indices, minlength=FEATURES)
        # Smoothed, so that a term of every document still counts.
        weights = np.log((1 + len(texts)) / (1 + having)) + 1
        idf = np.where(having > 0, weights, 0.0) if len(texts) else np.ones(FEATURES)
        return cls(idf.astype(np.float32), dimensions)

    @property
    def name(self) -> str:
        """What it is, for people."""
        return f"n-grams ({self.dimensions} dimensions)"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return a unit vector for each text, shape (texts, dimensions)."""
        projection = _projection(len(self.idf), self.dimensions)
        blocks = [np.zeros((0, self.dimensions), dtype=np.float32)]
        blocks += [unit((t @ projection).toarray()) for t in weighted(texts, self.idf)]
        return np.concatenate(blocks)

    def to_dict(self) -> dict[str, Any]:
        """Return what it is made of, but for the weights."""
        return {"kind": KIND, "features": len(self.idf), "dimensions": self.dimensions}


def weighted(texts: Sequence[str], idf: NDArray[np.float32]) -> Iterator[csr_array]:
    """Yield the weights of the texts' terms, shape (texts, features), block by block."""
    for counts in _counts(texts):
        counts.data = (1 + np.log(counts.data)) * idf[counts.indices]
        yield counts


def _counts(texts: Sequence[str]) -> Iterator[csr_array]:
    """Yield how often each text has each hash, block by block."""
    for first in range(0, len(texts), _BLOCK):
        rows = [_hashes(text) for text in texts[first : first + _BLOCK]]
        ends = np.cumsum([0, *map(len, rows)])
        places = np.concatenate([np.zeros(0, dtype=np.int32), *rows])
        ones = np.ones(len(places), dtype=np.float32)
        counts = csr_array((ones, places, ends), shape=(len(rows), FEATURES))
        counts.sum_duplicates()
        yield counts


def _hashes(text: str) -> NDArray[np.int32]:
    """Return the hash of each term of a text, as often as it has it."""
    words = _WORD.findall(text.lower())
    pairs = np.array([_pair(a, b) for a, b in pairwise(words)], dtype=np.int32)
    return np.concatenate([pairs, *map(_grams, words)])


# Words and pairs come again and again, above all in rows, so that their hashes are kept.


@lru_cache(maxsize=1 << 16)
def _grams(word: str) -> NDArray[np.int32]:
    """Return the hashes of the n-grams of a word with a space at either end."""
    padded = f" {word} "
    grams = (
        padded[k : k + length]
        for length in range(_SHORTEST, _LONGEST + 1)
        for k in range(max(1, len(padded) - length + 1))
    )
    return np.array([_hash(gram) for gram in grams], dtype=np.int32)


@lru_cache(maxsize=1 << 17)
def _pair(first: str, second: str) -> int:
    return _hash(f"{first} {second}")


def _hash(term: str) -> int:
    return int(murmurhash3_32(term, seed=0, positive=True)) % FEATURES


@cache
def _projection(features: int, dimensions: int) -> csr_array:
    """Return the fixed matrix (features, dimensions): in each row one sign for each block."""
    numbers = np.arange(features, dtype=np.int32)
    size = dimensions // _NONZEROS
    columns, signs = [], []
    for block in range(_NONZEROS):
        hashes = murmurhash3_32(numbers, seed=block, positive=True).astype(np.int64)
        columns.append(block * size + (hashes >> 1) % size)
        signs.append(np.where(hashes & 1, 1.0, -1.0))
    rows = np.tile(numbers, _NONZEROS)
    values = (np.concatenate(signs) / np.sqrt(_NONZEROS)).astype(np.float32)
    shape = (features, dimensions)
    return csr_array((values, (rows, np.concatenate(columns))), shape=shape)
