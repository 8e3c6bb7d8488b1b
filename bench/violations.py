"""Planted violations at three rates: what checking finds of them, and what a repair puts back.

The synthetic benchmark of the founding paper, on real tables made clean first (bench/cleaning.py):
mismatched dates, orphans, duplicate keys, broken sums, swapped and mistyped values
(bench/planting.py), and cells of the wrong type (bench/wrongtypes.py), in 1, 5 and 20% of the rows.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.cleaning import broken, cleaned, rules_broken
from bench.mending import Outcome, timed
from bench.planting import plant, value
from bench.plots import from_grid
from bench.report import Figure, Grid, Section, number, part_of, seconds
from bench.wrongtypes import plant_wrong_types, refused, without
from synthtab.backends.tables import Checks
from synthtab.batch import Batch, Mask
from synthtab.ir import nodes

RATES = (0.01, 0.05, 0.20)
WRONG_TYPE = "wrong type"
KINDS = 6
"""Kinds of error that codes can hold; the wrong types are one more, with as many rows as each."""

BUDGET_S = 30.0
PART = 0.4
"""How much of the sample of bench/cleaning.py is drawn: each data set is mended at every rate."""
SETS = (
    *("adult", "chinook", "compas", "lending_club", "northwind", "nyc_flights", "sakila"),
    "synthea_ehr",
)
"""Data sets of bench/cleaning.py."""

NOTE = (
    "Errors in 1, 5 and 20% of the rows of every table of 20 rows or more, one error a row, the "
    "kinds in turn as far as the table has what they take. Rows broke no hard rule before. Wrong "
    "types are written as text into a file's cells (a letter in a number, the 30th of February, a "
    "word that is not on the list) and are found where reading refuses the cell; every other error "
    "is found where its row breaks a rule or a declaration, with all other errors in the tables. A "
    "swap or a slip of the pen may break no rule at all. *Flagged* rows are those found; of these "
    "some have no error and break a rule together with one that has, such as the row whose key "
    "another one took, or all rows that refer to a key that was overwritten: *precise* is the "
    "share with an error. *Found* are planted cells in rows "
    "flagged, of all planted; *changed* and *restored* what the repair did to them, as shares of "
    f"the found. Each repair has a budget of {BUDGET_S:.0f} seconds."
)


@dataclass(frozen=True)
class Found:
    """One data set at one rate.

    ``kinds`` counts cells by kind of error: planted, found, changed, restored. ``errors`` counts
    rows with an error, ``flagged`` rows refused or broken, ``hit`` those that are both; ``others``
    changed cells that were not planted; ``before`` and ``after`` rules that some row breaks.
    """

    rows: int
    errors: int
    flagged: int
    hit: int
    others: int
    before: int
    after: int
    rows_left: int
    seconds: float
    kinds: dict[str, Outcome] = field(default_factory=dict)


def measure(
    tables: Sequence[nodes.Table], clean: dict[str, Batch], rate: float, seed: int
) -> Found:
    """Plant errors in a share ``rate`` of clean rows, look for them, mend, and count."""
    rng = np.random.default_rng(seed)
    planted = plant(tables, clean, rate * KINDS / (KINDS + 1), rng)
    taken = {
        t.name: frozenset(c.row for f in planted.faults for c in f.cells if c.table == t.name)
        for t in tables
    }
    raw = plant_wrong_types(tables, planted.clean, rate / (KINDS + 1), taken, rng)
    batches, flagged = {}, {}
    for table in tables:
        batch = planted.batches[table.name]
        mine = [cell for cell in raw if cell.table == table.name]
        bad, _ = refused(table, batch, mine)
        batches[table.name], flagged[table.name] = without(batch, bad), bad.any(axis=1)
    found = {
        name: flagged[name] | rows | _repeated(tables, name, batches[name])
        for name, rows in broken(tables, batches).items()
    }
    mended, took = timed(tables, batches, seed, BUDGET_S)
    cells = [(f.kind, c.table, c.row, c.column, c.truth) for f in planted.faults for c in f.cells]
    cells += [(WRONG_TYPE, c.table, c.row, c.column, c.truth) for c in raw]
    now = {(c.table, c.row, c.column): c.new for c in mended.changes}
    by_name = {t.name: t for t in tables}
    kinds: dict[str, Outcome] = {}
    for kind, name, row, column, truth in cells:
        seen, key = bool(found[name][row]), (name, row, column)
        changed = seen and key in now
        right = value(by_name[name], planted.clean[name], column, truth)
        count = Outcome(1, seen, changed, changed and now[key] == right)
        kinds[kind] = kinds.get(kind, Outcome()) + count
    wrong = {(name, row) for _, name, row, _, _ in cells}
    truly = {(name, row, column) for _, name, row, column, _ in cells}
    return Found(
        sum(map(len, batches.values())),
        len(wrong),
        _count(found),
        sum(bool(found[name][row]) for name, row in wrong),
        sum(key not in truly for key in now),
        rules_broken(tables, batches),
        rules_broken(tables, mended.batches),
        _count(broken(tables, mended.batches)),
        took,
        kinds,
    )


def _repeated(tables: Sequence[nodes.Table], name: str, batch: Batch) -> Mask:
    """Say which rows, (rows,) bool, have a key that a later row repeats: the later one is broken.

    Which of the two is wrong the rule cannot know, so both count as flagged.
    """
    (table,) = (t for t in tables if t.name == name)
    backwards = Checks(tables, {name: batch.take(np.arange(len(batch))[::-1])})
    found = np.zeros(len(batch), bool)
    for rule in table.unique_rules:
        if rule.share is None:
            found |= backwards.violated(name, rule)[::-1]
    return found


def run(seed: int, names: Sequence[str] = SETS, rates: Sequence[float] = RATES) -> Section:
    """Return what is found and restored of planted errors, by kind and by data set."""
    sets = Grid(
        "data set",
        *("errors in", "rows", "errors", "flagged", "precise"),
        *("found", "changed", "restored", "others", "rules broken", "rows left", "time"),
    )
    totals: dict[float, dict[str, Outcome]] = {rate: {} for rate in rates}
    flagged = dict.fromkeys(rates, (0, 0, 0))
    for name in names:
        clean = cleaned(name, np.random.default_rng(seed), PART)
        for rate in rates:
            got = measure(clean.tables, dict(clean.batches), rate, seed + 1)
            _add(sets, name, rate, got)
            print(" | ".join(sets.rows[-1]), file=sys.stderr, flush=True)
            before = flagged[rate]
            now = (got.errors, got.flagged, got.hit)
            flagged[rate] = tuple(a + b for a, b in zip(before, now, strict=True))  # type: ignore[assignment]
            for kind, count in got.kinds.items():
                totals[rate][kind] = totals[rate].get(kind, Outcome()) + count
    kinds, plots = _by_kind(totals)
    title = f"Planted violations in {len(names)} data sets"
    return Section(
        title,
        "python -m bench violations",
        seed,
        _figures(totals, flagged),
        NOTE,
        (kinds, sets),
        {"plots": plots},
    )


def _figures(
    totals: dict[float, dict[str, Outcome]], flagged: dict[float, tuple[int, int, int]]
) -> list[Figure]:
    figures = []
    for rate, kinds in totals.items():
        errors, rows, hit = flagged[rate]
        total = sum(kinds.values(), Outcome())
        typed = kinds.get(WRONG_TYPE, Outcome())
        headline = f"Planted violations in {rate:.0%} of rows: found" if rate == 0.05 else ""
        which = f"errors in {rate:.0%} of rows"
        figures += [
            Figure(f"{which}: rows with an error that are flagged", part_of(hit, errors)),
            Figure(f"{which}: rows flagged that have an error", part_of(hit, rows)),
            Figure(
                f"{which}: planted cells found",
                part_of(total.seen, total.planted),
                headline=headline,
            ),
            Figure(
                f"{which}: cells of the wrong type refused at reading",
                part_of(typed.seen, typed.planted),
                "100%",
                typed.seen == typed.planted,
            ),
            Figure(f"{which}: of those found, restored", part_of(total.restored, total.seen)),
        ]
    return figures


def _by_kind(totals: dict[float, dict[str, Outcome]]) -> tuple[Grid, list[dict[str, object]]]:
    """Return a table of what became of each kind at each rate, and bars of it."""
    rates = list(totals)
    grid = Grid(
        "error",
        *(f"{what}, {rate:.0%}" for rate in rates for what in ("planted", "found", "restored")),
    )
    for kind in sorted({kind for kinds in totals.values() for kind in kinds}):
        cells: list[str] = []
        for rate in rates:
            one = totals[rate].get(kind, Outcome())
            found, restored = part_of(one.seen, one.planted), part_of(one.restored, one.seen)
            cells += [number(one.planted), found, restored]
        grid.add(kind, *cells)
    plots = [
        from_grid(grid, title, [f"{what}, {rate:.0%}" for rate in rates], "%")
        for what, title in (
            ("found", "Planted violations: share found, by rows that have one"),
            ("restored", "Planted violations: of those found, restored by the repair"),
        )
    ]
    return grid, plots


def _add(sets: Grid, name: str, rate: float, got: Found) -> None:
    total = sum(got.kinds.values(), Outcome())
    sets.add(
        name,
        f"{rate:.0%}",
        *(number(n) for n in (got.rows, got.errors, got.flagged)),
        part_of(got.hit, got.flagged),
        part_of(total.seen, total.planted),
        part_of(total.found, total.seen),
        part_of(total.restored, total.seen),
        number(got.others),
        f"{got.before} → {got.after}",
        number(got.rows_left),
        seconds(got.seconds),
    )


def _count(rows: dict[str, Mask]) -> int:
    return sum(int(mask.sum()) for mask in rows.values())
