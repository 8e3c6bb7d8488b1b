"""Training from scratch: AdamW, a learning rate that ends at nothing, the best weights kept.

Where the held-out loss stops falling early, as it does on small tables, the rate is taken down
from there: a run is never just broken off. Weights from the middle of a run fit its last batches,
and the columns' shares are then off by percents, though the loss hardly tells. The number of steps
follows from the number of rows, not from the clock, so that a seed gives one model on any machine
of a kind.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from transformers import LlamaForCausalLM

from synthtab.generate.examples import Retrieval, Sequences
from synthtab.generate.places import Symbols
from synthtab.generate.shards import Shards
from synthtab.generate.tokenizer import Layout


@dataclass(frozen=True)
class Progress:
    """How far training is: steps done and in all, loss in nats a row, seconds left (a forecast).

    ``what`` is being done, in a word.
    """

    step: int
    total: int
    loss: float
    seconds_left: float
    what: str = "learning"


ProgressHook = Callable[[Progress], None]


@dataclass(frozen=True)
class TrainConfig:
    """How to train.

    ``symbols_seen`` is how many symbols (rows x positions, with repetition) are gone through, at
    most ``max_epochs`` times the table; a table that is larger than that is seen once, up to
    ``large_factor`` times as many symbols.
    ``warm_up`` is the share of the steps over which the rate rises, ``cool_down`` that of the last
    ones, in which weights are judged as they are; before, a running average of them is, two times
    an epoch at most, and ``patience`` counts how often that brings no better held-out loss.
    """

    symbols_seen: int = 3_200_000
    large_factor: float = 3.0
    max_epochs: int = 200
    batch_size: int = 256
    learning_rate: float = 3e-3
    warm_up: float = 0.1
    cool_down: float = 0.4
    weight_decay: float = 0.05
    held_out: float = 0.05
    max_held_out: int = 4_000
    patience: int = 3
    clip: float = 1.0

    def gentler(self) -> TrainConfig:
        """Return how a network that knows something already is trained: at a third of the rate."""
        return replace(self, learning_rate=self.learning_rate / 3)


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
    emphasis: Sequence[float] | None = None,
    retrieval: Retrieval | None = None,
) -> Trained:
    """Fit the network's weights, in place, to rows of symbols (rows, positions); at least one row.

    With ``emphasis``, a number for each position, gradients are those of the weighted sum of the
    positions' losses; weights are judged by the plain sum all the same. With ``retrieval`` each row
    has its examples before it, and only its own loss counts; they come from the training rows, for
    the held-out ones too. On return the weights are those with the least loss on the held-out rows.
    An interruption leaves the network half trained and nothing else changed: nothing is written
    here.
    """
    random = torch.Generator().manual_seed(seed)
    spared, held_rows = _split(symbols, config, random)
    train_rows: Tensor | Sequences = spared
    examples = 0
    if retrieval is not None:
        among = retrieval.among(spared.numpy())
        held_rows = retrieval.sequences(held_rows, among, seed).every
        train_rows = retrieval.sequences(spared, among, seed)
        examples = retrieval.number

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
    check_every = max(per_epoch // 2, total // 40, 1)
    course = _Course(config, total)
    started, step, recent = time.monotonic(), 0, float("nan")
    with Shards(network, layout, size * (1 + examples), emphasis) as shards:
        watch = _Watch(network, shards, held_rows, horizon=max(check_every, 10))
        while step < course.end:
            order = torch.randperm(len(train_rows), generator=random)
            for batch in torch.split(order, size):
                for group in optimizer.param_groups:
                    group["lr"] = course.rate(step)
                value = shards.step(train_rows[batch], optimizer, config.clip)
                step += 1
                recent = value if math.isnan(recent) else 0.95 * recent + 0.05 * value
                if progress is not None:
                    spent = time.monotonic() - started
                    left = spent / step * (course.end - step)
                    progress(Progress(step, course.end, recent, left))
                watch.average(step)
                if step % check_every == 0 and step < course.cooling:
                    watch.look(step)
                    if watch.waited >= config.patience:
                        watch.go_back()
                        course = course.cooled(step, max(watch.best_step, check_every))
                elif step == course.end or (step > course.cooling and course.quarter(step)):
                    watch.look(step, averaged=False)
                if step == course.end:
                    break
        return watch.finish(step)


def learned_rows(symbols: Symbols, config: TrainConfig, seed: int) -> Symbols:
    """Return the rows that :func:`train` makes steps on, given the same; others are held out."""
    rows, _ = _split(symbols, config, torch.Generator().manual_seed(seed))
    return rows.numpy()


def _split(symbols: Symbols, config: TrainConfig, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return rows to make steps on, in a random order, and rows to judge weights by."""
    rows = torch.from_numpy(np.ascontiguousarray(symbols))
    shuffled = rows[torch.randperm(len(rows), generator=random)]
    held = min(int(len(rows) * config.held_out), config.max_held_out)
    held = max(held, min(len(rows) // 5, 64))
    # Too few rows to spare any: the loss on the training rows has to do.
    return (shuffled[held:], shuffled[:held]) if held >= 8 else (shuffled, shuffled[:64])


@dataclass(frozen=True)
class _Course:
    """The learning rate over the steps: up in a line, then down to nothing at ``end`` by a cosine.

    A course told to cool down at a step goes down in a line from there.
    """

    config: TrainConfig
    end: int
    cooled_at: int | None = None
    cooled_from: float = 0.0

    @property
    def cooling(self) -> int:
        """The step from which single steps are small enough to be judged one by one."""
        if self.cooled_at is not None:
            return self.cooled_at
        return round(self.end * (1 - self.config.cool_down))

    def rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        if self.cooled_at is not None:
            return self.cooled_from * (self.end - step) / (self.end - self.cooled_at)
        risen = self.config.warm_up * self.end
        if step < risen:
            return self.config.learning_rate * (step + 1) / (risen + 1)
        done = (step - risen) / (self.end - risen)
        return self.config.learning_rate * 0.5 * (1 + math.cos(math.pi * done))

    def cooled(self, step: int, good: int) -> _Course:
        """Return the course that cools down from now on, in proportion to ``good`` steps so far."""
        share = self.config.cool_down / (1 - self.config.cool_down)
        end = min(step + max(round(share * good), 1), self.end)
        return replace(self, end=end, cooled_at=step, cooled_from=self.rate(step))

    def quarter(self, step: int) -> bool:
        """Say whether another quarter of the cool-down is done."""
        return (step - self.cooling) % max((self.end - self.cooling) // 4, 1) == 0


def _steps(config: TrainConfig, rows: int, positions: int, size: int) -> int:
    """Return how many batches of ``size`` rows the budget of symbols pays for, at least one."""
    budget = config.symbols_seen / positions
    if rows > budget:
        budget = min(rows, budget * config.large_factor)
    return max(1, round(budget / size))


class _Watch:
    """A running average of the weights, and the weights that did best on the held-out rows."""

    def __init__(
        self, network: LlamaForCausalLM, shards: Shards, rows: Tensor, horizon: int
    ) -> None:
        self._shards, self._rows, self._horizon = shards, rows, horizon
        self._live = list(network.parameters())
        self._mean = [p.detach().clone() for p in self._live]
        self._best = self._mean
        self._losses: Tensor | None = None
        self.best_step = self.waited = 0

    def average(self, step: int) -> None:
        """Take the network's weights into the average."""
        share = max(1 / self._horizon, 1 / (1 + step / 4))
        torch._foreach_lerp_(self._mean, [p.detach() for p in self._live], share)

    def look(self, step: int, averaged: bool = True) -> None:
        """Evaluate the average, or the weights themselves; keep the best so far."""
        weights = self._mean if averaged else [p.detach() for p in self._live]
        with _weights(self._live, weights):
            losses = self._shards.evaluate(self._rows)
        if self._losses is None or losses.sum() < self._losses.sum():
            self._losses, self.best_step, self.waited = losses, step, 0
            self._best = [w.clone() for w in weights]
        else:
            self.waited += 1

    def go_back(self) -> None:
        """Put the best weights into the network."""
        for live, best in zip(self._live, self._best, strict=True):
            live.data.copy_(best)

    def finish(self, steps: int) -> Trained:
        """Put the best weights into the network and say how good they are."""
        assert self._losses is not None, "look() comes before finish()"
        self.go_back()
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
