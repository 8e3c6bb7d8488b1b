"""How the time of fitting, sampling, validating, repairing and compiling grows with a table.

Tables are made up (bench/growing.py) and grow in one way at a time: rows, columns, rules. Times are
processor times on one core, so that they mean the same on a busy machine, and are told beside the
smallest table's and beside what the machine could do at best (bench/limits.py).
"""

from __future__ import annotations

import math
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench import limits
from bench.growing import Size, broken, model, rows
from bench.report import Figure, Grid, Section, number
from synthtab.backends.vector import VectorBackend
from synthtab.frames import decode_frame
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.model import ModelConfig
from synthtab.generate.train import TrainConfig
from synthtab.pipeline import Synthesizer
from synthtab.solver.project import compile_plan
from synthtab.solver.repair import repair

COMMAND = "python -m bench speed"
EPOCHS = 2
LINEAR = 1.2
"""The greatest power of the rows that a time may grow by."""

BY_ROWS: Mapping[str, Sequence[int]] = {
    "fit": (1_000, 4_000, 16_000),
    "sample": (1_000, 4_000, 16_000, 64_000),
    "validate": (10_000, 100_000, 1_000_000),
    "repair": (100, 400, 1_600, 6_400),
}
"""Rows of each operation, of a table of 10 columns with 8 rules."""

BY_COLUMNS = (5, 10, 20, 40)
BY_RULES = (4, 12, 24, 36)
RULES, COLUMNS = 8, 10
BESIDE: Mapping[str, int] = {"fit": 2_000, "sample": 4_000, "validate": 200_000, "repair": 400}
"""Rows of each operation where columns or rules grow."""

NOTE = (
    "Made-up tables whose columns come in groups of five, tied by rules within a group. Times are "
    "processor times on one core. *A cell* is the time by rows and columns (of compiling, by "
    "columns); *growth* is that beside the smallest table's: 1 is growth in proportion. *Of the "
    "machine* is the share that counts as work at the machine's own rate: for fitting and sampling "
    "the products of the network's matrices for every symbol at the rate of large matrix products "
    "(rows that begin alike share one run of the network, so a share above what is computed is "
    "possible), for validation the time to copy the rows in memory. Fitting is two passes over the "
    "rows; repair is of rows that all break a rule; sampling is in mode `solver`."
)


@dataclass(frozen=True)
class Point:
    """One operation on one size of table: seconds, and its share of the machine's rate, if any."""

    operation: str
    size: Size
    seconds: float
    share: float | None = None

    @property
    def cell(self) -> float:
        """Seconds a cell; a column where rows do not count."""
        return self.seconds / self.size.columns / self.size.rows


class Workshop:
    """Does the operations; the last network of so many columns is kept to sample from.

    ``learned`` is how many rows it learns where none was fitted before.
    """

    def __init__(self, seed: int, learned: int) -> None:
        self._seed, self._learned = seed, learned
        self._rate = limits.product_rate()
        self._fitted: dict[int, tuple[Synthesizer, int]] = {}

    def fit(self, size: Size) -> Point:
        """Fit a network; its columns' samples come from it afterwards."""
        table = model(size).table()
        frame = decode_frame(table.columns, rows(size, self._seed))
        # As many steps as rows say, with no early end.
        train = TrainConfig(symbols_seen=10**12, max_epochs=EPOCHS, patience=10**6)
        synthesizer = Synthesizer(model(size), config=GeneratorConfig(train=train))
        took = limits.work(lambda: synthesizer.fit(frame, seed=self._seed))
        trained = synthesizer.report.trained  # type: ignore[union-attr]
        positions = len(trained.position_loss)
        self._fitted[size.columns] = synthesizer, positions
        done = EPOCHS * size.rows * positions * limits.operations(ModelConfig(), backward=True)
        return Point("fit", size, took, done / took / self._rate)

    def sample(self, size: Size) -> Point:
        """Sample rows under the rules, of a network of these columns that knows a few rows."""
        if size.columns not in self._fitted:
            self.fit(replace(size, rows=self._learned))
        known, positions = self._fitted[size.columns]
        synthesizer = known.with_model(model(size))
        # The first draw compiles automata, which is no part of a rate.
        synthesizer.sample(50, mode="solver", seed=self._seed)
        took = limits.work(lambda: synthesizer.sample(size.rows, mode="solver", seed=self._seed))
        done = size.rows * positions * limits.operations(ModelConfig(), backward=False)
        return Point("sample", size, took, done / took / self._rate)

    def validate(self, size: Size) -> Point:
        """Judge rows in memory by all rules."""
        backend, batch = VectorBackend(model(size).table()), rows(size, self._seed)
        took = limits.work(lambda: backend.violated(batch), limits.TURNS)
        return Point("validate", size, took, limits.copy_time(batch.codes) / took)

    def repair(self, size: Size) -> Point:
        """Mend rows that all break a rule."""
        table, batch = model(size).table(), broken(size, self._seed)
        donors = rows(replace(size, rows=1_000), self._seed + 1)
        rng = np.random.default_rng(self._seed)
        took = limits.work(lambda: repair(table, batch, rng=rng, donors=donors), 2)
        return Point("repair", size, took)

    def compile(self, size: Size) -> Point:
        """Compile rules into a Plan."""
        table = model(size).table()
        return Point("compile", replace(size, rows=1), limits.work(lambda: compile_plan(table), 3))

    def do(self, operation: str, size: Size) -> Point:
        """Do an operation by its name."""
        ways: dict[str, Callable[[Size], Point]] = {
            "fit": self.fit,
            "sample": self.sample,
            "validate": self.validate,
            "repair": self.repair,
            "compile": self.compile,
        }
        print(f"{operation}: {size}", file=sys.stderr, flush=True)
        with limits.one_core():
            return ways[operation](size)


