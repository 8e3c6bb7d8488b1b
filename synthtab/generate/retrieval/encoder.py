"""A text encoder of transformers or sentence-transformers, from a directory.

What the last layer says of each token is averaged over the text's tokens (Reimers and Gurevych,
"Sentence-BERT", 2019), unless the directory says otherwise (see ``sentence.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, AutoTokenizer

from synthtab.errors import SavedModelError
from synthtab.generate.retrieval.documents import Vectors
from synthtab.generate.retrieval.embedder import TEXT_ENCODER, clean, unit
from synthtab.generate.retrieval.sentence import Recipe, recipe_of
from synthtab.generate.retrieval.windows import MOST_TOKENS, check_tokenizer, through_windows
from synthtab.generate.weights import LOCAL, complete, open_pretrained


@dataclass(frozen=True)
class TextEncoder:
    """A network with its tokenizer. It is made by :meth:`load`; ``window`` is in tokens."""

    directory: Path
    network: Any
    tokenizer: Any
    recipe: Recipe
    window: int

    @classmethod
    def load(cls, directory: str | Path) -> TextEncoder:
        """Read an encoder. Raises UsageError where there is none that may be read.

        Raises SavedModelError where it is damaged.
        """
        place = Path(directory).absolute()
        recipe = recipe_of(place)
        home = recipe.network
        # The pooler of BERT is for another task than this one, and often not saved.
        network, tokenizer = open_pretrained(
            home,
            [
                lambda: complete(AutoModel, home, unused=("pooler.", "decoder.")),
                lambda: AutoTokenizer.from_pretrained(home, **LOCAL),
            ],
        )
        check_tokenizer(tokenizer, home)
        if network.config.is_encoder_decoder:
            network = network.get_encoder()
        network.eval()
        made = cls(place, network, tokenizer, recipe, _window(network, tokenizer, recipe))
        widths = [made._width, *(len(layer.weight) for layer in recipe.layers)]
        for width, layer in zip(widths, recipe.layers, strict=False):
            if layer.weight.shape[1] != width:
                raise SavedModelError(
                    f"a dense layer of {place} takes {layer.weight.shape[1]} numbers; it is given "
                    f"{width}"
                )
        return made

    @property
    def name(self) -> str:
        """What it is, for people."""
        return f"{self.directory.name} ({self.dimensions} dimensions)"

    @property
    def dimensions(self) -> int:
        """The length of its vectors."""
        return len(self.recipe.layers[-1].weight) if self.recipe.layers else self._width

    @property
    def _width(self) -> int:
        return int(self.network.config.hidden_size)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return a unit vector for each text that is to be found, shape (texts, dimensions)."""
        return self._embed([self.recipe.document + clean(text) for text in texts])

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Return a unit vector for each query, shape (texts, dimensions)."""
        return self._embed([self.recipe.query + clean(text) for text in texts])

    def to_dict(self) -> dict[str, Any]:
        """Return where it is; its weights are not copied."""
        return {"kind": TEXT_ENCODER, "path": str(self.directory)}

    def _embed(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return unit(torch.zeros((0, self.dimensions)).numpy())
        pooled = torch.from_numpy(
            through_windows(self.tokenizer, texts, self.window, self._forward)
        ).float()
        with torch.inference_mode():
            for layer in self.recipe.layers:
                pooled = layer(pooled)
        return unit(pooled.numpy())

    def _forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        states = self.network(input_ids=tokens, attention_mask=mask).last_hidden_state
        return pooled_states(states, mask, self.recipe.pooling)


def pooled_states(states: torch.Tensor, mask: torch.Tensor, pooling: str) -> torch.Tensor:
    """Return one vector of the tokens' states (n, tokens, d) where the mask (n, tokens) is 1."""
    kept = mask.unsqueeze(-1).bool()
    match pooling:
        case "cls":
            return states[:, 0]
        case "max":
            return states.masked_fill(~kept, -torch.inf).amax(dim=1)
        case "lasttoken":
            return states[torch.arange(len(states)), mask.sum(dim=1) - 1]
    total = states.masked_fill(~kept, 0.0).sum(dim=1)
    return total / mask.sum(dim=1, keepdim=True).clamp(min=1)


def _window(network: Any, tokenizer: Any, recipe: Recipe) -> int:
    """Return how many tokens are read at once: what the tokenizer, the positions and we allow."""
    limits: list[int] = [MOST_TOKENS, int(tokenizer.model_max_length)]
    limits += [] if recipe.window is None else [recipe.window]
    positions = getattr(network.config, "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0:
        limits.append(positions - _positions_lost(network))
    return max(min(limits), int(tokenizer.num_special_tokens_to_add()) + 1)


def _positions_lost(network: Any) -> int:
    """Return how many positions are none: RoBERTa's count on from the padding's number."""
    for name, module in network.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, torch.nn.Embedding):
            padding = module.padding_idx
            return 0 if padding is None else int(padding) + 1
    return 0
