"""Training from scratch: AdamW, a one-cycle learning rate, best weights on held-out rows kept.

The number of steps follows from the number of rows, not from the clock, so that a seed gives one
model on any machine of the same kind. Small tables are gone through more often, large ones less.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import LlamaForCausalLM

from synthtab.generate.model import position_losses
from synthtab.generate.places import Symbols
from synthtab.generate.tokenizer import Layout


@dataclass(frozen=True)
class Progress:
    """How far training is: steps done and in all, loss in nats a row, seconds left (a forecast)."""

    step: int
    total: int
    loss: float
    seconds_left: float


ProgressHook = Callable[[Progress], None]


@dataclass(frozen=True)
class TrainConfig:
    """How to train.

    ``symbols_seen`` is how many symbols (rows x positions, with repetition) are gone through, at
    most ``max_epochs`` times the table; a table that is larger than that is seen once, up to
    ``large_factor`` times as many symbols.
    ``patience`` counts evaluations (two an epoch at most) without a better held-out loss.
    What is evaluated and kept is a running average of the weights over about ``averaged_epochs``:
    single steps at a high rate fit the last batches, and the columns' shares wander with them.
    """

    symbols_seen: int = 3_400_000
    large_factor: float = 3.0
    max_epochs: int = 200
    batch_size: int = 256
    learning_rate: float = 4e-3
    warm_up: float = 0.1
    weight_decay: float = 0.05
    held_out: float = 0.05
    max_held_out: int = 4_000
    patience: int = 6
    clip: float = 1.0
    averaged_epochs: float = 0.5


@dataclass(frozen=True)
class Trained:
    """What came of it: steps made and held-out loss (nats a row), in all and per position."""

    steps: int
    loss: float
    position_loss: tuple[float, ...]


def train(
    network: LlamaForCausalLM,
    layout: Layout,
    symbols: Symbols,
    config: TrainConfig,
    seed: int,
    progress: ProgressHook | None = None,
) -> Trained:
    """Fit the network's weights, in place, to rows of symbols (rows, positions); at least one row.

    On return the weights are those with the least loss on the held-out rows. An interruption leaves
    the network half trained and nothing else changed: nothing is written here.
    """
    random = torch.Generator().manual_seed(seed)
    rows = torch.from_numpy(np.ascontiguousarray(symbols))
    shuffled = rows[torch.randperm(len(rows), generator=random)]
    held = min(int(len(rows) * config.held_out), config.max_held_out)
    # Too few rows to spare any: the loss on the training rows has to do.
    held_rows = shuffled[:held] if held >= 8 else shuffled[:64]
    train_rows = shuffled[held:] if held >= 8 else shuffled

    size = min(config.batch_size, max(8, 2 ** round(math.log2(max(len(train_rows) / 16, 1)))))
    per_epoch = math.ceil(len(train_rows) / size)
    total = min(_steps(config, len(train_rows), layout.length, size), per_epoch * config.max_epochs)
    decayed = [p for p in network.parameters() if p.ndim > 1]
    plain = [p for p in network.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": config.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
        betas=(0.9, 0.98),
        fused=True,
    )
    horizon = max(config.averaged_epochs * per_epoch, 10.0)
    watch = _Best(network, layout, held_rows, config.patience, horizon)
    check_every = max(per_epoch // 2, total // 40, 1)
    network.train()
    started, step, recent = time.monotonic(), 0, float("nan")
    while step < total:
        order = torch.randperm(len(train_rows), generator=random)
        for at in range(0, min(len(order), (total - step) * size), size):
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * _one_cycle(step / total, config.warm_up)
            loss = position_losses(network, layout, train_rows[order[at : at + size]]).sum()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip)
            optimizer.step()
            step += 1
            watch.average(step)
            value = float(loss.detach())
            recent = value if math.isnan(recent) else 0.95 * recent + 0.05 * value
            if progress is not None:
                spent = time.monotonic() - started
                progress(Progress(step, total, recent, spent / step * (total - step)))
            if (step % check_every == 0 or step == total) and watch.look():
                return watch.restore(step)
    return watch.restore(step)


def _steps(config: TrainConfig, rows: int, positions: int, size: int) -> int:
    """Return how many batches of ``size`` rows the budget of symbols pays for, at least one."""
    budget = config.symbols_seen / positions
    if rows > budget:
        budget = min(rows, budget * config.large_factor)
    return max(1, round(budget / size))


def _one_cycle(done: float, warm_up: float) -> float:
    """Return the share of the peak learning rate: a linear rise, then a cosine down to 1%."""
    if done < warm_up:
        return (done + 1e-3) / (warm_up + 1e-3)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up)))


class _Best:
    """A running average of the weights, and the one that did best on the held-out rows."""

    def __init__(
        self,
        network: LlamaForCausalLM,
        layout: Layout,
        rows: Tensor,
        patience: int,
        horizon: float,
    ) -> None:
        self._network, self._layout, self._rows = network, layout, rows
        self._patience, self._horizon = patience, horizon
        self._live = list(network.parameters())
        self._mean = [p.detach().clone() for p in self._live]
        self._best = self._mean
        self._losses: Tensor | None = None
        self._waited = 0

    def average(self, step: int) -> None:
        """Take the network's weights into the average."""
        share = max(1 / self._horizon, 1 / (1 + step / 4))
        torch._foreach_lerp_(self._mean, [p.detach() for p in self._live], share)

    def look(self) -> bool:
        """Evaluate the average; return whether it is time to stop."""
        with _weights(self._live, self._mean):
            losses = evaluate(self._network, self._layout, self._rows)
        if self._losses is None or losses.sum() < self._losses.sum():
            self._losses, self._waited = losses, 0
            self._best = [m.clone() for m in self._mean]
        else:
            self._waited += 1
        return self._waited >= self._patience

    def restore(self, steps: int) -> Trained:
        """Put the best average into the network."""
        assert self._losses is not None, "look() comes before restore()"
        for live, best in zip(self._live, self._best, strict=True):
            live.data.copy_(best)
        self._network.train(False)
        return Trained(steps, float(self._losses.sum()), tuple(self._losses.tolist()))


@contextmanager
def _weights(live: list[torch.nn.Parameter], other: list[Tensor]) -> Iterator[None]:
    """Let a network compute with other weights for a while."""
    own = [p.data for p in live]
    for parameter, value in zip(live, other, strict=True):
        parameter.data = value
    try:
        yield
    finally:
        for parameter, value in zip(live, own, strict=True):
            parameter.data = value


def evaluate(network: LlamaForCausalLM, layout: Layout, rows: Tensor) -> Tensor:
    """Return the mean loss (positions,) in nats over rows of symbols, without training."""
    network.train(False)
    sums = torch.zeros(layout.length)
    with torch.inference_mode():
        for part in torch.split(rows, 1024):
            sums += position_losses(network, layout, part) * len(part)
    network.train()
    return sums / len(rows)
