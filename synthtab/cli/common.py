"""What both command lines share: exit codes, errors as messages, progress on standard error.

Standard output carries results only, so that it can be piped; everything said about the work goes
to standard error, and nothing is said there when it is no terminal or ``--json`` is asked for.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table as Grid

from synthtab.diagnostics import Diagnostic
from synthtab.errors import InfeasibleError, RuleViolationError, SynthTabError

Update = Callable[[str, float], None]
"""Is told a stage of the work, and the share of it that is done."""
FINE, FINDINGS, WRONG_USE, INTERRUPTED = 0, 1, 2, 130

_COLOURS = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}


def run(app: typer.Typer) -> NoReturn:
    """Run a command line and exit; an error the user can cause is one message, no traceback."""
    try:
        app()
    except SynthTabError as error:
        stderr().print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True)
        broken = isinstance(error, RuleViolationError | InfeasibleError)
        sys.exit(FINDINGS if broken else WRONG_USE)
    except KeyboardInterrupt:  # while modules are imported; later, Typer sees to it
        sys.exit(INTERRUPTED)
    sys.exit(FINE)


def stdout() -> Console:
    """Return the console for results; lines are not cut where the output is no terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=160, no_color=True)


def stderr() -> Console:
    """Return the console for everything else."""
    return Console(stderr=True, highlight=False)


def finish(code: int) -> NoReturn:
    """End the command with an exit code."""
    raise typer.Exit(code)


def print_json(data: object) -> None:
    """Print plain data as JSON on standard output."""
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False, default=str) + "\n")


def print_text(text: str) -> None:
    """Print text as it is, without colour and without wrapping."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def print_findings(console: Console, findings: Iterable[Diagnostic]) -> None:
    """Print diagnostics with their first line coloured by severity."""
    for finding in findings:
        first, _, rest = finding.render().partition("\n")
        colour = _COLOURS[finding.severity]
        console.print(f"[{colour}]{escape(first)}[/]", soft_wrap=True)
        if rest:
            console.print(escape(rest), soft_wrap=True)
        console.print()


def grid(*columns: str, right: Iterable[int] = ()) -> Grid:
    """Return an empty table with these headings; ``right`` says which columns hold numbers."""
    table = Grid(pad_edge=False, box=None)
    numbers = set(right)
    for at, name in enumerate(columns):
        is_number = at in numbers
        table.add_column(
            name, justify="right" if is_number else "left", no_wrap=is_number, header_style="dim"
        )
    return table


def print_grid(console: Console, title: str, table: Grid) -> None:
    """Print a table under a title, which may be wider than it."""
    console.print(f"\n[bold]{escape(title)}[/]", soft_wrap=True)
    console.print(table)


def counted(number: int, noun: str) -> str:
    """Return a number of things in words, the noun in its plural where that is right."""
    return f"{number:,} {noun}" + "s" * (number != 1)


def share(value: float) -> str:
    """Return a share as a percentage that says 100% only of everything."""
    if value in (0.0, 1.0):
        return f"{value:.0%}"
    return f"{min(max(100 * value, 0.001), 99.999):.3f}%"


@contextmanager
def progress(
    quiet: bool, left: Callable[[], str] = lambda: "nothing was written"
) -> Iterator[Update]:
    """Show bars with a forecast on a terminal; give a function that takes a stage and its share.

    ``left`` says what there is after an interruption.
    """
    console = stderr()
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    )
    tasks: dict[str, int] = {}

    def update(stage: str, done: float) -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=1.0)
        bars.update(tasks[stage], completed=done)  # type: ignore[arg-type]

    try:
        with bars:
            yield update
    except KeyboardInterrupt:
        console.print(f"interrupted: {left()}", soft_wrap=True, markup=False)
        raise
