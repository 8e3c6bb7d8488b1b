"""The work behind ``synthtab assess``: real and synthetic rows in, an assessment out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from rich.markup import escape

from synthtab.assess.assessment import Assessments, Guarantee, Left
from synthtab.assess.compliance import Audit, Compliance
from synthtab.assess.relationscores import relation_scores
from synthtab.assess.table import PARTS, assess_table, check_confidence, check_parts
from synthtab.assess.utility import check_target
from synthtab.atomic import atomic
from synthtab.batch import Batch
from synthtab.cli import common, showing
from synthtab.cli.datasets import all_given
from synthtab.errors import DataError, UsageError
from synthtab.lang.model import Model
from synthtab.pipeline import Synthesizer
from synthtab.report.opening import Compared
from synthtab.report.page import page
from synthtab.sources import Source, Sources


@dataclass(frozen=True)
class Request:
    """What the command line asked for; ``parts`` of None are the usual ones."""

    holdout: str | None = None
    targets: tuple[str, ...] = ()
    parts: tuple[str, ...] | None = None
    model: Path | None = None
    confidence: float = 0.95
    seed: int = 0


@dataclass(frozen=True)
class Assessed:
    """The assessments, and what each side's rows were read from, by table."""

    assessments: Assessments
    files: Mapping[str, Mapping[str, str]]

    @property
    def broken(self) -> bool:
        """Whether synthetic rows break a rule that was judged."""
        judged = [t.rules for t in self.assessments.tables if t.rules is not None]
        return any(not rule.kept for rules in judged for rule in rules.rules)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain data: one table's assessment, or all tables' with relations."""
        plain = self.assessments.to_dict()
        for table in plain["tables"]:
            table["files"] = self.files[table["table"]]
        alone = len(plain["tables"]) == 1 and not plain["relations"]
        return dict(plain["tables"][0] if alone else plain)


def listed(parts: str | None) -> tuple[str, ...] | None:
    """Return parts given as a list with commas; ``all`` are all. Raises UsageError for others."""
    if parts is None:
        return None
    names = [name.strip() for name in parts.split(",") if name.strip()]
    if not names:
        raise UsageError(f"--parts {parts!r} names none; the parts: all, {', '.join(PARTS)}")
    return PARTS if "all" in names else check_parts(names)


def assess(
    rules: Path,
    real: str,
    synth: str,
    request: Request,
    as_json: bool,
    report: Path | None = None,
) -> bool:
    """Print an assessment, and write it as a page; return whether synthetic rows break a rule.

    Raises UsageError where the page cannot be written, before any work.
    """
    # The page's place is looked at first: an assessment may take minutes.
    with nullcontext() if report is None else atomic(report) as temporary:
        with common.progress(as_json) as update:
            found = assessed(rules, real, synth, request, update)
        if temporary is not None:
            temporary.write_text(html(found, rules), encoding="utf-8")
    if as_json:
        common.print_json(found.to_dict())
        return found.broken
    showing.show(common.stdout(), found.assessments)
    if report is not None:
        common.stdout().print(f"\nThe report is in {report}", markup=False, soft_wrap=True)
    return found.broken


def html(found: Assessed, rules: Path) -> str:
    """Return an assessment as an HTML page for a reader who decides about a release."""
    files = {
        table: Compared(sides["real"], sides["synthetic"], sides.get("holdout"), str(rules))
        for table, sides in found.files.items()
    }
    return page(found.assessments, files)


def assessed(
    rules: Path, real: str, synth: str, request: Request, update: common.Update
) -> Assessed:
    """Read all rows and assess them, table by table; whoever shows the result begins here.

    Raises UsageError and DataError for what is not there or does not fit, before long work begins.
    """
    model = Model.load(rules)
    targets = _targets(model, request.targets)
    check_confidence(request.confidence)
    arguments = {"real": real, "synthetic": synth}
    if request.holdout is not None:
        arguments["holdout"] = request.holdout
    with Sources() as sources:
        given = {side: all_given(model, [name], sources) for side, name in arguments.items()}
        rows = {side: _read(model, tables, update) for side, tables in given.items()}
    for table in model.tables:
        one, two = (rows[side][table.name] for side in ("real", "synthetic"))
        if not (len(one) and len(two)):
            raise DataError(
                f"table `{table.name}` has {len(one):,} real and {len(two):,} synthetic rows; "
                "an assessment needs some of both"
            )
    guarantee = None if request.model is None else guarantee_of(request.model)
    kept = {side: _audited(model, rows[side]) for side in ("real", "synthetic")}
    tables = tuple(
        assess_table(
            table,
            rows["real"][table.name],
            rows["synthetic"][table.name],
            rows["holdout"][table.name] if "holdout" in rows else None,
            targets.get(table.name),
            request.seed,
            request.parts,
            guarantee,
            update,
            confidence=request.confidence,
            date=date.today().isoformat(),
            kept=(kept["real"][table.name], kept["synthetic"][table.name]),
        )
        for table in model.tables
    )
    if request.model is not None and guarantee is None:
        none = Left("guarantee", "the model was learned without a privacy budget")
        tables = tuple(replace(table, left=(*table.left, none)) for table in tables)
    relations = relation_scores(model.tables, rows["real"], rows["synthetic"], request.seed)
    files = {
        table.name: {side: of[table.name].name for side, of in given.items()}
        for table in model.tables
    }
    return Assessed(Assessments(tables, relations), files)


def guarantee_of(folder: Path) -> Guarantee | None:
    """Return the privacy guarantee of a saved model; None for one without a budget."""
    report = Synthesizer.load(folder).privacy_report
    if report is None:
        return None
    epsilon, delta = report.ledger.spent()
    heading = ("mechanism", "reads", "why", "epsilon alone")
    ledger = (heading, *(tuple(row) for row in report.ledger.table()))
    return Guarantee(report.statement, epsilon, delta, ledger)


def _read(model: Model, given: Mapping[str, Source], update: common.Update) -> Mapping[str, Batch]:
    def said(source: Source) -> Callable[[float], None]:
        return partial(update, f"reading {escape(source.short)}")

    return {
        name: source.whole(model.table(name).columns, said(source))
        for name, source in given.items()
    }


def _audited(model: Model, batches: Mapping[str, Batch]) -> Mapping[str, Compliance]:
    audit = Audit(model.tables)
    for name, batch in batches.items():
        audit.add(name, batch)
    return audit.results()


def _targets(model: Model, given: Sequence[str]) -> dict[str, str]:
    """Return the target of each table that has one, from ``COLUMN`` or ``TABLE.COLUMN``."""
    found: dict[str, str] = {}
    for text in given:
        table, dot, column = text.partition(".")
        names = [t.name for t in model.tables]
        if not (dot and table in names):
            if len(names) > 1:
                raise UsageError(
                    f"--target {text!r}: with several tables it is TABLE.COLUMN, and the tables "
                    f"are {', '.join(names)}"
                )
            table, column = names[0], text
        if table in found:
            raise UsageError(f"--target is given twice for table `{table}`: name one column")
        check_target(model.table(table).columns, column)
        found[table] = column
    return found
