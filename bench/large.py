"""A model of the size that people use, on one GPU: throughput, LoRA, memory.

The weights are random and drawn where they compute, the table is made up: nothing is read or
fetched. Rows are nonsense of the right length, and what takes time does so as it would with a
trained model. Without a GPU the shape ``tiny`` shows that all of it works.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

from bench.device import Device
from bench.large_cells import (
    FULL,
    HELD_OUT,
    UNKNOWN,
    Drawing,
    Steps,
    drawing,
    rows_to_tune,
    size,
    tuning,
    within,
)
from bench.large_model import SHAPES, Large
from bench.large_table import Parcels
from bench.report import Figure, Grid, Section, number, percent, seconds
from synthtab.generate.guide import LEVELS
from synthtab.generate.language.generator import LanguageGenerator
from synthtab.generate.language.session import Way, way_of
from synthtab.generate.language.settings import EXAMPLES, Lora, Tuning

SHARES = {"draw": 0.5, "lora": 0.15, "memory": 0.35}
PARTS = tuple(SHARES)
"""What is measured, in this order; each part has its share of the time."""
SHAPE, STEPS, MINUTES = "llama-8b", 4, 8.0
ROWS, FEW_ROWS = 256, 16
AT_A_TIME = (1, 16, 64, 256)
SHOWN = (0, EXAMPLES, 4 * EXAMPLES)
TUNED = (4, 16)
WARM = 64
"""So many rows are drawn at most before others are timed: what is made once is made by then."""


def options(parser: ArgumentParser) -> None:
    """Add the shape, and what makes it shorter."""
    parser.add_argument("--shape", choices=SHAPES, default=SHAPE, help=f"of the model ({SHAPE})")
    parser.add_argument(
        "--rows", type=int, help=f"at a time at most ({ROWS}; {FEW_ROWS} where there is no GPU)"
    )
    parser.add_argument("--steps", type=int, default=STEPS, help=f"of LoRA to time ({STEPS})")
    parser.add_argument(
        "--minutes", type=float, default=MINUTES, help=f"after which nothing is begun ({MINUTES:g})"
    )


@dataclass(frozen=True)
class Setting:
    """What is measured with: ``rows`` at a time at most, ``steps`` of LoRA, ``asked`` in words."""

    large: Large
    parcels: Parcels
    rows: int
    steps: int
    seed: int
    asked: str = ""

    @classmethod
    def of(cls, large: Large, rows: int, steps: int, seed: int, asked: str = "") -> Setting:
        """Draw the rows that are needed to show and to learn from."""
        most = max(*SHOWN, rows_to_tune(max(_tuned(rows)), steps))
        return cls(large, Parcels.of(most, seed), rows, steps, seed, asked)

    def section(
        self,
        part: str,
        title: str,
        figures: Sequence[Figure],
        grid: Grid,
        note: str,
        cells: Sequence[object],
    ) -> Section:
        """Return a part's section, with what is the same for all of them."""
        return Section(
            title,
            f"python -m bench large --shape {self.large.shape.name} --only {part}{self.asked}",
            self.seed,
            figures,
            note=note,
            grids=[grid],
            data={"cells": cells},
            device=self.large.device.described(),
        )


def command(given: Namespace) -> Iterator[Section]:
    """Measure what the command line says. SystemExit where the model has no room here."""
    for name in ("rows", "steps", "minutes"):
        value = getattr(given, name)
        if value is not None and not value > 0:
            raise SystemExit(f"bench: --{name} {value:g}: it is above 0")
    device = Device.here()
    rows = given.rows or (ROWS if device.is_gpu else FEW_ROWS)
    asked = "" if given.rows is None else f" --rows {given.rows}"
    asked += "" if given.steps == STEPS else f" --steps {given.steps}"
    large = Large(SHAPES[given.shape], device, given.seed)
    yield from run(
        lambda: Setting.of(large, rows, given.steps, given.seed, asked), given.only, given.minutes
    )


def run(make: Callable[[], Setting], only: Sequence[str], minutes: float) -> Iterator[Section]:
    """Yield the sections of the parts asked for, all where none is named.

    A part begins nothing more when its share of the time is up, what it took to make the setting
    included, so that the parts after it have theirs.
    """
    started = time.perf_counter()
    setting = make()
    parts = [part for part in PARTS if not only or part in only]
    whole, gone = sum(SHARES[part] for part in parts), 0.0
    for part in parts:
        gone += SHARES[part] / whole
        yield MEASURES[part](setting, started + 60 * minutes * gone)


# Rows.


