"""Tuning a pretrained model on the rows of a table: all its weights, or adapters beside them.

AdamW at a rate that rises, then falls to nothing along a cosine; the weights with the least loss on
held-out rows are kept. What is random (batches, dropout, new adapters) follows from the seed and
the number of the step alone, so that a run that was interrupted goes on to the same weights.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synthtab.batch import Batch
from synthtab.errors import DataError, UsageError
from synthtab.generate.language.adapters import attach, detach
from synthtab.generate.language.checkpoints import Checkpoints, Standing, State, Tensors
from synthtab.generate.language.generator import LanguageGenerator
from synthtab.generate.language.loading import told_by
from synthtab.generate.language.memory import explained
from synthtab.generate.language.reading import Lines, row_losses
from synthtab.generate.language.session import way_of
from synthtab.generate.language.settings import Tuning
from synthtab.generate.train import Progress, ProgressHook, Trained
from synthtab.generate.weights import quiet

_FEW = 8
"""With fewer rows than that to hold out, the loss on some of the training rows has to do."""
_SOME = 64
_WINDOW = 16
"""Rows of like length are put into one batch, among those of so many batches."""


def tune(
    generator: LanguageGenerator,
    batch: Batch,
    how: Tuning | None = None,
    *,
    seed: int = 0,
    progress: ProgressHook | None = None,
    checkpoints: str | Path | None = None,
) -> tuple[LanguageGenerator, Trained]:
    """Tune a generator's network on rows; return a generator with it, and what came of it.

    The network is changed in place, so that the generator given is not to be used any more.
    ``batch`` has the template's columns. ``checkpoints`` is a directory in which the state is
    saved at every look at held-out rows; with one saved there, tuning goes on from it. The loss is
    in nats a row.

    Raises DataError where there are no rows or a cell cannot be written, UsageError where a row
    does not fit the model, memory does not suffice, the precision or the adapters are not to be
    had, the loss is no number any more, or the checkpoint is of another run.
    """
    how = how or Tuning()
    if not len(batch):
        raise DataError("there are no rows to tune the language model on; at least one is needed")
    lines = generator.lines(batch)
    lines.check_length(generator.base.positions)
    with explained(how, False):
        shared = not how.checkpointing and way_of(generator.base) != "anew"
    run = _name_of_run(generator, lines, how, seed)
    kept = None if checkpoints is None else Checkpoints(Path(checkpoints).absolute(), run)
    saved = None if kept is None else kept.load()
    network = generator.base.network
    computed = _precision(how, network)
    kind = network.dtype
    quantised = bool(getattr(network, "is_loaded_in_8bit", False))
    with explained(how, shared), ExitStack() as stack:
        stack.enter_context(quiet())  # GPT-2 warns of padding that it mistakes for text
        wrapped = None
        if how.adapters is not None:
            with _random(network, seed, 0):
                wrapped = attach(network, how.adapters)
        elif quantised:
            raise UsageError("weights in 8 bits cannot be trained: train adapters beside them")
        else:
            # Steps are too small for bfloat16 to add: weights are kept in float32 meanwhile.
            network.float().requires_grad_(True)
        if how.checkpointing:
            # The second names are those of earlier versions of transformers.
            enable = getattr(network, "activation_checkpointing_enable", None)
            disable = getattr(network, "activation_checkpointing_disable", None)
            (enable or network.gradient_checkpointing_enable)({"use_reentrant": False})
            stack.callback(disable or network.gradient_checkpointing_disable)
        stack.callback(network.eval)
        tuner = _Run(network, lines, how, seed, shared, computed, kept)
        trained = tuner.run(saved, progress)
    if wrapped is None:
        network.to(kind).requires_grad_(False)
        return generator.with_base(replace(generator.base, path=None)), trained
    network, adapters = detach(wrapped, merge=not quantised)
    return generator.with_base(replace(generator.base, network=network, adapters=adapters)), trained


def split(rows: int, how: Tuning, seed: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return which rows are learned and which are held out, in the order they are gone through."""
    order = np.random.default_rng(np.random.SeedSequence([seed, 0])).permutation(rows).tolist()
    held = min(int(rows * how.held_out), how.most_held_out)
    if held < _FEW:
        return tuple(order), tuple(order[:_SOME])
    return tuple(order[held:]), tuple(order[:held])


