"""The options of a privacy budget."""

from __future__ import annotations

from typing import Annotated

import typer

from synthtab.privacy import settings

PANEL = "Privacy budget"

Epsilon = Annotated[
    float | None,
    typer.Option(
        "--epsilon",
        help="Learn with differential privacy; 1 is a usual budget. The others here go with it.",
        rich_help_panel=PANEL,
    ),
]
Delta = Annotated[
    float | None,
    typer.Option(
        "--delta",
        help="Far below 1 / the number of rows; 1e-6 by default.",
        rich_help_panel=PANEL,
    ),
]
Mechanism = Annotated[
    settings.Mechanism | None,
    typer.Option(
        "--mechanism",
        help="How the budget is spent: noisy counts (by default), noisy training, or each row by "
        "itself.",
        rich_help_panel=PANEL,
    ),
]
Generator = Annotated[
    settings.Source | None,
    typer.Option(
        "--generator",
        help="Of marginals: train a language model on them (by default), or draw from them.",
        rich_help_panel=PANEL,
    ),
]
Neighbours = Annotated[
    settings.Kind | None,
    typer.Option(
        "--neighbours",
        help="Protect against a row added or removed (by default), or replaced.",
        rich_help_panel=PANEL,
    ),
]
MostChildren = Annotated[
    int | None,
    typer.Option(
        "--most-children",
        help="Of several tables: look at so many children of a row, in each table (10 by default).",
        rich_help_panel=PANEL,
    ),
]
Domains = Annotated[
    settings.Unknown | None,
    typer.Option(
        "--domains",
        help="Ranges and categories that the rules do not declare: refuse them (by default), or "
        "estimate them under the budget.",
        rich_help_panel=PANEL,
    ),
]
Outside = Annotated[
    settings.Outside | None,
    typer.Option(
        "--outside",
        help="Values outside what is declared: move them into it (by default), or refuse.",
        rich_help_panel=PANEL,
    ),
]
Zeros = Annotated[
    bool,
    typer.Option(
        "--structural-zeros/--no-structural-zeros",
        help="Tell the estimate what the rules exclude (by default).",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
