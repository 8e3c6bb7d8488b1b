"""``synthtab``: learn a table, write rows like it that break none of its rules, assess them.

Imports little, so that ``--help`` and wrong arguments are answered at once; torch and pandas are
imported by the commands that use them (synthtab.cli.work, synthtab.cli.demo).
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from synthtab.cli import common

app = typer.Typer(
    name="synthtab",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Synthetic tables that cannot break the rules of the data.\n\n"
    "Exit codes: 0 fine, 1 rules broken, 2 wrong use or bad input.",
)

RulesFile = Annotated[Path, typer.Argument(metavar="RULES", help="A .rules file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]


class Violations(StrEnum):
    """What is done about real rows that break rules."""

    error = "error"
    drop = "drop"
    repair = "repair"


class ModeName(StrEnum):
    """The decoding modes."""

    free = "free"
    reject = "reject"
    repair = "repair"
    grammar = "grammar"
    grammar_repair = "grammar+repair"
    solver = "solver"
    solver_weighted = "solver+weighted"


@app.command()
def demo(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The directory the files go to.")
    ] = Path("demo-out"),
    rows: Annotated[int, typer.Option("-n", "--rows", min=1, help="Rows to sample.")] = 20_000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="For the same rows again.")] = 0,
) -> None:
    """Learn the RAND health insurance experiment, and compare rows made with and without rules.

    Takes less than two minutes on two cores, and no data of yours.

    Example: [cyan]synthtab demo[/]
    """
    from synthtab.cli.demo import run_demo  # torch, pandas, statsmodels

    common.finish(run_demo(output, rows, seed))


@app.command()
def fit(
    rules: RulesFile,
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Real rows: .csv, .csv.gz or .parquet.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The directory the model is saved in.")
    ],
    violations: Annotated[
        Violations,
        typer.Option("--violations", help="What to do about real rows that break rules."),
    ] = Violations.error,
    seed: Annotated[int, typer.Option("--seed", min=0, help="For the same model again.")] = 0,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="Go through the rows at most so often.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Learn real rows under rules, and save the model.

    Example: [cyan]synthtab fit rules/adult.rules adult.csv.gz -o model/ --violations drop[/]
    """
    from synthtab.cli import work  # torch, pandas

    work.fit(rules, data, output, violations.value, seed, epochs, as_json)


@app.command()
def sample(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A saved model's directory, or a .rules file.")
    ],
    rows: Annotated[
        str, typer.Option("-n", "--rows", metavar="ROWS", help="How many rows: 1000 or TABLE=1000.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="A .csv, .csv.gz or .parquet file.")
    ],
    mode: Annotated[
        ModeName, typer.Option("--mode", help="How rows are kept valid; docs/architecture.md.")
    ] = ModeName.solver_weighted,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="For the same rows again.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write synthetic rows. Fewer than asked for is an error, never a shorter file.

    A .rules file instead of a model makes rows of the rules and hints alone, without data.

    Example: [cyan]synthtab sample model/ -n 50000 --mode solver --seed 1 -o out.csv[/]
    """
    from synthtab.cli import work  # torch, pandas

    valid = work.sample(model, rows, output, mode.value, seed, as_json)
    common.finish(common.FINE if valid else common.FINDINGS)


@app.command()
def assess(
    rules: RulesFile,
    real: Annotated[Path, typer.Argument(metavar="REAL", help="The real rows.")],
    synth: Annotated[Path, typer.Argument(metavar="SYNTH", help="The synthetic rows.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Which halves of the real rows.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Compare synthetic rows with real ones: rules kept, and distances beside their noise floor.

    Example: [cyan]synthtab assess rules/adult.rules adult.csv.gz out.csv --json[/]
    """
    from synthtab.cli import assessing  # pandas, scipy

    broken = assessing.assess(rules, real, synth, seed, as_json)
    common.finish(common.FINDINGS if broken else common.FINE)


def main() -> None:
    """Run the command line."""
    # Torch's threads wait by spinning: beside other busy processes that makes a step of training
    # fifty times slower. OpenMP reads this when torch is loaded, which is later than here.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    common.run(app)


if __name__ == "__main__":
    main()
