"""Rules about pairs of rows: the denial constraints that papers measure on Adult and Tax tables."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd

from bench import registry
from bench.report import Figure, last_error, number, seconds
from synthtab.backends.sqltables import SqlTables
from synthtab.backends.tables import TablesBackend
from synthtab.frames import decode_frame, encode_frame
from synthtab.generate.generator import GeneratorConfig
from synthtab.lang.model import Model
from synthtab.pipeline import Synthesizer

ROWS = 30_000
LIMIT_S = 600
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
    whole, batch = registry.whole(registry.entry("adult"))
    table = whole.table()
    bare = Model.of([replace(table, rules=())]).to_text().rstrip().removesuffix("}")
    model = Model.parse(bare + ADULT_RULES + "}\n")
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


def measure(
    name: str, config: GeneratorConfig, seed: int, tell: Callable[[str], None]
) -> list[Figure]:
    """Fit ``adult`` or ``tax``, sample ROWS rows in a process of its own, count broken rules."""
    model, frame = adult() if name == "adult" else tax(seed)
    synthesizer = Synthesizer(model, config=config)
    started = time.perf_counter()
    synthesizer.fit(frame, violations="drop", seed=seed)
    figures = [Figure(f"fit, {len(frame):,} rows", seconds(time.perf_counter() - started))]
    tell(f"{name}: samples {ROWS:,} rows, at most {LIMIT_S} s")
    with tempfile.TemporaryDirectory() as place:
        synthesizer.save(Path(place) / "model")
        command = [sys.executable, "-m", "bench.pairs", f"{place}/model", str(ROWS), str(seed + 1)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            why = f"not done after {LIMIT_S} s"
            return [*figures, Figure(f"sample of {ROWS:,}", why, "rows", met=False)]
    if done.returncode:
        why = f"failed: {last_error(done.stderr)}"
        return [*figures, Figure(f"sample of {ROWS:,}", why, "rows", met=False)]
    got = json.loads(done.stdout.splitlines()[-1])
    took = f"{seconds(got['seconds'])}, {number(got['rows'] / got['seconds'])} rows/s"
    figures.append(Figure(f"sample of {got['rows']:,}, {got['mended']:,} cells mended", took))
    for rule, (mine, theirs) in got["broken"].items():
        measured = f"{theirs:,}" if mine == theirs else f"{theirs:,} (by `validate` {mine:,})"
        what = f"rows that break `{rule}`, by DuckDB"
        figures.append(Figure(what, measured, "0", mine == theirs == 0))
    return figures


def sample(model: Path, rows: int, seed: int) -> dict[str, object]:
    """Load a model and sample; rows, seconds, cells mended, broken rows by rule and validator."""
    synthesizer = Synthesizer.load(model)
    table = synthesizer.model.table()
    started = time.perf_counter()
    got = synthesizer.sample_report(scale={table.name: rows}, seed=seed)
    took = time.perf_counter() - started
    frame = got.frames[table.name]
    own = TablesBackend([table]).violated({table.name: encode_frame(table.columns, frame)})
    theirs = SqlTables([table]).violated({table.name: frame})
    return {
        "rows": len(frame),
        "seconds": took,
        "mended": got.counts[table.name].mended,
        "broken": {
            rule.name: [int(v[table.name, rule.name].sum()) for v in (own, theirs)]
            for rule in table.rules
        },
    }


if __name__ == "__main__":
    print(json.dumps(sample(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
