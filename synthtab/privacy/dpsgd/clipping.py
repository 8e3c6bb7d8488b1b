"""Per-row gradients of the row generator's network, clipped and added up.

No row's gradient is ever written down. A matrix that maps x_t to y_t at each position t has the
gradient sum_t outer(g_t, x_t) for a row, g_t being the loss's derivative by y_t; its squared norm
is sum_{s,t} (x_s . x_t)(g_s . g_t), and the sum of all rows' gradients, each times its own factor,
is one product of matrices. So the network is gone through once forwards and once backwards, as
without privacy ("book-keeping": Bu, Wang, Zha and Karypis, "Differentially private optimization on
large model at small cost", 2023; the norms are those of Goodfellow, "Efficient per-example gradient
computations", 2015, and of "ghost clipping", Li, Tramèr, Liang and Hashimoto, 2022).

The gains of the norms are left at 1: matrices that follow can do what they would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import LlamaForCausalLM

from synthtab.generate.model import tokens_of
from synthtab.generate.tokenizer import BOS, Layout

STABILITY = 0.01
"""Added to norms before dividing by them."""


@dataclass(frozen=True)
class Clipped:
    """Gradients of some rows, clipped and summed: one per matrix, in the order of ``matrices``.

    ``norms`` and ``losses`` (rows,) are each row's own, before clipping, the losses in nats.
    """

    sums: tuple[Tensor, ...]
    norms: Tensor
    losses: Tensor


def matrices(network: LlamaForCausalLM) -> list[torch.nn.Parameter]:
    """Return what is trained: the embedding, which is the output layer too, and all other matrices.

    They come in the network's own order.
    """
    return [p for p in network.parameters() if p.ndim > 1]


class RowGradients:
    """Computes sums of clipped gradients of one network. Not for several threads at once.

    ``bound`` is the norm that no row's gradient passes, over all matrices together. Each is scaled
    to it: its factor is bound / (norm + STABILITY), which needs no threshold to be tuned (AUTO-S;
    Bu, Wang, Zha and Karypis, "Automatic clipping", 2022). ``weights`` say at which positions of a
    row its loss counts, and how much.
    """

    def __init__(
        self,
        network: LlamaForCausalLM,
        layout: Layout,
        bound: float,
        weights: Tensor | None = None,
    ) -> None:
        self._network, self._layout, self._bound = network, layout, bound
        self._matrices = matrices(network)
        self._weights = torch.ones(layout.length) if weights is None else weights
        self._seen: list[tuple[torch.nn.Parameter, Tensor, Tensor]] = []
        self._entered: Tensor | None = None
        for module in network.model.modules():
            if isinstance(module, torch.nn.Linear):
                module.register_forward_hook(self._keep)
        network.model.embed_tokens.register_forward_hook(self._enter)

    def _keep(self, module: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self._seen.append((module.weight, inputs[0].detach(), output))

    def _enter(self, module: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self._entered = output

    def clipped(self, rows: Tensor) -> Clipped:
        """Return the sum over rows of symbols (rows, positions), of which there may be none."""
        if not len(rows):
            sums = tuple(torch.zeros_like(p) for p in self._matrices)
            return Clipped(sums, torch.zeros(0), torch.zeros(0))
        tokens = tokens_of(self._layout, rows)
        inputs = functional.pad(tokens[:, :-1], (1, 0), value=BOS)
        self._seen.clear()
        with torch.enable_grad():
            hidden = self._network.model(input_ids=inputs, use_cache=False).last_hidden_state
        head = _Head.of(self._network, self._layout, hidden.detach(), rows, self._weights)
        assert self._entered is not None
        outputs = [self._entered, *(output for _, _, output in self._seen)]
        entered, *backs = torch.autograd.grad(hidden, outputs, head.back)
        embedding = self._network.model.embed_tokens.weight
        read = {id(weight): inputs for weight, inputs, _ in self._seen}
        back = {id(weight): found for (weight, _, _), found in zip(self._seen, backs, strict=True)}
        self._seen.clear()
        self._entered = None
        squares = head.squares(entered, rows)
        for key, derivatives in back.items():
            squares += _square_norms(read[key], derivatives)
        norms = squares.clamp_min(0).sqrt()
        factors = self._bound / (norms + STABILITY)
        sums = tuple(
            head.gradient(entered, inputs, factors)
            if matrix is embedding
            else _weighted_sum(read[id(matrix)], back[id(matrix)], factors)
            for matrix in self._matrices
        )
        return Clipped(sums, norms, head.losses)


def _weighted_sum(read: Tensor, back: Tensor, factors: Tensor) -> Tensor:
    """Return the sum of the rows' gradients, each times its factor."""
    return (back * factors[:, None, None]).flatten(0, 1).T @ read.flatten(0, 1)


