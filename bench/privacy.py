"""Rows under a privacy budget: valid, like the real ones, of use, beside what no budget gives.

Noise takes no seed, so that figures differ from run to run: those of several runs are means with
their spread. ``--only`` names parts; ``--work FOLDER`` keeps the figures of each run there.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from bench import privacy_audit, privacy_tables, registry, scoring
from bench.kept import kept
from bench.plots import from_grid
from bench.report import Figure, Grid, Section, percent
from synthtab.frames import decode_frame
from synthtab.pipeline import Synthesizer
from synthtab.privacy.settings import Privacy

DELTA = 1e-6
ROWS = 20_000
RUNS = 3
OTHERS = ("abalone", "stroke", "diamonds", "car_evaluation", "insurance")
"""Tables of the registry that the default is measured on beside Adult."""
AIM = "AIM's authors' code, measured once: 94.84% valid, 1.24%, 4.40%, AUC 0.895"


@dataclass(frozen=True)
class Way:
    """One way of making rows: a name and the privacy settings; None for no budget."""

    name: str
    privacy: Privacy | None


def ways() -> dict[str, Way]:
    """Return the ways that Adult is measured in, by the name of their part."""
    one = Privacy(epsilon=1.0, delta=DELTA)
    made = {"none": Way("no budget", None)}
    for epsilon in (1.0, 0.3, 3.0):
        graph = replace(one, epsilon=epsilon, generator="graphical")
        off = replace(graph, structural_zeros=False)
        made[f"zeros_{epsilon:g}"] = Way(f"graphical, structural zeros, epsilon {epsilon:g}", graph)
        made[f"nozeros_{epsilon:g}"] = Way(f"graphical, no zeros, epsilon {epsilon:g}", off)
    made["model_1"] = Way("marginals, language model, epsilon 1", one)
    made["sgd_1"] = Way("dp-sgd, epsilon 1", replace(one, mechanism="dp-sgd"))
    made["sgd_3"] = Way("dp-sgd, epsilon 3", replace(one, mechanism="dp-sgd", epsilon=3.0))
    made["perturb_1"] = Way("perturb, epsilon 1", replace(one, mechanism="perturb"))
    return made


PARTS = (*(f"adult_{name}" for name in ways()), *OTHERS, "audit", "tables")


def run(
    only: Sequence[str] = (),
    work: Path | None = None,
    runs: int = RUNS,
    symbols: int | None = None,
) -> Iterator[Section]:
    """Yield the sections: Adult in all ways, other tables, an audit, tables with a foreign key.

    ``symbols`` is how many symbols the last see in training (fewer are quicker and worse).
    """
    started = time.perf_counter()

    def tell(what: str) -> None:
        print(f"[{time.perf_counter() - started:6.0f} s] {what}", file=sys.stderr, flush=True)

    def wanted(part: str) -> bool:
        return not only or part in only

    adult = [(w, f"adult_{n}") for n, w in ways().items() if wanted(f"adult_{n}")]
    if adult:
        yield _section("adult", adult, runs, work, tell)
    for name in OTHERS:
        if wanted(name):
            default = ways()["model_1"]
            free = Way("no budget", None)
            yield _section(name, [(default, name), (free, f"{name}_none")], runs, work, tell)
    if wanted("audit"):
        yield privacy_audit.run(work, tell)
    if wanted("tables"):
        yield from privacy_tables.run(symbols, tell=tell)


def _section(
    table: str,
    made: Sequence[tuple[Way, str]],
    runs: int,
    work: Path | None,
    tell: Callable[[str], None],
) -> Section:
    grid = Grid(
        "way", "rows valid", "shape error", "pair error", "AUC or R2", "two-sample AUC", "fit"
    )
    figures: list[Figure] = []
    for way, part in made:
        several = []
        for at in range(1 if way.privacy is None else runs):
            tell(f"{table}: {way.name}, run {at + 1}")
            how = {"way": way.name, "run": at, "rows": ROWS}
            found = kept(work, f"{part}_{at}", how, partial(_figures, table, way, at))
            several.append({f.what: float(f.measured) for f in found})
        valid = min(s["valid"] for s in several)
        if way.privacy is not None:
            figures.append(
                Figure(
                    f"{way.name}: least share valid",
                    f"{valid:.4%}",
                    "100%",
                    valid == 1,
                    _headline(table, way),
                )
            )
        grid.add(
            way.name,
            f"{valid:.2%}",
            *(_mean([s[k] for s in several], percent) for k in ("shape", "pair")),
            *(_mean([s[k] for s in several], _plain) for k in ("score", "c2st")),
            f"{fmean(s['seconds'] for s in several):.0f} s",
        )
    loaded = registry.load(registry.entry(table))
    real = scoring.worth(loaded, loaded.train)
    rows = len(loaded.train)
    note = (
        f"{ROWS:,} rows, from 80% of the real ones ({rows:,}) at delta {DELTA:g}; "
        + (f"means of {runs} runs and their standard deviation. " if runs > 1 else "one run each. ")
        + "Valid by DuckDB under the rules of the registered table, which are taken for public, "
        "its ranges too (`python -m bench tables`). The score is of boosted trees trained on the "
        "synthetic rows and tested on held-out real ones"
        + (f" (trained on real rows: {real:.3f})." if real is not None else ".")
    )
    if table == "adult":
        note += f" The mark: {AIM}."
    command = f"python -m bench privacy --runs {runs}"
    if table != "adult" or len(made) < len(ways()):
        command += "".join(f" --only {part}" for _, part in made if part in PARTS)
    return Section(f"Privacy: {table}", command, None, figures, note, [grid], plots(table, grid))


def plots(table: str, grid: Grid) -> dict[str, Any]:
    """Return bars of what the ways' rows are worth."""
    errors = from_grid(grid, f"{table}: distances by way", ["shape error", "pair error"], "%")
    worth = from_grid(grid, f"{table}: models trained, and told apart", grid.columns[4:6])
    return {"plots": [errors, worth]}


def _figures(name: str, way: Way, at: int) -> list[Figure]:
    loaded = registry.load(registry.entry(name))
    synthesizer = Synthesizer(loaded.model, privacy=way.privacy)
    frame = decode_frame(loaded.table.columns, loaded.train)
    started = time.perf_counter()
    if way.privacy is None:
        synthesizer.fit(frame, seed=at)
    else:
        synthesizer.fit(frame)
    fitted = time.perf_counter() - started
    scores = scoring.scored(loaded, synthesizer.sample(ROWS, seed=at))
    measured = {
        "valid": scores.valid,
        "shape": scores.shape,
        "pair": scores.pair,
        "score": scores.utility,
        "c2st": scores.c2st,
        "seconds": fitted,
    }
    return [Figure(what, repr(v if v is not None else math.nan)) for what, v in measured.items()]


def _headline(table: str, way: Way) -> str:
    """Return the name that a share of valid rows has in the summary: one way has one."""
    if (table, way.name) != ("adult", "graphical, structural zeros, epsilon 1"):
        return ""
    return "Adult under a budget, epsilon 1: rows that keep all rules"


def _mean(values: Sequence[float], show: Callable[[float], str]) -> str:
    spread = f" ± {show(stdev(values))}" if len(values) > 1 else ""
    return show(fmean(values)) + spread


def _plain(value: float) -> str:
    return f"{value:.3f}"
