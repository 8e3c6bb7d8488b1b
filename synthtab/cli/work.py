"""The work behind ``synthtab fit`` and ``synthtab sample``."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

from synthtab import files
from synthtab.assess.compliance import compliance
from synthtab.cli import common
from synthtab.draw import Mode
from synthtab.errors import UsageError
from synthtab.frames import encode_frame
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.train import Progress, TrainConfig
from synthtab.lang.model import Model
from synthtab.pipeline import Synthesizer, Violations
from synthtab.store import check_target


def fit(
    rules: Path,
    data: Path,
    output: Path,
    violations: Violations,
    seed: int,
    epochs: int | None,
    as_json: bool,
) -> None:
    """Learn a data file under a rules file, save the model, print what was met."""
    check_target(output)
    training = TrainConfig() if epochs is None else TrainConfig(max_epochs=epochs)
    config = GeneratorConfig(train=training)
    synthesizer = Synthesizer(Model.load(rules), config=config)
    started = time.perf_counter()
    with common.progress(as_json) as update:

        def trained(state: Progress) -> None:
            update("learning", state.step / state.total)

        synthesizer.fit(data, violations=violations, seed=seed, progress=trained)
    seconds = time.perf_counter() - started
    synthesizer.save(output)
    report = synthesizer.report
    assert report is not None
    if as_json:
        soft = list(synthesizer.unenforced)
        facts = {**asdict(report), "unenforced": soft, "seconds": seconds, "model": str(output)}
        common.print_json(facts)
        return
    console = common.stdout()
    console.print(f"learned {report.rows_used:,} of {report.rows_read:,} rows in {seconds:.0f} s")
    if report.violated:
        done = {"drop": "left out", "repair": f"mended in {report.cells_repaired:,} cells"}
        console.print(f"real rows that broke rules were {done[report.violations]}:")
        for name, count in report.violated.items():
            console.print(f"  {name}: {count:,}", markup=False)
    if synthesizer.unenforced:
        names = ", ".join(synthesizer.unenforced)
        console.print(f"soft rules are learned, not enforced: {names}", markup=False)
    console.print(f"saved: {output}", soft_wrap=True, markup=False)


def sample(
    model: Path, rows: str, output: Path, mode: Mode, seed: int | None, as_json: bool
) -> bool:
    """Write synthetic rows to a file; return whether all of them keep all rules."""
    files.check_writable(output)
    table, wanted = _rows(rows)
    if model.suffix == ".rules" or model.is_file():
        synthesizer = Synthesizer(_one_table(Model.load(model), table)).rules_only()
    else:
        synthesizer = Synthesizer.load(model)
        synthesizer.model.table(table)
    columns = synthesizer.table.columns
    with common.progress(as_json) as update:

        def drawn(done: int, total: int) -> None:
            update("sampling", done / total)

        got = synthesizer.sample_report(wanted, mode=mode, seed=seed, progress=drawn)
    kept = compliance(synthesizer.table, encode_frame(columns, got.frame))
    files.write_frame(output, got.frame, columns)
    counts = got.counts
    rate = counts.returned / max(counts.seconds, 1e-9)
    if as_json:
        common.print_json(
            {
                **asdict(counts),
                "mode": got.mode,
                "seed": got.seed,
                "rows_per_second": rate,
                "valid_share": kept.share,
                "broken": {rule.name: rule.violated for rule in kept.broken},
                "written": str(output),
            }
        )
        return not kept.broken
    console = common.stdout()
    console.print(
        f"{counts.asked:,} rows asked for, {counts.returned:,} returned, {counts.drawn:,} drawn, "
        f"{rate:,.0f} rows/s (mode {mode}, seed {got.seed})"
    )
    console.print(f"rows that keep every rule: {common.share(kept.share)}")
    for rule in kept.broken:
        console.print(f"  {rule.name}: broken by {rule.violated:,}", markup=False)
    console.print(f"written: {output}", soft_wrap=True, markup=False)
    return not kept.broken


def _rows(text: str) -> tuple[str | None, int]:
    """Read ``1000`` or ``table=1000``: which table, None for the only one, and how many rows."""
    name, given, number = text.rpartition("=")
    digits = number.strip().replace("_", "")
    if not digits.isascii() or not digits.removeprefix("-").isdigit():
        raise UsageError(
            f"--rows {text}: {number!r} is no number of rows; write --rows 1000 or "
            "--rows table=1000"
        )
    return (name.strip() if given else None), int(digits)


def _one_table(model: Model, name: str | None) -> Model:
    """Return the model of one table alone."""
    table = model.table(name)
    return Model((table,), model.source, model.warnings, model.constants)
