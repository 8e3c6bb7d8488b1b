"""The work behind ``synthtab ledger``: what a model guarantees, and what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from synthtab.cli import common
from synthtab.errors import UsageError
from synthtab.pipeline import Synthesizer

if TYPE_CHECKING:
    from synthtab.privacy.learned import PrivateReport, PrivateWholeReport


def show(model: Path, as_json: bool) -> None:
    """Print a saved model's guarantee and ledger. Raises UsageError where it has none."""
    report = Synthesizer.load(model).privacy_report
    if report is None:
        raise UsageError(
            f"{model} was learned without a privacy budget: it guarantees nothing about the people "
            "in its data; learn it anew with 'synthtab fit --epsilon'"
        )
    tell(report, as_json, {})


def tell(
    report: PrivateReport | PrivateWholeReport, as_json: bool, more: Mapping[str, Any]
) -> None:
    """Print what learning under a budget met and spent."""
    if as_json:
        common.print_json({**report.to_dict(), **more})
        return
    console = common.stdout()
    for line in report.met:
        console.print(line, markup=False)
    console.print(f"in {report.seconds:.0f} s", markup=False)
    for line in report.estimated:
        console.print(f"estimated: {line}", markup=False)
    grid = common.grid("mechanism", "reads", "why", "epsilon alone", right=[3])
    for row in report.ledger.table():
        grid.add_row(*(escape(cell) for cell in row))
    epsilon, _ = report.ledger.spent()
    title = (
        f"ledger: epsilon {epsilon:.4g} of {report.ledger.epsilon:.4g} at delta "
        f"{report.ledger.delta:.3g} is spent, neighbours by {report.ledger.neighbours.kind}"
    )
    common.print_grid(console, title, grid)
    console.print()
    console.print(report.statement, markup=False)
