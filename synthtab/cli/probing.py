"""The options of ``synthtab audit`` about the models that it fits."""

from __future__ import annotations

from typing import Annotated

import typer

PANEL = "Models that are fitted"

Runs = Annotated[
    int,
    typer.Option(
        "--runs",
        min=0,
        help="Fit so many models with canaries, and one without.",
        rich_help_panel=PANEL,
    ),
]
Canaries = Annotated[
    int,
    typer.Option(
        "--canaries",
        min=1,
        help="Rows that are in a model or not, by coins.",
        rich_help_panel=PANEL,
    ),
]
Copies = Annotated[
    int,
    typer.Option(
        "--copies",
        min=1,
        help="Put each canary in so many times; the bound is on one row's epsilon.",
        rich_help_panel=PANEL,
    ),
]
Shadows = Annotated[
    int,
    typer.Option(
        "--shadows",
        min=0,
        help="Attack SYNTH with so many models of the attacker's own.",
        rich_help_panel=PANEL,
    ),
]
NeighbourRuns = Annotated[
    int,
    typer.Option(
        "--neighbour-runs",
        min=0,
        help="Run the mechanism so many times on each of two neighbouring tables.",
        rich_help_panel=PANEL,
    ),
]
Learned = Annotated[
    int,
    typer.Option(
        "--learned",
        min=0,
        help="Fit models on so many rows of TRAIN at most; 0 is all.",
        rich_help_panel=PANEL,
    ),
]
Epsilon = Annotated[
    float | None,
    typer.Option(
        "--epsilon",
        help="Fit them under this budget, and hold them to it.",
        rich_help_panel=PANEL,
    ),
]
Delta = Annotated[
    float,
    typer.Option("--delta", help="The delta of bounds on epsilon.", rich_help_panel=PANEL),
]
