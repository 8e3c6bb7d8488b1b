"""The language model: a small Llama made for one table, with an output layer cut per position.

The weights, their names and the configuration are those of ``transformers``' LlamaForCausalLM with
tied embeddings, so a saved model opens there too. Only the way to the loss is our own: each
position of a row has symbols of its own, and the loss needs the logits of those alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from synthtab.generate.tokenizer import BOS, Layout

EXAMPLES = "examples_before"
"""Under this name the configuration says how many rows stand before each; without it none do."""


@dataclass(frozen=True)
class ModelConfig:
    """The shape of the network; the table decides vocabulary and length."""

    hidden: int = 96
    layers: int = 3
    heads: int = 4
    kv_heads: int = 2
    feed_forward: int = 256
    rope_theta: float = 10_000.0
    norm_eps: float = 1e-5

    def llama(
        self, vocabulary: int, length: int, *, examples: int = 0, tied: bool = True
    ) -> LlamaConfig:
        """Return the configuration for transformers, for rows of ``length`` positions.

        So many ``examples`` stand before each row. Where the output layer is not ``tied``, its
        weights are not those of the embeddings.
        """
        config = LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=self.hidden,
            intermediate_size=self.feed_forward,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.kv_heads,
            max_position_embeddings=(examples + 1) * (length + 1),
            rope_parameters={"rope_type": "default", "rope_theta": self.rope_theta},
            rms_norm_eps=self.norm_eps,
            tie_word_embeddings=tied,
            bos_token_id=BOS,
            eos_token_id=None,
            pad_token_id=None,
            attention_bias=False,
            mlp_bias=False,
        )
        if examples:
            setattr(config, EXAMPLES, examples)
        return config


def new_network(
    config: ModelConfig, layout: Layout, seed: int, examples: int = 0
) -> LlamaForCausalLM:
    """Make a network with random weights that depend on the seed and nothing else."""
    network = blank_network(config.llama(layout.vocabulary, layout.length, examples=examples))
    random_weights(network, torch.Generator().manual_seed(seed))
    return network


def random_weights(network: torch.nn.Module, random: torch.Generator) -> None:
    """Set all weights, in place: matrices at random and small, gains to one."""
    for parameter in network.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.02, generator=random)
        else:
            torch.nn.init.ones_(parameter)


def blank_network(config: LlamaConfig) -> LlamaForCausalLM:
    """Make a network whose weights are still to be set; no global random state is used up."""
    with torch.random.fork_rng(devices=[]):
        return LlamaForCausalLM(config)


def examples_before(network: LlamaForCausalLM) -> int:
    """Return how many rows a network reads before each; ValueError where that is no number."""
    number = getattr(network.config, EXAMPLES, 0)
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise ValueError(f"{EXAMPLES} is {number!r}, not how many rows stand before each")
    return number


def rope_theta(network: LlamaForCausalLM) -> float:
    """Return the base of the rotary embedding's frequencies."""
    parameters: Any = network.config.rope_parameters
    return float(parameters["rope_theta"])


def tokens_of(layout: Layout, symbols: Tensor) -> Tensor:
    """Return token ids (..., positions) of symbols of the same shape."""
    return symbols + torch.from_numpy(layout.starts[:-1])


def position_losses(network: LlamaForCausalLM, layout: Layout, symbols: Tensor) -> Tensor:
    """Return the mean cross-entropy (positions,) in nats of each position given those before.

    ``symbols`` are (rows, positions), or (rows, K + 1, positions): the last one's loss is meant,
    given the rows before it as well.
    """
    return _losses(network, layout, symbols, "mean")


def row_log_probabilities(network: LlamaForCausalLM, layout: Layout, symbols: Tensor) -> Tensor:
    """Return the logarithm (rows,) of how likely the network writes each row of symbols."""
    return -_losses(network, layout, symbols, "none").sum(dim=0)


def shifted(layout: Layout, rows: Tensor) -> Tensor:
    """Return the token that stands before each symbol of rows (number, K + 1, positions).

    The result is (number, (K + 1) x (positions + 1) - 1): each row begins with the same token, and
    what the last symbol leads to is not asked for.
    """
    return functional.pad(tokens_of(layout, rows), (1, 0), value=BOS).flatten(1)[:, :-1]


def _losses(network: LlamaForCausalLM, layout: Layout, symbols: Tensor, reduction: str) -> Tensor:
    """Return cross-entropies in nats: (positions,) means, or (positions, rows) for ``none``."""
    rows = symbols.reshape(len(symbols), -1, layout.length)
    hidden = network.model(input_ids=shifted(layout, rows), use_cache=False).last_hidden_state
    own = hidden[:, -layout.length :]
    return cross_entropies(own, network.lm_head.weight, layout, rows[:, -1], reduction)


def cross_entropies(
    hidden: Tensor, weight: Tensor, layout: Layout, symbols: Tensor, reduction: str
) -> Tensor:
    """Return cross-entropies in nats of rows of symbols given what came out before each.

    ``hidden`` is (rows, positions, hidden), ``weight`` (tokens, hidden) the output layer. The
    result is (positions,) for the ``reduction`` "mean", (positions, rows) for "none".
    """
    losses = []
    for position in range(layout.length):
        a, b = int(layout.starts[position]), int(layout.starts[position + 1])
        logits = functional.linear(hidden[:, position], weight[a:b])
        losses.append(functional.cross_entropy(logits, symbols[:, position], reduction=reduction))
    return torch.stack(losses)
