"""Attention of rows that share a prompt: its keys and values are kept once, not with each row.

A row attends to the prompt and to what it has read itself. The two parts are multiplied apart and
share one softmax, which is exact: weights are divided by the sum over both (Juravsky et al.,
"Hydragen", 2024, section 3). All rows meet the prompt in one product of matrices, and a row's own
part is short.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, DynamicCache
from transformers.cache_utils import CacheLayerMixin, DynamicLayer

NAME = "synthtab_shared"
_HARMLESS = frozenset(
    {
        "cache_position",
        "dropout",
        "is_causal",
        "output_attentions",
        "output_router_logits",
        "position_ids",
        "use_cache",
    }
)
"""What a layer may say of its attention that changes nothing here, with padding masked."""
_LEAST_ROOM = 32


class PromptLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """What one layer keeps of a prompt, and of the tokens that each row has read since.

    ``prompt_keys`` and ``prompt_values`` are (heads, tokens, size). The rows' own stand in room
    that doubles when it is full, so that a token is copied twice at most. ``reading`` are the rows
    that read now; None: all of them.
    """

    def __init__(self, prompt_keys: Tensor, prompt_values: Tensor, rows: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.prompt_keys, self.prompt_values = prompt_keys, prompt_values
        self.reading: Tensor | None = None
        self._filled = 0
        self._keys, self._values = (
            part.new_empty((rows, part.shape[0], _LEAST_ROOM, part.shape[2]))
            for part in (prompt_keys, prompt_values)
        )
        self.is_initialized = True

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Do nothing: there is room from the first."""

    def update(
        self, key_states: Tensor, value_states: Tensor, *_given: Any, **_named: Any
    ) -> tuple[Tensor, Tensor]:
        """Add keys and values (reading, heads, n, size); return those all rows have by now."""
        start, self._filled = self._filled, self._filled + key_states.shape[-2]
        self._keys = self._put(self._keys, key_states, start)
        self._values = self._put(self._values, value_states, start)
        return self._keys[:, :, : self._filled], self._values[:, :, : self._filled]

    def _put(self, room: Tensor, new: Tensor, start: int) -> Tensor:
        if self._filled > room.shape[2]:
            size = max(self._filled, 2 * room.shape[2])
            grown = room.new_empty((*room.shape[:2], size, room.shape[3]))
            grown[:, :, :start] = room[:, :, :start]
            room = grown
        if self.reading is None:
            room[:, :, start : self._filled] = new
        else:
            # What rows that do not read have here is masked; it must be numbers all the same.
            room[:, :, start : self._filled] = 0
            room[self.reading, :, start : self._filled] = new
        return room

    def times(self, part: Tensor, own: Tensor) -> Tensor:
        """Return products of matrices, (reading, ...) with those of the same rows in (rows, ...).

        What rows keep is not copied: those that do not read are multiplied with nothing.
        """
        if self.reading is None:
            return part @ own
        spread = part.new_zeros((len(own), *part.shape[1:])).index_copy_(0, self.reading, part)
        return (spread @ own)[self.reading]

    def get_seq_length(self) -> int:
        """Return how many tokens there are before the next, padding included."""
        return int(self.prompt_keys.shape[-2]) + self._filled

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return the length of the rows' own part with so many tokens more, and where it begins."""
        return self._filled + query_length, 0

    def get_max_length(self) -> int:
        """Return -1: it grows."""
        return -1


def prompt_parts(cache: DynamicCache) -> list[tuple[Tensor, Tensor]]:
    """Return the keys and values (heads, tokens, size) that each layer has kept of one prompt.

    Raises TypeError where a layer forgets, or keeps something else or nothing.
    """
    parts = []
    for layer in cache.layers:
        if type(layer) is not DynamicLayer:
            raise TypeError(f"{type(layer).__name__} does not keep all keys and values")
        keys, values = layer.keys, layer.values
        if keys is None or values is None:
            raise TypeError("a layer that has read a prompt has kept nothing of it")
        parts.append((keys[0], values[0]))
    return parts


@contextmanager
def shared_attention(network: Any) -> Iterator[None]:
    """Let a network's layers compute attention by :func:`attend`.

    Nothing else may compute with the network meanwhile. Of one that sees as well, only what reads
    text is changed: what is set for all of it reaches its parts, which may each have had their own.
    """
    config = network.config.get_text_config(decoder=True)
    before = config._attn_implementation
    config._attn_implementation = NAME
    try:
        yield
    finally:
        config._attn_implementation = before


def attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor,
    scaling: float | None = None,
    shared: list[PromptLayer] | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Return what rows (r, n, heads, size) attend to, in the prompt of their layer and their own.

    ``query`` is (r, heads, n, size), ``key`` and ``value`` (rows, kv heads, own, size) of all rows,
    those that wait too, and the mask (r, 1, n, own) says which of its own tokens each token may
    see; of the prompt it sees all.
    Raises TypeError where a layer asks for something else than plain attention.
    """
    unknown = {name for name, what in others.items() if what is not None} - _HARMLESS
    if shared is None or unknown:
        raise TypeError(f"no plain attention to a shared prompt: {', '.join(sorted(unknown))}")
    layer = shared[module.layer_idx]
    rows, heads, n, size = query.shape
    kv = key.shape[1]
    group = heads // kv
    grouped = (query * (size**-0.5 if scaling is None else scaling)).reshape(rows, kv, -1, size)
    together = grouped.transpose(0, 1).reshape(kv, -1, size)
    far = (together @ layer.prompt_keys.mT).float()
    near = layer.times(grouped, key.mT).float().view(rows, kv, group, n, -1)
    near = near.masked_fill(~attention_mask[:, :, None], -torch.inf).view(rows, kv, group * n, -1)
    mass = torch.logaddexp(
        far.logsumexp(dim=-1).view(kv, rows, -1).transpose(0, 1), near.logsumexp(dim=-1)
    )
    of_all = mass.transpose(0, 1).reshape(kv, -1, 1)
    from_prompt = (far - of_all).exp_().to(value.dtype) @ layer.prompt_values
    from_own = layer.times((near - mass[..., None]).exp_().to(value.dtype), value)
    found = from_prompt.view(kv, rows, group * n, -1).transpose(0, 1) + from_own
    return found.reshape(rows, heads, n, -1).transpose(1, 2), None


AttentionInterface.register(NAME, attend)
