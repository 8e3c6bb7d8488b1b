"""Domain models as a start: what they are worth on tables of their domain that they never saw.

Of each table so many rows are learned, from scratch and from the domain's model, by networks of one
shape, for as many steps at most. *Loss* is that of real rows that were not learned, in nats a row,
the least while training; *steps to it* says how many it takes until that is reached which is the
least from scratch. Shape, pair and two-sample figures are distances from real rows that were not
learned, utility is on the held-out rows. ``--only`` names tables; ``--work FOLDER`` keeps what each
run found.
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
from bench.domain_recipes import RECIPES
from bench.kept import kept_values
from bench.registry import Loaded, entry, load
from bench.report import Figure, Grid, Section
from bench.unseen import MEASURES as SCORES
from bench.unseen import against, parted
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
MEASURES: dict[str, tuple[str, bool]] = {
    "loss": ("loss, nats a row", False),
    "steps": ("steps to the least loss from scratch", False),
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
    """Return what was found: a row of the grid for each table and number of rows."""
    grid = Grid("domain: table", "rows", *(name for name, _ in MEASURES.values()))
    better = dict.fromkeys(MEASURES, 0)
    worse = dict(better)
    for some in _groups(runs):
        cells = []
        for key, (_, more) in MEASURES.items():
            pairs = [_values(key, scratch, begun) for scratch, begun in some]
            known = [p for p in pairs if p is not None]
            cells.append(_cell(key, known))
            gains = [(b - a) * (1 if more else -1) for a, b in known]
            if gains and abs(fmean(gains)) > _error(gains):
                (better if fmean(gains) > 0 else worse)[key] += 1
        first = some[0][0]
        grid.add(f"{first.domain}: {first.table}", str(first.learned), *cells)
    cases = len(_groups(runs))
    figures = [
        Figure(
            f"{name}: better from the domain's model, beyond chance",
            f"{better[key]} of {cases} (worse in {worse[key]})",
        )
        for key, (name, _) in MEASURES.items()
    ]
    figures.append(
        Figure(
            "rows that break a rule",
            f"{sum(r.broken for r in runs):,}",
            "0",
            met=not any(r.broken for r in runs),
        )
    )
    note = (
        "Each cell: from scratch → from the domain's model, means over seeds. A difference counts "
        "as beyond chance where its mean is greater than twice its standard error over seeds (one "
        "seed: any); after ± is the standard deviation of the difference. Networks of the usual "
        f"shape, at most {symbols:,} symbols seen, mode `solver`, {DRAWN:,} rows drawn. The loss "
        f"is looked at {LOOKS} times a run; steps are - where it was never reached."
    )
    return Section(TITLE, command, seed, figures, note, [grid])


Pair = tuple[Run, Run]


def _groups(runs: Sequence[Run]) -> list[list[Pair]]:
    """Return pairs of runs, from scratch and not, by table and number of rows; a seed each."""
    groups: dict[tuple[str, int], dict[int, dict[str, Run]]] = {}
    for one in runs:
        groups.setdefault((one.table, one.learned), {}).setdefault(one.seed, {})[one.start] = one
    return [
        [(both[STARTS[0]], both[STARTS[1]]) for both in by_seed.values()]
        for by_seed in groups.values()
    ]


def _values(key: str, scratch: Run, begun: Run) -> tuple[float, float] | None:
    if key == "steps":
        least = scratch.loss
        own, other = scratch.steps_to(least), begun.steps_to(least)
        return None if own is None or other is None else (float(own), float(other))
    a, b = getattr(scratch, key), getattr(begun, key)
    return None if a is None or b is None else (float(a), float(b))


def _cell(key: str, pairs: Sequence[tuple[float, float]]) -> str:
    if not pairs:
        return "-"
    form = _FORMS.get(key, "{:.3f}")
    gains = [b - a for a, b in pairs]
    spread = f" ± {form.format(stdev(gains))}" if len(gains) > 1 else ""
    before, after = (form.format(fmean(values)) for values in zip(*pairs, strict=True))
    return f"{before} → {after}{spread}"


_FORMS = {"loss": "{:.2f}", "steps": "{:.0f}", "shape": "{:.2%}", "pair": "{:.2%}"}


def _error(gains: Sequence[float]) -> float:
    """Return twice the standard error of a mean; 0 of a single value."""
    return 2 * stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else 0.0
