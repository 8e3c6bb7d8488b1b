"""How the time and memory of sampling grow with the rows: a parent and a child with many rules."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.plots import number_of
from bench.report import Figure, last_error, number, seconds
from synthtab.backends.tables import TablesBackend
from synthtab.frames import encode_frame
from synthtab.generate.generator import GeneratorConfig
from synthtab.lang.model import Model
from synthtab.pipeline import Synthesizer

SIZES = (10_000, 100_000, 1_000_000)
LIMIT_S = 1_800
ACCOUNTS = 1_000
EACH = 10
MOST = 40
MODEL = f"""
table account {{
  id     integer key
  kind   enum('basic', 'plus', 'young')
  opened date in 2015-01-01 .. 2020-12-31

  rule not_too_many: count(of entry) <= {MOST}
}}

table entry {{
  id         integer key
  account_id integer -> account.id
  seq        integer
  day        date in 2015-01-01 .. 2024-12-31
  code       integer in 1 .. 12
  label      enum('food', 'rent', 'pay', 'other')
  amount     decimal(8, 2)
  balance    decimal(10, 2) in 0 .. 1_000_000

  unique (account_id, seq)
  rule numbered: gap_free(seq) per account_id
  rule labelled: code determines label
  rule after_opening: day >= account.opened
  rule in_order: non_decreasing(day) per account_id ordered by seq
  rule running: balance = (previous(balance, 0) per account_id ordered by seq) + amount
}}
"""
NOTE = (
    "A made-up parent and child: a unique key, a reference, a functional dependency, at most "
    f"{MOST} children, a running balance that stays above 0. The model is fitted once to "
    f"{ACCOUNTS:,} parents; each size is sampled by a process of its own, whose peak memory counts "
    "everything it holds, the interpreter and libraries too."
)


def real(seed: int, accounts: int = ACCOUNTS) -> dict[str, pd.DataFrame]:
    """Return made-up accounts, and about EACH entries of each, that keep all rules."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, accounts)
    opened = np.datetime64("2015-01-01") + rng.integers(0, 2_190, accounts)
    counts = np.minimum(rng.negative_binomial(3, 3 / (3 + EACH + 2 * (kind - 1)), accounts), MOST)
    labels = np.array(["food", "rent", "pay", "other"])[[0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 3, 3]]
    rows = []
    for at in range(accounts):
        cents, day = 0, opened[at]
        for seq in range(int(counts[at])):
            code = int(rng.integers(1, 13))
            size = int(rng.lognormal(8.5 + 0.5 * kind[at], 1.0)) + 1
            if labels[code - 1] not in ("pay", "other"):
                size = -min(size, cents)
            cents += size
            day += int(rng.geometric(0.1)) - 1
            rows.append((at + 1, seq + 1, day, code, labels[code - 1], size, cents))
    columns = ["account_id", "seq", "day", "code", "label", "amount", "balance"]
    entry = pd.DataFrame(rows, columns=columns)
    for name in ("amount", "balance"):
        entry[name] = [f"{value / 100:.2f}" for value in entry[name]]
    entry.insert(0, "id", range(1, len(entry) + 1))
    account = pd.DataFrame(
        {
            "id": range(1, accounts + 1),
            "kind": np.array(["basic", "plus", "young"])[kind],
            "opened": opened,
        }
    )
    return {"account": account, "entry": entry}


def measure(config: GeneratorConfig, seed: int, tell: Callable[[str], None]) -> list[Figure]:
    """Fit once, sample each size in a process of its own."""
    figures = []
    data = real(seed)
    rows = len(data["entry"])
    with tempfile.TemporaryDirectory() as place:
        started = time.perf_counter()
        synthesizer = Synthesizer(Model.parse(MODEL), config=config)
        synthesizer.fit(data, seed=seed)
        figures.append(Figure(f"fit, {rows:,} children", seconds(time.perf_counter() - started)))
        synthesizer.save(Path(place) / "model")
        took: dict[int, float] = {}
        for size in SIZES:
            tell(f"scaling: {size:,} rows")
            accounts = round(size * ACCOUNTS / rows)
            figures.append(_size(size, Path(place) / "model", accounts, seed, took))
    if len(took) > 1:
        least, most = min(took), max(took)
        ratio = (took[most] / most) / (took[least] / least)
        what = f"seconds a row, {most:,} rows against {least:,}"
        headline = "Several tables: seconds a row, a million rows against ten thousand"
        figures.append(Figure(what, f"{ratio:.2f}", "at most 1.50", ratio <= 1.5, headline))
    return figures


def plots(figures: Sequence[Figure]) -> list[dict[str, Any]]:
    """Return the time to sample over the rows, of the sizes that were done."""
    points = []
    for figure in figures:
        rows = re.match(r"([\d,]+) children of ", figure.what)
        took = number_of(figure.measured.split(", ")[0])
        if rows and took is not None:
            points.append([number_of(rows[1]), took])
    if len(points) < 2:
        return []
    series = [{"name": "sample", "points": points}]
    plane = {"kind": "lines", "title": "Time to sample children of growing tables", "x": "rows"}
    return [{**plane, "y": "seconds", "unit": "s", "series": series}]


def _size(size: int, model: Path, accounts: int, seed: int, took: dict[int, float]) -> Figure:
    what = f"{size:,} children"
    command = [sys.executable, "-m", "bench.scaling", str(model), str(accounts), str(seed)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        return Figure(what, f"not done after {LIMIT_S} s", "rows", met=False)
    if done.returncode:
        return Figure(what, f"failed: {last_error(done.stderr)}", "rows", met=False)
    got = json.loads(done.stdout.splitlines()[-1])
    took[got["rows"]] = got["seconds"]
    return Figure(
        f"{got['rows']:,} children of {accounts:,} parents",
        f"{seconds(got['seconds'])}, {number(got['rows'] / got['seconds'])} rows/s, peak "
        f"{got['peak'] / 2**30:.2f} GiB, {got['mended']:,} cells mended, {got['broken']:,} rows "
        "break a rule",
        "0 rows",
        got["broken"] == 0,
    )


def sample(model: Path, accounts: int, seed: int) -> dict[str, float]:
    """Load a model and sample; seconds, rows, cells mended, rows that break rules, peak bytes."""
    synthesizer = Synthesizer.load(model)
    got = synthesizer.sample_report(scale={"account": accounts}, seed=seed)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tables = synthesizer.model.tables
    batches = {t.name: encode_frame(t.columns, got.frames[t.name]) for t in tables}
    broken = TablesBackend(tables).violated(batches)
    return {
        "rows": len(got.frames["entry"]),
        "seconds": got.seconds,
        "mended": sum(c.mended for c in got.counts.values()),
        "broken": sum(int(mask.sum()) for mask in broken.values()),
        "peak": peak * (1 if sys.platform == "darwin" else 1024),
    }


if __name__ == "__main__":
    print(json.dumps(sample(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
