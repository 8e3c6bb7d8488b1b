"""A network that reads schemas: one body for all tables, told of each by its description.

The body is that of a network made for one table (model.py) without its embeddings; those are
computed for a table by the encoder. While a table is learned the encoder learns along, so that what
is learned of one symbol holds for those like it. Then the embeddings are computed a last time, and
nothing is left that tells the network from any other.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize
from transformers import LlamaForCausalLM

from synthtab.generate.model import (
    ModelConfig,
    blank_network,
    cross_entropies,
    random_weights,
    shifted,
)
from synthtab.generate.places import Symbols
from synthtab.generate.pretrain.encoder import SymbolEncoder
from synthtab.generate.pretrain.symbols import Described, describe
from synthtab.generate.tokenizer import Layout

LONGEST = 1_024
"""Positions of a row that the body is told of; a longer row works, unlike any that was learned."""


class SchemaModel(nn.Module):
    """The body, ``config``'s shape, and the encoder of symbols."""

    def __init__(self, config: ModelConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        random = torch.Generator().manual_seed(seed)
        self.body = blank_network(config.llama(1, LONGEST, tied=False)).model
        # Embeddings are the encoder's.
        self.body.embed_tokens = nn.Identity()
        random_weights(self.body, random)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.encoder = SymbolEncoder(config.hidden)

    def losses(
        self, layout: Layout, symbols: Tensor, told: Described, named: bool = True
    ) -> Tensor:
        """Return the mean cross-entropy (positions,) in nats of rows of symbols.

        They are (rows, positions), and ``told`` describes the layout. Rows of a table that is not
        ``named`` are read without any words.
        """
        read = self.encoder.inputs(told, named)
        compared = self.encoder.outputs(told, named)
        inputs = functional.embedding(shifted(layout, symbols[:, None]), read)
        hidden = self.body(inputs_embeds=inputs, use_cache=False).last_hidden_state
        return cross_entropies(hidden, compared, layout, symbols, "mean")

    def network(self, layout: Layout, rows: Symbols, examples: int = 0) -> LlamaForCausalLM:
        """Return a network for one table, which knows it by its schema and these rows' statistics.

        ``rows`` (rows, positions) are symbols of the layout; without any, by its schema alone. It
        reads so many ``examples`` before each row, which it has not learned to make use of.

        Its embeddings are computed by a copy of the encoder, of which the network's parameters are
        a part, until they are :func:`settled`. What symbols are read as and what they are compared
        with differ, so the two are not tied.
        """
        config = self.config.llama(layout.vocabulary, layout.length, examples=examples, tied=False)
        network = blank_network(config)
        network.model.load_state_dict(self.body.state_dict(), strict=False)
        told, encoder = describe(layout, rows), copy.deepcopy(self.encoder)
        for place, computed in (
            (network.model.embed_tokens, _Inputs(encoder, told)),
            (network.lm_head, _Outputs(encoder, told)),
        ):
            parametrize.register_parametrization(place, _WEIGHT, computed, unsafe=True)
        return network


def settled(network: LlamaForCausalLM) -> LlamaForCausalLM:
    """Return a network whose embeddings were computed as one that has them as ordinary weights.

    It is the same object, and has nothing of the encoder left.
    """
    for place in (network.model.embed_tokens, network.lm_head):
        parametrize.remove_parametrizations(place, _WEIGHT, leave_parametrized=True)
    return network


_WEIGHT = "weight"


class _Computed(nn.Module):
    """Weights that are computed of a description, whatever they were."""

    def __init__(self, encoder: SymbolEncoder, told: Described) -> None:
        super().__init__()
        self.encoder, self.told = encoder, told

    def right_inverse(self, weight: Tensor) -> Tensor:
        """Return what is left of weights that were there: nothing."""
        return weight[:0]


class _Inputs(_Computed):
    def forward(self, _: Tensor) -> Tensor:
        """Return what tokens are read as."""
        return self.encoder.inputs(self.told)


class _Outputs(_Computed):
    def forward(self, _: Tensor) -> Tensor:
        """Return what tokens are compared with."""
        return self.encoder.outputs(self.told)
