"""Adult's rules checked here, by pandera and by DuckDB: the same rows, the same counts, how fast.

The three take turns, so that a busy moment of the machine hits them alike; what counts is the
median over the turns of each turn's ratio.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import duckdb
import numpy as np
import pandas as pd
import pandera.pandas as pa

from bench import peer_rules, registry
from bench.report import Figure, Section, at_least, at_most, seconds
from synthtab.assess.compliance import Audit
from synthtab.backends.vector import VectorBackend
from synthtab.frames import decode_frame, encode_frame

ROWS = 1_000_000
TURNS = 15
THREADS = 2
STARTS = 15

Counts = Mapping[str, int]


@dataclass(frozen=True)
class Took:
    """Seconds by the clock, and of the processor in all threads."""

    wall: float
    cpu: float


def run(seed: int = 0, rows: int = ROWS, turns: int = TURNS) -> Section:
    """Check rows drawn from the real ones, and start the program."""
    ways = contestants(seed, rows)
    took: dict[str, list[Took]] = {name: [] for name in ways}
    for turn in range(turns + 1):
        counts = {}
        for name, count in ways.items():
            found, time_ = timed(count)
            counts[name] = {k: v for k, v in found.items() if v}
            if turn:  # the first warms up
                took[name].append(time_)
        different = {name for name, found in counts.items() if found != counts["rules"]}
        if different:
            raise SystemExit(f"bench: {', '.join(sorted(different))} count other rows: {counts}")

    def ratio(name: str, of: str) -> float:
        return median(a.wall / b.wall for a, b in zip(took[name], took[of], strict=True))

    def shown(name: str) -> str:
        walls = [t.wall for t in took[name]]
        cpu = median(t.cpu for t in took[name])
        return f"{seconds(median(walls))} (best {seconds(min(walls))}, CPU {seconds(cpu)})"

    def of_cpu(name: str, of: str) -> Figure:
        value = median(a.cpu / b.cpu for a, b in zip(took[name], took[of], strict=True))
        return Figure("the same in processor time", _x(value))

    with_encoding = _x(ratio("pandera", "encode and audit"))
    figures = [
        Figure("rules alone, rows encoded before", shown("rules")),
        Figure("Audit: rules and declarations, rows encoded before", shown("audit")),
        Figure("Audit, with encoding a DataFrame", shown("encode and audit")),
        Figure("pandera, lazy, the rules alone", shown("pandera")),
        Figure(f"DuckDB, one scan, {THREADS} threads", shown("duckdb")),
        at_least("pandera's time against the rules alone", ratio("pandera", "rules"), 3, _x),
        of_cpu("pandera", "rules"),
        Figure("pandera's time against the Audit", _x(ratio("pandera", "audit"))),
        of_cpu("pandera", "audit"),
        Figure("pandera's time against the Audit with encoding", with_encoding),
        at_most("time of the rules alone against DuckDB", ratio("rules", "duckdb"), 1.5, _x),
        of_cpu("rules", "duckdb"),
        Figure("time of the Audit against DuckDB", _x(ratio("audit", "duckdb"))),
        *start_up(),
    ]
    note = (
        f"{rows:,} rows drawn from the real ones, in memory as each likes them: codes, a DataFrame "
        "with categories, a DuckDB table with enums. All give the same counts in each of "
        f"{turns} turns; ratios are medians of the turns' ratios. The Audit also checks every "
        "column's range and keeps examples; pandera and DuckDB are not asked to."
    )
    return Section("Validation against peers", "python -m bench validators", seed, figures, note)


def contestants(seed: int, rows: int) -> dict[str, Callable[[], Counts]]:
    """Return, by name, what counts the rows that break each rule."""
    model, real = registry.whole(registry.entry("adult"))
    table = model.table()
    batch = real.take(np.random.default_rng(seed).integers(0, len(real), rows))
    frame = decode_frame(table.columns, batch)
    backend = VectorBackend(table)
    names = [r.name for r in table.row_rules]
    schema = peer_rules.schema()
    texts = frame.select_dtypes(exclude="number").columns
    categories = frame.astype(dict.fromkeys(texts, "category"))
    categories = categories.astype(dict.fromkeys(set(frame) - set(texts), "int64"))
    base = duckdb.connect(config={"threads": THREADS})
    base.execute("create table adult as select * from categories")
    query = peer_rules.query("adult")

    def ours() -> Counts:
        broken = backend.violated(batch)
        return {n: int(np.count_nonzero(broken[:, k])) for k, n in enumerate(names)}

    def audit() -> Counts:
        whole = Audit(model.tables)
        whole.add(table.name, batch)
        return {r.name: r.violated for r in whole.results()[table.name].rules}

    def encoded() -> Counts:
        whole = Audit(model.tables)
        whole.add(table.name, encode_frame(table.columns, categories))
        return {r.name: r.violated for r in whole.results()[table.name].rules}

    def lazily() -> Counts:
        try:
            schema.validate(categories, lazy=True)
        except pa.errors.SchemaErrors as error:
            cases: pd.DataFrame = error.failure_cases
            return dict(cases.groupby("check")["index"].nunique())
        return {}

    def scan() -> Counts:
        found = base.execute(query)
        heads = [d[0] for d in found.description]
        return dict(zip(heads, found.fetchall()[0], strict=True))

    return {
        "rules": ours,
        "audit": audit,
        "encode and audit": encoded,
        "pandera": lazily,
        "duckdb": scan,
    }


def timed(work: Callable[[], Counts]) -> tuple[Counts, Took]:
    """Return what some work gave, and how long it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    return found, Took(time.perf_counter() - wall, time.process_time() - cpu)


def start_up() -> list[Figure]:
    """Start ``rulecheck --help`` and an empty program in turn."""
    root = Path(__file__).parents[1]
    commands = (
        [sys.executable, "-m", "synthtab.cli.rulecheck", "--help"],
        [sys.executable, "-c", "pass"],
    )
    times: list[list[Took]] = [[], []]
    for turn in range(STARTS + 1):
        for at, command in enumerate(commands):
            wall, cpu = time.perf_counter(), _children()
            subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL)
            if turn:
                times[at].append(Took(time.perf_counter() - wall, _children() - cpu))
    ratio = median(a.wall / b.wall for a, b in zip(*times, strict=True))
    wall, cpu = (median(getattr(t, kind) for t in times[0]) for kind in ("wall", "cpu"))
    return [
        at_most(f"`rulecheck --help`, median of {STARTS}", wall, 0.4, seconds),
        Figure("`rulecheck --help`, processor time", seconds(cpu)),
        Figure("`rulecheck --help` against `python -c pass`", _x(ratio)),
    ]


def _children() -> float:
    """Return the processor time of the processes started so far, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _x(value: float) -> str:
    return f"{value:.2f}"
