"""Free text, one character a position, and how copies of training texts are recognised.

Nothing of the texts is kept but the characters they are made of, how long they get, and a salted,
shortened hash of each, which serves to tell a copy and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Mask
from synthtab.generate.machine import pattern_alphabet, shortest_match
from synthtab.generate.places import Symbols
from synthtab.schema import TextType

LONGEST = 48


@dataclass(frozen=True)
class Texts:
    """Strings over ``alphabet`` of at most ``length`` characters.

    Symbol k is the alphabet's k-th character; the last one, ``end``, ends the text and pads it.
    """

    alphabet: tuple[str, ...]
    length: int
    pattern: str | None = None

    @property
    def end(self) -> int:
        """The symbol of the end and of padding."""
        return len(self.alphabet)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many symbols each position has."""
        return (len(self.alphabet) + 1,) * self.length

    @cached_property
    def _index(self) -> dict[str, int]:
        return {c: k for k, c in enumerate(self.alphabet)}

    def encode(self, strings: NDArray[np.object_] | NDArray[np.str_]) -> Symbols:
        """Return the symbols (rows, length) of strings, cut where they are too long."""
        distinct, inverse = np.unique(strings.astype(object), return_inverse=True)
        out = np.full((len(distinct), self.length), self.end, dtype=np.int64)
        for row, text in enumerate(distinct):
            known = [self._index[c] for c in text[: self.length] if c in self._index]
            out[row, : len(known)] = known
        return out[inverse.reshape(-1)]

    def decode(self, symbols: Symbols) -> tuple[NDArray[np.object_], Mask]:
        """Return strings (rows,) and whether each row is a text at all (nothing after its end)."""
        ended = symbols == self.end
        fits = ~(ended[:, :-1] & ~ended[:, 1:]).any(axis=1)
        characters = np.array([*self.alphabet, ""], dtype=object)
        out = np.empty(len(symbols), dtype=object)
        out[:] = ["".join(row) for row in characters[symbols]]
        return out, fits


def texts_of(kind: TextType, seen: Iterable[str]) -> Texts:
    """Choose alphabet and length from the type and the texts seen.

    A pattern adds the plain characters that it may need; without one, only what was seen is used.
    """
    seen = list(seen)
    alphabet = {c for text in seen for c in text if not "\ud800" <= c <= "\udfff"}
    length = min(kind.max_length, max(map(len, seen), default=1), LONGEST)
    if kind.pattern is not None:
        alphabet |= pattern_alphabet(kind.pattern)
        length = max(length, min(kind.max_length, shortest_match(kind.pattern, alphabet)))
    return Texts(tuple(sorted(alphabet)), max(length, 1), kind.pattern)


@dataclass(frozen=True)
class Fingerprints:
    """Hashes of texts: ``salt`` (16 bytes) and the sorted 64-bit ``hashes`` (int64)."""

    salt: bytes
    hashes: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Iterable[str], salt: bytes) -> Fingerprints:
        """Hash each distinct text."""
        return cls(salt, np.unique(_hashes(texts, salt)))

    def known(self, texts: NDArray[np.object_]) -> Mask:
        """Say which strings (rows,) are, as far as 64 bits can tell, among the hashed ones."""
        if not len(self.hashes):
            return np.zeros(len(texts), dtype=bool)
        distinct, inverse = np.unique(texts, return_inverse=True)
        return np.isin(_hashes(distinct, self.salt), self.hashes)[inverse.reshape(-1)]


def _hashes(texts: Iterable[str], salt: bytes) -> NDArray[np.int64]:
    out = [hashlib.sha256(salt + t.encode("utf-8", "surrogatepass")).digest()[:8] for t in texts]
    return np.frombuffer(b"".join(out), dtype="<i8").astype(np.int64)
