"""The headline: how many of the rows keep the rules, ours and those of GANs, over many tables.

Schema compliance is the share of rows that have the declared types and for which DuckDB finds no
rule, declaration or key broken. CTGAN and TVAE have SDV's defaults and the same time.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import mean

import numpy as np
import pandas as pd

from bench import peers, registry, scoring
from bench.contest import Outcome
from bench.plots import from_grid
from bench.report import Figure, Grid, Section, at_least, number, percent
from bench.roster import OWN, Contender, chosen
from synthtab.errors import DataError

GANS = ("sdv-ctgan", "sdv-tvae")
ASKED = 0.25
"""Points that rows of ours are to be valid more often, as a share."""
TRAINED_ON = 5_000
MOST = round(TRAINED_ON / registry.TRAIN_SHARE)
TABLES = (
    *("abalone", "anes96", "berka_loan", "bike_sharing", "breast_cancer", "car_evaluation"),
    *("cervical_cancer", "cgd_infections", "compas", "diamonds", "fair", "german_credit"),
    *("heart", "heloc", "insurance", "lahman_managers", "loan_prediction", "mushroom"),
    *("northwind_orders", "online_shoppers", "pbc_followup", "planes", "stroke", "titanic"),
    *("wine_quality", "adult"),
)
"""Small and medium tables of many kinds, named before any of them was measured."""


def command(given: argparse.Namespace) -> Iterator[Section]:
    """Do what ``python -m bench headline`` was told: measure, table by table."""
    way = replace(peers.way_of(given, MOST), judge=compliance)
    entries = registry.picked(given.only or TABLES, given.own)
    contenders = chosen([OWN, *(given.contender or GANS)])
    found: dict[str, dict[str, list[Outcome]]] = {}
    sizes = {}
    for entry in entries:
        outcomes: dict[str, list[Outcome]] = {c.name: [] for c in contenders}
        for seed in range(given.seeds or 1):
            loaded = registry.load(entry, seed, way.most)
            sizes[entry.name] = len(loaded.train)
            for contender in contenders:
                outcomes[contender.name].append(peers.once(contender, loaded, seed, way))
        found[entry.name] = outcomes
    yield section(contenders, found, sizes, way)


def compliance(loaded: registry.Loaded, frame: pd.DataFrame, seed: int = 0) -> scoring.Scores:
    """Judge rows by nothing but whether they are valid. Raises DataError where there are none."""
    batch, misfits = scoring.readable(loaded.table.columns, frame)
    if not len(batch):
        raise DataError(f"there are no rows of table {loaded.entry.name} to judge")
    valid = 1.0 - float(np.mean(misfits | scoring.broken(loaded.table, batch)))
    return scoring.Scores(valid, None, None, None, None, None)


def section(
    contenders: Sequence[Contender],
    found: Mapping[str, Mapping[str, Sequence[Outcome]]],
    sizes: Mapping[str, int],
    way: peers.Way,
) -> Section:
    """Return the shares by table, their means, and how far ours is above each of the others."""
    grid = Grid("table", "training rows", *(c.title for c in contenders))
    measure = peers.MEASURES[0]
    for name, outcomes in found.items():
        cells = [peers.shown(measure, peers.values(outcomes[c.name], "valid")) for c in contenders]
        grid.add(name, number(sizes[name]), *cells)
    figures = [Figure("tables", str(len(found)), "20", len(found) >= 20)]
    for contender in contenders[1:]:
        pairs = [
            (mean(ours), mean(theirs))
            for of in found.values()
            if (ours := peers.values(of[OWN], "valid"))
            and (theirs := peers.values(of[contender.name], "valid"))
        ]
        if not pairs:
            figures.append(Figure(f"{contender.title}: tables it finished", "0"))
            continue
        ours, theirs = (mean(side) for side in zip(*pairs, strict=True))
        least = min(pairs, key=lambda pair: pair[0] - pair[1])
        figures += [
            Figure(f"rows valid, mean of {len(pairs)} tables: SynthTab", percent(ours)),
            Figure(f"rows valid, mean of these: {contender.title}", percent(theirs)),
            at_least(
                f"SynthTab above {contender.title}, points",
                ours - theirs,
                ASKED,
                lambda share: f"{100 * share:.1f}",
                headline=f"rows valid above {contender.title}, points",
            ),
            Figure("least of any table, points", f"{100 * (least[0] - least[1]):.1f}"),
        ]
    said = (
        f"{name}: {sentence}"
        for name, outcomes in found.items()
        for sentence in peers.unfinished(contenders, outcomes)
    )
    note = " ".join([peers.terms(way), *said])
    data = {
        "plots": [from_grid(grid, "Rows valid", [c.title for c in contenders], "%")],
        "outcomes": {
            name: {c: [o.to_dict() for o in of] for c, of in outcomes.items()}
            for name, outcomes in found.items()
        },
    }
    only = [] if tuple(found) == TABLES else [f"--only {name}" for name in found]
    command = " ".join(["python -m bench headline", *only, *way.asked])
    name = "" if way.some else "headline"
    return Section("Schema compliance", command, 0, figures, note, [grid], data, name)
