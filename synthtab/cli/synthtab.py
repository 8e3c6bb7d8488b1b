"""``synthtab``: learn tables, write rows like theirs that break none of their rules, assess them.

Imports little, so that ``--help`` and wrong arguments are answered at once; torch and pandas are
imported by the modules that do a command's work (synthtab.cli.fitting and so on).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from synthtab.choices import Mode, Violations
from synthtab.cli import commands_on_models, common, comparing, language, probing, spending
from synthtab.cli.options import AsJson, ModelRules, Replace, SameRows, TableName
from synthtab.privacy.settings import SOURCES

app = typer.Typer(
    name="synthtab",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Synthetic tables that cannot break the rules of the data.\n\n"
    "Exit codes: 0 fine, 1 rules broken, 2 wrong use or bad input.",
)


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
    rules: ModelRules,
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="Real rows: a .csv, .csv.gz or .parquet file; for several tables TABLE=FILE for "
            "each, a directory with a file named after each, or a database's URL.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The directory the model is saved in.")
    ],
    violations: Annotated[
        Violations | None,
        typer.Option(
            "--violations",
            help="What to do about real rows that break rules: error by default; they are always "
            "left out under a privacy budget.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", min=0, help="For the same model again; not under a privacy budget."),
    ] = None,
    epochs: language.Epochs = None,
    generator: language.Generator = None,
    init: language.Init = None,
    base: language.Base = None,
    lora: language.LoraOption = False,
    rank: language.Rank = None,
    eight_bit: language.EightBit = False,
    corpus: language.CorpusFolder = None,
    examples: language.Examples = None,
    row_passages: language.RowPassages = None,
    row_after: language.RowAfter = None,
    prompt_tokens: language.PromptTokens = None,
    chat: language.Chat = None,
    batch_size: language.BatchSize = None,
    at_once: language.AtOnce = None,
    rate: language.Rate = None,
    gradient_checkpointing: language.Checkpointing = False,
    checkpoints: language.Checkpoints = None,
    epsilon: spending.Epsilon = None,
    delta: spending.Delta = None,
    mechanism: spending.Mechanism = None,
    neighbours: spending.Neighbours = None,
    most_children: spending.MostChildren = None,
    domains: spending.Domains = None,
    outside: spending.Outside = None,
    zeros: spending.Zeros = True,
    as_json: AsJson = False,
) -> None:
    """Learn the real rows of one table or several under rules, and save the model.

    With --epsilon the real rows are looked at through noise only, and every look is booked
    (docs/privacy.md).

    Example: [cyan]synthtab fit rules/adult.rules adult.csv.gz -o model/ --epsilon 1[/]
    """
    from synthtab.cli import fitting, writing  # torch, pandas

    chosen: dict[str, Any] = {
        "mechanism": mechanism,
        "generator": generator if generator in SOURCES else None,
        "neighbours": neighbours,
        "domains": domains,
        "outside": outside,
        "most_children": most_children,
    }
    settings = {k: v for k, v in chosen.items() if v is not None}
    asked = writing.Asked(
        *(generator, base, lora, rank, eight_bit, corpus, examples, row_passages, row_after),
        *(prompt_tokens, chat, checkpoints, batch_size, at_once, rate, gradient_checkpointing),
    )
    privacy = fitting.budget(epsilon, delta, settings, zeros)
    request = fitting.request(violations, seed, epochs, privacy, asked, init, as_json)
    fitting.fit(rules, data, output, request)


@app.command()
def sample(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A saved model's directory, or a .rules file.")
    ],
    output: Annotated[
        str,
        typer.Option(
            "-o",
            "--output",
            help="A .csv, .csv.gz or .parquet file for one table, a directory for several, or a "
            "database's URL.",
        ),
    ],
    rows: Annotated[
        list[str] | None,
        typer.Option(
            "-n", "--rows", metavar="ROWS", help="How many rows: 1000, or TABLE=1000 (repeated)."
        ),
    ] = None,
    scale: Annotated[
        float | None,
        typer.Option("--scale", help="So many times the real rows of each table (1 by default)."),
    ] = None,
    file_format: Annotated[
        Literal["csv", "parquet"] | None,
        typer.Option("--format", help="What a directory's files are (csv by default)."),
    ] = None,
    replace: Replace = False,
    mode: Annotated[
        Mode | None,
        typer.Option(
            "--mode",
            help="How rows are kept valid, docs/architecture.md: solver after a fit, and "
            "solver+weighted for rules alone or one table's privacy budget (dp-sgd: solver), "
            "unless said otherwise.",
        ),
    ] = None,
    rounds: Annotated[
        int | None,
        typer.Option(
            "--rounds",
            min=1,
            help="In mode feedback: how often a language model may write a row again that breaks "
            "rules, told why (3).",
        ),
    ] = None,
    seed: SameRows = None,
    as_json: AsJson = False,
) -> None:
    """Write synthetic rows. Fewer than asked for is an error, never a shorter file.

    All rules are judged again before anything is written. A .rules file instead of a model makes
    rows of the rules and hints alone, without data.

    Example: [cyan]synthtab sample model/ -n 50000 --mode solver --seed 1 -o out.csv[/]
    """
    from synthtab.cli import sampling  # torch, pandas

    request = sampling.Request(
        rows=rows or [],
        scale=scale,
        output=output,
        suffix=None if file_format is None else f".{file_format}",
        replace=replace,
        mode=mode,
        rounds=rounds,
        seed=seed,
        as_json=as_json,
    )
    kept = sampling.sample(model, request)
    common.finish(common.FINE if kept else common.FINDINGS)


@app.command()
def refine(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A saved model of one table.")],
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="The real rows it was fitted on: a file or a database's URL; none under a privacy "
            "budget.",
        ),
    ] = None,
    *,
    output: Annotated[
        str,
        typer.Option(
            "-o", "--output", help="A .csv, .csv.gz or .parquet file, or a database's URL."
        ),
    ],
    rows: Annotated[int, typer.Option("-n", "--rows", min=1, help="How many rows.")],
    holdout: Annotated[
        str | None,
        typer.Option("--holdout", help="Real rows not learned from, to judge rounds by."),
    ] = None,
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, help="Propose, choose and correct at most so often.")
    ] = 3,
    candidates: Annotated[
        float | None,
        typer.Option("--candidates", min=1, help="Rows to choose from, for each row wanted."),
    ] = None,
    replace: Replace = False,
    mode: Annotated[
        Mode | None,
        typer.Option("--mode", help="How rows are kept valid, as for sample; none that may not."),
    ] = None,
    seed: SameRows = None,
    as_json: AsJson = False,
) -> None:
    """Write synthetic rows chosen so that pairs of columns are nearer to the real ones.

    Several times as many valid rows are proposed, those chosen that together have the marginals of
    DATA as far as these can be told from chance, and the model is corrected for another round. The
    saved model stays as it is.

    Example: [cyan]synthtab refine model/ adult.csv.gz -n 20000 --seed 1 -o out.csv[/]
    """
    from synthtab.cli import refining  # torch, pandas

    request = refining.Request(
        *(data, holdout, rows, rounds, candidates, output, replace),
        mode=mode,
        seed=seed,
        as_json=as_json,
    )
    kept = refining.refine(model, request)
    common.finish(common.FINE if kept else common.FINDINGS)


@app.command()
def load(
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="A directory with a file named after each table, TABLE=FILE for each, or a "
            "database's URL.",
        ),
    ],
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL", help="postgresql://user@host/db, sqlite:///file.db, duckdb:///file.db."
        ),
    ],
    rules: Annotated[
        Path | None, typer.Option("--rules", help="The .rules file that the tables are to keep.")
    ] = None,
    replace: Replace = False,
    as_json: AsJson = False,
) -> None:
    """Make tables in a database with their constraints, and insert all rows, or none.

    The database refuses rows that break a rule it can enforce; it is asked about the others.
    Without --rules, columns and keys are inferred.

    Example: [cyan]synthtab load out/ sqlite:///shop.db --rules shop.rules[/]
    """
    from synthtab.cli import loading  # pandas

    kept = loading.load_data(data, url, rules, replace, as_json)
    common.finish(common.FINE if kept else common.FINDINGS)


@app.command()
def assess(
    rules: ModelRules,
    real: comparing.Real,
    synth: comparing.Synthetic,
    holdout: comparing.Holdout = None,
    target: comparing.Target = None,
    parts: comparing.Parts = None,
    model: comparing.OfModel = None,
    confidence: comparing.Confidence = 0.95,
    seed: comparing.Seed = 0,
    report: comparing.Report = None,
    as_json: AsJson = False,
) -> None:
    """Assess synthetic rows: rules, likeness, use, disclosure, each figure beside its noise floor.

    Use and disclosure need a hold-out. Exit code 1 where synthetic rows break rules.

    Example: [cyan]synthtab assess rules/adult.rules train.csv out.csv --holdout rest.csv[/]
    """
    from synthtab.cli import assessing  # pandas, scipy, scikit-learn

    request = assessing.Request(
        *(holdout, tuple(target or ()), assessing.listed(parts), model, confidence, seed)
    )
    broken = assessing.assess(rules, real, synth, request, as_json, report)
    common.finish(common.FINDINGS if broken else common.FINE)


@app.command()
def audit(
    rules: ModelRules,
    train: Annotated[
        str, typer.Argument(metavar="TRAIN", help="The real rows that were learned from.")
    ],
    synth: Annotated[str, typer.Argument(metavar="SYNTH", help="The synthetic rows.")],
    holdout: Annotated[
        str,
        typer.Option("--holdout", help="Real rows of the same source that were not learned from."),
    ],
    table: TableName = None,
    secret: Annotated[
        list[str] | None,
        typer.Option("--secret", help="A column to guess (repeated); all but text by default."),
    ] = None,
    rows: Annotated[
        int, typer.Option("--rows", min=4, help="Look at so many rows of each file at most.")
    ] = 5_000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Which rows, for the same again.")] = 0,
    confidence: Annotated[
        float, typer.Option("--confidence", help="That no finding at all is a false alarm.")
    ] = 0.95,
    runs: probing.Runs = 0,
    canaries: probing.Canaries = 500,
    copies: probing.Copies = 1,
    shadows: probing.Shadows = 0,
    neighbour_runs: probing.NeighbourRuns = 0,
    learned: probing.Learned = 0,
    epsilon: probing.Epsilon = None,
    delta: probing.Delta = 1e-6,
    mechanism: spending.Mechanism = None,
    generator: spending.Generator = None,
    as_json: AsJson = False,
) -> None:
    """Attack synthetic rows: who was learned from, what of them can be guessed, what was copied.

    Models are fitted to bound epsilon from below (--runs, --neighbour-runs), or to be attacked
    with models of the attacker's own (--shadows). Exit code 1 where a leak is found.

    Example: [cyan]synthtab audit rules/adult.rules train.csv out.csv --holdout rest.csv[/]
    """
    from synthtab.cli import auditing, auditing_models  # torch, pandas, scikit-learn

    secrets = None if not secret else tuple(secret)
    privacy = auditing.privacy(epsilon, delta, mechanism, generator)
    models = auditing_models.Models(
        *(runs, canaries, copies, shadows, neighbour_runs, learned), privacy, delta
    )
    request = auditing.Request(holdout, table, secrets, rows, seed, confidence, models, as_json)
    found = auditing.audit(rules, train, synth, request)
    common.finish(common.FINDINGS if found else common.FINE)


for _command in (
    commands_on_models.prompt,
    commands_on_models.ledger,
    commands_on_models.models,
):
    app.command()(_command)


def main() -> None:
    """Run the command line."""
    # Torch's threads wait by spinning: beside other busy processes that makes a step of training
    # fifty times slower. OpenMP reads this when torch is loaded, which is later than here.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    common.run(app)


if __name__ == "__main__":
    main()
