"""Texts of any length through a network that reads so many tokens at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from synthtab.errors import SavedModelError

Forward = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Gives a vector for each window, shape (windows, d), of its tokens and their mask (0: padding)."""

MOST_TOKENS = 512
_AT_ONCE = 32


def through_windows(
    tokenizer: Any,
    texts: Sequence[str],
    window: int,
    forward: Forward,
    *,
    pad: int = 0,
    full: bool = False,
) -> NDArray[np.float64]:
    """Return the mean of each text's windows, weighted by their tokens, shape (texts, d).

    No text is cut off: what is beyond ``window`` tokens is in the next window. Windows of like
    length go through the network together, padded by ``pad``, or to ``window`` where ``full``.
    A text without tokens gives zeros.
    """
    given = tokenizer(
        list(texts),
        truncation=True,
        max_length=window,
        return_overflowing_tokens=True,
        return_attention_mask=False,
        return_token_type_ids=False,
    )
    ids, owners = given["input_ids"], given["overflow_to_sample_mapping"]
    order = sorted((k for k in range(len(ids)) if ids[k]), key=lambda k: len(ids[k]))
    sums: NDArray[np.float64] | None = None
    weights = np.zeros(len(texts))
    for first in range(0, len(order), _AT_ONCE):
        some = order[first : first + _AT_ONCE]
        width = window if full else len(ids[some[-1]])
        tokens = torch.full((len(some), width), pad, dtype=torch.long)
        mask = torch.zeros((len(some), width), dtype=torch.long)
        for row, k in enumerate(some):
            tokens[row, : len(ids[k])] = torch.tensor(ids[k])
            mask[row, : len(ids[k])] = 1
        with torch.inference_mode():
            vectors = forward(tokens, mask).double().numpy()
        if sums is None:
            sums = np.zeros((len(texts), vectors.shape[1]))
        for row, k in enumerate(some):
            sums[owners[k]] += len(ids[k]) * vectors[row]
            weights[owners[k]] += len(ids[k])
    if sums is None:
        with torch.inference_mode():
            blank = torch.full((1, 1), pad, dtype=torch.long)
            return np.zeros((len(texts), forward(blank, torch.ones_like(blank)).shape[1]))
    return sums / np.maximum(weights, 1)[:, None]


def check_tokenizer(tokenizer: Any, directory: Any) -> None:
    """Raise SavedModelError for a tokenizer that cannot cut texts into windows."""
    if not getattr(tokenizer, "is_fast", False):
        raise SavedModelError(
            f"the tokenizer in {directory} is of a kind without windows: save it with a "
            "tokenizer.json"
        )
