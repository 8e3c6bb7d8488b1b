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
from synthtab.errors import UsageError
from synthtab.lang.comments import format_with_comments
from synthtab.lang.model import Model
from synthtab.lang.resources import error_page

app = typer.Typer(
    name="rulecheck",
    no_args_is_help=True,
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
TotalBudget = Annotated[
    float, typer.Option("--budget", min=0.1, help="Seconds the solver may take in all.")
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


class SqlDialect(StrEnum):
    """The databases that rules can be written for."""

    duckdb = "duckdb"
    postgresql = "postgresql"
    sqlite = "sqlite"


@app.command()
def check(
    file: RulesFile,
    as_json: AsJson = False,
    rows: Annotated[
        int | None,
        typer.Option("--rows", min=1, help="Ask too whether each table can have so many rows."),
    ] = None,
    budget: TotalBudget = 10.0,
) -> None:
    """Find the mistakes in a rules file: syntax, types, and what its rules cannot mean.

    Proved are contradictions, rules that others imply or that nothing can break, conditions that
    never hold, and columns that can hold less than they declare.

    Example: [cyan]rulecheck check rules/adult.rules --rows 50000[/]
    """
    from synthtab.cli import proving  # pandas, Arrow, Z3

    errors = proving.check(file, as_json, budget, rows)
    common.finish(common.FINDINGS if errors else common.FINE)


@app.command()
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


@app.command()
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


@app.command("compile")
def compile_(
    file: RulesFile,
    to: Annotated[Target, typer.Option("--to", help="The form wanted.")],
    dialect: Annotated[
        SqlDialect | None,
        typer.Option("--dialect", help="The database that SQL is for; DuckDB without it."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write to this file instead.")
    ] = None,
    table: TableName = None,
) -> None:
    """Translate rules: to a regex of CSV lines, a JSON schema of rows, SMT-LIB, or SQL.

    Example: [cyan]rulecheck compile rules/adult.rules --to sql -o adult.sql[/]
    """
    from synthtab.cli import checks  # pandas, Arrow

    chosen = None if dialect is None else dialect.value
    text = checks.compiled(Model.load(file), table, to.value, chosen)
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
            help="A .csv, .csv.gz or .parquet file, TABLE=FILE for each of several tables, a "
            "directory with a file named after each, or a database: sqlite:///file.db, "
            "TABLE=postgresql://user@host/db#schema.table.",
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
    is broken where more rows break it than its share allows. Rules that need a table which is not
    there are listed as not checked. A directory or a database's URL alone stands for all tables.

    Example: [cyan]rulecheck validate rules/adult.rules adult.csv.gz[/]
    """
    from synthtab.cli import datasets, validating  # pandas, Arrow
    from synthtab.sources import Sources  # pandas, Arrow

    model = Model.load(file)
    output = validating.Output(as_json, sarif, failures)
    with Sources() as sources:
        given = datasets.given(model, data, table, sources)
        broken = validating.validate(model, file, given, output, ignore_extra)
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
            help="A .csv, .csv.gz or .parquet file, TABLE=FILE for each of several tables, or a "
            "database: sqlite:///file.db for all its tables, postgresql://user@host/db#table.",
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
    from synthtab.sources import Sources  # pandas, Arrow

    options = None if no_rules else Options(soft, support, most)
    with Sources() as sources:
        text = inferring.inferred(inferring.given(data, name, sources), options)
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


if __name__ == "__main__":
    main()
