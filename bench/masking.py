"""Where masking distorts, held against laws that are known exactly.

A row decoded under masks begins as if all beginnings had as many completions; importance weights
undo this. Three tables are small enough to write down every row, so that P(row | rules) is known
to the last digit: one whose cells are drawn evenly (no data), the same as a network has learned it,
and a real one (car_evaluation) of which only well rated cars are asked for, the network having
learned all of them. Rows of a mode are counted, and the counts held against that law:

total variation   half the sum of the differences, from 0 to 1
KL                sum of found * log(found / law), in nats; finite, as lawful rows alone are found

Both are above 0 by chance alone: the floor is what as many rows drawn from the law itself come to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.kept import kept_values
from bench.registry import entry, load
from bench.report import Figure, Grid, Section, at_most, number
from synthtab.assess.compliance import valid_rows
from synthtab.batch import Batch
from synthtab.choices import Mode
from synthtab.draw import RowSource, draw_rows
from synthtab.errors import UsageError
from synthtab.generate.generator import GeneratorConfig, RowGenerator
from synthtab.generate.uniform import UniformGenerator
from synthtab.ir import nodes
from synthtab.lang.model import Model
from synthtab.schema import TextType, domain
from synthtab.solver.plan import Plan
from synthtab.solver.project import compile_plan

Floats = NDArray[np.float64]
MODES: tuple[Mode, ...] = ("reject", "solver", "solver+weighted")
MOST_ROWS = 200_000
"""Tables that could hold more different rows than this are not written down."""

FLOOR_ALLOWED = 1.5
"""So many times its floor may a distance be by chance (of KL that is some four deviations)."""

FEW = """
table few {
  kind enum('one', 'ten', 'half', 'all')
  x    integer in 0 .. 9
  y    integer in 0 .. 9
  rule one: when kind = 'one' then x + y = 18
  rule ten: when kind = 'ten' then x = y
  rule half: when kind = 'half' then x <= y
}
"""
"""Of 100 pairs (x, y) the kinds leave 1, 10, 55 and 100; masks draw each kind as often."""

ASKED = "rule asked: class in ('good', 'vgood')"


@dataclass(frozen=True)
class Case:
    """A table, what draws its rows, and every row it can hold with its exact probability."""

    name: str
    table: nodes.Table
    source: RowSource
    plan: Plan
    rows: Batch
    law: Floats


@dataclass(frozen=True)
class Distance:
    """How far counts are from a law: total variation and KL (nats)."""

    variation: float
    divergence: float


def every_row(table: nodes.Table) -> Batch:
    """Return all rows that the columns of a table can hold, lawful or not, in order of codes.

    Raises UsageError for columns of text, and for more than 200,000 rows.
    """
    options: list[list[int | None]] = []
    size = 1
    for column in table.columns:
        lo, hi = domain(column)
        size *= hi - lo + 1 + column.optional
        if isinstance(column.type, TextType) or size > MOST_ROWS:
            raise UsageError(f"the rows of table {table.name} are too many to write down")
        options.append([*range(lo, hi + 1), *([None] if column.optional else [])])
    cells = list(product(*options))
    nulls = np.array([[c is None for c in row] for row in cells])
    codes = np.array([[0 if c is None else c for c in row] for row in cells], dtype=np.int64)
    return Batch(table.column_names, codes, nulls, np.empty(0, dtype=object))


def lawful(table: nodes.Table) -> Batch:
    """Return the rows of :func:`every_row` that break no row rule."""
    rows = every_row(table)
    return rows.take(valid_rows(replace(table, rules=table.row_rules), rows))


def without_data() -> Case:
    """Return the made-up table, each of whose cells is drawn evenly."""
    table = Model.parse(FEW).table()
    plan = compile_plan(table)
    source = UniformGenerator(table, plan.domains, plan.order)
    rows = lawful(table)
    return Case(
        "made up, cells drawn evenly",
        table,
        source,
        plan,
        rows,
        np.full(len(rows), 1.0 / len(rows)),
    )


def learned(config: GeneratorConfig | None = None, seed: int = 0) -> Case:
    """Return the made-up table as a network writes it that has learned 4,000 rows without rules."""
    table = Model.parse(FEW).table()
    whole = every_row(table)
    rng = np.random.default_rng(seed)
    seen = whole.take(rng.integers(0, len(whole), 4_000))
    return _fitted("made up, learned", table, table, seen, config, seed)


def real(config: GeneratorConfig | None = None, seed: int = 0) -> Case:
    """Return the cars of which only good ones are asked for, learned from all of them."""
    loaded = load(entry("car_evaluation"), seed)
    text = Model.of([loaded.table]).to_text().rstrip().removesuffix("}")
    asked = Model.parse(f"{text}  {ASKED}\n}}\n").table()
    return _fitted(
        "car_evaluation, good cars asked for", asked, loaded.table, loaded.train, config, seed
    )


def _fitted(
    name: str,
    table: nodes.Table,
    before: nodes.Table,
    seen: Batch,
    config: GeneratorConfig | None,
    seed: int,
) -> Case:
    """Return what a network makes of a table's rules that has learned rows under others."""
    order = compile_plan(before).order
    plan = compile_plan(table, order=order)
    domains = {c.name: domain(c) for c in table.columns}
    source = RowGenerator.fit(table.columns, order, domains, seen, config=config, seed=seed)
    rows = lawful(table)
    law = np.exp(source.log_likelihood(rows))
    return Case(name, table, source, plan, rows, law / law.sum())


