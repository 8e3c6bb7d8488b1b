"""Two tables under one budget, a row of the parent protected with all its children.

The tables are cut from the shipped rules files. Columns of free text are left out, and what the
files do not declare is declared here, in round numbers that whoever knows the trade would give.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import pandas as pd

from bench.likeness import Likeness, floor, likeness
from bench.report import Figure, Grid, Section, data_directory, number, rules_file, seconds
from bench.wholes import only, violations
from synthtab.backends.sqltables import SqlTables
from synthtab.batch import Batch
from synthtab.errors import BudgetError
from synthtab.files import read_batch
from synthtab.frames import decode_frame, encode_frame
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.train import TrainConfig
from synthtab.ir import nodes
from synthtab.ir.walk import columns_of, descendants
from synthtab.lang.model import Model
from synthtab.pipeline import Synthesizer
from synthtab.privacy.learned import PrivateWholeReport
from synthtab.privacy.settings import Privacy
from synthtab.relational.structure import conjuncts
from synthtab.schema import Column, encode_value

DELTA = 1e-6
DISTANCES = (
    "shape error of columns, keys apart",
    "pair error within tables, keys apart",
    "children per parent, W1 in means",
    "pair error of child and parent",
)
Ends = tuple[int, int] | tuple[date, date]
Batches = Mapping[str, Batch]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Pair:
    """A parent table and its children, of one data set.

    ``columns`` are those that are kept. ``ranges`` (by table and column) are in whole units, or
    dates. ``types`` has columns that are of the type of another one, given as (table, column).
    """

    data: str
    columns: Mapping[str, tuple[str, ...]]
    ranges: Mapping[tuple[str, str], Ends]
    types: Mapping[tuple[str, str], tuple[str, str]]
    epsilons: tuple[float, ...]
    most: int = 10

    @property
    def name(self) -> str:
        """The data set and the tables."""
        return f"{self.data}: {' and '.join(self.columns)}"


_KEYS = (1, 1_000_000)
_NINETIES = (date(1993, 1, 1), date(1998, 12, 31))
PAIRS = (
    Pair(
        "berka_bank",
        {
            "account": ("account_id", "district_id", "frequency", "date"),
            "loan": (
                *("loan_id", "account_id", "date", "amount", "duration", "payments", "status"),
            ),
        },
        {
            ("account", "account_id"): _KEYS,
            ("account", "district_id"): (1, 77),
            ("account", "date"): _NINETIES,
            ("loan", "loan_id"): _KEYS,
            ("loan", "account_id"): _KEYS,
            ("loan", "date"): _NINETIES,
            ("loan", "amount"): (1, 1_000_000),
            ("loan", "duration"): (12, 60),
            ("loan", "payments"): (1, 20_000),
        },
        {},
        (1.0, 3.0),
    ),
    Pair(
        "chinook",
        {
            "Customer": ("CustomerId", "Country", "SupportRepId"),
            "Invoice": ("InvoiceId", "CustomerId", "InvoiceDate", "BillingCountry", "Total"),
        },
        {},
        {("Customer", "Country"): ("Invoice", "BillingCountry")},
        (1.0, 10.0),
    ),
)


def run(
    symbols: int | None = None, parts: Sequence[str] | None = None, tell: Tell | None = None
) -> Iterator[Section]:
    """Measure the pairs; ``symbols`` trains less, ``parts`` picks data sets by name."""
    config = GeneratorConfig(
        train=TrainConfig() if symbols is None else TrainConfig(symbols_seen=symbols)
    )
    told = tell or (lambda what: print(what, file=sys.stderr, flush=True))
    figures: list[Figure] = []
    grids = []
    for pair in PAIRS:
        if parts is None or pair.data in parts:
            mine, grid = measure(pair, config, told)
            figures += mine
            grids.append(grid)
    few = "" if symbols is None else f" --symbols {symbols}"
    yield Section(
        "A budget for two tables, per row of the parent with its children",
        f"python -m bench privacy --only tables{few}",
        None,
        figures,
        "Noise takes no seed: figures differ from run to run.",
        grids,
    )


def measure(pair: Pair, config: GeneratorConfig, tell: Tell) -> tuple[list[Figure], Grid]:
    """Return a pair's figures: at each epsilon, without a budget, and what chance alone makes."""
    model = cut(pair)
    real = read(pair, model)
    frames = {t.name: decode_frame(t.columns, real[t.name]) for t in model.tables}
    grid = Grid(pair.name, "rows", *DISTANCES, "fit")
    figures = [Figure(f"{pair.name}: real rows", _sizes(real))]
    for epsilon in pair.epsilons:
        tell(f"{pair.name}: epsilon {epsilon:g}")
        privacy = Privacy(epsilon=epsilon, delta=DELTA, most_children=pair.most)
        synthesizer = Synthesizer(model, config=config, privacy=privacy)
        started = time.perf_counter()
        way = f"epsilon {epsilon:g}"
        try:
            synthesizer.fit(frames)
        except BudgetError as error:
            figures.append(Figure(f"{pair.data}, {way}: refused, nothing learned", str(error)))
            continue
        took = time.perf_counter() - started
        report = synthesizer.privacy_report
        assert isinstance(report, PrivateWholeReport)
        spent, delta = report.ledger.spent()
        unit = report.ledger.neighbours
        figures.append(
            Figure(
                f"{pair.data}, {way}: spent at delta {delta:.0e}, per row of {unit.unit} with up "
                f"to {unit.most} children",
                f"{spent:.4f}",
                f"at most {epsilon:g}",
                spent <= epsilon * (1 + 1e-9),
            )
        )
        _judge(pair, way, model, synthesizer, real, took, grid, figures)
    tell(f"{pair.name}: no budget")
    started = time.perf_counter()
    free = Synthesizer(model, config=config).fit(frames, violations="drop")
    _judge(pair, "no budget", model, free, real, time.perf_counter() - started, grid, figures)
    grid.add("chance alone", "", *_distances(floor(model.tables, real, 1)), "")
    return figures, grid


