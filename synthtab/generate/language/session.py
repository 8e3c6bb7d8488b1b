"""Rows that the network reads on in a batch, each of them at a place of its own.

Rows have read different numbers of tokens. A chunk is filled up on its left with padding that
nobody attends to, and each row counts its own positions. Networks that cannot leave out what lies
in between (those with a recurrent state) are found out by trying; their rows are read anew from
the start for each token, which is slow and right.
"""

from __future__ import annotations

import copy
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import DynamicCache

from synthtab.batch import Mask
from synthtab.generate.language.loading import Base
from synthtab.generate.language.memory import ran_out

_TOLERANCES = {torch.float32: 1e-3, torch.float64: 1e-3}
_COARSE = 5e-2
"""What logits may differ by, as a share of the greatest: in half precision they are no better."""
_READ_ANEW = 8
"""So many rows are read at a time where they are read anew."""


class Session(Protocol):
    """Rows being read."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """How many tokens each row has read (rows,)."""

    def fork(self, rows: int) -> Session:
        """Return so many rows that have read what this one row has."""

    def feed(self, tokens: NDArray[np.int64], real: Mask) -> Tensor:
        """Let each row read the ``real`` ones of its tokens (rows, n), which stand to the right.

        Returns float32 logits (rows, vocabulary) of what comes after the last column; of rows whose
        last token is padding they mean nothing.
        """


def begin(base: Base, prompt: NDArray[np.int64], *, cached: bool) -> Session:
    """Return one row that has read a prompt (n,)."""
    return Cached(base, prompt) if cached else Anew(base, prompt)


class Cached:
    """Keys and values of what was read are kept."""

    def __init__(self, base: Base, prompt: NDArray[np.int64]) -> None:
        self._base = base
        self._cache = DynamicCache(config=base.network.config)
        self._seen = torch.ones((1, 0), dtype=torch.int64, device=base.device)
        self._position = torch.zeros(1, dtype=torch.int64, device=base.device)
        if len(prompt):
            self.feed(prompt[None], np.ones((1, len(prompt)), dtype=bool))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """See :class:`Session`."""
        return self._position.cpu().numpy()

    def fork(self, rows: int) -> Cached:
        """See :class:`Session`."""
        other = copy.copy(self)
        other._cache = copy.deepcopy(self._cache)
        if self._seen.shape[1]:
            other._cache.batch_repeat_interleave(rows)
        other._seen = self._seen.repeat(rows, 1)
        other._position = self._position.repeat(rows)
        return other

    @torch.inference_mode()
    def feed(self, tokens: NDArray[np.int64], real: Mask) -> Tensor:
        """See :class:`Session`."""
        device = self._base.device
        mask = torch.from_numpy(real.astype(np.int64)).to(device)
        positions = (self._position[:, None] + mask.cumsum(dim=1) - 1).clamp_(min=0)
        self._seen = torch.cat([self._seen, mask], dim=1)
        arguments = {
            "input_ids": torch.from_numpy(tokens).to(device),
            "attention_mask": self._seen,
            "past_key_values": self._cache,
            "use_cache": True,
        }
        if "position_ids" in self._base.arguments:
            arguments["position_ids"] = positions
        if "logits_to_keep" in self._base.arguments:
            arguments["logits_to_keep"] = 1
        out = self._base.network(**arguments)
        self._position = self._position + mask.sum(dim=1)
        return _numbers(out.logits[:, -1])


class Anew:
    """Nothing is kept but the tokens."""

    def __init__(self, base: Base, prompt: NDArray[np.int64]) -> None:
        self._base = base
        self._read = [prompt.tolist()]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """See :class:`Session`."""
        return np.array([len(row) for row in self._read])

    def fork(self, rows: int) -> Anew:
        """See :class:`Session`."""
        other = copy.copy(self)
        other._read = [list(self._read[0]) for _ in range(rows)]
        return other

    @torch.inference_mode()
    def feed(self, tokens: NDArray[np.int64], real: Mask) -> Tensor:
        """See :class:`Session`."""
        for read, new, own in zip(self._read, tokens, real, strict=True):
            read.extend(new[own].tolist())
        parts = [
            self._logits(self._read[start : start + _READ_ANEW])
            for start in range(0, len(self._read), _READ_ANEW)
        ]
        return torch.cat(parts)

    def _logits(self, rows: list[list[int]]) -> Tensor:
        ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
        mask = np.zeros(ids.shape, dtype=np.int64)
        for k, row in enumerate(rows):
            ids[k, : len(row)], mask[k, : len(row)] = row, 1
        device = self._base.device
        logits = self._base.network(
            input_ids=torch.from_numpy(ids).to(device),
            attention_mask=torch.from_numpy(mask).to(device),
            use_cache=False,
        ).logits
        last = torch.from_numpy(mask.sum(axis=1) - 1).to(device)
        return _numbers(logits[torch.arange(len(rows), device=device), last])


def _numbers(logits: Tensor) -> Tensor:
    return logits.float().cpu()


def fitting(base: Base, session: Session, real: Mask) -> Mask:
    """Say which rows have room for the ``real`` ones (rows, n) of their next tokens."""
    limit = base.positions
    if limit is None:
        return np.ones(len(real), dtype=bool)
    return np.asarray(session.lengths + real.sum(axis=1) <= limit)


@torch.inference_mode()
def keeps_places(base: Base) -> bool:
    """Say whether a network gives the same logits with padding between a row's tokens."""
    some = np.array(sorted(base.vocabulary.tokens)[:4], dtype=np.int64)
    if len(some) < 4:
        return False
    try:
        session = Cached(base, some[:1]).fork(2)
        padded = np.array([[some[1], some[2]], [some[0], some[1]]])
        session.feed(padded, np.array([[True, True], [False, True]]))
        session.feed(np.array([[some[0]], [some[2]]]), np.array([[False], [True]]))
        found = session.feed(np.array([[some[3]], [some[3]]]), np.ones((2, 1), dtype=bool))
    except (TypeError, ValueError, RuntimeError, AttributeError, IndexError) as error:
        # A network that knows no such cache or mask says so wherever it stumbles over it: its
        # forward pass takes no such argument, or shapes do not go together. All of it means the
        # same, that its rows are read anew; only memory that does not suffice means another thing.
        if ran_out(error):
            raise
        return False
    plain = Anew(base, some[:3]).feed(some[None, 3:], np.ones((1, 1), dtype=bool))
    size = plain.abs().max().clamp(min=1.0)
    slack = _TOLERANCES.get(getattr(base.network, "dtype", torch.float32), _COARSE)
    return bool((found - plain).abs().max() / size < slack)
