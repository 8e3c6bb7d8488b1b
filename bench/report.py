"""Figures as Markdown, with what is needed to repeat them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One measured thing; ``target`` is what was asked of it, ``met`` whether it was reached.

    A figure with a ``headline`` stands under that name in the summary at the top of the page.
    """

    what: str
    measured: str
    target: str = ""
    met: bool | None = None
    headline: str = ""


class Grid:
    """A table of its own: names of columns, and rows of as many cells."""

    def __init__(self, *columns: str) -> None:
        self.columns = columns
        self.rows: list[tuple[str, ...]] = []

    def add(self, *cells: str) -> None:
        """Add a row."""
        if len(cells) != len(self.columns):
            raise ValueError(f"{len(cells)} cells for {len(self.columns)} columns")
        self.rows.append(cells)


@dataclass(frozen=True)
class Section:
    """A table of figures under a heading, with the command that gives them; more tables follow.

    ``data`` is plain JSON, kept in the section's record; its plots are drawn (bench/plots.py).
    ``name`` is that of its record; without one it is made of the command (bench/record.py).
    ``device`` names what computed, with its driver, where that was not the processor alone.
    """

    title: str
    command: str
    seed: int | None
    figures: Sequence[Figure]
    note: str = ""
    grids: Sequence[Grid] = ()
    data: Mapping[str, Any] | None = None
    name: str = ""
    device: str = ""


def at_least(
    what: str, value: float, least: float, show: Callable[[float], str], headline: str = ""
) -> Figure:
    """Return a figure whose value should not be below ``least``."""
    return Figure(what, show(value), f"at least {show(least)}", value >= least, headline)


def at_most(
    what: str, value: float, most: float, show: Callable[[float], str], headline: str = ""
) -> Figure:
    """Return a figure whose value should not be above ``most``."""
    return Figure(what, show(value), f"at most {show(most)}", value <= most, headline)


def markdown(section: Section, origin: str = "", level: int = 2, plots: Sequence[str] = ()) -> str:
    """Return a section as Markdown, under a heading of a level.

    ``origin`` says when and on what it was measured, ``plots`` are pictures in Markdown.
    """
    verdict = {None: "", True: "yes", False: "**no**"}
    seed = "" if section.seed is None else f", seed {section.seed}"
    lines = [
        f"{'#' * level} {section.title}",
        "",
        f"`{section.command}`{seed}{', ' if origin else ''}{origin}",
        "",
    ]
    if section.figures:
        lines += [cells("what", "measured", "asked for", "met"), "|---|---:|---:|---|"]
        lines += [cells(f.what, f.measured, f.target, verdict[f.met]) for f in section.figures]
        lines.append("")
    for grid in section.grids:
        align = ["---", *["---:"] * (len(grid.columns) - 1)]
        lines += [cells(*row) for row in (grid.columns, align, *grid.rows)]
        lines.append("")
    for plot in plots:
        lines += [plot, ""]
    return "\n".join([*lines, section.note, ""] if section.note else lines)


def cells(*texts: str) -> str:
    """Return a row of a Markdown table, in one line, whatever the texts are."""
    plain = (" ".join(text.split()).replace("|", "\\|") for text in texts)
    return f"| {' | '.join(plain)} |"


def percent(value: float) -> str:
    """Return a share with two digits after the point."""
    return f"{value:.2%}"


def part_of(part: int, whole: int) -> str:
    """Return a part as a share of the whole with one digit after the point; - where that is 0."""
    return f"{part / whole:.1%}" if whole else "-"


def number(value: float) -> str:
    """Return a large number, grouped."""
    return f"{value:,.0f}"


def seconds(value: float) -> str:
    """Return a time in seconds."""
    return f"{value:.1f} s" if value >= 1 else f"{1000 * value:.3g} ms"


def last_error(stderr: str) -> str:
    """Return the message of the error that a Python process ended with, in one line."""
    return " ".join(stderr.strip().rsplit("Error: ", 1)[-1].split())[:300]


def data_directory() -> Path:
    """Return where the public data sets lie; SystemExit saying so where they do not."""
    path = Path(__file__).parents[2] / "shared" / "data"
    if not path.is_dir():
        raise SystemExit(f"bench: the data sets are expected in {path}")
    return path


def rules_file(name: str) -> Path:
    """Return the .rules file of a data set: the published constraints alone where there are any."""
    root = Path(__file__).parents[1]
    published = root / "bench" / "published" / f"{name}.rules"
    return published if published.exists() else root / "rules" / f"{name}.rules"
