"""Adult, row by row: the per-row mechanism at several budgets, epsilon split in two ways."""

from __future__ import annotations

import time

from bench import registry
from bench.adult import split
from bench.report import Figure, Grid, Section, percent
from synthtab.assess.fidelity import compare
from synthtab.backends.sql import SqlBackend
from synthtab.frames import decode_frame
from synthtab.privacy.intake import take_in
from synthtab.privacy.ledger import Ledger
from synthtab.privacy.perturb import perturb_rows
from synthtab.privacy.settings import Neighbours
from synthtab.privacy.vault import Vault

EPSILONS = (1.0, 3.0, 10.0)
SHOWN = 0.005
"""A column with less epsilon than this is not listed."""


def run(seed: int = 0) -> Section:
    """Release the training rows at each budget, with both splits, and measure."""
    model, real = registry.whole(registry.entry("adult"))
    table = model.table()
    train, _ = split(real, seed)
    taken = take_in(table, decode_frame(table.columns, train), "clamp").rows
    grid = Grid(
        "epsilon", "split", "valid rows", "shape", "pair", "cells mended", "processor", "given to"
    )
    all_valid = True
    for epsilon in EPSILONS:
        for even in (True, False):
            vault = Vault({table.name: taken}, Ledger(epsilon, 0.0, Neighbours("replace")))
            started = time.process_time()
            got = perturb_rows(vault, table, even=even)
            spent = time.process_time() - started
            broken = SqlBackend(table).violated(decode_frame(table.columns, got.batch)).any(axis=1)
            all_valid &= not broken.any()
            found = compare(table.columns, train, got.batch)
            who = [f"{c} {e:.2g}" for c, e in got.epsilons.items() if e > SHOWN]
            grid.add(
                f"{epsilon:g}",
                "even" if even else "gradient",
                f"{1 - broken.mean():.2%}",
                percent(found.shape),
                percent(found.pair),
                f"{got.mended:,}",
                f"{spent:.0f} s",
                "all alike" if even else ", ".join(who),
            )
    figures = [Figure("rows valid by DuckDB", "all" if all_valid else "not all", "all", all_valid)]
    note = (
        f"{len(taken):,} training rows, each released once and changed by itself; neighbours "
        "differ by one row exchanged, delta is 0. The noise takes no seed."
    )
    return Section("Adult, row by row", "python -m bench perturb", seed, figures, note, [grid])
