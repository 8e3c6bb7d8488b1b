"""A network that reads schemas: one body for all tables, told of each by its description.

The body is that of a network made for one table (model.py) without its embeddings; those are
computed for a table by the encoder. Once they are, nothing tells the two apart: :meth:`network`
gives an ordinary network for the table, which is trained on, saved and decoded as any other.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import LlamaForCausalLM

from synthtab.generate.model import (
    ModelConfig,
    blank_network,
    cross_entropies,
    random_weights,
    shifted,
)
from synthtab.generate.places import Symbols
from synthtab.generate.pretrain.encoder import Facts, SymbolEncoder
from synthtab.generate.pretrain.symbols import describe
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

    def losses(self, layout: Layout, symbols: Tensor, facts: Facts, named: bool = True) -> Tensor:
        """Return the mean cross-entropy (positions,) in nats of rows of symbols.

        ``facts`` describe the layout. Rows that are not ``named`` are read without any words.
        """
        read, compared = self.encoder(facts, named)
        inputs = functional.embedding(shifted(layout, symbols[:, None]), read)
        hidden = self.body(inputs_embeds=inputs, use_cache=False).last_hidden_state
        return cross_entropies(hidden, compared, layout, symbols, "mean")

    @torch.no_grad()
    def network(self, layout: Layout, rows: Symbols, examples: int = 0) -> LlamaForCausalLM:
        """Return a network for one table, which knows it by its schema and these rows' statistics.

        ``rows`` (rows, positions) are symbols of the layout; without any, by its schema alone. It
        reads so many ``examples`` before each row, which it has not learned to make use of. What
        symbols are read as and what they are compared with differ, so the two are not tied.
        """
        config = self.config.llama(layout.vocabulary, layout.length, examples=examples, tied=False)
        network = blank_network(config)
        read, compared = self.encoder(Facts.of(describe(layout, rows)))
        body = {f"model.{name}": weight for name, weight in self.body.state_dict().items()}
        network.load_state_dict(
            {**body, "model.embed_tokens.weight": read, "lm_head.weight": compared}
        )
        return network
