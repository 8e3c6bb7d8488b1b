"""How much of what was planted in clean real tables a repair finds, and puts back as it was."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.accounts import GROUPS, MODELS, accounts_broken, groups_broken
from bench.cleaning import Clean, cleaned, rules_broken
from bench.detecting import detectable
from bench.planting import Fault, Planted, plant, value
from bench.report import Figure, Grid, Section, at_least, at_most, number, seconds
from synthtab.ir import nodes
from synthtab.solver.mend import Mended, mend

SHARE = 0.05
PROCESSES = 2
BUDGET_S = 300.0
GROUPS_PER_SECOND = 500.0
SIZE = ("rows", "dropped", "rules")
FATE = ("planted", "seen", "found", "restored")
LEFT = ("rules broken", "rows left", "time")
SETS: dict[str, tuple[str, int] | None] = {
    "adult": ("adult", 5000),
    "berka_bank": ("account", 500),
    "cervical_cancer": None,
    "chinook": None,
    "compas": ("compas", 5000),
    "heloc": ("heloc", 5000),
    "kc_house": ("kc_house", 5000),
    "lending_club": ("lending_club", 5000),
    "northwind": None,
    "nyc_flights": ("flights", 5000),
    "sakila": ("customer", 150),
    "synthea_ehr": ("patients", 150),
}
"""Each data set, and the table of which a sample is drawn, with its size."""

NOTE = (
    "Errors in 5% of the rows of every table of 20 rows or more, one error a row, the kinds in "
    "turn as far as the table has what they take. Of large data sets a sample is taken, with "
    "all rows that refer to it and none that refer elsewhere; rows that break a hard rule "
    "before are left out (*dropped*), and so are soft rules (in brackets), which do not say "
    "which row is wrong. *Seen* are the cells of errors that break a rule, each error judged "
    "alone in the clean tables: the others nobody can find. *Found* are those of the seen that "
    "the repair changed, *restored* those that hold again what they held, both as shares of the "
    "seen; *others* are cells changed that were not planted. Rules often say that one of "
    "several cells is wrong and not which, and seldom what it was: a repair changes as few "
    "cells as possible and draws a plausible value, so less is restored than found."
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
            _share(self.seen, self.planted),
            _share(self.found, self.seen),
            _share(self.restored, self.seen),
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


def run(seed: int, names: Iterable[str] = SETS, throughput: bool = True) -> Section:
    """Plant errors in the data sets, mend them, and count."""
    sets = Grid("data set", *SIZE, *FATE, "others", *LEFT)
    kinds: dict[str, Outcome] = {}
    total = Outcome()
    others = after = 0
    for name in names:
        clean = cleaned(name, SETS[name], np.random.default_rng(seed))
        planted = plant(clean.tables, clean.batches, SHARE, np.random.default_rng(seed + 1))
        mended, took = _timed(clean, planted, seed)
        own = Outcome()
        for fault, count in outcomes(clean.tables, planted, mended):
            own += count
            kinds[fault.kind] = kinds.get(fault.kind, Outcome()) + count
        truly = {(c.table, c.row, c.column) for f in planted.faults for c in f.cells}
        beside = sum((c.table, c.row, c.column) not in truly for c in mended.changes)
        before = rules_broken(clean.tables, planted.batches)
        left = rules_broken(clean.tables, mended.batches)
        rows_left = len({(t, int(r)) for (t, _), rows in mended.unmended.items() for r in rows})
        total, others, after = total + own, others + beside, after + left
        rows = sum(map(len, clean.batches.values()))
        size = [number(rows), number(clean.dropped), f"{clean.rules} ({clean.left_out})"]
        rest = [f"{before} → {left}", number(rows_left), seconds(took)]
        sets.add(name, *size, *own.cells(), number(beside), *rest)
        print(" | ".join(sets.rows[-1]), flush=True)
    by_kind = Grid("error", *FATE)
    for kind, count in sorted(kinds.items()):
        by_kind.add(kind, *count.cells())
    by_kind.add("all", *total.cells())
    figures = [
        Figure("planted cells that break a rule", _share(total.seen, total.planted)),
        Figure("of these: found", _share(total.found, total.seen)),
        Figure("of these: restored", _share(total.restored, total.seen)),
        Figure("cells changed that were not planted", number(others)),
        at_most("rules broken after the repair", after, 0, number),
    ]
    if throughput:
        figures += [_groups(name, seed) for name in MODELS]
    title = f"Repair of planted errors in {len(list(names))} data sets"
    return Section(title, "python -m bench mending", seed, figures, NOTE, (sets, by_kind))


def _timed(clean: Clean, planted: Planted, seed: int) -> tuple[Mended, float]:
    started = time.perf_counter()
    mended = mend(
        clean.tables,
        planted.batches,
        rng=np.random.default_rng(seed),
        budget_s=BUDGET_S,
        processes=PROCESSES,
    )
    return mended, time.perf_counter() - started


def _groups(name: str, seed: int) -> Figure:
    """Measure the groups mended a second, of generated ones with a cell changed in some."""
    tables, batches = accounts_broken(name, np.random.default_rng(seed))
    started = time.perf_counter()
    mended = mend(
        tables, batches, rng=np.random.default_rng(seed), budget_s=BUDGET_S, processes=PROCESSES
    )
    took = time.perf_counter() - started
    wrong, left = groups_broken(tables, batches), groups_broken(tables, mended.batches)
    what = (
        f"{name}: groups mended a second, {number(len(wrong))} broken of {number(GROUPS)}, "
        f"{PROCESSES} processes, {number(len(left))} left broken"
    )
    return at_least(what, len(wrong - left) / took, GROUPS_PER_SECOND, number)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"
