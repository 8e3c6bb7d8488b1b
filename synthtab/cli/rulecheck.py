"""``rulecheck``: everything about rules that needs no generator, and so no torch.

The command line must answer at once, so this module imports little: what needs pandas, Arrow or Z3
(half a second together) is imported by the command that uses it.
"""

from __future__ import annotations

import difflib
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from synthtab.atomic import atomic
from synthtab.cli import common
from synthtab.diagnostics import CODES
from synthtab.errors import ModelError, UsageError
from synthtab.lang.comments import format_with_comments
from synthtab.lang.model import Model
from synthtab.lang.resources import error_page

app = typer.Typer(
    name="rulecheck",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Check, compile and apply the rules of a table.\n\n"
    "Exit codes: 0 fine, 1 rules broken or findings, 2 wrong use or bad input.",
)

RulesFile = Annotated[Path, typer.Argument(metavar="FILE", help="A .rules file.")]
DataFile = Annotated[Path, typer.Argument(metavar="DATA", help="A .csv, .csv.gz or .parquet file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
TableName = Annotated[
    str | None, typer.Option("--table", help="Which table, where the file declares several.")
]
Budget = Annotated[
    float, typer.Option("--budget", min=0.1, help="Seconds the solver may take for each question.")
]
Extra = Annotated[
    bool, typer.Option("--ignore-extra", help="Let columns be that the rules do not declare.")
]


class Target(StrEnum):
    """What rules can be compiled to."""

    regex = "regex"
    json_schema = "json-schema"
    smt2 = "smt2"
    sql = "sql"


@app.command()
def check(file: RulesFile, as_json: AsJson = False, budget: Budget = 10.0) -> None:
    """Find the mistakes in a rules file: syntax, types, and rules that exclude each other.

    Example: [cyan]rulecheck check rules/adult.rules[/]
    """
    from synthtab.solver.satisfy import contradictions  # Z3

    try:
        model = Model.load(file)
    except ModelError as error:
        findings = list(error.diagnostics)
    else:
        found = contradictions(model.tables, model.source, budget_s=budget)
        findings = [*model.warnings, *found]
    errors = sum(f.severity == "error" for f in findings)
    if as_json:
        common.print_json({"file": str(file), "findings": [f.to_dict() for f in findings]})
    else:
        console = common.stdout()
        common.print_findings(console, findings)
        console.print(
            f"{file}: {_count(errors, 'error')}, {_count(len(findings) - errors, 'warning')}",
            soft_wrap=True,
        )
    common.finish(common.FINDINGS if errors else common.FINE)


@app.command("compile")
def compile_(
    file: RulesFile,
    to: Annotated[Target, typer.Option("--to", help="The form wanted.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write to this file instead.")
    ] = None,
    table: TableName = None,
) -> None:
    """Translate rules: to a regex of CSV lines, a JSON schema of rows, SMT-LIB, or SQL.

    Example: [cyan]rulecheck compile rules/adult.rules --to sql -o adult.sql[/]
    """
    from synthtab.cli import checks  # pandas, Arrow

    text = checks.compiled(Model.load(file), table, to.value)
    if output is None:
        common.print_text(text)
    else:
        checks.write_text(output, text)


@app.command()
def validate(
    file: RulesFile,
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="A .csv, .csv.gz or .parquet file, or TABLE=FILE for each of several tables.",
        ),
    ],
    as_json: AsJson = False,
    table: TableName = None,
    ignore_extra: Extra = False,
    sarif: Annotated[
        Path | None, typer.Option("--sarif", help="Also write the findings as SARIF 2.1.0.")
    ] = None,
    failures: Annotated[
        Path | None,
        typer.Option("--failures", help="Also write every violation to this .parquet file."),
    ] = None,
) -> None:
    """Count the rows that break each rule, across rows and tables, and show the first of them.

    The data are streamed: only columns that rules across rows read are kept in memory. A soft rule
    is broken where more rows break it than its share allows. Rules that need a table whose file is
    not given are listed as not checked.

    Example: [cyan]rulecheck validate rules/adult.rules adult.csv.gz[/]
    """
    from synthtab.cli import validating  # pandas, Arrow

    model = Model.load(file)
    paths = validating.sources(model, data, table)
    output = validating.Output(as_json, sarif, failures)
    broken = validating.validate(model, file, paths, output, ignore_extra)
    common.finish(common.FINDINGS if broken else common.FINE)


@app.command()
def repair(
    file: RulesFile,
    data: DataFile,
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the mended table goes.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="For the same result again.")] = 0,
    as_json: AsJson = False,
    table: TableName = None,
) -> None:
    """Mend the rows that break rules: few cells changed, drawn from what the other rows hold.

    Nothing is written unless every row is valid afterwards.

    Example: [cyan]rulecheck repair rules/adult.rules adult.csv.gz -o mended.csv --seed 1[/]
    """
    from synthtab.cli import checks  # pandas, Arrow, Z3

    left = checks.repair(Model.load(file).table(table), data, output, seed, as_json)
    common.finish(common.FINDINGS if left else common.FINE)


@app.command()
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


@app.command()
def infer(
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="A .csv, .csv.gz or .parquet file, or TABLE=FILE for each of several tables.",
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write to this file instead.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="The table's name; else the file's.")
    ] = None,
    soft: Annotated[
        float,
        typer.Option("--soft", min=0.5, max=1.0, help="The least confidence of a soft rule."),
    ] = 0.98,
    support: Annotated[
        int, typer.Option("--min-support", min=1, help="Rows that a rule has to speak of.")
    ] = 30,
    most: Annotated[
        int, typer.Option("--max-rules", min=0, help="Rules of each kind for a table, the best.")
    ] = 20,
    no_rules: Annotated[
        bool, typer.Option("--no-rules", help="Draft columns and keys only.")
    ] = False,
) -> None:
    """Draft a rules file from data: columns, keys, references and rules. Then review it.

    Every rule is marked with the rows it speaks of and the share of them that keep it.

    Example: [cyan]rulecheck infer account=account.csv trans=trans.csv -o draft.rules[/]
    """
    from synthtab.cli import checks, inferring  # pandas, Arrow
    from synthtab.learn.evidence import Options  # with all that learns

    options = None if no_rules else Options(soft, support, most)
    text = inferring.inferred(inferring.sources(data, name), options)
    if output is None:
        common.print_text(text)
    else:
        checks.write_text(output, text)


@app.command()
def fmt(
    file: RulesFile,
    write: Annotated[bool, typer.Option("--write", help="Change the file itself.")] = False,
    is_formatted: Annotated[
        bool, typer.Option("--check", help="Only say whether the file would change.")
    ] = False,
) -> None:
    """Print a rules file in the usual layout. Comments are kept, and so is what it says.

    Example: [cyan]rulecheck fmt rules/adult.rules --write[/]
    """
    model = Model.load(file)
    assert model.source is not None
    text = format_with_comments(model.tables, model.constants, model.source)
    changed = text != model.source.text
    if is_formatted:
        common.print_text(f"{file}: {'would change' if changed else 'is in the usual layout'}")
    elif not write:
        common.print_text(text)
    elif changed:
        with atomic(file) as temporary:
            temporary.write_text(text, encoding="utf-8")
    common.finish(common.FINDINGS if is_formatted and changed else common.FINE)


@app.command()
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


def main() -> None:
    """Run the command line."""
    common.run(app)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


if __name__ == "__main__":
    main()
