"""The work behind ``synthtab sample``: rows written, judged once more, and told of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.markup import escape

from synthtab.assess.compliance import Audit, Compliance, RuleCompliance
from synthtab.choices import Mode
from synthtab.cli import common
from synthtab.cli.loading import print_loaded
from synthtab.cli.outputs import output_of
from synthtab.cli.spelling import as_options
from synthtab.databases.address import hidden
from synthtab.errors import InfeasibleError, UsageError
from synthtab.frames import encode_frame
from synthtab.lang.model import Model
from synthtab.loading import Loaded
from synthtab.pipeline import Sample, Synthesizer, WholeSample

Sizes = float | Mapping[str, int]


@dataclass(frozen=True)
class Request:
    """What is asked for: how many rows, how they are drawn, where they go, what is printed."""

    rows: Sequence[str]
    scale: float | None
    output: str
    suffix: str | None
    replace: bool
    mode: Mode | None
    rounds: int | None
    mend_budget: float | None
    seed: int | None
    as_json: bool


@as_options()
def sample(model: Path, request: Request) -> bool:
    """Write synthetic rows of a saved model; return whether they keep all hard rules."""
    if model.suffix == ".rules" or model.is_file():
        synthesizer = Synthesizer(Model.load(model)).rules_only()
    else:
        synthesizer = Synthesizer.load(model)
    output = output_of(request.output, synthesizer.model, request.suffix, request.replace)
    output.check()
    got = _drawn(synthesizer, request)
    frames = (
        {synthesizer.model.tables[0].name: got.frame} if isinstance(got, Sample) else got.frames
    )
    audit = Audit(synthesizer.model.tables)
    for table in synthesizer.model.tables:
        audit.add(table.name, encode_frame(table.columns, frames[table.name]))
    kept = audit.results()
    loaded = output.write(frames)
    written = hidden(request.output)
    if isinstance(got, Sample):
        _tell_one(got, next(iter(kept.values())), loaded, written, request.as_json)
    else:
        _tell_all(got, kept, loaded, written, request.as_json)
    return not any(_broken(found) for found in kept.values())


def sizes(model: Model, rows: Sequence[str], scale: float | None) -> Sizes:
    """Return the scale, or the numbers of rows by table, that options ask for.

    Raises UsageError for a number or table that is none, and for both kinds of options at once.
    """
    if scale is not None:
        if rows:
            raise UsageError("give --rows or --scale, not both")
        if not (math.isfinite(scale) and scale > 0):
            raise UsageError(f"--scale {scale:g}: a scale is above 0; 1 gives as many rows as real")
        return scale
    asked: dict[str, int] = {}
    for text in rows:
        name, sign, number = text.rpartition("=")
        digits = number.strip().replace("_", "")
        if not digits.isascii() or not digits.removeprefix("-").isdigit():
            raise UsageError(
                f"--rows {text}: {number!r} is no number of rows; write --rows 1000 for one table, "
                "--rows TABLE=1000 for one of several"
            )
        table = model.table(name.strip() if sign else None).name
        if table in asked:
            raise UsageError(f"--rows is given twice for table `{table}`")
        asked[table] = int(digits)
    return asked or 1.0


def _drawn(synthesizer: Synthesizer, request: Request) -> Sample | WholeSample:
    asked = sizes(synthesizer.model, request.rows, request.scale)
    with common.progress(request.as_json) as update:

        def drawn(*at: object) -> None:
            match at:
                case (int(done), int(total)):
                    update("sampling", done / max(1, total))
                case (str(what), int(done), int(total)):
                    update(escape(what), done / max(1, total))

        try:
            got: Sample | WholeSample = synthesizer.sample_report(
                scale=asked,
                mode=request.mode,
                seed=request.seed,
                rounds=request.rounds,
                mend_budget_s=request.mend_budget,
                progress=drawn,
            )
        except InfeasibleError as error:
            # What was asked for is wrong here, not the rows: the exit code says so.
            raise UsageError(str(error)) from error
    return got


def _broken(found: Compliance) -> list[RuleCompliance]:
    """Return the hard rules that are broken: soft ones are learned, and told of."""
    return [rule for rule in found.broken if rule.required is None]


def _tell_one(
    got: Sample, kept: Compliance, loaded: Loaded | None, written: str, as_json: bool
) -> None:
    counts = got.counts
    rate = counts.returned / max(counts.seconds, 1e-9)
    if as_json:
        common.print_json(
            {
                **asdict(counts),
                "mode": got.mode,
                "seed": got.seed,
                "rows_per_second": rate,
                **_judged(kept),
                "written": written,
                **({} if loaded is None else {"database": asdict(loaded)}),
            }
        )
        return
    console = common.stdout()
    console.print(
        f"{counts.asked:,} rows asked for, {counts.returned:,} returned, {counts.drawn:,} drawn, "
        f"{rate:,.0f} rows/s (mode {got.mode}, seed {got.seed})"
    )
    if counts.talk:
        asked, tokens = sum(r.asked for r in counts.talk), sum(r.tokens for r in counts.talk)
        questions = common.counted(asked, "question")
        console.print(
            f"rows that broke rules: {counts.mended:,} corrected by the language model, "
            f"{counts.broken:,} thrown away ({questions}, {tokens:,} tokens)"
        )
    console.print(f"rows that keep every rule: {common.share(kept.share)}")
    for rule in _broken(kept):
        console.print(f"  {rule.name}: broken by {rule.violated:,}", markup=False)
    _print_soft({"": kept})
    _print_written(loaded, written)


def _tell_all(
    got: WholeSample,
    kept: Mapping[str, Compliance],
    loaded: Loaded | None,
    written: str,
    as_json: bool,
) -> None:
    rows = sum(c.returned for c in got.counts.values())
    rate = rows / max(got.seconds, 1e-9)
    if as_json:
        tables = {name: {**asdict(got.counts[name]), **_judged(f)} for name, f in kept.items()}
        common.print_json(
            {
                "mode": got.mode,
                "seed": got.seed,
                "seconds": got.seconds,
                "rows_per_second": rate,
                "tables": tables,
                "written": written,
                **({} if loaded is None else {"database": asdict(loaded)}),
            }
        )
        return
    console = common.stdout()
    grid = common.grid(
        *("table", "rows", "drawn", "cells mended", "hard rules kept", "rows that keep all"),
        right=[1, 2, 3, 4, 5],
    )
    for name, found in kept.items():
        counts = got.counts[name]
        hard = [r for r in found.rules if r.required is None and r.kind != "column"]
        whole = sum(r.kept for r in hard)
        cells = f"{counts.returned:,}", f"{counts.drawn:,}", f"{counts.mended:,}"
        grid.add_row(escape(name), *cells, f"{whole} of {len(hard)}", common.share(found.share))
    title = f"{rows:,} rows, {rate:,.0f} rows/s (mode {got.mode}, seed {got.seed})"
    common.print_grid(console, title, grid)
    for name, found in kept.items():
        for rule in _broken(found):
            console.print(f"  {name}.{rule.name}: broken by {rule.violated:,}", markup=False)
    _print_soft(kept)
    _print_written(loaded, written)


def _print_soft(kept: Mapping[str, Compliance]) -> None:
    soft = [(t, r) for t, found in kept.items() for r in found.rules if r.required is not None]
    if not soft:
        return
    grid = common.grid("soft rule", "at least", "kept by", "", right=[1, 2])
    for table, rule in soft:
        name = f"{table}.{rule.name}" if table else rule.name
        required = common.share(float(rule.required or 0))
        grid.add_row(escape(name), required, common.share(rule.share), "" if rule.kept else "NO")
    common.print_grid(common.stdout(), "Soft rules are learned, not enforced", grid)


def _print_written(loaded: Loaded | None, written: str) -> None:
    if loaded is not None:
        print_loaded(loaded)
    common.stdout().print(f"written: {written}", soft_wrap=True, markup=False)


def _judged(found: Compliance) -> dict[str, object]:
    return {
        "valid_share": found.share,
        "rules_broken": {rule.name: rule.violated for rule in _broken(found)},
        "soft": {
            rule.name: {"share": rule.share, "required": float(rule.required), "kept": rule.kept}
            for rule in found.rules
            if rule.required is not None
        },
    }
