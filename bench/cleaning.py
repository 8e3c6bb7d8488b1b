"""Real data sets made clean: samples that keep references whole, and the rules that they keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.report import data_directory
from synthtab.backends.groups import one_pool
from synthtab.backends.tables import Checks, TablesBackend
from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch, Mask
from synthtab.files import read_batch
from synthtab.ir import nodes
from synthtab.lang.model import Model

ROOT = Path(__file__).parents[1]
ROUNDS = 20
SAMPLES: Mapping[str, tuple[str, int] | None] = {
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
"""Each data set, and the table of which a sample is drawn, with its size; None takes it whole."""


@dataclass(frozen=True)
class Clean:
    """Tables whose rows keep all rules of ``tables``.

    ``rules`` counts the rules that have to be kept, ``left_out`` the soft ones that were not asked
    for, ``dropped`` the rows that broke a rule.
    """

    tables: tuple[nodes.Table, ...]
    batches: Mapping[str, Batch]
    rules: int
    left_out: int
    dropped: int


def cleaned(name: str, rng: np.random.Generator, part: float = 1.0) -> Clean:
    """Read a data set under its rules file and keep the rows that break nothing.

    Of a large one a sample is drawn, of ``part`` of the rows that SAMPLES says; rows of other
    tables that refer to rows not drawn go with them. Soft rules are left out, for which row breaks
    one is not said; a soft reference stays, since other rules reach through it.
    """
    tables = Model.load(ROOT / "rules" / f"{name}.rules").tables
    folder = data_directory() / name
    batches = {}
    for table in tables:
        (path,) = folder.glob(f"{table.name}.csv*")
        batches[table.name] = read_batch(path, table.columns, ignore_extra=True)
    batches = one_pool({t.name: t for t in tables}, batches)
    hard = tuple(replace(t, rules=tuple(r for r in t.rules if _is_asked(r))) for t in tables)
    if (sample := SAMPLES[name]) is not None:
        table, rows = sample
        drawn = np.sort(rng.permutation(len(batches[table]))[: round(part * rows)])
        batches[table] = batches[table].take(drawn)
        batches = _kept(hard, batches, references=True)
    before = sum(map(len, batches.values()))
    batches = _kept(hard, batches, references=False)
    return Clean(
        hard,
        batches,
        rules=sum(r.share is None for t in hard for r in t.rules),
        left_out=sum(r.share is not None for t in tables for r in t.rules),
        dropped=before - sum(map(len, batches.values())),
    )


def broken(tables: Sequence[nodes.Table], batches: Mapping[str, Batch]) -> dict[str, Mask]:
    """Say of each table's rows, (rows,) bool, whether they break a hard rule or a declaration."""
    found = TablesBackend(tables).violated(batches)
    bad = {}
    for table in tables:
        own = VectorBackend(table).out_of_domain(batches[table.name]).any(axis=1)
        for rule in table.rules:
            if rule.share is None:
                own = own | found[table.name, rule.name]
        bad[table.name] = own
    return bad


def rules_broken(tables: Sequence[nodes.Table], batches: Mapping[str, Batch]) -> int:
    """Count the hard rules and column declarations that some row breaks."""
    found = TablesBackend(tables).violated(batches)
    hard = {(t.name, r.name) for t in tables for r in t.rules if r.share is None}
    outside = [VectorBackend(t).out_of_domain(batches[t.name]).any(axis=0).sum() for t in tables]
    return sum(bool(found[key].any()) for key in hard) + int(sum(outside))


def _is_asked(rule: nodes.Rule) -> bool:
    return rule.share is None or isinstance(rule, nodes.ReferenceRule)


def _kept(
    tables: Sequence[nodes.Table], batches: Mapping[str, Batch], *, references: bool
) -> dict[str, Batch]:
    """Return the rows left once those that break hard rules (references alone) have gone.

    Where rows go, others may come to break a rule; so it is done until none does.
    """
    now = dict(batches)
    for _ in range(ROUNDS):
        bad = _dangling(tables, now) if references else broken(tables, now)
        if not any(b.any() for b in bad.values()):
            return now
        now = {name: now[name].take(~rows) for name, rows in bad.items()}
    raise RuntimeError(f"rows still break rules after {ROUNDS} rounds of dropping them")


def _dangling(tables: Sequence[nodes.Table], batches: Mapping[str, Batch]) -> dict[str, Mask]:
    checks = Checks(tables, batches)
    found = {}
    for table in tables:
        bad = np.zeros(len(batches[table.name]), bool)
        for rule in table.rules:
            if isinstance(rule, nodes.ReferenceRule) and rule.share is None:
                bad |= checks.violated(table.name, rule)
        found[table.name] = bad
    return found
