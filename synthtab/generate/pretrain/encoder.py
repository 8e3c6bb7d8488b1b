"""From what is known of symbols to their vectors: the part of a domain model that reads schemas.

A row is written by a network whose embeddings are not learned symbol by symbol but computed of
their descriptions, so that the same weights read any table. What goes into the network before a
position is the vector of the symbol just written, and one that announces what the position is to
hold; what comes out is compared with the vectors of the position's symbols.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from synthtab.generate.pretrain.symbols import BUCKETS, PLACE_FACTS, SYMBOL_FACTS, Described, Words


@dataclass(frozen=True)
class Facts:
    """A :class:`Described` as tensors."""

    names: tuple[Tensor, Tensor]
    labels: tuple[Tensor, Tensor]
    symbols: Tensor
    places: Tensor
    position: Tensor
    column: Tensor

    @classmethod
    def of(cls, described: Described) -> Self:
        """Return the tensors of a description."""
        return cls(
            _bag(described.names),
            _bag(described.labels),
            torch.from_numpy(described.symbols),
            torch.from_numpy(described.places),
            torch.from_numpy(described.position),
            torch.from_numpy(described.column),
        )


def _bag(words: Words) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(words[0]), torch.from_numpy(words[1])


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

    def forward(self, facts: Facts, named: bool = True) -> tuple[Tensor, Tensor]:
        """Return what each token is read as and compared with, both (tokens, hidden).

        The first token is the one before every row. A table that is not ``named`` is read without
        any words: the network then has types and statistics alone.
        """
        names, labels = self.words(*facts.names), self.words(*facts.labels)
        if not named:
            names, labels = torch.zeros_like(names), torch.zeros_like(labels)
        of_places = torch.cat([names[facts.column], facts.places], dim=1)
        announced = self.announce(of_places)
        known = torch.cat([of_places[facts.position], labels, facts.symbols], dim=1)
        follows = torch.cat([announced[1:], torch.zeros_like(announced[:1])])
        read = self.read(known) + follows[facts.position]
        compared = self.compare(known) + facts.symbols[:, :1] * self.prior
        first = (self.start + announced[0])[None]
        return torch.cat([first, read]), torch.cat([torch.zeros_like(first), compared])


def _mlp(into: int, inner: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(into, inner), nn.SiLU(), nn.Linear(inner, out))
