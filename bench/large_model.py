"""Language models of the shapes that people use, with random weights made where they compute."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast

from bench.byte_level import byte_level
from bench.device import GIB, Device
from bench.language_texts import repository
from synthtab.generate.language.loading import Base, make_base


@dataclass(frozen=True)
class Shape:
    """The shape of a Llama.

    ``inner`` is the width within the two-layer networks, ``tied`` says that tokens are read and
    written by the same weights, ``positions`` how many tokens are read. The tokenizer has
    ``spelled`` tokens at most, of the ``tokens`` that the network gives logits of.
    """

    name: str
    layers: int
    hidden: int
    inner: int
    heads: int
    kv_heads: int
    tied: bool
    tokens: int = 128_256
    spelled: int = 128_256
    positions: int = 8_192

    @property
    def config(self) -> LlamaConfig:
        """The shape as transformers has it."""
        return LlamaConfig(
            vocab_size=self.tokens,
            hidden_size=self.hidden,
            intermediate_size=self.inner,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.kv_heads,
            max_position_embeddings=self.positions,
            tie_word_embeddings=self.tied,
            rms_norm_eps=1e-5,
            rope_parameters={"rope_type": "default", "rope_theta": 500_000.0},
            bos_token_id=None,
            eos_token_id=0,
            pad_token_id=0,
        )

    @cached_property
    def parameters(self) -> int:
        """How many weights it has; none is made to count them."""
        with torch.device("meta"):
            return sum(
                p.numel() for p in AutoModelForCausalLM.from_config(self.config).parameters()
            )


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("llama-8b", 32, 4_096, 14_336, 32, 8, tied=False),
        Shape("1b", 16, 2_048, 8_192, 32, 8, tied=True),
        Shape("tiny", 2, 64, 128, 4, 2, tied=False, tokens=2_048, spelled=1_500),
    )
}
"""Those of Llama 3 with 8 billion weights, of Llama 3.2 with one, and one to try this with."""


def network(shape: Shape, device: Device, seed: int) -> Any:
    """Return a network whose weights are drawn on its device, in its dtype, for drawing rows."""
    gpus = [device.where] if device.is_gpu else []
    with torch.random.fork_rng(devices=gpus), device.where:
        torch.manual_seed(seed)
        return AutoModelForCausalLM.from_config(shape.config, dtype=device.dtype).eval()


@dataclass
class Large:
    """A model that can be made anew, as one is not to be used when memory has run out in tuning.

    Ids beyond the tokenizer's stand for no bytes: a mask never lets them through, and drawn freely
    they make a cell malformed.
    """

    shape: Shape
    device: Device
    seed: int
    texts: Iterable[str] | None = None
    seconds: float = 0.0
    _base: Base | None = field(default=None, repr=False)

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerFast:
        """A byte-level one, trained on the texts: this repository's where none are given."""
        texts = repository() if self.texts is None else self.texts
        return byte_level(texts, self.shape.spelled)

    @property
    def base(self) -> Base:
        """The model; ``seconds`` is how long its weights took. SystemExit where it has no room."""
        if self._base is None:
            self._refuse_too_large()
            tokenizer, started = self.tokenizer, self.device.now()
            made = network(self.shape, self.device, self.seed)
            self.seconds = self.device.now() - started
            self._base = make_base(made, tokenizer)
        return self._base

    @property
    def weights(self) -> int:
        """How many bytes the weights take."""
        return self.shape.parameters * self.device.dtype.itemsize

    def renew(self) -> None:
        """Let the model go, so that it is made anew."""
        self._base = None
        self.device.forget_peak()

    def described(self) -> str:
        """Return what the model is, in words."""
        base, kind = self.base, str(self.device.dtype).removeprefix("torch.")
        return (
            f"A Llama of the shape `{self.shape.name}`: {self.shape.parameters:,} weights of "
            f"{kind}, drawn at random in {self.seconds:.1f} s; "
            f"{self.shape.tokens:,} logits, of which {len(base.vocabulary.tokens):,} are of "
            "tokens that stand for bytes"
        )

    def _refuse_too_large(self) -> None:
        if self.weights > self.device.memory:
            there = "GPU" if self.device.is_gpu else "machine, which has no GPU,"
            raise SystemExit(
                f"bench: the weights of `{self.shape.name}` take {self.weights / GIB:,.1f} GiB, "
                f"and this {there} has {self.device.memory / GIB:.1f} GiB; use a smaller --shape "
                f"({', '.join(SHAPES)})"
            )
