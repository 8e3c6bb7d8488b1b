"""The options of ``synthtab fit`` and ``synthtab prompt`` about pretrained language models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from synthtab.choices import Violations
from synthtab.privacy.settings import Source

PANEL = "Pretrained language model"

GeneratorName = Literal["small", "pretrained", Source]
"""What is to write the rows, with a privacy budget or without."""

Generator = Annotated[
    GeneratorName | None,
    typer.Option(
        "--generator",
        help="A small network of the table's own (by default), or a pretrained language model "
        "(--base). With --epsilon, of marginals: a language model trained on them (by default), "
        "or drawn from directly (graphical).",
    ),
]
Init = Annotated[
    str | None,
    typer.Option(
        "--init",
        metavar="NAME",
        help="Begin the small network as a domain model, by its name (synthtab models) or its "
        "directory: of use with some hundred rows.",
    ),
]
Base = Annotated[
    str | None,
    typer.Option(
        "--base",
        metavar="PATH",
        help="The directory of a saved causal language model, or its id on the Hugging Face hub "
        "where it was downloaded before.",
        rich_help_panel=PANEL,
    ),
]
LoraOption = Annotated[
    bool,
    typer.Option("--lora", help="Train adapters, not all weights.", rich_help_panel=PANEL),
]
Rank = Annotated[
    int | None,
    typer.Option(
        "--rank", metavar="N", min=1, help="Of adapters (16 by default).", rich_help_panel=PANEL
    ),
]
EightBit = Annotated[
    bool,
    typer.Option(
        "--eight-bit",
        help="Read the weights in 8 bits; needs a GPU and bitsandbytes.",
        rich_help_panel=PANEL,
    ),
]
CorpusFolder = Annotated[
    Path | None,
    typer.Option(
        "--corpus",
        metavar="DIR",
        help="Public documents to take passages from: a folder of files, or a saved corpus. Of a "
        "small network: a folder of public rows to take --examples from.",
        rich_help_panel=PANEL,
    ),
]
Examples = Annotated[
    int | None,
    typer.Option(
        "--examples",
        metavar="N",
        min=0,
        help="Show so many passages and rows; 8 by default, and no rows where they are learned. "
        "A small network learns each row after so many like it, and keeps these as they are; "
        "without it, after none.",
        rich_help_panel=PANEL,
    ),
]
RowPassages = Annotated[
    int | None,
    typer.Option(
        "--row-passages",
        metavar="N",
        min=1,
        help="Let each row read so many passages of the corpus of its own, found by its first "
        "columns; for --epochs 0.",
        rich_help_panel=PANEL,
    ),
]
RowAfter = Annotated[
    int | None,
    typer.Option(
        "--row-after",
        metavar="N",
        min=1,
        help="Find them when so many columns are written (half of them).",
        rich_help_panel=PANEL,
    ),
]
Tuned = Annotated[
    bool,
    typer.Option(
        "--tuned",
        help="The prompt of a model that is tuned on the rows: without any, unless --examples is "
        "given.",
    ),
]
PromptTokens = Annotated[
    int | None,
    typer.Option(
        "--prompt-tokens",
        metavar="N",
        min=1,
        help="The longest the prompt may be.",
        rich_help_panel=PANEL,
    ),
]
Chat = Annotated[
    bool | None,
    typer.Option(
        "--chat/--no-chat",
        help="The prompt as a turn in the model's chat format, the row as the answer; by default "
        "where it has one.",
        rich_help_panel=PANEL,
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size", metavar="N", min=1, help="Rows to a step (16).", rich_help_panel=PANEL
    ),
]
AtOnce = Annotated[
    int | None,
    typer.Option(
        "--at-once",
        metavar="N",
        min=1,
        help="Rows in memory together; fewer take less, and learn the same.",
        rich_help_panel=PANEL,
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(
        "--rate", metavar="RATE", help="Of learning: 5e-5, of adapters 2e-4.", rich_help_panel=PANEL
    ),
]
Checkpointing = Annotated[
    bool,
    typer.Option(
        "--gradient-checkpointing",
        help="Compute activations twice, and keep none: slower, in less memory.",
        rich_help_panel=PANEL,
    ),
]
Checkpoints = Annotated[
    Path | None,
    typer.Option(
        "--checkpoints",
        metavar="DIR",
        help="Save the state of tuning there, and go on from it after an interruption.",
        rich_help_panel=PANEL,
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs",
        min=0,
        help="Go through the rows at most so often; a pretrained model 3 times, and with 0 it "
        "writes by its prompt alone.",
    ),
]
RowsShown = Annotated[
    str | None, typer.Argument(metavar="DATA", help="Real rows: a file or a database's URL.")
]
Broken = Annotated[
    Violations, typer.Option("--violations", help="What to do about real rows that break rules.")
]