def _square_norms(read: Tensor, back: Tensor) -> Tensor:
    """Return the squared norms (rows,) of sum_t outer(back_t, read_t)."""
    positions, wide, out = read.shape[1], read.shape[2], back.shape[2]
    if positions * (wide + out) < wide * out:
        gram = torch.bmm(read, read.transpose(1, 2)) * torch.bmm(back, back.transpose(1, 2))
        return gram.sum(dim=(1, 2))
    return torch.bmm(back.transpose(1, 2), read).square().sum(dim=(1, 2))


@dataclass(frozen=True)
class _Head:
    """The output layer, cut per position, and the embedding, which is the same matrix.

    ``hidden`` and ``back`` (rows, positions, hidden) are what it reads and the loss's derivatives
    by it; ``slopes`` the derivatives by each position's logits.
    """

    layout: Layout
    vocabulary: int
    hidden: Tensor
    back: Tensor
    slopes: Sequence[Tensor]
    losses: Tensor

    @classmethod
    def of(
        cls,
        network: LlamaForCausalLM,
        layout: Layout,
        hidden: Tensor,
        rows: Tensor,
        weights: Tensor,
    ) -> _Head:
        weight = network.lm_head.weight.detach()
        back, slopes = torch.empty_like(hidden), []
        losses = torch.zeros(len(rows))
        at = torch.arange(len(rows))
        for position in range(layout.length):
            start, end = int(layout.starts[position]), int(layout.starts[position + 1])
            part, share = weight[start:end], weights[position]
            logs = functional.log_softmax(functional.linear(hidden[:, position], part), dim=1)
            losses -= share * logs[at, rows[:, position]]
            slope = logs.exp()
            slope[at, rows[:, position]] -= 1.0
            slope *= share
            back[:, position] = slope @ part
            slopes.append(slope)
        return cls(layout, len(weight), hidden, back, slopes, losses)

    def squares(self, entered: Tensor, rows: Tensor) -> Tensor:
        """Return the squared norms (rows,) of the matrix's gradients.

        A symbol's line of the matrix is read as output at its position, by all rows, and as input
        at the next one, by rows that have the symbol: both meet in that line.
        """
        read = self.hidden.square().sum(dim=2)
        total = entered.square().sum(dim=(1, 2))
        at = torch.arange(len(rows))
        for position, slope in enumerate(self.slopes):
            total += slope.square().sum(dim=1) * read[:, position]
            if position + 1 < self.layout.length:
                both = (self.hidden[:, position] * entered[:, position + 1]).sum(dim=1)
                total += 2 * slope[at, rows[:, position]] * both
        return total

    def gradient(self, entered: Tensor, inputs: Tensor, factors: Tensor) -> Tensor:
        """Return the sum of the rows' gradients, each times its factor."""
        out = torch.zeros(self.vocabulary, self.hidden.shape[2])
        scaled = self.hidden * factors[:, None, None]
        for position, slope in enumerate(self.slopes):
            start, end = (
                int(self.layout.starts[position]),
                int(self.layout.starts[position + 1]),
            )
            out[start:end] = slope.T @ scaled[:, position]
        out.index_add_(0, inputs.flatten(), (entered * factors[:, None, None]).flatten(0, 1))
        return out