def rate(how: Tuning, step: int, total: int) -> float:
    """Return the learning rate of a step, counted from 0, of so many."""
    rising = max(1, round(how.warm_up * total))
    if step < rising:
        return how.learning_rate * (step + 1) / rising
    done = (step - rising) / max(1, total - rising)
    return how.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


@dataclass
class _Run:
    """One run of tuning: the network, its optimizer, and all that the steps follow from."""

    network: Any
    lines: Lines
    how: Tuning
    seed: int
    shared: bool
    computed: torch.dtype | None
    kept: Checkpoints | None

    def __post_init__(self) -> None:
        self._learned, self._held = split(len(self.lines), self.how, self.seed)
        self._per_epoch = math.ceil(len(self._learned) / self.how.batch_size)
        self._total = self._per_epoch * self.how.epochs
        self._epoch: tuple[int, list[tuple[int, ...]]] = (-1, [])
        self._every = max(1, self._per_epoch // self.how.looks)
        self._live = {n: p for n, p in self.network.named_parameters() if p.requires_grad}
        decayed = [p for p in self._live.values() if p.ndim > 1]
        plain = [p for p in self._live.values() if p.ndim <= 1]
        self._optimizer = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": self.how.weight_decay},
                {"params": plain, "weight_decay": 0.0},
            ],
            lr=self.how.learning_rate,
        )

    def run(self, saved: State | None, progress: ProgressHook | None) -> Trained:
        """Tune from the start or from what was saved, and put the best weights in."""
        started, first = time.monotonic(), 0 if saved is None else saved.standing.step
        if saved is None:
            standing, best = Standing(best=self._held_out_loss()), self._weights()
        else:
            self._restore(saved)
            standing, best = saved.standing, saved.best
        while standing.step < self._total and standing.waited < self.how.patience:
            loss = self._step(standing.step)
            standing = replace(standing, step=standing.step + 1)
            at_end = standing.step == self._total
            if standing.step % self._every == 0 or at_end:
                found = self._held_out_loss()
                if found < standing.best:
                    standing = replace(standing, best=found, best_step=standing.step, waited=0)
                    best = self._weights()
                else:
                    standing = replace(standing, waited=standing.waited + 1)
                if self.kept is not None:
                    self.kept.save(State(standing, self._weights(), best, self._moments()))
            if progress is not None:
                spent = time.monotonic() - started
                left = spent / (standing.step - first) * (self._total - standing.step)
                progress(Progress(standing.step, self._total, loss, left, "tuning"))
        self._put(best)
        return Trained(standing.step, standing.best, ())

    def _step(self, step: int) -> float:
        """Make one step; return the mean loss of its rows."""
        chosen = self._batch(step)
        for group in self._optimizer.param_groups:
            group["lr"] = rate(self.how, step, self._total)
        self.network.train()
        self._optimizer.zero_grad(set_to_none=True)
        values, loss = self.lines.values(chosen), 0.0
        with _random(self.network, self.seed, step + 1):
            for part in _parts(chosen, self.how.at_once or len(chosen)):
                with self._autocast():
                    losses = row_losses(self.network, self.lines, part, shared=self.shared)
                # The mean over all values of the batch, whatever parts it is computed in.
                mean: Any = losses.sum() / max(1, values)
                mean.backward()
                loss += float(losses.detach().sum())
        if not math.isfinite(loss):
            raise UsageError(
                f"the loss is {loss} at step {step + 1:,}: the rate {self.how.learning_rate:g} is "
                "too high for this model, try a tenth of it"
            )
        torch.nn.utils.clip_grad_norm_(list(self._live.values()), self.how.clip)
        self._optimizer.step()
        return loss / len(chosen)

    def _batch(self, step: int) -> tuple[int, ...]:
        """Return the rows of a step: each once an epoch, with others of about their length."""
        epoch, within = divmod(step, self._per_epoch)
        if self._epoch[0] != epoch:
            self._epoch = epoch, self._batches(epoch)
        return self._epoch[1][within]

    def _batches(self, epoch: int) -> list[tuple[int, ...]]:
        random = np.random.default_rng(np.random.SeedSequence([self.seed, 1, epoch]))
        order = np.array(self._learned)[random.permutation(len(self._learned))]
        size = self.how.batch_size
        batches: list[tuple[int, ...]] = []
        for start in range(0, len(order), _WINDOW * size):
            window = order[start : start + _WINDOW * size]
            alike = window[np.argsort(self.lines.lengths[window], kind="stable")]
            batches += [tuple(part.tolist()) for part in _parts(alike, size)]
        return [batches[k] for k in random.permutation(len(batches)).tolist()]

    @torch.no_grad()
    def _held_out_loss(self) -> float:
        """Return the mean loss of held-out rows, in nats a row."""
        self.network.eval()
        found = 0.0
        for part in _parts(self._held, self.how.at_once or self.how.batch_size):
            with self._autocast():
                losses = row_losses(self.network, self.lines, part, shared=self.shared)
            found += float(losses.double().sum())
        return found / len(self._held)

    @contextmanager
    def _autocast(self) -> Generator[None]:
        if self.computed is None:
            yield
        else:
            with torch.autocast(self.network.device.type, dtype=self.computed):
                yield

    # What is trained, as tensors.

    def _weights(self) -> Tensors:
        return {n: p.detach().to("cpu", copy=True) for n, p in self._live.items()}

    def _put(self, weights: Tensors) -> None:
        with torch.no_grad():
            for name, parameter in self._live.items():
                parameter.copy_(weights[name])

    def _moments(self) -> Tensors:
        state = self._optimizer.state_dict()["state"]
        return {
            f"{number}.{name}": value.detach().to("cpu", copy=True)
            for number, own in state.items()
            for name, value in own.items()
        }

    def _restore(self, saved: State) -> None:
        self._put(saved.live)
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in saved.moments.items():
            number, _, name = key.partition(".")
            state.setdefault(int(number), {})[name] = value
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": state, "param_groups": groups})


