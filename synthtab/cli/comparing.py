"""Arguments and options of ``synthtab assess``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Real = Annotated[
    str,
    typer.Argument(
        metavar="REAL",
        help="The real rows: a file, a directory with one for each table, or a database's URL.",
    ),
]
Synthetic = Annotated[str, typer.Argument(metavar="SYNTH", help="The synthetic rows, likewise.")]
Holdout = Annotated[
    str | None,
    typer.Option(
        "--holdout", help="Real rows, likewise, that were not learned from: a test for all."
    ),
]
Target = Annotated[
    list[str] | None,
    typer.Option("--target", help="The column models are to tell; TABLE.COLUMN of several."),
]
Parts = Annotated[
    str | None,
    typer.Option("--parts", help="Of what is assessed some parts, by commas; all, with bert."),
]
OfModel = Annotated[
    Path | None,
    typer.Option("--model", help="The saved model of the rows, for its privacy guarantee."),
]
Confidence = Annotated[float, typer.Option("--confidence", help="Of every interval by itself.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Which rows, for the same again.")]
Report = Annotated[
    Path | None,
    typer.Option("--report", help="Write all of it as one HTML page for a reader, charts too."),
]
