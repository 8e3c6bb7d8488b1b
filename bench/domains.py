"""Domain models as a start: what they are worth on tables of their domain that they never saw.

Of each table so many rows are learned, from scratch and from the domain's model, by networks of one
shape, for as many steps at most. *Loss* is that of real rows that were not learned, in nats a row,
the least while training, and the least by the step at which it is that from scratch. Shape, pair
and two-sample figures are distances from real rows that were not learned, utility is on the
held-out rows. ``--only`` names tables; ``--work FOLDER`` keeps what each run found.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import torch
from transformers import LlamaForCausalLM

from bench.asked import command_line, times
from bench.differences import CONFIDENCE, said, verdict
from bench.domain_recipes import RECIPES
from bench.kept import kept_values
from bench.registry import Loaded, entry, load
from bench.report import Figure, Grid, Section
from bench.unseen import MEASURES as SCORES
from bench.unseen import against, figure_of, parted
from synthtab.batch import Batch
from synthtab.frames import decode_frame, encode_frame
from synthtab.generate.generator import GeneratorConfig, RowGenerator
from synthtab.generate.model import ModelConfig, new_network, position_losses
from synthtab.generate.pretrain.domainmodel import DomainModel
from synthtab.generate.pretrain.schemamodel import settled
from synthtab.generate.tokenizer import Layout
from synthtab.generate.train import Progress, TrainConfig, learned_rows, train
from synthtab.onetable import OneTable

SIZES = (100, 300, 1_000)
SEEDS = 3
SYMBOLS = 800_000
DRAWN = 2_000
TESTED = 500
"""Rows that the loss is taken of while a network learns."""
LOOKS = 40
TITLE = "Domain models: from scratch, and from one"
STARTS = ("scratch", "domain model")
MEASURES = {
    "loss": ("loss, nats a row", False),
    "as_soon": ("loss after as many steps as from scratch to the least", False),
    **SCORES,
}
"""What is measured: its name, and whether more is better."""


@dataclass(frozen=True)
class Run:
    """What one start came to, on so many rows of a table; ``curve`` has (step, loss) pairs."""

    table: str
    domain: str
    learned: int
    start: str
    seed: int
    shape: float
    pair: float
    auc: float | None
    utility: float | None
    broken: int
    curve: tuple[tuple[int, float], ...]

    @property
    def loss(self) -> float:
        """The least loss."""
        return min(loss for _, loss in self.curve)

    def steps_to(self, loss: float) -> int | None:
        """Return the first step at which the loss is as low, if it ever is."""
        return next((step for step, value in self.curve if value <= loss), None)


def run(
    seed: int = 0,
    only: Sequence[str] = (),
    seeds: int | None = None,
    work: Path | None = None,
    symbols: int | None = None,
) -> Iterator[Section]:
    """Measure the tables, ``seeds`` times each, from ``seed`` on."""
    homes = {table: name for name, recipe in RECIPES.items() for table in recipe.held_out}
    unknown = [name for name in only if name not in homes]
    if unknown:
        raise SystemExit(f"bench: {unknown[0]} is held out of no domain; {', '.join(homes)} are")
    many, seen = times(seeds, SEEDS), symbols or SYMBOLS
    runs: list[Run] = []
    for table in dict.fromkeys(only or homes):
        for turn in range(seed, seed + many):
            runs += _of(table, homes[table], turn, seen, work)
    asked = command_line("domains", only, seeds=seeds, symbols=symbols)
    yield section(runs, asked, seed, seen)


def _of(table: str, domain: str, seed: int, symbols: int, work: Path | None) -> Iterator[Run]:
    loaded, model = load(entry(table), seed), DomainModel.load(domain)
    for size in SIZES:
        if size > len(loaded.train):
            continue
        for start in STARTS:
            init = None if start == "scratch" else model
            how = {"rules": loaded.model.to_text(), "symbols": symbols, "card": model.card}
            how |= {"drawn": DRAWN, "tested": TESTED, "looks": LOOKS}
            values = kept_values(
                work,
                f"domains-{table}-{size}-{start.replace(' ', '_')}-{seed}",
                how,
                lambda size=size, init=init: asdict(  # type: ignore[misc]
                    measure(loaded, domain, size, init, seed, symbols)
                ),
            )
            curve = tuple((int(step), float(loss)) for step, loss in values["curve"])
            yield Run(**{**values, "curve": curve})
            print(f"domains: {table}, {size} rows, {start}, seed {seed}", file=sys.stderr)


def measure(
    loaded: Loaded, domain: str, size: int, init: DomainModel | None, seed: int, symbols: int
) -> Run:
    """Learn ``size`` rows of a table from a start, draw some, and score them."""
    columns = loaded.table.columns
    learned, others = parted(loaded, size)
    # For its Plan and its layout: the network is trained below, where it can be looked at.
    brief = GeneratorConfig(train=TrainConfig(symbols_seen=1, max_epochs=1))
    one = OneTable(loaded.model, config=brief)
    one.fit(decode_frame(columns, learned), seed=seed)
    subject = one.subject(decode_frame(columns, learned))
    assert subject.batch is not None
    parts = subject.columns, subject.order, subject.domains, subject.batch
    made = RowGenerator.fit(*parts, config=brief)
    training = TrainConfig(symbols_seen=symbols)
    network, points = watched(made.layout, subject.batch, others, init, training, seed)
    drawn, _ = one.draw(DRAWN, mode="solver", seed=seed, source=replace(made, network=network))
    rows = encode_frame(columns, one.finished(drawn, seed))
    return Run(
        loaded.entry.name,
        domain,
        len(learned),
        STARTS[init is not None],
        seed,
        **against(loaded, others, rows, seed),
        curve=points,
    )


def watched(
    layout: Layout,
    learned: Batch,
    others: Batch,
    init: DomainModel | None,
    training: TrainConfig,
    seed: int,
) -> tuple[LlamaForCausalLM, tuple[tuple[int, float], ...]]:
    """Train a network; return it, and (step, loss of other rows in nats a row) pairs meanwhile."""
    symbols = layout.encode(learned)
    fits = others.take(layout.within(others))
    tested = torch.from_numpy(layout.encode(fits.take(np.arange(min(TESTED, len(fits))))))
    if init is None:
        network = new_network(ModelConfig(), layout, seed)
    else:
        network = init.network.network(layout, learned_rows(symbols, training, seed))
    points: list[tuple[int, float]] = []

    def look(step: int) -> None:
        with torch.inference_mode():
            points.append((step, float(position_losses(network, layout, tested).sum())))

    def progress(state: Progress) -> None:
        if state.step % max(1, state.total // LOOKS) == 0 or state.step == state.total:
            look(state.step)

    look(0)
    train(network, layout, symbols, training, seed, progress)
    return network if init is None else settled(network), tuple(points)


def section(runs: Sequence[Run], command: str, seed: int, symbols: int) -> Section:
    """Return what was found: differences over tables by number of rows, then each table."""
    pairs = _pairs(runs)
    sizes = sorted({scratch.learned for scratch, _ in pairs})
    whole = Grid("rows", "figure", "tables", "from scratch", "from a domain model; less that")
    each = Grid("domain: table", "rows", *(name for name, _ in MEASURES.values()), _STEPS)
    figures = []
    for key, (name, more) in MEASURES.items():
        words: dict[str, list[str]] = {}
        for size in sizes:
            some = [pair for pair in pairs if pair[0].learned == size]
            gains = [fmean(b - a for a, b in known) for _, known in _tables(some, key)]
            plain = [fmean(a for a, _ in known) for _, known in _tables(some, key)]
            if gains:
                words.setdefault(verdict(gains, more), []).append(f"{size:,}")
                form = _FORMS.get(key, "{:.3f}")
                cells = form.format(fmean(plain)), said(gains, form)
                whole.add(f"{size:,}", name, str(len(gains)), *cells)
        told = "; ".join(f"{word}: {', '.join(rows)}" for word, rows in words.items())
        figures.append(Figure(f"{name}, by rows learned", told))
    for size in sizes:
        some = [pair for pair in pairs if pair[0].learned == size]
        for table in dict.fromkeys(scratch.table for scratch, _ in some):
            own = [pair for pair in some if pair[0].table == table]
            domain = f"{own[0][0].domain}: {table}"
            each.add(domain, f"{size:,}", *(_cell(own, key) for key in MEASURES), _steps(own))
    reached = [(scratch.steps_to(scratch.loss), _first(scratch, begun)) for scratch, begun in pairs]
    sooner = sum(own is not None and other is not None and other < own for own, other in reached)
    lost = sum(r.broken for r in runs)
    figures += [
        Figure(
            f"the least loss from scratch is reached, of {len(pairs)} runs",
            f"{sum(other is not None for _, other in reached)}, in fewer steps in {sooner}",
        ),
        Figure("rows that break a rule", f"{lost:,}", "0", lost == 0),
    ]
    note = (
        f"Less: the mean over tables of the difference, with its {CONFIDENCE:.0%} interval by "
        "Student's distribution; better or worse is said where the whole interval says so. Of each "
        "table: from scratch → from its domain's model, means over seeds, after ± the standard "
        "deviation of the difference. A utility below 0 counts as 0. Networks of the usual shape, "
        f"at most {symbols:,} symbols seen, mode `solver`, {DRAWN:,} rows drawn. The loss, that of "
        f"rows that were not learned, is looked at {LOOKS} times a run."
    )
    return Section(TITLE, command, seed, figures, note, [whole, each])


Pair = tuple[Run, Run]
"""A run from scratch, and one from the domain's model that is like it in all else."""

