"""The work behind ``synthtab fit``: real tables to a saved model, and what was met on the way."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.markup import escape

from synthtab.choices import Violations
from synthtab.cli import common, guarantees
from synthtab.cli.datasets import all_given
from synthtab.cli.spelling import as_options
from synthtab.cli.writing import Asked, indexed, pretrained
from synthtab.errors import BudgetError, UsageError
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.language.settings import Pretrained
from synthtab.generate.pretrain.domainmodel import DomainModel
from synthtab.generate.train import Progress, TrainConfig
from synthtab.lang.model import Model
from synthtab.pipeline import FitReport, Synthesizer, WholeReport, needs_whole
from synthtab.privacy.settings import Privacy
from synthtab.sources import Sources
from synthtab.store import MANIFEST, check_target

DELTA = 1e-6
"""The delta where none is given."""


@dataclass(frozen=True)
class Request:
    """How to learn, as the command line was asked."""

    violations: Violations | None
    seed: int | None
    epochs: int | None
    privacy: Privacy | None
    pretrained: Pretrained | None
    as_json: bool
    examples: int = 0
    corpus: Path | None = None
    init: str | None = None


@as_options()
def request(
    violations: Violations | None,
    seed: int | None,
    epochs: int | None,
    privacy: Privacy | None,
    asked: Asked,
    init: str | None,
    as_json: bool,
) -> Request:
    """Return how to learn; UsageError where options do not go together."""
    generator = pretrained(asked, epochs)
    if epochs == 0 and generator is None:
        raise UsageError(
            "--epochs 0 learns nothing; only a pretrained model (--generator pretrained) writes "
            "rows without, by what its prompt says"
        )
    known = Request(violations, seed, epochs, privacy, generator, as_json)
    if generator is not None:
        if init is not None:
            raise UsageError(
                f"--init {init} is what a small network begins as; a pretrained model is --base"
            )
        return known
    if asked.corpus is not None and not asked.examples:
        raise UsageError(
            f"--corpus {asked.corpus} has rows that stand before others: say how many with "
            "--examples"
        )
    return replace(known, examples=asked.examples or 0, corpus=asked.corpus, init=init)


def budget(
    epsilon: float | None, delta: float | None, settings: Mapping[str, Any], zeros: bool
) -> Privacy | None:
    """Return the privacy asked for; UsageError where options come without ``--epsilon``."""
    if epsilon is not None:
        given = DELTA if delta is None else delta
        return Privacy(epsilon=epsilon, delta=given, structural_zeros=zeros, **settings)
    alone = [f"--{name.replace('_', '-')}" for name in settings]
    alone += ["--delta"] if delta is not None else []
    alone += [] if zeros else ["--no-structural-zeros"]
    if alone:
        raise UsageError(f"{alone[0]} goes with a privacy budget: give --epsilon as well")
    return None


@as_options()
def fit(rules: Path, data: Sequence[str], output: Path, request: Request) -> None:
    """Learn real rows under a rules file, save the model, print what was met."""
    check_target(output)
    _refuse_data_among(data, request)
    epochs, as_json = request.epochs, request.as_json
    training = TrainConfig() if not epochs else TrainConfig(max_epochs=epochs)
    model = Model.load(rules)
    config = GeneratorConfig(
        train=training,
        init=None if request.init is None else DomainModel.load(request.init),
        examples=request.examples,
        corpus=request.corpus,
    )
    generator = None if request.pretrained is None else indexed(request.pretrained)
    synthesizer = Synthesizer(model, config=config, generator=generator, privacy=request.privacy)
    started = time.perf_counter()
    with Sources() as sources, common.progress(as_json, partial(_left, request)) as update:
        bars = _Bars(update)
        synthesizer.fit(
            all_given(model, data, sources),
            violations=request.violations,
            seed=request.seed,
            progress=bars.table if needs_whole(model) else bars.rows,
        )
    seconds = time.perf_counter() - started
    synthesizer.save(output)
    private = synthesizer.privacy_report
    if private is not None:
        guarantees.tell(private, as_json, {"model": str(output)})
        if not as_json:
            common.stdout().print(f"saved: {output}", soft_wrap=True, markup=False)
        return
    report = synthesizer.report
    assert report is not None
    if as_json:
        facts = {**asdict(report), "seconds": seconds, "model": str(output)}
        if isinstance(report, FitReport):
            facts["unenforced"] = list(synthesizer.unenforced)
        common.print_json(facts)
    elif isinstance(report, WholeReport):
        _print_tables(model, report, seconds)
    else:
        _print_table(report, synthesizer.unenforced, seconds)
    if not as_json:
        common.stdout().print(f"saved: {output}", soft_wrap=True, markup=False)


def _left(request: Request) -> str:
    """Return what there is when fitting was interrupted."""
    kept = None if request.pretrained is None else request.pretrained.checkpoints
    if kept is None or not (Path(kept) / MANIFEST).is_file():
        return "nothing was written"
    return f"the same command goes on from {kept}"


def _refuse_data_among(data: Sequence[str], request: Request) -> None:
    """Raise BudgetError where the public documents have the very file that is learned.

    They are taken for public because they are given as such; this slip can be seen.
    """
    known = request.pretrained
    corpus = request.corpus if known is None else known.corpus
    if request.privacy is None or not isinstance(corpus, Path):
        return
    for argument in data:
        place = Path(argument.rpartition("=")[2])
        if place.exists() and place.resolve().is_relative_to(corpus.resolve()):
            raise BudgetError(
                f"the corpus {corpus} has the rows that are to be learned in it ({place}), and "
                "what is taken from there is shown as it is, which no privacy budget allows: keep "
                "public documents in a folder of their own"
            )


class _Bars:
    """One bar for each table that is learned; those before it are full."""

    def __init__(self, update: common.Update) -> None:
        self._update = update
        self._last: str | None = None

    def rows(self, state: Progress) -> None:
        if self._last not in (None, state.what):
            self._update(str(self._last), 1.0)
        self._last = state.what
        self._update(state.what, state.step / state.total)

    def table(self, name: str, number: int, tables: int, state: Progress) -> None:
        stage = f"learning {number + 1} of {tables}: {escape(name)}"
        if self._last not in (None, stage):
            self._update(str(self._last), 1.0)  # training may end early
        self._last = stage
        self._update(stage, state.step / state.total)


def _print_table(report: FitReport, unenforced: Sequence[str], seconds: float) -> None:
    console = common.stdout()
    told = report.prompt is not None and report.trained is None
    done = "told of" if told else "learned"
    console.print(f"{done} {report.rows_used:,} of {report.rows_read:,} rows in {seconds:.0f} s")
    if report.violated:
        console.print(f"real rows that broke rules were {_done(report)}:")
        for name, count in report.violated.items():
            console.print(f"  {name}: {count:,}", markup=False)
    if report.prompt is not None:
        tokens, cut = report.prompt["tokens"], report.prompt["cut"]
        left_out = f"; left out for want of room: {', '.join(cut)}" if cut else ""
        console.print(f"the prompt has {tokens:,} tokens{left_out}", markup=False)
        if (row := report.prompt.get("row")) is not None:
            many = common.counted(row["passages"], "passage")
            after = common.counted(row["after"], "column")
            console.print(f"each row reads up to {many} of its own, found by its first {after}")
        if told:
            console.print("nothing was trained: rows are written by what the prompt says")
    if (held := report.real_rows) is not None:
        rows = "1 real row as it is" if held.rows == 1 else f"{held.rows:,} real rows as they are"
        console.print(f"the saved model holds {rows}, in {held.file}", markup=False)
    if unenforced:
        names = ", ".join(unenforced)
        console.print(f"soft rules are learned, not enforced: {names}", markup=False)


def _print_tables(model: Model, report: WholeReport, seconds: float) -> None:
    console = common.stdout()
    read = sum(t.rows_read for t in report.tables.values())
    used = sum(t.rows_used for t in report.tables.values())
    grid = common.grid("table", "rows read", "used", "rules kept", "mended after", right=[1, 2, 3])
    later = set(report.later)
    for table in model.tables:
        met = report.tables[table.name]
        hard = [r.name for r in table.rules if r.share is None]
        after = [name for name in hard if f"{table.name}.{name}" in later]
        grid.add_row(
            escape(table.name),
            f"{met.rows_read:,}",
            f"{met.rows_used:,}",
            f"{len(hard) - len(after):,}",
            escape(", ".join(after)),
        )
    title = f"learned {len(report.tables)} tables, {used:,} of {read:,} rows, in {seconds:.0f} s"
    common.print_grid(console, title, grid)
    console.print(
        "\nRules are kept while rows are written, or mended when all are there (mended after)."
    )
    broken = {name: t.violated for name, t in report.tables.items() if t.violated}
    if broken:
        rules = common.grid("table", "rule", "rows", right=[2])
        for name, violated in broken.items():
            for rule, count in violated.items():
                rules.add_row(escape(name), escape(rule), f"{count:,}")
        common.print_grid(console, f"Real rows that broke rules were {_done(report)}", rules)
    soft = [f"{t.name}.{r.name}" for t in model.tables for r in t.rules if r.share is not None]
    if soft:
        names = ", ".join(soft)
        console.print(f"soft rules are learned, not enforced: {names}", markup=False)


def _done(report: FitReport | WholeReport) -> str:
    if report.violations == "drop":
        return "left out"
    return f"mended in {report.cells_repaired:,} cells"
