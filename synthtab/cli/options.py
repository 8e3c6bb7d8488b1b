"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RulesFile = Annotated[Path, typer.Argument(metavar="FILE", help="A .rules file.")]
ModelRules = Annotated[Path, typer.Argument(metavar="RULES", help="A .rules file.")]
DataSources = Annotated[
    list[str],
    typer.Argument(
        metavar="DATA...",
        help="A .csv, .csv.gz or .parquet file, TABLE=FILE for each of several tables, a "
        "directory with a file named after each, or a database: sqlite:///file.db, "
        "TABLE=postgresql://user@host/db#schema.table.",
    ),
]
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
Replace = Annotated[
    bool, typer.Option("--replace", help="Drop tables of the same names in the database first.")
]
SameRows = Annotated[int | None, typer.Option("--seed", min=0, help="For the same rows again.")]
