"""Rows that the network reads on in a batch, each of them at a place of its own.

Rows have read different numbers of tokens. A chunk is filled up on its left with padding that
nobody attends to, and each row counts its own positions. What a network can do is found out by
trying: most share what they keep of the prompt (attention.py), others keep it with each row, and
those that cannot leave out what lies in between (with a recurrent state) have their rows read anew
from the start for each token, which is slow and right.
"""

from __future__ import annotations

import copy
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import Cache

from synthtab.batch import Mask
from synthtab.generate.language.attention import PromptLayer, prompt_parts, shared_attention
from synthtab.generate.language.loading import Base
from synthtab.generate.language.memory import ran_out

Way = Literal["shared", "kept", "anew"]
"""How rows go on: from one prompt's keys and values, from their own, or from tokens alone."""

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
        """Return so many rows that have read the prompt, and nothing else, as this one row."""

    def feed(self, tokens: NDArray[np.int64], real: Mask) -> Tensor:
        """Let each row read the ``real`` ones of its tokens (rows, n), which stand to the right.

        Returns float32 logits (rows, vocabulary) of what comes after the last column, where the
        network computes; of rows whose last token is padding they mean nothing.
        """


def begin(base: Base, prompt: NDArray[np.int64], way: Way) -> Session:
    """Return one row that has read a prompt (n,), of at least one token."""
    return _SESSIONS[way](base, prompt)


class Shared:
    """Keys and values of the prompt are kept once, those of a row's own tokens beside them.

    Rows that read nothing at a time are left out of the network's pass. Raises TypeError where the
    network forgets what it read, or its attention is not of the plain kind.
    """

    def __init__(self, base: Base, prompt: NDArray[np.int64]) -> None:
        self._base = base
        cache = DynamicCache(config=base.network.config)
        _read(base, prompt[None], past_key_values=cache)
        self._parts = prompt_parts(cache)
        self._layers = self._layers_for(1)
        self._seen = torch.zeros((1, 0), dtype=torch.bool, device=base.device)
        self._position = torch.full((1,), len(prompt), device=base.device)

    def _layers_for(self, rows: int) -> list[PromptLayer]:
        return [PromptLayer(keys, values, rows) for keys, values in self._parts]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """See :class:`Session`."""
        return self._position.cpu().numpy()

    def fork(self, rows: int) -> Shared:
        """See :class:`Session`."""
        other = copy.copy(self)
        other._layers = self._layers_for(rows)
        other._seen = self._seen.repeat(rows, 1)
        other._position = self._position.repeat(rows)
        return other

    def feed(self, tokens: NDArray[np.int64], real: Mask) -> Tensor:
        """See :class:`Session`."""
        own = np.flatnonzero(real.any(axis=1))
        device = self._base.device
        if not len(own):
            return torch.zeros((len(real), self._base.vocabulary.size), device=device)
        new, some = torch.from_numpy(real).to(device), torch.from_numpy(own).to(device)
        before, self._position = self._position, self._position + new.sum(dim=1)
        self._seen = torch.cat([self._seen, new], dim=1)
        for layer in self._layers:
            layer.reading = None if len(own) == len(real) else some
        positions = (before[:, None] + new.cumsum(dim=1) - 1).clamp_(min=0)
        with shared_attention(self._base.network):
            logits = _read(
                self._base,
                tokens[own],
                positions[some],
                past_key_values=Cache(layers=list(self._layers)),
                attention_mask=_visible(self._seen[some], new.shape[1]),
                shared=self._layers,
            )
        if len(own) == len(real):
            return logits
        return logits.new_zeros((len(real), logits.shape[1])).index_copy_(0, some, logits)


def _visible(seen: Tensor, n: int) -> Tensor:
    """Return which of its row's tokens (r, 1, n, own) each of the last ``n`` may see."""
    later = torch.ones((n, n), dtype=torch.bool, device=seen.device).triu(1)
    mask = seen[:, None, None].repeat(1, 1, n, 1)
    mask[..., -n:].masked_fill_(later, False)
    return mask


