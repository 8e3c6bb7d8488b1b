"""How much of what was planted in clean real tables a repair finds, and puts back as it was."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.accounts import GROUPS, MODELS, accounts_broken, groups_broken
from bench.cleaning import SAMPLES, Clean, broken, cleaned, rules_broken
from bench.detecting import detectable
from bench.planting import Fault, Planted, plant, value
from bench.plots import from_grid
from bench.report import Figure, Grid, Section, at_least, number, part_of, seconds
from synthtab.batch import Batch
from synthtab.ir import nodes
from synthtab.solver.mend import Mended, mend

SHARE = 0.05
PROCESSES = 2
BUDGET_S = 60.0
GROUPS_PER_SECOND = 500.0
SIZE = ("rows", "dropped", "rules")
FATE = ("planted", "seen", "found", "restored")
LEFT = ("rules broken", "rows left", "time")
NOTE = (
    "Errors in 5% of the rows of every table of 20 rows or more, one error a row, the kinds in "
    "turn as far as the table has what they take. Of large data sets a sample is taken, with "
    "all rows that refer to it and none that refer elsewhere; rows that break a hard rule "
    "before are left out (*dropped*), and so are soft rules (in brackets), which do not say "
    "which row is wrong. Each data set has a budget of 60 seconds. *Seen* are the cells of "
    "errors that break a rule, each error judged alone in the clean tables: the others nobody "
    "can find. *Found* are those of the seen that the repair changed, *restored* those that "
    "hold again what they held, both as shares of the seen; *others* are cells changed that "
    "were not planted. Rules often say that one of several cells is wrong and not which, and "
    "seldom what it was: a repair changes few cells and draws plausible values, so less is "
    "restored than found, and a repaired table keeps its rules without being the true one."
)


@dataclass(frozen=True)
class Outcome:
    """Cells by what became of them: planted, of errors seen by a rule, found, restored."""

    planted: int = 0
    seen: int = 0
    found: int = 0
    restored: int = 0

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            self.planted + other.planted,
            self.seen + other.seen,
            self.found + other.found,
            self.restored + other.restored,
        )

    def cells(self) -> list[str]:
        """Return the counts as cells of a row; found and restored are shares of the seen."""
        return [
            number(self.planted),
            part_of(self.seen, self.planted),
            part_of(self.found, self.seen),
            part_of(self.restored, self.seen),
        ]


def outcomes(
    tables: Sequence[nodes.Table], planted: Planted, mended: Mended
) -> list[tuple[Fault, Outcome]]:
    """Return for each error what became of its cells."""
    by_name = {t.name: t for t in tables}
    now = {(c.table, c.row, c.column): c.new for c in mended.changes}
    found = []
    for fault, seen in zip(planted.faults, detectable(tables, planted), strict=True):
        count = Outcome(len(fault.cells))
        for cell in fault.cells if seen else ():
            key = cell.table, cell.row, cell.column
            truth = value(by_name[cell.table], planted.clean[cell.table], cell.column, cell.truth)
            changed = key in now
            count += Outcome(0, 1, changed, changed and now[key] == truth)
        found.append((fault, count))
    return found


@dataclass(frozen=True)
class Measured:
    """A data set's errors with what became of them, and what else the repair did.

    ``others`` counts changed cells that were not planted, ``before`` and ``after`` the rules that
    some row breaks, ``rows_left`` the rows that still break one.
    """

    clean: Clean
    faults: Sequence[tuple[Fault, Outcome]]
    others: int
    before: int
    after: int
    rows_left: int
    seconds: float


def measure(name: str, seed: int) -> Measured:
    """Plant errors in a data set, mend it, and count."""
    clean = cleaned(name, np.random.default_rng(seed))
    planted = plant(clean.tables, clean.batches, SHARE, np.random.default_rng(seed + 1))
    mended, took = timed(clean.tables, planted.batches, seed)
    truly = {(c.table, c.row, c.column) for fault in planted.faults for c in fault.cells}
    return Measured(
        clean,
        outcomes(clean.tables, planted, mended),
        sum((c.table, c.row, c.column) not in truly for c in mended.changes),
        rules_broken(clean.tables, planted.batches),
        rules_broken(clean.tables, mended.batches),
        sum(int(bad.sum()) for bad in broken(clean.tables, mended.batches).values()),
        took,
    )


def run(seed: int, names: Sequence[str] = tuple(SAMPLES), throughput: bool = True) -> Section:
    """Return what a repair makes of errors in real data, and the groups it mends a second."""
    sets = Grid("data set", *SIZE, *FATE, "others", *LEFT)
    by_kind = Grid("error", *FATE)
    kinds: dict[str, Outcome] = {}
    found = {}
    for name in names:
        one = found[name] = measure(name, seed)
        for fault, count in one.faults:
            kinds[fault.kind] = kinds.get(fault.kind, Outcome()) + count
        rows = sum(map(len, one.clean.batches.values()))
        size = [number(rows), number(one.clean.dropped)]
        size += [f"{one.clean.rules} ({one.clean.left_out})"]
        fate = sum((count for _, count in one.faults), Outcome()).cells()
        rest = [f"{one.before} → {one.after}", number(one.rows_left), seconds(one.seconds)]
        sets.add(name, *size, *fate, number(one.others), *rest)
        print(" | ".join(sets.rows[-1]), flush=True)
    for kind, count in sorted(kinds.items()):
        by_kind.add(kind, *count.cells())
    total = sum(kinds.values(), Outcome())
    by_kind.add("all", *total.cells())
    before, after = (sum(getattr(m, w) for m in found.values()) for w in ("before", "after"))
    others = sum(one.others for one in found.values())
    figures = [
        Figure("planted cells that break a rule", part_of(total.seen, total.planted)),
        Figure(
            "of these: found",
            part_of(total.found, total.seen),
            headline="Planted errors that break a rule: found by the repair",
        ),
        Figure("of these: restored", part_of(total.restored, total.seen)),
        Figure("cells changed that were not planted", number(others)),
        Figure("rules broken before, and after", f"{number(before)}, {number(after)}"),
    ]
    if throughput:
        figures += [_groups(name, seed) for name in MODELS]
    title = f"Repair of planted errors in {len(names)} data sets"
    data = {"plots": plots(by_kind)}
    return Section(title, "python -m bench mending", seed, figures, NOTE, (sets, by_kind), data)


def plots(by_kind: Grid) -> list[dict[str, Any]]:
    """Return bars of what became of planted errors, by kind."""
    title = "Planted errors: seen by a rule; of these found, and restored"
    return [from_grid(by_kind, title, ["seen", "found", "restored"], "%")]


def timed(
    tables: Sequence[nodes.Table],
    batches: Mapping[str, Batch],
    seed: int,
    budget_s: float = BUDGET_S,
) -> tuple[Mended, float]:
    """Mend tables within a budget of seconds; return what came of it, and the seconds it took."""
    started = time.perf_counter()
    mended = mend(
        tables,
        batches,
        rng=np.random.default_rng(seed),
        budget_s=budget_s,
        processes=PROCESSES,
    )
    return mended, time.perf_counter() - started


def _groups(name: str, seed: int) -> Figure:
    """Measure the groups mended a second, of generated ones with a cell changed in some."""
    tables, batches = accounts_broken(name, np.random.default_rng(seed))
    mended, took = timed(tables, batches, seed)
    wrong, left = groups_broken(tables, batches), groups_broken(tables, mended.batches)
    what = (
        f"{name}: groups mended a second, {number(len(wrong))} broken of {number(GROUPS)}, "
        f"{PROCESSES} processes, {number(len(left))} left broken"
    )
    return at_least(what, len(wrong - left) / took, GROUPS_PER_SECOND, number)