def throughput(setting: Setting, until: float) -> Section:
    """Draw rows at each level, more and more of them at a time."""
    large, device, plan = setting.large, setting.large.device, setting.parcels.case.plan
    made = replace(setting.parcels.generator(large.base, EXAMPLES), most_rows=setting.rows)
    _warmed(made, setting)
    grid = Grid(
        *("rows at a time", "read at a time", "level", "rows/s", "tokens/s", "a step"),
        *("beside free", "network", "masks", "around it", "the rest", "prompt"),
    )
    found: dict[int, dict[str, Drawing]] = {}
    for rows in _up_to(setting.rows, AT_A_TIME):
        if as_before := _limited(own.get("solver") for own in found.values()):
            grid.add(f"{rows}", "", "", as_before, *[""] * 8)
            continue
        own = found.setdefault(rows, {})
        within(until, device, partial(made.draw, min(rows, WARM), seed=setting.seed))
        drawn = partial(drawing, made, plan=plan, rows=rows, seed=setting.seed, device=device)
        for level in LEVELS:
            cell = within(until, device, partial(drawn, level=level))
            if isinstance(cell, str):
                grid.add(f"{rows}", "", level, cell, *[""] * 8)
            else:
                own[level] = cell
                grid.add(f"{rows}", f"{cell.at_once}", level, *_told(cell, own.get("free")))
    return setting.section(
        "draw",
        f"Rows of the shape {large.shape.name}, with and without masks",
        list(_compared(found)),
        grid,
        (
            f"{large.described()}. The prompt has {len(made.prompt_tokens):,} tokens and shows "
            f"{EXAMPLES} rows; it is read once for all rows of a draw, and timed apart. A step is "
            "a forward pass, which gives a token to each row that is not waiting for others; "
            "`network`, `masks`, `around it` (what is made ready for a pass, its logits put where "
            "their rows are) and `the rest` (drawing tokens, reading values) are shares of its "
            "time. Rows at `free` are other rows, and most of their values break off early, as "
            "random weights write none: what compares is the step. Tokens are those of the rows, "
            "keys included. "
            "How many rows are read at a time is for the generator to say, by the memory that "
            f"there is. {WAYS[way_of(large.base)]}"
        ),
        [{"level": level, **asdict(cell)} for own in found.values() for level, cell in own.items()],
    )


def _warmed(made: LanguageGenerator, setting: Setting) -> None:
    """Let two rows come to the states of all columns, whose tokens are found once."""
    for level in LEVELS:
        guide = setting.parcels.case.plan if level == "solver" else None
        made.draw(2, level=level, guide=guide, seed=setting.seed)


def _told(cell: Drawing, free: Drawing | None) -> Iterator[str]:
    yield f"{cell.rows / cell.all:,.2f}"
    yield number(cell.tokens / cell.all)
    yield seconds(cell.step)
    yield "" if free is None else _times(cell.step / free.step)
    for part in (cell.network, cell.masks, cell.around, cell.rest):
        yield percent(part / cell.all)
    yield seconds(cell.prompt)


def _compared(found: dict[int, dict[str, Drawing]]) -> Iterator[Figure]:
    """Yield figures of the most rows at a time that all levels were measured with."""
    whole = [rows for rows, own in found.items() if len(own) == len(LEVELS)]
    if not whole:
        return
    most = max(whole)
    free, solver = found[most]["free"], found[most]["solver"]
    for level, cell in found[most].items():
        yield Figure(
            f"rows and tokens a second at `{level}`, {most} rows at a time",
            f"{cell.rows / cell.all:,.2f} rows/s, {number(cell.tokens / cell.all)} tokens/s",
        )
    yield Figure("a step at `solver` beside one at `free`", _times(solver.step / free.step))
    yield Figure(
        "masks at `solver`, of the time of the forward pass", percent(solver.masks / solver.network)
    )


def _times(ratio: float) -> str:
    return f"{ratio:.2f} times"


WAYS: dict[Way, str] = {
    "shared": "Rows share what the network keeps of the prompt.",
    "kept": "Each row keeps what the network does of the prompt, which gives other logits shared.",
    "anew": "Rows are read anew for each token, as the network gives other logits where it keeps "
    "what it read: these are not the figures of one that does.",
}


# Adapters.


def adapters(setting: Setting, until: float) -> Section:
    """Time steps of LoRA, with activations kept and computed twice."""
    large, device = setting.large, setting.large.device
    grid = Grid(
        *("rows a step", "activations", "a step", "rows/s", "tokens a step", "tokens/s", "peak")
    )
    found: list[tuple[bool, Steps]] = []
    for twice in (False, True):
        for rows in _tuned(setting.rows):
            kind = "computed twice" if twice else "kept"
            cell = within(until, device, partial(_steps, setting, rows, twice))
            if isinstance(cell, str):
                grid.add(f"{rows}", kind, cell, *[""] * 4)
                if cell == FULL:
                    large.renew()  # adapters may still stand beside its layers
                continue
            found.append((twice, cell))
            grid.add(
                *(f"{rows}", kind, seconds(cell.seconds), f"{rows / cell.seconds:,.2f}"),
                *(number(cell.tokens), number(cell.tokens / cell.seconds), size(cell.peak)),
            )
    lora = Lora()
    return setting.section(
        "lora",
        f"Steps of LoRA of the shape {large.shape.name}",
        [
            Figure(
                f"a step of {cell.rows} rows, activations {'computed twice' if twice else 'kept'}",
                seconds(cell.seconds),
            )
            for twice, cell in found
        ],
        grid,
        (
            f"{large.described()}. Adapters of rank {lora.rank} beside all linear layers, by peft "
            f"{version('peft')}; the median of {setting.steps} steps of `tune`, forward, backward "
            f"and AdamW, on rows behind a prompt that shows none. Where activations are kept the "
            "prompt is read once a step, else with every row; tokens count it as often, and "
            f"padding. The peak includes a look at {HELD_OUT} held-out rows."
        ),
        [{"computed_twice": twice, **asdict(cell)} for twice, cell in found],
    )


