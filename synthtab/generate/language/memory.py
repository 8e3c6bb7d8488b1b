"""Memory that does not suffice, told with the ways out."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch

from synthtab.errors import UsageError
from synthtab.generate.language.settings import Tuning

_SIGNS = ("out of memory", "not enough memory", "can't allocate memory", "status_alloc_failed")
"""What errors about memory say, the last of them those of cuBLAS."""


@contextmanager
def explained(how: Tuning, shared: bool) -> Generator[None]:
    """Turn torch's errors about memory into a UsageError that says what would take less of it."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # of CPUs and GPUs: torch has no type for both
        if not ran_out(error):
            raise
        raise UsageError(
            f"memory does not suffice to tune this model: {_ways_out(how, shared)}; or take a "
            "smaller model"
        ) from error


@contextmanager
def explained_writing() -> Generator[None]:
    """Turn torch's errors about memory while rows are written into a UsageError, as above."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not ran_out(error):
            raise
        raise UsageError(
            "memory does not suffice to write rows with this model: free some (batches are sized "
            "by all there is, not by what others leave), or fit with a shorter prompt, weights in "
            "8 bits (eight_bit=True), or a smaller model"
        ) from error


def ran_out(error: Exception) -> bool:
    """Say whether an error is about memory."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(sign in str(error).lower() for sign in _SIGNS)


def _ways_out(how: Tuning, shared: bool) -> str:
    ways = []
    at_once = how.at_once or how.batch_size
    if at_once > 1:
        ways.append(f"fewer rows in memory together than {at_once} (at_once={at_once // 2})")
    if how.adapters is None:
        ways.append("adapters instead of all weights (lora=True)")
    if not how.checkpointing:
        ways.append("activations computed twice instead of kept (checkpointing=True)")
    if not shared or at_once == 1:
        ways.append("a shorter prompt")
    return "try " + ", or ".join(ways or ["weights in 8 bits (eight_bit=True)"])