def _parts(rows: Any, size: int) -> Iterator[Any]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


@contextmanager
def _random(network: Any, seed: int, step: int) -> Generator[None]:
    """Make what torch draws follow from the seed and the step, and leave its state alone."""
    device = network.device
    devices: Sequence[Any] = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(int(np.random.SeedSequence([seed, 2, step]).generate_state(1)[0]))
        yield


def _precision(how: Tuning, network: Any) -> torch.dtype | None:
    """Return what to compute in; None for float32. Raises UsageError where it is not to be had."""
    on_gpu = network.device.type == "cuda"
    can = not on_gpu or torch.cuda.is_bf16_supported(including_emulation=False)
    if how.precision == "bfloat16" and not can:
        raise UsageError("this GPU does not compute in bfloat16; use precision='float32'")
    wanted = how.precision == "bfloat16" or (how.precision == "auto" and on_gpu and can)
    return torch.bfloat16 if wanted else None


def _name_of_run(generator: LanguageGenerator, lines: Lines, how: Tuning, seed: int) -> str:
    """Return a hash of all that a run's weights follow from; of the first ones, some of each."""
    network = generator.base.network
    facts = [asdict(how), seed, lines.prompt, lines.rows, network.config.to_dict()]
    facts.append(told_by(network))
    told = json.dumps(facts, default=str, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()