def counted(case: Case, mode: Mode, rows: int, seed: int) -> NDArray[np.int64]:
    """Return how often each row of the law is among ``rows`` rows drawn in a mode.

    Raises UsageError where a row is drawn that is not one of them.
    """
    batch, _ = draw_rows(case.table, case.source, case.plan, rows, mode=mode, seed=seed)
    place = {key: at for at, key in enumerate(_keys(case.rows))}
    found = [place.get(key, -1) for key in _keys(batch.select(case.rows.columns))]
    if min(found) < 0:
        raise UsageError(f"a row of {case.name} is none of those that keep the rules")
    return np.bincount(found, minlength=len(case.law))


def _keys(batch: Batch) -> list[bytes]:
    cells = np.where(batch.nulls, np.iinfo(np.int64).min, batch.codes)
    return [row.tobytes() for row in np.ascontiguousarray(cells)]


def distance(counts: NDArray[np.int64], law: Floats) -> Distance:
    """Return how far counts are from a law."""
    found = counts / counts.sum()
    some = found > 0
    divergence = float((found[some] * np.log(found[some] / law[some])).sum())
    return Distance(float(np.abs(found - law).sum() / 2), max(0.0, divergence))


def floor(law: Floats, rows: int, seed: int, times: int = 20) -> Distance:
    """Return the mean distance of ``rows`` rows drawn from the law itself."""
    rng = np.random.default_rng(seed)
    several = [distance(rng.multinomial(rows, law), law) for _ in range(times)]
    return Distance(
        float(np.mean([d.variation for d in several])),
        float(np.mean([d.divergence for d in several])),
    )


def run(rows: int, seed: int, work: Path | None = None) -> Iterator[Section]:
    """Measure the three cases with ``rows`` rows of each mode."""
    grid = Grid("case", "mode", "total variation", "its floor", "KL, nats", "its floor")
    figures: list[Figure] = []
    found: dict[str, object] = {}
    makers: dict[str, Callable[[], Case]] = {
        "few": without_data,
        "learned": partial(learned, seed=seed),
        "cars": partial(real, seed=seed),
    }
    for short, make in makers.items():
        how: dict[str, object] = {"rows": rows, "seed": seed, "format": 1}
        made = partial(_made, make, rows, seed)
        values = kept_values(work, f"masking-{short}", how, made)
        found[short] = values
        _told(values, grid, figures)
    yield Section(
        "Where masking distorts",
        f"python -m bench modes --only masking --rows {rows}",
        seed,
        figures,
        "Laws are exact: every lawful row is written down with its probability (of a network, from "
        "its own logits). Floors are means of 20 samples of as many rows of the law itself.",
        [grid],
        found,
    )


def _made(make: Callable[[], Case], rows: int, seed: int) -> dict[str, object]:
    return _measured(make(), rows, seed)


def _measured(case: Case, rows: int, seed: int) -> dict[str, object]:
    base = floor(case.law, rows, seed)
    modes = {}
    for mode in MODES:
        away = distance(counted(case, mode, rows, seed + 1), case.law)
        modes[mode] = [away.variation, away.divergence]
    return {
        "name": case.name,
        "lawful": len(case.law),
        "floor": [base.variation, base.divergence],
        "modes": modes,
    }


def _told(values: dict[str, object], grid: Grid, figures: list[Figure]) -> None:
    name, modes, base = str(values["name"]), values["modes"], values["floor"]
    assert isinstance(modes, dict)
    assert isinstance(base, list)
    for mode, (variation, divergence) in modes.items():
        grid.add(name, f"`{mode}`", *_cells((variation, base[0], divergence, base[1])))
    plain, weighted = modes["solver"], modes["solver+weighted"]
    figures.append(Figure(f"{name}: lawful rows there are", number(int(str(values["lawful"])))))
    for at, what in enumerate(("total variation", "KL in nats")):
        away = f"{name}: {what} from the exact law"
        figures.append(Figure(f"{away}, `solver`", f"{plain[at]:.4f}"))
        most = FLOOR_ALLOWED * base[at]
        figures.append(at_most(f"{away}, `solver+weighted`", weighted[at], most, _four))


def _four(value: float) -> str:
    return f"{value:.4f}"


def _cells(values: tuple[float, ...]) -> tuple[str, ...]:
    return tuple(map(_four, values))
