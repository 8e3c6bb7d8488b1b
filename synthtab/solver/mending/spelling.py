"""Texts that are spelt almost alike, among many: no pair of them is ever compared by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MOST_DIFFERENT = 2


class Spellings:
    """Finds, among given words, those that differ little from a text."""

    def __init__(self, words: Sequence[str]) -> None:
        by_length: dict[int, list[int]] = {}
        for k, word in enumerate(words):
            by_length.setdefault(len(word), []).append(k)
        self._letters: dict[int, tuple[NDArray[np.int64], NDArray[np.uint32]]] = {
            length: (np.array(ks, np.int64), _letters([words[k] for k in ks], length))
            for length, ks in by_length.items()
        }

    def near(self, text: str) -> list[tuple[int, int]]:
        """Return words by distance and position: two letters differ at most, or one is more.

        The text itself is not among them.
        """
        found: list[tuple[int, int]] = []
        own = _letters([text], len(text))
        if len(text) in self._letters:
            ks, letters = self._letters[len(text)]
            differ = (letters != own).sum(axis=1)
            close = np.flatnonzero((differ > 0) & (differ <= min(MOST_DIFFERENT, len(text) - 1)))
            found += zip(differ[close].tolist(), ks[close].tolist(), strict=True)
        for length in (len(text) - 1, len(text) + 1):
            if length in self._letters and length > 0:
                ks, letters = self._letters[length]
                short = min(length, len(text))
                # One letter more: what agrees from the front and from the back makes up the rest.
                front = (letters[:, :short] == own[:, :short]).cumprod(axis=1).sum(axis=1)
                tail = letters[:, length - short :][:, ::-1] == own[:, len(text) - short :][:, ::-1]
                back = tail.cumprod(axis=1).sum(axis=1)
                close = np.flatnonzero(front + back >= short)
                found += [(1, k) for k in ks[close].tolist()]
        return sorted(found)


def _letters(words: Sequence[str], length: int) -> NDArray[np.uint32]:
    """Return the code points of words of one length, (words, length)."""
    if length == 0:
        return np.zeros((len(words), 0), np.uint32)
    return np.array(words, dtype=f"<U{length}").view(np.uint32).reshape(len(words), length)