def cut(pair: Pair) -> Model:
    """Return the model of a pair: the columns kept, all that is declared, rules that speak of them.

    Of a rule with ``and`` those parts are kept that can be.
    """
    whole = Model.load(rules_file(pair.data))
    named = {t.name: t for t in only(whole.tables, tuple(pair.columns))}
    tables = []
    for name, kept in pair.columns.items():
        table = named[name]
        columns = tuple(_declared(pair, named, table, c) for c in table.columns if c.name in kept)
        rules = [r for rule in table.rules if (r := _kept(rule, table, pair)) is not None]
        tables.append(replace(table, columns=columns, rules=tuple(rules)))
    return Model.of(tables)


def _declared(
    pair: Pair, tables: Mapping[str, nodes.Table], table: nodes.Table, column: Column
) -> Column:
    like = pair.types.get((table.name, column.name))
    if like is not None:
        other = tables[like[0]].column(like[1])
        return replace(column, type=other.type, lo=other.lo, hi=other.hi)
    ends = pair.ranges.get((table.name, column.name))
    if ends is None:
        return column
    lo, hi = (encode_value(column.type, end) for end in ends)
    return replace(column, lo=lo, hi=hi)


def _kept(rule: nodes.Rule, table: nodes.Table, pair: Pair) -> nodes.Rule | None:
    """Return a rule, or what is left of it without the columns that are not kept."""
    if not isinstance(rule, nodes.RowRule):
        columns = getattr(rule, "columns", ())
        return rule if set(columns) <= set(pair.columns[table.name]) else None
    parts = [p for p in conjuncts(rule.condition) if _speaks_of_kept(p, table, pair)]
    if not parts:
        return None
    return replace(rule, condition=parts[0] if len(parts) == 1 else nodes.And(tuple(parts)))


def _speaks_of_kept(condition: nodes.Condition, table: nodes.Table, pair: Pair) -> bool:
    some = {c for columns in pair.columns.values() for c in columns}
    beyond = {n.column for n in descendants(condition) if isinstance(n, nodes.ParentRef)}
    return {*columns_of(condition), *beyond} <= some


def read(pair: Pair, model: Model) -> dict[str, Batch]:
    """Return the real rows of a pair, of the columns that are kept."""
    declared = {t.name: t for t in Model.load(rules_file(pair.data)).tables}
    folder = data_directory() / pair.data
    found = {}
    for table in model.tables:
        path = next(folder.glob(f"{table.name}.csv*"))
        rows = read_batch(path, declared[table.name].columns)
        frame = decode_frame(declared[table.name].columns, rows)
        found[table.name] = encode_frame(table.columns, frame[list(table.column_names)])
    return found


def _judge(
    pair: Pair,
    way: str,
    model: Model,
    synthesizer: Synthesizer,
    real: Batches,
    took: float,
    grid: Grid,
    figures: list[Figure],
) -> None:
    """Sample as many rows as there are, and add figures of their rules and a row of distances."""
    frames = synthesizer.sample(scale=1.0, seed=1)
    made = {t.name: encode_frame(t.columns, frames[t.name]) for t in model.tables}
    asked, broken = _broken(model, frames)
    own = violations(model.tables, made)
    figures.append(
        Figure(
            f"{pair.data}, {way}: {asked} hard rules by DuckDB, rows that break one",
            number(broken),
            "0",
            not broken,
        )
    )
    figures.append(
        Figure(f"{pair.data}, {way}: not kept by `validate`", ", ".join(own) or "0", "0", not own)
    )
    grid.add(way, _sizes(made), *_distances(likeness(model.tables, real, made)), seconds(took))


def _broken(model: Model, frames: Mapping[str, pd.DataFrame]) -> tuple[int, int]:
    hard = {t.name: [r for r in t.rules if r.share is None] for t in model.tables}
    found = SqlTables(model.tables).violated(frames, hard)
    return len(found), int(sum(int(rows.sum()) for rows in found.values()))


def _sizes(batches: Batches) -> str:
    return ", ".join(f"{name} {len(batch):,}" for name, batch in batches.items())


def _distances(found: Likeness) -> tuple[str, ...]:
    """Return the figures of a grid's row, in the order of DISTANCES."""
    figures = found.figures()
    return tuple(figures[name] for name in DISTANCES)
