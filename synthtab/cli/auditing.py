"""The work behind ``synthtab audit``: attacks on synthetic rows, and canaries in models."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.markup import escape

from synthtab.cli import common
from synthtab.cli.auditing_models import Learner, Models, with_models
from synthtab.cli.fitting import budget
from synthtab.errors import UsageError
from synthtab.lang.model import Model
from synthtab.privacy.audit.report import AuditReport
from synthtab.privacy.audit.tables import audit_tables
from synthtab.privacy.settings import Privacy, check_budget
from synthtab.sources import Sources


@dataclass(frozen=True)
class Request:
    """What the command line asked for."""

    holdout: str
    table: str | None
    secrets: tuple[str, ...] | None
    rows: int
    seed: int
    confidence: float
    models: Models
    as_json: bool


def privacy(
    epsilon: float | None, delta: float, mechanism: str | None, generator: str | None
) -> Privacy | None:
    """Return the privacy that models are fitted under; UsageError where options miss epsilon."""
    check_budget(1.0 if epsilon is None else epsilon, delta)
    given = {"mechanism": mechanism, "generator": generator}
    settings: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    # The delta is that of bounds, and so is given without a budget too.
    return budget(epsilon, None if epsilon is None else delta, settings, zeros=True)


def audit(
    rules: Path, train: str, synthetic: str, request: Request, learner: Learner | None = None
) -> bool:
    """Attack synthetic rows and print what was found; return whether anything was.

    ``learner`` takes the place of the pipeline for the models that are fitted.
    """
    models = request.models
    if not 0 < request.confidence < 1:
        raise UsageError(f"--confidence {request.confidence}: it is between 0 and 1, 0.95 is usual")
    if models.privacy is not None and not models.kinds:
        raise UsageError(
            "--epsilon is what fitted models are held to: say how many, such as --runs 10, "
            "--neighbour-runs 500 or --shadows 8"
        )
    if models.privacy is None and models.neighbour_runs:
        raise UsageError(
            "--neighbour-runs are of a mechanism with a privacy budget: give --epsilon"
        )
    model = Model.load(rules)
    table = model.table(request.table)
    # Each kind of models that are fitted takes as much of the error as the tables do.
    share = 1 - (1 - request.confidence) / (1 + models.kinds)
    with Sources() as sources, common.progress(request.as_json) as update:
        given = [sources.one(a, table.name) for a in (train, request.holdout, synthetic)]
        read = [
            s.whole(table.columns, partial(update, f"reading {escape(s.short)}")) for s in given
        ]
        report = audit_tables(
            table.columns,
            read[0],
            read[1],
            read[2],
            secrets=request.secrets,
            rows=request.rows,
            seed=request.seed,
            confidence=share,
            progress=update,
        )
        if models.kinds:
            tables = (read[0], read[1], read[2])
            report = with_models(
                model, tables, report, models, request.seed, share, update, learner
            )
            report = replace(report, confidence=request.confidence)
    if request.as_json:
        common.print_json({"table": table.name, **report.to_dict()})
    else:
        _print(report)
    return report.found


def _print(report: AuditReport) -> None:
    console = common.stdout()
    for title, rows in report.tables():
        grid = common.grid(*rows[0], right=range(1, len(rows[0])))
        for row in rows[1:]:
            grid.add_row(*map(escape, row))
        common.print_grid(console, title, grid)
    console.print()
    for reason in report.skipped:
        console.print(escape(f"not tried: {reason}"), soft_wrap=True)
    for line in report.verdict():
        console.print(escape(line), soft_wrap=True)
