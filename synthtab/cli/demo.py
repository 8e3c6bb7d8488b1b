"""``synthtab demo``: the whole way, from a real table to valid synthetic rows, on public data."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from datetime import date
from importlib.resources import files as package_files
from pathlib import Path

import pandas as pd
from rich.console import Console

from synthtab import files
from synthtab.assess.assessment import Assessments
from synthtab.assess.compliance import Compliance, compliance
from synthtab.assess.fidelity import Distances, compare, noise_floor
from synthtab.assess.table import assess_table
from synthtab.atomic import atomic
from synthtab.batch import Batch
from synthtab.choices import Mode
from synthtab.cli import common
from synthtab.errors import UsageError
from synthtab.frames import encode_frame
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.train import Progress, TrainConfig
from synthtab.lang.model import Model
from synthtab.pipeline import Sample, Synthesizer
from synthtab.report.opening import Compared
from synthtab.report.page import page

RULES = "rand_hie.rules"
COMPARED: tuple[Mode, ...] = ("free", "solver")
# Half of what a fit takes otherwise: on this table that comes close to the noise floor as well.
TRAINING = TrainConfig(symbols_seen=1_600_000)


@dataclass(frozen=True)
class Outcome:
    """One mode's rows, as codes too, what they keep, and how far they are from the real ones."""

    sample: Sample
    rows: Batch
    kept: Compliance
    distances: Distances

    @property
    def rate(self) -> float:
        """Rows returned per second of drawing."""
        return self.sample.counts.returned / max(self.sample.counts.seconds, 1e-9)


def run_demo(output: Path, rows: int, seed: int) -> int:
    """Run the demonstration and return its exit code; its files are left in ``output``."""
    started = time.perf_counter()
    console = common.stdout()
    real = load_rand_hie()
    rules = shipped_rules(RULES)
    model = Model.load(rules)
    table = model.table()
    _make_directory(output)
    files.write_frame(output / "real.csv", real)
    shutil.copyfile(rules, output / RULES)
    console.print(
        f"The RAND health insurance experiment: {len(real):,} real rows, "
        f"{len(table.columns)} columns, {len(table.rules)} rules."
    )
    synthesizer = Synthesizer(model, config=GeneratorConfig(train=TRAINING))
    with common.progress(quiet=False) as update:

        def trained(state: Progress) -> None:
            update("learning the real rows", state.step / state.total)

        synthesizer.fit(real, seed=seed, progress=trained)
        synthesizer.save(output / "model")
        fitted = time.perf_counter() - started
        console.print(f"Learned in {fitted:.0f} s.")
        codes = encode_frame(table.columns, real)
        outcomes: dict[str, Outcome] = {}
        for mode in COMPARED:

            def drawn(done: int, total: int, mode: str = mode) -> None:
                update(f"sampling, mode {mode}", done / total)

            got = synthesizer.sample_report(rows, mode=mode, seed=seed, progress=drawn)
            batch = encode_frame(table.columns, got.frame)
            kept = compliance(table, batch)
            outcomes[mode] = Outcome(got, batch, kept, compare(table.columns, codes, batch))
            files.write_frame(output / f"{mode}.csv", got.frame, table.columns)
    floor = noise_floor(table.columns, codes, seed)
    print_report(console, outcomes, floor)
    _write_report(output / "report.json", outcomes, floor, fitted, seed)
    _write_page(output, model, codes, outcomes["solver"])
    console.print(f"\nFiles in {output}/: {_listing(output)}", soft_wrap=True, markup=False)
    console.print(
        f"The rows made with rules, assessed, to be read in a browser: {output / 'report.html'}",
        soft_wrap=True,
        markup=False,
    )
    console.print(f"All of it took {time.perf_counter() - started:.0f} s.")
    return common.FINE if not outcomes["solver"].kept.broken else common.FINDINGS


def load_rand_hie() -> pd.DataFrame:
    """Return the table that statsmodels ships. Raises UsageError where that is not installed."""
    try:
        from statsmodels.datasets import randhie  # an extra: only the demo needs it
    except ImportError as error:
        raise UsageError(
            "the demo's table comes with statsmodels: pip install 'synthtab[demo]'"
        ) from error
    frame: pd.DataFrame = randhie.load_pandas().data
    return frame


def shipped_rules(name: str) -> Path:
    """Return the path of a shipped .rules file, in an installed package or a source checkout."""
    installed = Path(str(package_files("synthtab"))) / "rules" / name
    return installed if installed.is_file() else Path(__file__).parents[2] / "rules" / name


def print_report(console: Console, outcomes: dict[str, Outcome], floor: Distances) -> None:
    """Print the modes side by side, then the rules that free rows break, then the distances."""
    grid = common.grid("", *outcomes, right=range(1, 1 + len(outcomes)))
    some = list(outcomes.values())
    grid.add_row("asked", *(f"{o.sample.counts.asked:,}" for o in some))
    grid.add_row("returned", *(f"{o.sample.counts.returned:,}" for o in some))
    grid.add_row("valid", *(common.share(o.kept.share) for o in some))
    grid.add_row("rows per second", *(f"{o.rate:,.0f}" for o in some))
    common.print_grid(console, "Rows", grid)
    broken = common.grid("rule", *outcomes, right=range(1, 1 + len(outcomes)))
    counts = [{r.name: r.violated for r in o.kept.rules} for o in some]
    for name in dict.fromkeys(name for side in counts for name in side):
        if any(side.get(name) for side in counts):
            broken.add_row(name, *(f"{side.get(name, 0):,}" for side in counts))
    if broken.row_count:
        common.print_grid(console, "Rows that break", broken)
    near = common.grid("", *outcomes, "noise floor", right=range(1, 2 + len(outcomes)))
    near.add_row("shape error", *(f"{o.distances.shape:.2%}" for o in some), f"{floor.shape:.2%}")
    near.add_row("pair error", *(f"{o.distances.pair:.2%}" for o in some), f"{floor.pair:.2%}")
    near.add_row("W1", *(f"{o.distances.w1:.4f}" for o in some), f"{floor.w1:.4f}")
    common.print_grid(console, "Distance from the real rows", near)
    console.print("The noise floor is the distance between two random halves of the real rows.")


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write in {path}: {error.strerror}") from error


def _write_report(
    path: Path, outcomes: dict[str, Outcome], floor: Distances, fitted: float, seed: int
) -> None:
    report = {
        "seed": seed,
        "fit_seconds": round(fitted, 1),
        "modes": {
            mode: {
                "asked": o.sample.counts.asked,
                "returned": o.sample.counts.returned,
                "valid_share": o.kept.share,
                "rows_per_second": round(o.rate),
                "distances": o.distances.to_dict(),
            }
            for mode, o in outcomes.items()
        },
        "noise_floor": floor.to_dict(),
    }
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def _write_page(output: Path, model: Model, real: Batch, made: Outcome) -> None:
    """Assess the rows that keep the rules, as ``synthtab assess --report`` does."""
    table = model.table()
    kept = compliance(table, real), made.kept
    found = assess_table(table, real, made.rows, date=date.today().isoformat(), kept=kept)
    names = Compared("real.csv", "solver.csv", rules=RULES)
    with atomic(output / "report.html") as temporary:
        text = page(Assessments((found,)), {table.name: names})
        temporary.write_text(text, encoding="utf-8")


def _listing(folder: Path) -> str:
    return ", ".join(sorted(f.name + ("/" if f.is_dir() else "") for f in folder.iterdir()))
