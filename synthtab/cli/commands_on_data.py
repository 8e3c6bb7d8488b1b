"""The commands of ``rulecheck`` that read data: judge them, mend them, learn rules from them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthtab.cli import common
from synthtab.cli.options import AsJson, DataSources, Extra, RulesFile, TableName
from synthtab.errors import UsageError
from synthtab.lang.model import Model


def validate(
    file: RulesFile,
    data: DataSources,
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
    explain: Annotated[
        int | None,
        typer.Option(
            "--explain",
            min=1,
            metavar="[N]",
            help="Explain the first N broken rows of each table (3): why, and the least repair.",
        ),
    ] = None,
) -> None:
    """Count the rows that break each rule, across rows and tables, and show the first of them.

    The data are streamed: only columns that rules across rows read are kept in memory. A soft rule
    is broken where more rows break it than its share allows. Rules that need a table which is not
    there are listed as not checked. A directory or a database's URL alone stands for all tables.

    Example: [cyan]rulecheck validate rules/adult.rules adult.csv.gz[/]
    """
    from synthtab.cli import datasets, validating  # pandas, Arrow, Z3
    from synthtab.sources import Sources  # pandas, Arrow

    model = Model.load(file)
    output = validating.Output(as_json, sarif, failures, explain)
    with Sources() as sources:
        given = datasets.given(model, data, table, sources)
        broken = validating.validate(model, file, given, output, ignore_extra)
    common.finish(common.FINDINGS if broken else common.FINE)


def repair(
    file: RulesFile,
    data: DataSources,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="Where the mended table goes; a directory for several tables."
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="For the same result again.")] = 0,
    max_cells: Annotated[
        int | None, typer.Option("--max-cells", min=1, help="Change at most so many cells.")
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option("--budget", min=0.1, help="Seconds the repair may take; else what it needs."),
    ] = None,
    processes: Annotated[
        int, typer.Option("--processes", min=1, help="Processes that work on groups at once.")
    ] = 1,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Also write every changed cell to this file."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write no table, only tell what would be changed.")
    ] = False,
    as_json: AsJson = False,
    table: TableName = None,
) -> None:
    """Mend the rows and groups of rows that break rules: few cells changed, and each one told.

    What cannot be mended is listed and left; the tables are written all the same, exit code 1.
    Rules that need a table not given are not checked, and the columns they read not changed.

    Example: [cyan]rulecheck repair rules/adult.rules adult.csv.gz -o mended.csv --seed 1[/]
    """
    if output is None and not dry_run:
        raise UsageError("say where the mended table goes: -o FILE, or --dry-run to write none")
    from synthtab.cli import datasets, mending  # pandas, Arrow, Z3
    from synthtab.sources import Sources  # pandas, Arrow

    model = Model.load(file)
    target = None if dry_run else output
    options = mending.Options(target, report, seed, max_cells, budget, processes, as_json)
    with Sources() as sources:
        given = datasets.given(model, data, table, sources).sources
        left = mending.repair(model, given, options)
    common.finish(common.FINDINGS if left else common.FINE)


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