class Kept:
    """Keys and values of what was read are kept with each row, the prompt's too."""

    def __init__(self, base: Base, prompt: NDArray[np.int64]) -> None:
        self._base = base
        self._cache = DynamicCache(config=base.network.config)
        self._seen = torch.ones((1, 0), dtype=torch.int64, device=base.device)
        self._position = torch.zeros(1, dtype=torch.int64, device=base.device)
        self.feed(prompt[None], np.ones((1, len(prompt)), dtype=bool))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """See :class:`Session`."""
        return self._position.cpu().numpy()

    def fork(self, rows: int) -> Kept:
        """See :class:`Session`."""
        other = copy.copy(self)
        other._cache = copy.deepcopy(self._cache)
        other._cache.batch_repeat_interleave(rows)
        other._seen = self._seen.repeat(rows, 1)
        other._position = self._position.repeat(rows)
        return other

    def feed(self, tokens: NDArray[np.int64], real: Mask) -> Tensor:
        """See :class:`Session`."""
        mask = torch.from_numpy(real.astype(np.int64)).to(self._base.device)
        positions = (self._position[:, None] + mask.cumsum(dim=1) - 1).clamp_(min=0)
        self._seen = torch.cat([self._seen, mask], dim=1)
        self._position = self._position + mask.sum(dim=1)
        kept = self._cache
        return _read(self._base, tokens, positions, past_key_values=kept, attention_mask=self._seen)


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
        logits: Tensor = self._base.network(
            input_ids=torch.from_numpy(ids).to(device),
            attention_mask=torch.from_numpy(mask).to(device),
            use_cache=False,
        ).logits
        last = torch.from_numpy(mask.sum(axis=1) - 1).to(device)
        return logits[torch.arange(len(rows), device=device), last].float()


_SESSIONS: dict[Way, type[Shared | Kept | Anew]] = {"shared": Shared, "kept": Kept, "anew": Anew}


@torch.inference_mode()
def _read(
    base: Base, tokens: NDArray[np.int64], positions: Tensor | None = None, **named: Any
) -> Tensor:
    """Return the logits (rows, vocabulary) after the last of tokens (rows, n) that are read."""
    if positions is not None and "position_ids" in base.arguments:
        named["position_ids"] = positions
    if "logits_to_keep" in base.arguments:
        named["logits_to_keep"] = 1
    given = torch.from_numpy(tokens).to(base.device)
    logits: Tensor = base.network(input_ids=given, use_cache=True, **named).logits
    return logits[:, -1].float()


def fitting(base: Base, session: Session, real: Mask) -> Mask:
    """Say which rows have room for the ``real`` ones (rows, n) of their next tokens."""
    limit = base.positions
    if limit is None:
        return np.ones(len(real), dtype=bool)
    return np.asarray(session.lengths + real.sum(axis=1) <= limit)


def way_of(base: Base) -> Way:
    """Return the quickest way of reading on that gives the logits of reading anew.

    A network that sees only so many tokens back counts padding among them where it keeps what it
    read: of prompts beyond that, rows with padding see a little less than they would anew.
    """
    quick: tuple[Way, ...] = ("shared", "kept")
    return next((way for way in quick if _agrees(base, way)), "anew")


_TRIAL = ([[0] * 15 + [1], [1] * 16], [[1], [0]], [[1], [1]])
"""What is real of what two rows read: much padding in one, which tells in half precision too."""


def _agrees(base: Base, way: Way) -> bool:
    """Say whether rows that are read in pieces have the logits of those that are read anew."""
    some = np.resize(np.array(sorted(base.vocabulary.tokens)[:6], dtype=np.int64), 6)
    try:
        found = _tried(base, way, some)
    except (TypeError, ValueError, RuntimeError, LookupError, AttributeError) as error:
        # A network that knows no such cache, mask or attention says so wherever it stumbles over
        # it: its forward pass takes no such argument, or shapes do not go together. All of it means
        # the same, that its rows are read in another way; only memory that does not suffice means
        # another thing.
        if ran_out(error):
            raise
        return False
    plain = _tried(base, "anew", some)
    size = plain.abs().max().clamp(min=1.0)
    slack = _TOLERANCES.get(getattr(base.network, "dtype", torch.float32), _COARSE)
    return bool((found - plain).abs().max() / size < slack)


def _tried(base: Base, way: Way, some: NDArray[np.int64]) -> Tensor:
    rows = begin(base, some[:2], way).fork(2)
    for reads in _TRIAL:
        real = np.array(reads, dtype=bool)
        logits = rows.feed(np.resize(some, real.shape), real)
    return logits
