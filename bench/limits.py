"""What the machine could do at best, on one core: what speeds are held against."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

import numpy as np
import torch

from synthtab.generate.model import ModelConfig

SIDE = 1_024
TURNS = 5


@contextmanager
def one_core() -> Generator[None]:
    """Let torch compute in one thread: threads that wait for each other count as processor time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def work(way: Callable[[], object], turns: int = 1) -> float:
    """Return the least processor time, in seconds, that a way takes in some turns."""
    took = []
    for _ in range(turns):
        started = time.process_time()
        way()
        took.append(time.process_time() - started)
    return max(min(took), 1e-9)


def product_rate() -> float:
    """Return the floating-point operations a second of products of large float32 matrices."""
    one, other = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    with one_core(), torch.inference_mode():
        return 2 * SIDE**3 / work(lambda: torch.matmul(one, other), TURNS)


def copy_time(codes: np.ndarray) -> float:
    """Return the seconds that copying a matrix of codes takes."""
    target = np.empty_like(codes)
    return work(lambda: np.copyto(target, codes), TURNS)


def operations(config: ModelConfig, backward: bool) -> float:
    """Return the floating-point operations of the network's matrices for one symbol.

    Going back takes twice what going forward does. Attention and the output layer, which is cut to
    few symbols, are left out.
    """
    keys = config.hidden * config.kv_heads // config.heads
    layer = (
        2 * config.hidden**2 + 2 * config.hidden * keys + 3 * config.hidden * config.feed_forward
    )
    return 2.0 * config.layers * layer * (3 if backward else 1)
