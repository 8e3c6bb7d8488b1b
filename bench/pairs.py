"""Rules about pairs of rows: the denial constraints that papers measure on Adult and Tax tables."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd

from bench.report import Figure, data_directory, number, rules_file, seconds
from synthtab.backends.sqltables import SqlTables
from synthtab.backends.tables import TablesBackend
from synthtab.errors import SynthTabError
from synthtab.files import read_batch
from synthtab.frames import decode_frame, encode_frame
from synthtab.generate.generator import GeneratorConfig
from synthtab.lang.model import Model
from synthtab.pipeline import Synthesizer

ROWS = 30_000
TAX_ROWS = 10_000
STATES = 20
NOTE = (
    "Adult has its columns and these two rules alone: `education determines education_num`, and no "
    "row has both a larger capital gain and a larger capital loss than another. The tax table is "
    "made up, from a seed: of two people of one state, the one who earns more pays no lower rate."
)

ADULT_RULES = """
  rule years: education determines education_num
  rule not_both: forbid pair (a, b):
    a.capital_gain > b.capital_gain and a.capital_loss > b.capital_loss
"""

TAX = f"""
table tax {{
  state     enum({", ".join(f"'S{k:02}'" for k in range(STATES))})
  married   boolean
  children  integer in 0 .. 9
  salary    integer in 5_000 .. 250_000
  rate      decimal(4, 2) in 0 .. 50
  exemption integer in 0 .. 20_000

  rule progressive: forbid pair (a, b):
    a.state = b.state and a.salary > b.salary and a.rate < b.rate
}}
"""


def adult() -> tuple[Model, pd.DataFrame]:
    """Return the Adult table with the two rules alone, and its rows."""
    table = Model.load(rules_file("adult")).table()
    bare = Model.of([replace(table, rules=())]).to_text().rstrip().removesuffix("}")
    model = Model.parse(bare + ADULT_RULES + "}\n")
    batch = read_batch(data_directory() / "adult" / "adult.csv.gz", table.columns)
    return model, decode_frame(table.columns, batch)


def tax(seed: int, rows: int = TAX_ROWS) -> tuple[Model, pd.DataFrame]:
    """Return the tax table's model and rows: rates rise with salary, by a state's own steps."""
    rng = np.random.default_rng(seed)
    state = rng.integers(0, STATES, rows)
    salary = np.clip(np.exp(rng.normal(10.6, 0.6, rows)), 5_000, 250_000).astype(np.int64)
    rises = np.sort(rng.integers(10_000, 150_000, (STATES, 6)), axis=1)
    rates = np.sort(rng.integers(0, 1_200, (STATES, 7)), axis=1)
    step = (salary[:, None] >= rises[state]).sum(axis=1)
    married = rng.random(rows) < 0.5
    children = np.where(married, rng.poisson(1.4, rows), rng.poisson(0.3, rows)).clip(0, 9)
    frame = pd.DataFrame(
        {
            "state": [f"S{k:02}" for k in state],
            "married": married,
            "children": children,
            "salary": salary,
            "rate": [Decimal(int(r)) / 100 for r in rates[state, step]],
            "exemption": children * 1_000 + np.where(married, 2_000, 0),
        }
    )
    return Model.parse(TAX), frame


def measure(config: GeneratorConfig, seed: int, tell: Callable[[str], None]) -> list[Figure]:
    """Fit both tables, sample ROWS rows of each, count the rows that take part in a violation."""
    figures = []
    for name, (model, frame) in {"adult": adult(), "tax": tax(seed)}.items():
        tell(f"pairs: {name}")
        figures += _measured(name, model, frame, config, seed)
    return figures


def _measured(
    name: str, model: Model, frame: pd.DataFrame, config: GeneratorConfig, seed: int
) -> list[Figure]:
    table = model.table()
    synthesizer = Synthesizer(model, config=config)
    started = time.perf_counter()
    try:
        synthesizer.fit(frame, violations="drop", seed=seed)
        fitted = time.perf_counter() - started
        started = time.perf_counter()
        sample = synthesizer.sample(ROWS, seed=seed + 1)
        took = time.perf_counter() - started
    except SynthTabError as error:
        return [Figure(f"{name}: fit and sample", str(error).splitlines()[0], "rows", met=False)]
    own = TablesBackend(model.tables).violated({name: encode_frame(table.columns, sample)})
    theirs = SqlTables(model.tables).violated({name: sample})
    figures = [
        Figure(f"{name}, {len(frame):,} rows: fit", seconds(fitted)),
        Figure(
            f"{name}: sample of {len(sample):,}", f"{seconds(took)}, {number(ROWS / took)} rows/s"
        ),
    ]
    for rule in table.rules:
        mine, other = (int(v[name, rule.name].sum()) for v in (own, theirs))
        measured = f"{other:,}" if mine == other else f"{other:,} (by `validate` {mine:,})"
        what = f"{name}: rows that break `{rule.name}`, by DuckDB"
        figures.append(Figure(what, measured, "0", mine == other == 0))
    return figures
