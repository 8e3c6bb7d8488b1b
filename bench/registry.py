"""The tables that generators are measured on."""

from __future__ import annotations

import csv
import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from bench.report import data_directory, rules_file
from synthtab.assess.compliance import valid_rows
from synthtab.batch import Batch
from synthtab.files import read_batch
from synthtab.ir import nodes
from synthtab.lang.model import Model

TRAIN_SHARE = 0.8
NAMES = ("adult", "compas", "cervical_cancer", "heloc", "kc_house", "url_phishing", "lending_club")


@dataclass(frozen=True)
class Entry:
    """A table, what is predicted of it, and its rules."""

    name: str
    task: Literal["classification", "regression", "none"]
    target: str | None
    rules: Path
    source: str
    licence: str


@dataclass(frozen=True)
class Loaded:
    """A table read and split; ``dropped`` rows broke a hard rule and were left out."""

    entry: Entry
    model: Model
    table: nodes.Table
    train: Batch
    holdout: Batch
    dropped: int


def entries(extra: Path | None = None) -> tuple[Entry, ...]:
    """Return all tables."""
    with (data_directory() / "INDEX.csv").open(encoding="utf-8") as lines:
        found = {line["name"]: line for line in csv.DictReader(lines)}
    return tuple(
        Entry(
            name,
            "regression" if found[name]["task"].startswith("regression") else "classification",
            found[name]["target"].split(" ")[0],
            rules_file(name),
            found[name]["origin"],
            found[name]["licence"],
        )
        for name in NAMES
    )


def entry(name: str, extra: Path | None = None) -> Entry:
    """Return one table; SystemExit naming near names where there is none."""
    known = {e.name: e for e in entries(extra)}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3) or sorted(known)
        raise SystemExit(f"bench: no table {name!r}; there are {', '.join(near)}")
    return known[name]


def load(entry: Entry, seed: int = 0, most: int | None = None) -> Loaded:
    """Read a table, leave out rows that break a hard rule, take ``most`` rows, split 80/20."""
    model = Model.load(entry.rules)
    table = model.table()
    (path,) = (p for p in (data_directory() / entry.name).iterdir() if ".csv" in p.suffixes)
    real = read_batch(path, table.columns, ignore_extra=True)
    good = valid_rows(table, real)
    kept = real.take(good)
    order = np.random.default_rng(seed).permutation(len(kept))[:most]
    cut = int(TRAIN_SHARE * len(order))
    train, holdout = kept.take(order[:cut]), kept.take(order[cut:])
    return Loaded(entry, model, table, train, holdout, int((~good).sum()))
