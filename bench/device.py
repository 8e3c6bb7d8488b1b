"""What a network computes on, a GPU where there is one: its clock, its memory, what it is."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

GIB, MIB = 2**30, 2**20


@dataclass(frozen=True)
class Device:
    """One GPU, or the processor."""

    where: torch.device

    @classmethod
    def here(cls) -> Device:
        """Return the GPU that CUDA is on, or the processor where there is none."""
        if torch.cuda.is_available():
            return cls(torch.device("cuda", torch.cuda.current_device()))
        return cls(torch.device("cpu"))

    @property
    def is_gpu(self) -> bool:
        """Whether it is a GPU."""
        return self.where.type == "cuda"

    @property
    def dtype(self) -> torch.dtype:
        """What weights are kept in: bfloat16 on a GPU that computes in it, else float32."""
        can = self.is_gpu and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if can else torch.float32

    def now(self) -> float:
        """Return the time (s) when all that was asked of the device so far is done."""
        if self.is_gpu:
            torch.cuda.synchronize(self.where)
        return time.perf_counter()

    # Memory, in bytes.

    @property
    def memory(self) -> int:
        """How much there is."""
        if self.is_gpu:
            return int(torch.cuda.get_device_properties(self.where).total_memory)
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")

    def forget_peak(self) -> None:
        """Let the peak be what is held now; what nothing holds any more is freed on a GPU."""
        if self.is_gpu:
            gc.collect()  # an error holds its frames, and they the error
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.where)

    def peak(self) -> int | None:
        """Return the most that tensors took since :meth:`forget_peak`; None on a processor."""
        return torch.cuda.max_memory_allocated(self.where) if self.is_gpu else None

    def described(self) -> str:
        """Return name, memory, driver and CUDA of a GPU; of a processor nothing."""
        if not self.is_gpu:
            return ""
        facts = torch.cuda.get_device_properties(self.where)
        return words(facts.name, self.memory, (facts.major, facts.minor), driver())


def words(name: str, memory: int, capability: tuple[int, int], driver: str) -> str:
    """Return what a GPU is, in a line."""
    said = f", driver {driver}" if driver else ""
    major, minor = capability
    return (
        f"{name} with {memory / GIB:.0f} GiB (compute capability {major}.{minor}{said}, "
        f"CUDA {torch.version.cuda})"
    )


def driver() -> str:
    """Return the version of NVIDIA's driver; nothing where its tool is not there to tell."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ""
    asked = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    lines = told.stdout.split()
    return lines[0] if lines else ""


@dataclass(frozen=True)
class Pass:
    """One forward pass: of so many rows, with so many tokens of each, padding included.

    ``counted`` says whether a clock was counting it too.
    """

    rows: int
    columns: int
    seconds: float
    counted: bool = False


@contextmanager
def passes(
    network: Any, device: Device, counted: Callable[[], bool] = lambda: False
) -> Iterator[list[Pass]]:
    """Time each forward pass of a network from when its device is free to when it is done.

    Seconds are of the clock on the wall: a GPU goes on computing when the call has returned.
    ``counted`` is asked in each pass.
    """
    found: list[Pass] = []
    started = 0.0

    def before(module: Any, given: Any, named: Any) -> None:
        nonlocal started
        started = device.now()

    def after(module: Any, given: Any, named: Any, out: Any) -> None:
        rows, columns = named["input_ids"].shape
        found.append(Pass(rows, columns, device.now() - started, counted()))

    hooks = (
        network.register_forward_pre_hook(before, with_kwargs=True),
        network.register_forward_hook(after, with_kwargs=True),
    )
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()
