"""What is measured in one cell of a grid, and what stands there where nothing could be."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TypeVar

from bench.device import GIB, MIB, Device, Pass, passes
from bench.language_cases import Clock, Reading, timers, tokens_read
from synthtab.batch import Batch
from synthtab.errors import UsageError
from synthtab.generate.guide import Guide, Level
from synthtab.generate.language.generator import LanguageGenerator
from synthtab.generate.language.memory import ran_out
from synthtab.generate.language.settings import Tuning
from synthtab.generate.language.training import tune
from synthtab.generate.train import Progress

FULL = "out of memory"
LATE = "no time left"
UNKNOWN = "not measured"
HELD_OUT = 8
"""With fewer rows than that to hold out, tuning looks at more of those that it learns from."""

Found = TypeVar("Found")


def within(until: float, device: Device, measure: Callable[[], Found]) -> Found | str:
    """Measure; return words instead where memory ran out, or the time is up before it begins.

    ``until`` is by :func:`time.perf_counter`. What failed has let go of its memory.
    """
    if time.perf_counter() > until:
        return LATE
    device.forget_peak()
    try:
        return measure()
    except (MemoryError, RuntimeError, UsageError) as error:
        causes = (error, error.__cause__)
        if not any(isinstance(e, Exception) and ran_out(e) for e in causes):
            raise
    device.forget_peak()  # here, where the error no longer holds what its frames held
    return FULL


@dataclass(frozen=True)
class Drawing:
    """How rows were drawn: ``at_once`` of them in one batch, in steps that give each a token.

    Times are in s, and of the steps alone: ``all``, and in it the ``network``, ``masks`` and
    what stands ``around`` the network (masks of attention, logits put in their rows' places).
    ``prompt`` is the time to read what stands before the rows. ``tokens`` are those of
    rows, keys included; ``peak`` is in bytes, None on a processor.
    """

    rows: int
    at_once: int
    steps: int
    tokens: int
    prompt: float
    all: float
    network: float
    masks: float
    around: float
    peak: int | None

    @property
    def step(self) -> float:
        """The time of a step."""
        return self.all / self.steps

    @property
    def rest(self) -> float:
        """The time of drawing tokens, reading values and the rest."""
        return max(0.0, self.all - self.network - self.masks - self.around)


def drawing(
    made: LanguageGenerator, level: Level, plan: Guide, rows: int, seed: int, device: Device
) -> Drawing:
    """Draw rows at a level with a generator that has drawn before; say what took how long."""
    clock, read = Clock(now=time.perf_counter), Reading()
    counted = partial(clock.counts, "forward")
    with passes(made.base.network, device, counted) as seen, timers(clock), tokens_read(read):
        started = device.now()
        made.draw(rows, level=level, guide=plan if level == "solver" else None, seed=seed)
        took = device.now() - started
    steps = [one for one in seen if not _of_prompt(made, one)]
    prompt = sum(one.seconds for one in seen) - sum(one.seconds for one in steps)
    network = sum(one.seconds for one in steps)
    before = len(made.prompt_tokens) + len(made.template.first) - 1
    return Drawing(
        rows,
        max(one.rows for one in steps),
        len(steps),
        read.tokens - before,
        prompt,
        took - prompt,
        network,
        clock.spent.get("masks", 0.0),
        clock.spent.get("forward", 0.0) - sum(one.seconds for one in seen if one.counted),
        device.peak(),
    )


def _of_prompt(made: LanguageGenerator, one: Pass) -> bool:
    """Say whether a pass reads more at once than a row ever does, which only a prompt is."""
    return one.columns > 1 + max(len(ids) for slot in made.template.slots for ids in slot.forced)


@dataclass(frozen=True)
class Steps:
    """How tuning went: the median time (s) of a step, the tokens that it reads, the peak (bytes).

    ``tokens`` counts prompts as often as they are read, and padding.
    """

    rows: int
    seconds: float
    tokens: int
    peak: int | None


def tuning(
    made: LanguageGenerator, batch: Batch, how: Tuning, steps: int, seed: int, device: Device
) -> Steps:
    """Tune on so many rows that ``steps`` can be timed, one before and one after them left out.

    The first makes what is made once, and after the last held-out rows are looked at.
    """
    ticks: list[tuple[float, int]] = []
    with passes(made.base.network, device) as seen:

        def tell(progress: Progress) -> None:
            ticks.append((device.now(), sum(one.rows * one.columns for one in seen)))

        tune(made, batch, how, seed=seed, progress=tell)
    timed = list(pairwise(ticks[: steps + 1]))
    return Steps(
        how.batch_size,
        statistics.median(after[0] - before[0] for before, after in timed),
        round(statistics.mean(after[1] - before[1] for before, after in timed)),
        device.peak(),
    )


def rows_to_tune(batch_size: int, steps: int) -> int:
    """Return how many rows :func:`tuning` takes, those that are held out included."""
    return batch_size * (steps + 2) + HELD_OUT


def size(memory: int | None) -> str:
    """Return bytes in words."""
    if memory is None:
        return UNKNOWN
    return f"{memory / GIB:.2f} GiB" if memory >= GIB / 10 else f"{memory / MIB:.2f} MiB"
