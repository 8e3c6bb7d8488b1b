"""Training on several cores: threads that each take some of a batch's rows.

PyTorch would share out every single operation instead, and its threads wait for each other by
spinning. A step has a thousand small operations, and on a machine where others want the same cores
each wait may last a time slice: steps then take fifty times as long (docs/performance.md). Threads
that meet once per step are as fast alone, and merely share the cores with others.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import torch
from torch import Tensor
from transformers import LlamaForCausalLM

from synthtab.generate.model import position_losses
from synthtab.generate.tokenizer import Layout

# With fewer rows a thread, operations are too small to be worth a thread.
LEAST_ROWS = 64


class Shards:
    """Threads that compute losses and gradients of a network; to be used in a ``with`` block.

    Within the block each thread has a replica of the network: the same weights in memory, gradients
    of its own. Each of PyTorch's operations runs on one core.
    """

    def __init__(
        self,
        network: LlamaForCausalLM,
        layout: Layout,
        batch_size: int,
        emphasis: Sequence[float] | None = None,
    ) -> None:
        self._network, self._layout = network, layout
        self._emphasis = torch.ones(layout.length) if emphasis is None else torch.tensor(emphasis)
        self._torch_threads = torch.get_num_threads()
        self._count = max(1, min(self._torch_threads, batch_size // LEAST_ROWS))
        self._replicas = [network, *(copy.deepcopy(network) for _ in range(self._count - 1))]
        for replica in self._replicas[1:]:
            for own, shared in zip(replica.parameters(), network.parameters(), strict=True):
                own.data = shared.data

    def __enter__(self) -> Self:
        self._pool = ThreadPoolExecutor(
            self._count, initializer=torch.set_num_threads, initargs=(1,)
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown()
        # What a thread sets for itself is also what threads to come start with.
        torch.set_num_threads(self._torch_threads)

    def step(self, rows: Tensor, optimizer: torch.optim.Optimizer, clip: float) -> float:
        """Make one step on a batch of symbols; return its (weighted) loss in nats a row."""
        parts = rows.chunk(self._count)
        shares = [len(part) / len(rows) for part in parts]
        replicas = self._replicas[: len(parts)]
        losses = list(self._pool.map(self._gradients, replicas, parts, shares))
        self._pool.submit(self._update, replicas, optimizer, clip).result()
        return sum(losses)

    def evaluate(self, rows: Tensor) -> Tensor:
        """Return the network's mean loss (positions,) in nats over rows of symbols."""
        parts = torch.split(rows, max(1, 512 * self._layout.length // rows[0].numel()))
        return sum(self._pool.map(self._sums, parts), torch.zeros(self._layout.length)) / len(rows)

    def _gradients(self, replica: LlamaForCausalLM, rows: Tensor, share: float) -> float:
        replica.zero_grad(set_to_none=True)
        loss = (position_losses(replica, self._layout, rows) * self._emphasis).sum() * share
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    def _update(
        self, replicas: list[LlamaForCausalLM], optimizer: torch.optim.Optimizer, clip: float
    ) -> None:
        for replica in replicas[1:]:
            for own, other in zip(self._network.parameters(), replica.parameters(), strict=True):
                if own.grad is not None and other.grad is not None:
                    own.grad += other.grad
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), clip)
        optimizer.step()

    @torch.inference_mode()
    def _sums(self, rows: Tensor) -> Tensor:
        return position_losses(self._network, self._layout, rows) * len(rows)
