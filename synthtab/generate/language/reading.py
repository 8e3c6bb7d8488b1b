"""How likely a network finds rows behind a prompt: the loss that tuning lowers.

It is −log P of a row's values given schema, statistics and what the row has so far, which is what
decoding draws from. Keys and punctuation are put in and never drawn, so that they count nothing;
that loss on the answer alone serves better than on all of a text is also what Dettmers et al.,
"QLoRA" (2023, table 10), found. All rows have one prompt. It is read once for a batch, and what
attention keeps of it is shared by the rows, gradients included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from transformers import DynamicCache

from synthtab.batch import Batch
from synthtab.errors import UsageError
from synthtab.generate.language.loading import Base
from synthtab.generate.language.template import RowTokens, Template
from synthtab.generate.weights import quiet

_AT_ONCE = 16
"""So many rows are read at a time where they are only looked at."""


@dataclass(frozen=True)
class Lines:
    """Rows as tokens, each with a mark of those that are a value's; ``prompt`` stands before."""

    prompt: tuple[int, ...]
    rows: tuple[RowTokens, ...]
    padding: int

    @classmethod
    def of(cls, base: Base, prompt: Sequence[int], template: Template, batch: Batch) -> Lines:
        """Write the rows of a batch behind a prompt's tokens. DataError as Template.row_tokens."""
        return cls(tuple(prompt), tuple(template.row_tokens(batch)), base.vocabulary.end)

    def check_length(self, limit: int | None) -> None:
        """Raise UsageError where a row is longer than a network that reads so much can read."""
        longest, prompt = int(self.lengths.max(initial=0)), len(self.prompt)
        if limit is not None and prompt + longest > limit:
            raise UsageError(
                f"the model reads {limit:,} tokens; the prompt takes {prompt:,} and the longest "
                f"row {longest:,}: give a shorter prompt (fewer examples), or a model that reads "
                "more"
            )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """How many tokens each row has (rows,)."""
        return np.array([len(ids) for ids, _ in self.rows], dtype=np.int64)

    def values(self, chosen: Sequence[int]) -> int:
        """Return how many tokens of these rows are a value's."""
        return sum(sum(self.rows[k][1]) for k in chosen)

    def padded(self, chosen: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return the tokens (rows, longest) of these rows, and which are a value's.

        Padding stands to the right, where nothing attends to it.
        """
        width = max(len(self.rows[k][0]) for k in chosen)
        tokens = torch.full((len(chosen), width), self.padding, dtype=torch.int64)
        drawn = torch.zeros((len(chosen), width), dtype=torch.bool)
        for at, k in enumerate(chosen):
            ids, values = self.rows[k]
            tokens[at, : len(ids)] = torch.tensor(ids)
            drawn[at, : len(ids)] = torch.tensor(values)
        return tokens, drawn


def row_losses(network: Any, lines: Lines, chosen: Sequence[int], *, shared: bool) -> Tensor:
    """Return −log P of the values of each chosen row (rows,), in nats, float32.

    ``shared`` reads the prompt once for all of them; otherwise it is read with every row, which
    takes longer and gives the same.
    """
    device = network.device
    tokens, drawn = (part.to(device) for part in lines.padded(chosen))
    prompt = torch.tensor(lines.prompt, dtype=torch.int64, device=device)[None]
    given, wanted, counted = tokens[:, :-1], tokens[:, 1:], drawn[:, 1:]
    if shared:
        cache = DynamicCache(config=network.config)
        network(input_ids=prompt, past_key_values=cache, use_cache=True)
        if len(chosen) > 1:
            cache.batch_repeat_interleave(len(chosen))
        logits = network(input_ids=given, past_key_values=cache, use_cache=True).logits
    else:
        whole = torch.cat([prompt.expand(len(chosen), -1), given], dim=1)
        logits = network(input_ids=whole, use_cache=False).logits[:, prompt.shape[1] :]
    each = functional.cross_entropy(logits[counted].float(), wanted[counted], reduction="none")
    rows = torch.arange(len(chosen), device=device)[:, None].expand_as(counted)[counted]
    return torch.zeros(len(chosen), device=device).index_add(0, rows, each)


@torch.inference_mode()
def log_probabilities(base: Base, lines: Lines, *, shared: bool) -> NDArray[np.float64]:
    """Return log P of the values of each row (rows,), in nats; -inf of those that do not fit."""
    base.network.eval()
    found = np.full(len(lines), -np.inf)
    fit = np.arange(len(lines))
    if base.positions is not None:
        fit = np.flatnonzero(len(lines.prompt) + lines.lengths <= base.positions)
    # Rows of like length together: a batch is as wide as its longest.
    fit = fit[np.argsort(lines.lengths[fit], kind="stable")]
    for start in range(0, len(fit), _AT_ONCE):
        some = fit[start : start + _AT_ONCE]
        with quiet():  # GPT-2 warns of padding that it mistakes for text
            losses = row_losses(base.network, lines, some.tolist(), shared=shared)
        found[some] = -losses.double().cpu().numpy()
    return found
