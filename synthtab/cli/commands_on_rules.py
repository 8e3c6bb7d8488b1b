"""The commands of ``rulecheck`` that prove things about rules, and explain what was found."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated

import typer

from synthtab.cli import common
from synthtab.cli.options import AsJson, Budget, RulesFile, TableName, TotalBudget
from synthtab.diagnostics import CODES
from synthtab.errors import UsageError
from synthtab.lang.model import Model
from synthtab.lang.resources import error_page


def check(
    file: RulesFile,
    as_json: AsJson = False,
    rows: Annotated[
        list[str] | None,
        typer.Option(
            "--rows",
            metavar="[TABLE=]N",
            help="Ask too whether each table, or some of them together, can have so many rows.",
        ),
    ] = None,
    budget: TotalBudget = 10.0,
) -> None:
    """Find the mistakes in a rules file: syntax, types, and what its rules cannot mean.

    Proved are contradictions, rules that others imply or that nothing can break, conditions that
    never hold, columns that can hold less than they declare, and references without an end.

    Example: [cyan]rulecheck check rules/adult.rules --rows 50000[/]
    """
    from synthtab.cli import proving  # pandas, Arrow, Z3

    errors = proving.check(file, as_json, budget, rows or [])
    common.finish(common.FINDINGS if errors else common.FINE)


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="A .rules file.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Another version of it.")],
    as_json: AsJson = False,
    budget: TotalBudget = 10.0,
) -> None:
    """Say whether NEW is stricter than OLD, looser, equivalent, or neither, with rows that show it.

    Exit code 0 where the two are equivalent, else 1.

    Example: [cyan]rulecheck diff adult_v1.rules adult_v2.rules[/]
    """
    from synthtab.cli import proving  # pandas, Arrow, Z3

    differs = proving.compare(old, new, as_json, budget)
    common.finish(common.FINDINGS if differs else common.FINE)


def witness(
    file: RulesFile,
    n: Annotated[int, typer.Option("-n", "--rows", min=0, help="How many rows.")] = 5,
    breaking: Annotated[
        bool,
        typer.Option("--breaking", help="For each rule a row, too, that breaks it and no other."),
    ] = False,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write the rows to this file as well.")
    ] = None,
    as_json: AsJson = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="For the same rows again.")] = 0,
    table: TableName = None,
    budget: TotalBudget = 10.0,
) -> None:
    """Make example rows that keep all rules, and rows that break one: tests for a validator.

    Example: [cyan]rulecheck witness rules/adult.rules -n 20 --breaking --csv cases.csv[/]
    """
    from synthtab.cli import proving  # pandas, Arrow, Z3

    chosen = Model.load(file).table(table)
    found = proving.witness(chosen, n, breaking, csv, as_json, seed, budget)
    common.finish(common.FINE if found else common.FINDINGS)


def plan(
    file: RulesFile,
    as_json: AsJson = False,
    order: Annotated[
        str | None,
        typer.Option("--order", help="Decode the columns in this order, separated by commas."),
    ] = None,
    table: TableName = None,
    budget: Budget = 10.0,
) -> None:
    """Show how rows are made valid: the order of columns, and what decides each of them.

    Example: [cyan]rulecheck plan rules/adult.rules[/]
    """
    from synthtab.cli import checks  # pandas, Arrow, Z3

    checks.plan(Model.load(file).table(table), order, as_json, budget)


def explain(
    code: Annotated[str, typer.Argument(metavar="CODE", help="A code such as E201.")],
) -> None:
    """Tell what a finding means, why it matters, and what to do, with an example.

    Example: [cyan]rulecheck explain E201[/]
    """
    name = code.strip().strip("[]").upper()
    if name not in CODES:
        near = difflib.get_close_matches(name, CODES, 3)
        guess = f"did you mean {', '.join(near)}?" if near else "codes look like E201 and W303"
        raise UsageError(f"there is no finding {code}; {guess}")
    common.print_text(error_page(name))
