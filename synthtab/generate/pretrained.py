"""A pretrained causal language model from a directory, writing text that a grammar allows.

Outlines masks the tokens, by its llguidance backend. Weights are read from safetensors only,
nothing is fetched, and no code of the model's own is run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from outlines import from_transformers
from outlines.backends import get_cfg_logits_processor
from transformers import AutoModelForCausalLM, AutoTokenizer, LogitsProcessorList

from synthtab.errors import SavedModelError, UsageError
from synthtab.generate.language.chat import framed, has_chat
from synthtab.generate.weights import LOCAL, complete, open_pretrained


@dataclass(frozen=True)
class PretrainedWriter:
    """A model and its tokenizer; ``outlines`` is Outlines' view of the two."""

    network: Any
    tokenizer: Any
    outlines: Any

    @classmethod
    def load(cls, directory: Path) -> PretrainedWriter:
        """Read a model that transformers saved.

        Raises UsageError where there is none that may be read, SavedModelError where it is damaged.
        """
        _require_llguidance()
        # In the precision that it was saved in: in float32 a large one takes twice the memory.
        network, tokenizer = open_pretrained(
            directory,
            [
                lambda: complete(AutoModelForCausalLM, directory, dtype="auto"),
                lambda: AutoTokenizer.from_pretrained(directory, **LOCAL),
            ],
            "language model",
        )
        if tokenizer.eos_token_id is None:
            raise SavedModelError(f"the tokenizer in {directory} has no token that ends a text")
        return cls.of(network, tokenizer)

    @classmethod
    def of(cls, network: Any, tokenizer: Any) -> PretrainedWriter:
        """Write with a model that is in memory. Raises UsageError where llguidance is missing."""
        _require_llguidance()
        network.eval()
        return cls(network, tokenizer, from_transformers(network, tokenizer))

    def write(
        self, prompt: str, grammar: str, *, max_tokens: int, seed: int | None = None
    ) -> str | None:
        """Return a text that goes on from one prompt; see :meth:`write_all`."""
        return self.write_all([prompt], grammar, max_tokens=max_tokens, seed=seed)[0]

    def write_all(
        self, prompts: Sequence[str], grammar: str, *, max_tokens: int, seed: int | None = None
    ) -> list[str | None]:
        """Return a text of the grammar that goes on from each prompt; None where it got too long.

        All are written together. Without a seed the likeliest token is taken each time, with one
        they are drawn. Raises UsageError where a prompt does not fit into what the model can read.
        """
        if not prompts:
            return []
        chat, end = has_chat(self.tokenizer), self.tokenizer.eos_token_id
        # The template writes the token that begins a text as well.
        read = [
            self.tokenizer(
                framed(self.tokenizer, prompt) if chat else prompt, add_special_tokens=not chat
            )["input_ids"]
            or [end]
            for prompt in prompts
        ]
        length = max(map(len, read))
        config = self.network.config.get_text_config(decoder=True)
        limit = getattr(config, "max_position_embeddings", None)
        if limit is not None and length + max_tokens > limit:
            raise UsageError(
                f"the model reads {limit:,} tokens, and the prompt takes {length:,} besides "
                f"{max_tokens:,} for the answer: use a model that reads more"
            )
        # Answers begin together, so that padding stands to the left, where nobody attends to it.
        given = torch.tensor([[end] * (length - len(ids)) + ids for ids in read])
        real = torch.tensor([[0] * (length - len(ids)) + [1] * len(ids) for ids in read])
        device = self.network.device
        masks = get_cfg_logits_processor("llguidance", self.outlines, grammar)
        # llguidance would have its mask kernel compiled: half a minute to save microseconds.
        eager = torch.compiler.set_stance("force_eager")
        drawing = torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])
        with eager, drawing, torch.inference_mode():
            if seed is not None:
                torch.manual_seed(seed)
            made = self.network.generate(
                input_ids=given.to(device),
                attention_mask=real.to(device),
                max_new_tokens=max_tokens,
                do_sample=seed is not None,
                logits_processor=LogitsProcessorList([masks]),
                eos_token_id=end,
                pad_token_id=end,
            )
        return [self._finished(ids) for ids in made[:, length:].tolist()]

    def _finished(self, ids: list[int]) -> str | None:
        """Return an answer up to the token that ends it; None where there is none."""
        end = self.tokenizer.eos_token_id
        if end not in ids:
            return None
        answer = ids[: ids.index(end)]
        return str(self.tokenizer.decode(answer, skip_special_tokens=True)).strip()


def _require_llguidance() -> None:
    """Raise UsageError where what masks tokens by a grammar is missing."""
    if find_spec("llguidance") is None:
        raise UsageError(
            "to write within a grammar takes llguidance: pip install 'synthtab[translate]'"
        )
