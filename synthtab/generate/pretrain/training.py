"""Training a network to read schemas: a table at a time, shown in a new way each time."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from synthtab.errors import DataError
from synthtab.generate.pretrain.schemamodel import SchemaModel
from synthtab.generate.pretrain.symbols import describe
from synthtab.generate.pretrain.tables import RealTable, Shown, imagined
from synthtab.generate.train import Progress, ProgressHook

TRIES = 1_000
"""So often a table is looked for that is short enough to be learned from."""


@dataclass(frozen=True)
class PretrainConfig:
    """How to train: ``steps`` of ``rows`` rows of one table each.

    ``imagined`` is the share of steps on tables that nobody has, ``unnamed`` the share of the
    others on which names are withheld. A table of more than ``longest`` positions or ``tokens``
    symbols, as it happens to be shown, is passed over.
    """

    steps: int = 8_000
    rows: int = 96
    learning_rate: float = 2e-3
    warm_up: int = 100
    weight_decay: float = 0.02
    clip: float = 1.0
    imagined: float = 0.5
    unnamed: float = 0.3
    longest: int = 100
    tokens: int = 6_000


@dataclass(frozen=True)
class Seen:
    """What came of it: nats a row by which rows are likelier than by their columns' statistics.

    Means over the last steps, on real tables shown with and without their names, and on imagined.
    """

    named: float
    unnamed: float
    imagined: float


def pretrain(
    network: SchemaModel,
    tables: Sequence[RealTable],
    config: PretrainConfig,
    seed: int,
    progress: ProgressHook | None = None,
) -> Seen:
    """Train a network, in place, to write the rows of tables by their schema and statistics.

    The number of steps is given, not the time, so that a seed gives one model on any machine of a
    kind. Raises DataError where there are no tables, or only such as are too long.
    """
    if not tables:
        raise DataError("there are no tables to learn from; at least one is needed")
    random = np.random.default_rng(seed)
    weights = np.array([t.weight for t in tables])
    weights = weights / weights.sum()
    optimizer = torch.optim.AdamW(
        network.parameters(),
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        betas=(0.9, 0.98),
    )
    gains: dict[str, float] = {}
    started = time.monotonic()
    for step in range(config.steps):
        kind, shown = _next(tables, weights, config, random)
        rows = torch.from_numpy(shown.symbols[random.integers(0, len(shown.symbols), config.rows)])
        told = describe(shown.layout, shown.symbols[: shown.counted])
        losses = network.losses(shown.layout, rows, told, shown.named)
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * _rate(step, config)
        optimizer.zero_grad(set_to_none=True)
        # Long rows count for more than short ones, but not by their length.
        (losses.sum() / math.sqrt(shown.layout.length)).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip)
        optimizer.step()
        gain = _by_statistics(shown, rows.numpy()) - float(losses.detach().sum())
        gains[kind] = gain if kind not in gains else 0.99 * gains[kind] + 0.01 * gain
        if progress is not None:
            left = (time.monotonic() - started) / (step + 1) * (config.steps - step - 1)
            mean = sum(gains.values()) / len(gains)
            progress(Progress(step + 1, config.steps, -mean, left, "reading tables"))
    nothing = float("nan")
    return Seen(*(gains.get(k, nothing) for k in ("named", "unnamed", "imagined")))


def _next(
    tables: Sequence[RealTable],
    weights: np.ndarray[tuple[int], np.dtype[np.float64]],
    config: PretrainConfig,
    random: np.random.Generator,
) -> tuple[str, Shown]:
    """Return a table to learn from, and of which kind it is; DataError where none is short."""
    for _ in range(TRIES):
        if random.random() < config.imagined:
            kind, shown = "imagined", imagined(random)
        else:
            named = bool(random.random() >= config.unnamed)
            kind = "named" if named else "unnamed"
            shown = tables[int(random.choice(len(tables), p=weights))].show(random, named=named)
        if shown.layout.length <= config.longest and shown.layout.vocabulary <= config.tokens:
            return kind, shown
    names = ", ".join(t.name for t in tables)
    raise DataError(
        f"of {TRIES} views of the tables {names} none has at most {config.longest} positions and "
        f"{config.tokens:,} symbols: leave out long texts, or allow longer rows"
    )


def _rate(step: int, config: PretrainConfig) -> float:
    """Return the share of the learning rate at a step: up in a line, down by a cosine."""
    risen = min(1.0, (step + 1) / config.warm_up)
    return risen * 0.5 * (1 + math.cos(math.pi * step / config.steps))


def _by_statistics(shown: Shown, rows: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> float:
    """Return the mean loss (nats a row) of positions by what the counted rows have, each alone."""
    total = 0.0
    for position, size in enumerate(shown.layout.sizes):
        counts = 0.5 + np.bincount(shown.symbols[: shown.counted, position], minlength=size)
        total -= float(np.log(counts / counts.sum())[rows[:, position]].mean())
    return total
