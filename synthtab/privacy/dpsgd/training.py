"""Noisy training: Poisson samples, clipped gradients, noise, Adam, an average of weights."""

from __future__ import annotations

import copy
import math
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import LlamaForCausalLM

from synthtab.errors import DataError
from synthtab.generate.tokenizer import Layout
from synthtab.generate.train import Progress, ProgressHook
from synthtab.privacy.dpsgd.clipping import RowGradients, matrices
from synthtab.privacy.dpsgd.course import Course, Stretch, charge_of
from synthtab.privacy.dpsgd.noise import Floats, noisy_sum, poisson_sample
from synthtab.privacy.ledger import Charge
from synthtab.privacy.vault import Room

CHUNK = 128
"""Rows that go through the network at a time."""


class Sums:
    """Sums of clipped gradients over any number of rows, on all cores; for a ``with`` block."""

    def __init__(
        self,
        network: LlamaForCausalLM,
        layout: Layout,
        bound: float,
        weights: Tensor,
    ) -> None:
        self._torch_threads = torch.get_num_threads()
        replicas = [copy.deepcopy(network) for _ in range(max(1, self._torch_threads))]
        for replica in replicas:
            for own, shared in zip(replica.parameters(), network.parameters(), strict=True):
                own.data = shared.data
        self._gradients = [RowGradients(r, layout, bound, weights) for r in replicas]
        self._size = sum(p.numel() for p in matrices(network))

    def __enter__(self) -> Sums:
        self._pool = ThreadPoolExecutor(
            len(self._gradients), initializer=torch.set_num_threads, initargs=(1,)
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown()
        torch.set_num_threads(self._torch_threads)

    def of(self, rows: Tensor) -> Floats:
        """Return the sum (numbers,) over rows of symbols, in double precision."""
        chunks = torch.split(rows, CHUNK) if len(rows) else ()
        shares = [chunks[k :: len(self._gradients)] for k in range(len(self._gradients))]
        return sum(self._pool.map(self._some, self._gradients, shares), np.zeros(self._size))

    def _some(self, gradients: RowGradients, chunks: Sequence[Tensor]) -> Floats:
        total = np.zeros(self._size)
        for chunk in chunks:
            found = gradients.clipped(chunk)
            total += torch.cat([s.flatten() for s in found.sums]).double().numpy()
        return total


Watch = Callable[[Stretch, Sums, Layout, Floats], None]
"""Is told each step's noisy sum, which is released, while the weights are those it was made at."""


class Trainer:
    """A network on its way: weights, the optimizer's moments, a running average of the weights.

    All of it is made of noisy sums and public facts.
    """

    def __init__(
        self,
        network: LlamaForCausalLM,
        layout: Layout,
        course: Course,
        table: str,
        rows: int,
        sums: Sums,
        progress: ProgressHook | None,
        watch: Watch | None = None,
    ) -> None:
        self._watch = watch
        self._layout, self._course, self._table, self._rows = layout, course, table, rows
        self._live = matrices(network)
        self._mean = [p.detach().clone() for p in self._live]
        self._averaged = 0
        self._sums, self._progress = sums, progress
        self._started = time.monotonic()
        config = course.config
        self._optimizer = torch.optim.Adam(self._live, betas=config.betas, fused=True)

    def go(self, room: Room, stretch: Stretch) -> None:
        """Make the steps of a stretch."""
        symbols = room.kept((self._table, self._layout), lambda: self._encoded(room))
        for step in range(stretch.first, stretch.first + stretch.steps):
            drawn = torch.from_numpy(poisson_sample(len(symbols), stretch.rate))
            bound = self._course.config.bound
            total = noisy_sum(self._sums.of(symbols[drawn]), bound, stretch.noise)
            if self._watch is not None:
                self._watch(stretch, self._sums, self._layout, total)
            self._move(step, total / max(stretch.rate * self._rows, 1.0))

    def _move(self, step: int, mean: Floats) -> None:
        flat = torch.from_numpy(mean.astype(np.float32))
        parts = torch.split(flat, [p.numel() for p in self._live])
        for parameter, part in zip(self._live, parts, strict=True):
            parameter.grad = part.view_as(parameter)
        for group in self._optimizer.param_groups:
            group["lr"] = self._course.rate(step)
        self._optimizer.step()
        if step >= self._course.averaged_from:
            self._averaged += 1
            torch._foreach_lerp_(self._mean, [p.detach() for p in self._live], 1 / self._averaged)
        if self._progress is not None:
            spent, total = time.monotonic() - self._started, self._course.steps
            left = spent / (step + 1) * (total - step - 1)
            # The loss is nobody's to know: it was not paid for.
            self._progress(Progress(step + 1, total, math.nan, left))

    def finish(self) -> None:
        """Put the average of the last steps' weights into the network."""
        if self._averaged:
            for live, mean in zip(self._live, self._mean, strict=True):
                live.data.copy_(mean)

    def _encoded(self, room: Room) -> Tensor:
        batch = room.batch(self._table)
        try:
            return torch.from_numpy(np.ascontiguousarray(self._layout.encode(batch)))
        except DataError:
            # Which row, and which value, is not to be told.
            raise DataError(
                f"rows of table `{self._table}` lie outside the domains that the generator is "
                "made for; take them in as declared first"
            ) from None


@dataclass(frozen=True)
class TrainStretch:
    """Reader: one stretch of steps. What it lets out are the trainer's weights."""

    trainer: Trainer
    stretch: Stretch
    reads: tuple[str, ...]

    @property
    def charge(self) -> Charge:
        """The cost of all its steps."""
        return charge_of(self.stretch, self.reads)

    def read(self, room: Room) -> None:
        """Make the steps."""
        self.trainer.go(room, self.stretch)


def seconds_a_row(sums: Sums, layout: Layout, rows: int = 4 * CHUNK) -> float:
    """Return how long the gradient of one row takes, measured on rows that are made up."""
    random = torch.Generator().manual_seed(0)
    made = [torch.randint(0, size, (rows,), generator=random) for size in layout.sizes]
    symbols = torch.stack(made, dim=1)
    sums.of(symbols)
    started = time.monotonic()
    sums.of(symbols)
    return (time.monotonic() - started) / rows


def fresh_seed() -> int:
    """Return a seed that nobody knows, for what needs no secrecy but must not repeat."""
    return secrets.randbits(63)
