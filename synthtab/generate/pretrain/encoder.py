"""From what is known of symbols to their vectors: the part of a domain model that reads schemas.

A row is written by a network whose embeddings are not learned symbol by symbol but computed of
their descriptions, so that the same weights read any table. What goes into the network before a
position is the vector of the symbol just written, and one that announces what the position is to
hold; what comes out is compared with the vectors of the position's symbols.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from synthtab.generate.pretrain.symbols import BUCKETS, PLACE_FACTS, SYMBOL_FACTS, Described


class SymbolEncoder(nn.Module):
    """Computes the vectors of tokens, ``hidden`` wide, of their descriptions."""

    def __init__(self, hidden: int, words: int = 48, inner: int = 128) -> None:
        super().__init__()
        self.words = nn.EmbeddingBag(BUCKETS, words, mode="mean")
        whole = 2 * words + SYMBOL_FACTS + PLACE_FACTS
        self.read = _mlp(whole, inner, hidden)
        self.compare = _mlp(whole, inner, hidden)
        self.announce = _mlp(words + PLACE_FACTS, inner, hidden)
        self.prior = nn.Parameter(torch.zeros(hidden))
        self.start = nn.Parameter(torch.zeros(hidden))

    def inputs(self, told: Described, named: bool = True) -> Tensor:
        """Return what each token is read as (tokens, hidden), the first the one before every row.

        A table that is not ``named`` is read without any words: the network then has types and
        statistics alone.
        """
        places, symbols = self._known(told, named)
        announced = self.announce(places)
        follows = torch.cat([announced[1:], torch.zeros_like(announced[:1])])
        read = self.read(symbols) + follows[torch.from_numpy(told.position)]
        return torch.cat([(self.start + announced[0])[None], read])

    def outputs(self, told: Described, named: bool = True) -> Tensor:
        """Return what each token is compared with (tokens, hidden), the first, never, with 0."""
        _, symbols = self._known(told, named)
        frequency = torch.from_numpy(told.symbols[:, :1])
        compared = self.compare(symbols) + frequency * self.prior
        return torch.cat([torch.zeros_like(self.start)[None], compared])

    def _known(self, told: Described, named: bool) -> tuple[Tensor, Tensor]:
        """Return what is known of places (positions, facts) and of symbols (tokens, facts)."""
        names, labels = (self.words(*map(torch.from_numpy, w)) for w in (told.names, told.labels))
        if not named:
            names, labels = torch.zeros_like(names), torch.zeros_like(labels)
        column, position = torch.from_numpy(told.column), torch.from_numpy(told.position)
        places = torch.cat([names[column], torch.from_numpy(told.places)], dim=1)
        symbols = [places[position], labels, torch.from_numpy(told.symbols)]
        return places, torch.cat(symbols, dim=1)


def _mlp(into: int, inner: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(into, inner), nn.SiLU(), nn.Linear(inner, out))
