"""The work behind ``synthtab audit``: attacks on synthetic rows, and canaries in models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from secrets import randbelow

from rich.markup import escape

from synthtab.batch import Batch
from synthtab.cli import common
from synthtab.errors import UsageError
from synthtab.frames import decode_frame, encode_frame
from synthtab.ir import nodes
from synthtab.lang.model import Model
from synthtab.pipeline import Synthesizer
from synthtab.privacy.audit.report import AuditReport
from synthtab.privacy.audit.shadow import Learn, canary_bound
from synthtab.privacy.audit.tables import audit_tables
from synthtab.privacy.settings import Privacy, check_budget
from synthtab.sources import Sources

Learner = Callable[[Model, float | None, float, int], Learn]
"""Makes what fits rows: of a model of one table, an epsilon (None for no privacy), a delta, and how
many rows are drawn, whatever canaries there were."""


@dataclass(frozen=True)
class Request:
    """What the command line asked for; ``runs`` of 0 fits no model."""

    holdout: str
    table: str | None
    secrets: tuple[str, ...] | None
    rows: int
    seed: int
    confidence: float
    runs: int
    canaries: int
    epsilon: float | None
    delta: float
    as_json: bool


def audit(
    rules: Path, train: str, synthetic: str, request: Request, learner: Learner | None = None
) -> bool:
    """Attack synthetic rows and print what was found; return whether anything was.

    ``learner`` takes the place of the pipeline for the models that ``runs`` asks for.
    """
    if not 0 < request.confidence < 1:
        raise UsageError(f"--confidence {request.confidence}: it is between 0 and 1, 0.95 is usual")
    check_budget(1.0 if request.epsilon is None else request.epsilon, request.delta)
    if request.epsilon is not None and not request.runs:
        raise UsageError("--epsilon is what --runs are held to: say how many, such as --runs 10")
    model = Model.load(rules)
    table = model.table(request.table)
    # What is learned anew takes half of the error.
    share = 1 - (1 - request.confidence) / 2 if request.runs else request.confidence
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
        if request.runs:
            report = _with_canaries(model, table, read[0], report, request, learner, update)
    if request.as_json:
        common.print_json({"table": table.name, **report.to_dict()})
    else:
        _print(report)
    return report.found


def _with_canaries(
    model: Model,
    table: nodes.Table,
    train: Batch,
    report: AuditReport,
    request: Request,
    learner: Learner | None,
    update: common.Update,
) -> AuditReport:
    if len(model.tables) > 1:
        raise UsageError("--runs fits models of one table, and the rules file declares several")
    learn = (learner or pipeline)(model, request.epsilon, request.delta, len(train))
    drawn = Synthesizer(model).rules_only().sample(request.canaries)
    bound = canary_bound(
        learn,
        table.columns,
        train,
        encode_frame(table.columns, drawn),
        request.runs,
        request.delta,
        1 - (1 - request.confidence) / 2,
        partial(update, "fitting models"),
    )
    stated = None if request.epsilon is None else (request.epsilon, request.delta)
    return replace(report, bounds=(bound,), stated=stated, confidence=request.confidence)


def pipeline(model: Model, epsilon: float | None, delta: float, draws: int) -> Learn:
    """Return what fits a model by the pipeline and draws rows; their number tells of no canary."""
    privacy = None if epsilon is None else Privacy(epsilon=epsilon, delta=delta)
    columns = model.table().columns

    def learn(rows: Batch) -> Batch:
        frame = decode_frame(columns, rows)
        synthesizer = Synthesizer(model, privacy=privacy)
        if privacy is None:
            synthesizer.fit(frame, violations="drop", seed=randbelow(2**31))
        else:
            synthesizer.fit(frame)
        return encode_frame(columns, synthesizer.sample(draws))

    return learn


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
