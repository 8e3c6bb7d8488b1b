"""``synthtab``'s commands about models rather than rows: prompt, ledger, models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthtab.cli import language, starting
from synthtab.cli.options import AsJson, ModelRules


def prompt(
    rules: ModelRules,
    data: language.RowsShown = None,
    base: language.Base = None,
    corpus: language.CorpusFolder = None,
    examples: language.Examples = None,
    tuned: language.Tuned = False,
    prompt_tokens: language.PromptTokens = None,
    chat: language.Chat = None,
    violations: language.Broken = "error",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Which rows are shown.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Print what a pretrained model would read before each row: schema, rules, figures, examples.

    With --base it is cut to what the model can read, and its tokens are counted. No weights are
    read.

    Example: [cyan]synthtab prompt rules/adult.rules adult.csv.gz --base models/qwen --examples 4[/]
    """
    from synthtab.cli import writing  # torch, pandas

    shown = data, base, corpus, examples, tuned, prompt_tokens, chat, violations, seed, as_json
    writing.show_prompt(rules, writing.PromptRequest(*shown))


def ledger(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A model that was learned with --epsilon.")
    ],
    as_json: AsJson = False,
) -> None:
    """Say what a saved model guarantees, and which looks at real rows it is made of.

    Example: [cyan]synthtab ledger model/[/]
    """
    from synthtab.cli import guarantees  # torch, pandas

    guarantees.show(model, as_json)


def models(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]", help="One of them, or a directory: its card, with data and licences."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the domain models that a small network can begin as (synthtab fit --init).

    Example: [cyan]synthtab models healthcare[/]
    """
    starting.show(name, as_json)