def run(
    seed: int = 0,
    by_rows: Mapping[str, Sequence[int]] = BY_ROWS,
    by_columns: Sequence[int] = BY_COLUMNS,
    by_rules: Sequence[int] = BY_RULES,
    beside: Mapping[str, int] = BESIDE,
) -> Iterator[Section]:
    """Yield a section for each way to grow, as soon as it is measured."""
    shop = Workshop(seed, beside["fit"])
    points = [
        shop.do(operation, Size(count, COLUMNS, RULES))
        for operation, counts in by_rows.items()
        for count in counts
    ]
    yield section("rows", seed, points, [p.size.rows for p in points], LINEAR)
    operations = [*beside, "compile"]
    points = [
        shop.do(operation, Size(beside.get(operation, 1), columns, RULES))
        for operation in operations
        for columns in by_columns
    ]
    yield section("columns", seed, points, [p.size.columns for p in points])
    points = [
        shop.do(operation, Size(beside.get(operation, 1), 2 * COLUMNS, rules))
        for operation in operations
        if operation != "fit"
        for rules in by_rules
    ]
    yield section("rules", seed, points, [p.size.rules for p in points])


def options(parser: ArgumentParser) -> None:
    """Add what only this measurement takes."""
    group = parser.add_argument_group("speed")
    group.add_argument(
        "--profile", action="store_true", help="where time goes by part, into docs/performance.md"
    )


def section(
    axis: str, seed: int, points: Sequence[Point], at: Sequence[int], most: float | None = None
) -> Section:
    """Return points as a section: the powers they grow by, a table, and their lines.

    ``at`` is the size of each point on the axis; ``most`` the greatest power that is asked for.
    """
    grid = Grid(
        "operation", "rows", "columns", "rules", "time", "a cell", "growth", "of the machine"
    )
    lines: dict[str, list[tuple[int, float]]] = {}
    first: dict[str, tuple[Point, int]] = {}
    for point, place in zip(points, at, strict=True):
        least, start = first.setdefault(point.operation, (point, place))
        lines.setdefault(point.operation, []).append((place, point.seconds))
        growth = (point.seconds / least.seconds) / (place / start)
        grid.add(
            point.operation,
            "-" if point.operation == "compile" else number(point.size.rows),
            number(point.size.columns),
            number(point.size.rules),
            brief(point.seconds),
            brief(point.cell),
            f"{growth:.2f}",
            "" if point.share is None else f"{point.share:.1%}",
        )
    figures = []
    for operation, line in lines.items():
        power = grows_by(line)
        what = f"{operation}: time grows with the {axis} to the power of"
        asked, met = ("", None) if most is None else (f"at most {most:.2f}", power <= most)
        headline = f"Sampling under rules: time grows with the {axis} to the power of"
        show = headline if (operation, axis) == ("sample", "rows") else ""
        figures.append(Figure(what, f"{power:.2f}", asked, met, show))
    plot = {
        "kind": "lines",
        "title": f"Processor time over the {axis}",
        "x": axis,
        "y": "seconds",
        "unit": "s",
        "series": [
            {"name": operation, "points": [list(p) for p in line]}
            for operation, line in lines.items()
        ],
    }
    title = f"Growth with the {axis}"
    note = NOTE if axis == "rows" else "Tables and measures are those of growth with the rows."
    return Section(title, COMMAND, seed, figures, note, [grid], {"plots": [plot]}, f"speed-{axis}")


def brief(value: float) -> str:
    """Return a time in the unit that leaves one to three digits before the point."""
    for unit, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if value >= unit:
            return f"{value / unit:.3g} {name}"
    return f"{value / 1e-9:.3g} ns"


def grows_by(line: Sequence[tuple[float, float]]) -> float:
    """Return the power of the size that time grows by: the slope in logarithms, least squares.

    1 is growth in proportion. NaN where there is one size alone.
    """
    if len(line) < 2:
        return math.nan
    x, y = (np.log([p[k] for p in line]) for k in (0, 1))
    return float(np.polyfit(x, y, 1)[0])