_FORMS = {"loss": "{:.2f}", "as_soon": "{:.2f}", "shape": "{:.2%}", "pair": "{:.2%}"}
_STEPS = "steps to the least loss from scratch"


def _pairs(runs: Sequence[Run]) -> list[Pair]:
    found = {(r.table, r.learned, r.seed, r.start): r for r in runs}
    return [(r, found[r.table, r.learned, r.seed, STARTS[1]]) for r in runs if r.start == STARTS[0]]


def _tables(pairs: Sequence[Pair], key: str) -> list[tuple[str, list[tuple[float, float]]]]:
    """Return a measure's values, both known, by table; tables where it is not defined left out."""
    found: dict[str, list[tuple[float, float]]] = {}
    for scratch, begun in pairs:
        a, b = _value(key, scratch, scratch), _value(key, scratch, begun)
        if a is not None and b is not None:
            found.setdefault(scratch.table, []).append((a, b))
    return list(found.items())


def _value(key: str, scratch: Run, run: Run) -> float | None:
    """Return a figure of a run that has one from scratch to be held against."""
    if key == "as_soon":
        enough = scratch.steps_to(scratch.loss)
        return min(loss for step, loss in run.curve if enough is None or step <= enough)
    return figure_of(run, key)


def _first(scratch: Run, begun: Run) -> int | None:
    """Return how many steps it takes from the domain's model to the least loss from scratch."""
    return begun.steps_to(scratch.loss)


def _cell(pairs: Sequence[Pair], key: str) -> str:
    """Return a table's means, and the standard deviation of the difference over seeds."""
    values = [v for _, known in _tables(pairs, key) for v in known]
    if not values:
        return "-"
    form = _FORMS.get(key, "{:.3f}")
    gains = [b - a for a, b in values]
    spread = f" ± {form.format(stdev(gains))}" if len(gains) > 1 else ""
    before, after = (form.format(fmean(side)) for side in zip(*values, strict=True))
    return f"{before} → {after}{spread}"


def _steps(pairs: Sequence[Pair]) -> str:
    """Return the steps that were taken, and in how many runs the loss was reached at all."""
    own = [scratch.steps_to(scratch.loss) or 0 for scratch, _ in pairs]
    other = [steps for pair in pairs if (steps := _first(*pair)) is not None]
    if not other:
        return f"{fmean(own):.0f} → never"
    often = "" if len(other) == len(own) else f" ({len(other)} of {len(own)} runs)"
    return f"{fmean(own):.0f} → {fmean(other):.0f}{often}"