def _steps(setting: Setting, rows: int, twice: bool) -> Steps:
    """Tune on rows behind a prompt that shows none, as is usual where a model is tuned."""
    some = setting.parcels.rows.take(np.arange(rows_to_tune(rows, setting.steps)))
    how = Tuning(
        epochs=1,
        batch_size=rows,
        held_out=0.9,  # of which the next line leaves few
        most_held_out=HELD_OUT,
        looks=1,
        checkpointing=twice,
        adapters=Lora(),
    )
    made = setting.parcels.generator(setting.large.base, 0)
    return tuning(made, some, how, setting.steps, setting.seed, setting.large.device)


# Memory.


def memory(setting: Setting, until: float) -> Section:
    """Tell the most memory that drawing takes, by rows at a time and by the prompt's length."""
    large, device, plan = setting.large, setting.large.device, setting.parcels.case.plan
    assert large.base  # so that its weights are there before anything is counted
    grid = Grid(
        *("rows at a time", "read at a time", "rows shown", "prompt"),
        *("peak", "beyond the weights", "of it a row"),
    )
    found: list[tuple[int, Drawing]] = []
    for rows in _up_to(setting.rows, AT_A_TIME[1:]):
        for shown in SHOWN:
            made = replace(setting.parcels.generator(large.base, shown), most_rows=rows)
            before = f"{len(made.prompt_tokens):,} tokens"
            own = (cell for tokens, cell in found if tokens == len(made.prompt_tokens))
            if as_before := _limited(own):
                grid.add(f"{rows}", "", f"{shown}", before, as_before, "", "")
                continue
            cell = within(
                until,
                device,
                partial(_again, made, "grammar", plan, rows, setting.seed, device),
            )
            if isinstance(cell, str):
                grid.add(f"{rows}", "", f"{shown}", before, cell, "", "")
                continue
            found.append((len(made.prompt_tokens), cell))
            more = None if cell.peak is None else cell.peak - large.weights
            each = None if more is None else more // cell.at_once
            cells = (size(cell.peak), size(more), size(each))
            grid.add(f"{rows}", f"{cell.at_once}", f"{shown}", before, *cells)
    peaks = [cell.peak for _, cell in found if cell.peak is not None]
    figures = [
        Figure("weights", size(large.weights)),
        Figure("the most that was taken while rows were drawn", size(max(peaks, default=None))),
    ]
    if device.is_gpu:
        figures.append(Figure("memory of the GPU", size(device.memory)))
    else:
        figures.append(Figure("memory of a GPU", f"{UNKNOWN}: there is none"))
    return setting.section(
        "memory",
        f"Memory of the shape {large.shape.name}",
        figures,
        grid,
        (
            f"{large.described()}. The level `grammar`. The peak is of tensors on the GPU while "
            "rows are drawn, weights included; on a processor it is not measured. How many rows "
            "are read at a time is for the generator to say, by the memory that there is."
        ),
        [{"prompt_tokens": tokens, **asdict(cell)} for tokens, cell in found],
    )


def _again(made: LanguageGenerator, *asked: Any) -> Drawing:
    """Draw as :func:`drawing`, after a row with which what is made once is made."""
    made.draw(1)
    return drawing(made, *asked)


def _limited(found: Iterable[Drawing | None]) -> str:
    """Return words where fewer rows were read at a time than asked: with more it is the same."""
    limits = (cell for cell in found if cell is not None and cell.at_once < cell.rows)
    first = next(limits, None)
    return "" if first is None else f"as with {first.rows}: {first.at_once} at a time"


def _up_to(most: int, usual: Sequence[int]) -> list[int]:
    """Return the usual numbers that are below the most, and it."""
    return [*(n for n in usual if n < most), most]


def _tuned(rows: int) -> list[int]:
    """Return how many rows a step has, where so many are given at most."""
    return _up_to(min(rows, max(TUNED)), TUNED)


MEASURES: dict[str, Callable[[Setting, float], Section]] = {
    "draw": throughput,
    "lora": adapters,
    "memory": memory,
}
