"""Tokens that would end a text as a copy of a training text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synthtab.batch import Mask
from synthtab.generate.language.bytewise import AFTER, IN_NULL, ByteMachine
from synthtab.generate.language.slots import Slot
from synthtab.generate.language.tables import Entries
from synthtab.generate.language.values import read_value
from synthtab.generate.language.vocabulary import Vocabulary
from synthtab.generate.texts import Fingerprints


class Copies:
    """Tells which tokens are not to end the texts of a column."""

    def __init__(
        self, slot: Slot, machine: ByteMachine, vocabulary: Vocabulary, prints: Fingerprints
    ) -> None:
        self._slot, self._machine, self._prints = slot, machine, prints
        self._tokens = vocabulary.tokens

    def without(self, mask: Mask, read: Entries, written: Sequence[bytes | None]) -> Mask:
        """Return a mask (rows, w) without tokens by which a row's text becomes a copy.

        ``written`` are the bytes of each row so far. A row that could do nothing else keeps what it
        has: its copy is told afterwards.
        """
        machine = self._machine
        ending = (machine.zone[read.next] == AFTER) & (machine.zone[read.at] != IN_NULL)
        rows, places = np.nonzero(mask & ending)
        if not len(rows):
            return mask
        shared = len(read.token) == 1
        texts: dict[tuple[int, bytes], str] = {}
        pairs = []
        ends: dict[tuple[int, int], bytes] = {}
        for row, place in zip(rows.tolist(), places.tolist(), strict=True):
            own = 0 if shared else row
            if (own, place) not in ends:
                ends[own, place] = self._end(
                    int(read.token[own, place]), int(read.next[own, place])
                )
            pair = (row, ends[own, place])
            pairs.append(pair)
            if pair not in texts:
                found = read_value(self._slot, (written[row] or b"") + pair[1])
                texts[pair] = found if isinstance(found, str) else ""
        known = self._prints.known(np.array(list(texts.values()), dtype=object))
        copied = {pair for pair, is_known in zip(texts, known.tolist(), strict=True) if is_known}
        if not copied:
            return mask
        out = mask.copy()
        out[rows, places] &= np.array([pair not in copied for pair in pairs])
        stuck = ~out.any(axis=1)
        out[stuck] = mask[stuck]
        return out

    def _end(self, token: int, following: int) -> bytes:
        """Return the bytes of a token up to and with the first one that follows a value."""
        text = self._tokens[token]
        behind = len(self._slot.after) - int(self._machine.rest[following])
        return text[: len(text) - behind + 1]
