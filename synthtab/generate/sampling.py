"""Drawing symbols from masked logits, and the weight that masking owes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synthtab.batch import Mask

# A draw is scaled to stay below 1 however it is rounded when a row number is added to it.
_BELOW_ONE = 1.0 - 1e-9


@dataclass(frozen=True)
class Choices:
    """Distributions over a position's symbols, one per node.

    ``ladder`` (nodes, symbols) float64 is the cumulative probability, plus the node's number.
    ``log_mass`` (nodes,) float64 is the logarithm of the share of probability that the mask left;
    ``dead`` (nodes,) marks nodes of which it left nothing: they are drawn from without the mask.
    """

    ladder: Tensor
    log_mass: NDArray[np.float64]
    dead: Mask

    def draw(self, nodes: Tensor, random: torch.Generator) -> Tensor:
        """Return one symbol (rows,) for each row, given the row's node; all on the CPU."""
        at = torch.rand(len(nodes), generator=random, dtype=torch.float64) * _BELOW_ONE + nodes
        size = self.ladder.shape[1]
        place = torch.searchsorted(self.ladder.view(-1), at.to(self.ladder.device), right=True)
        return place.cpu() - nodes * size


def choices(logits: Tensor, allowed: Mask | None, temperature: float) -> Choices:
    """Turn logits (nodes, symbols) into distributions over the allowed symbols (same shape).

    They stay on the device of the logits.
    """
    if temperature != 1.0:
        logits = logits / temperature
    nodes = len(logits)
    log_mass = np.zeros(nodes)
    dead = np.zeros(nodes, dtype=bool)
    if allowed is not None and not allowed.all():
        dead = np.asarray(~allowed.any(axis=1))
        banned = torch.from_numpy(~(allowed | dead[:, None])).to(logits.device)
        masked = logits.masked_fill(banned, float("-inf"))
        mass = masked.logsumexp(dim=1) - logits.logsumexp(dim=1)
        log_mass = np.minimum(mass.double().cpu().numpy(), 0.0)
        logits = masked
    ladder = logits.softmax(dim=1).cumsum(dim=1, dtype=torch.float64)
    ladder /= ladder[:, -1:].clone()
    ladder += torch.arange(nodes, dtype=torch.float64, device=ladder.device)[:, None]
    return Choices(ladder, log_mass, dead)
