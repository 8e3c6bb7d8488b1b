"""Attacks on every mechanism: canaries against its epsilon, membership against a hold-out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from bench.adult import split
from bench.kept import kept
from bench.report import Figure, Section, at_most, data_directory, rules_file
from synthtab.batch import Batch, concat
from synthtab.files import read_batch
from synthtab.frames import decode_frame, encode_frame
from synthtab.lang.model import Model
from synthtab.pipeline import Synthesizer
from synthtab.privacy.audit.shadow import canary_bound
from synthtab.privacy.audit.tables import audit_tables
from synthtab.privacy.settings import Privacy

DELTA = 1e-6
EPSILON = 1.0
CANARIES = 1_000
LEARNED = 8_000
MOST_AUC = 0.52
ONE = Privacy(epsilon=EPSILON, delta=DELTA)
WAYS: Mapping[str, Privacy | None] = {
    "marginals, graphical": replace(ONE, generator="graphical"),
    "marginals, language model": ONE,
    "dp-sgd": replace(ONE, mechanism="dp-sgd"),
    "perturb": replace(ONE, mechanism="perturb"),
    "no budget": None,
}
NOTE = (
    f"{LEARNED:,} rows of Adult, and {CANARIES:,} canaries made of the rules alone, each in the "
    "data or not by a coin (for `perturb`, exchanged for another such row): epsilon is at least "
    "the bound, with 95% confidence. Membership: of the attacks of `synthtab audit` the one that "
    "does best, on the same rows without canaries, members against held-out rows, with its "
    "interval; the last line is what the choice of these rows alone gives. One run each; no seed. "
    "That broken mechanisms (noise halved, the ledger bypassed) are found is a test, with a stated "
    "chance of a miss "
    "(tests/privacy/audit/test_broken_mechanisms.py)."
)


def run(work: Path | None, tell: Callable[[str], None]) -> Section:
    """Return the figures of all mechanisms."""
    figures = []
    for name, privacy in WAYS.items():
        tell(f"audit: {name}")
        how = {"canaries": CANARIES, "learned": LEARNED, "way": name}
        part = f"audit_{name.replace(' ', '_').replace(',', '')}"
        figures += kept(work, part, how, partial(_figures, name, privacy))
    figures += kept(work, "audit_chance", {"learned": LEARNED}, _chance)
    command = "python -m bench privacy --only audit"
    return Section("Privacy: audit", command, None, figures, NOTE)


def _chance() -> list[Figure]:
    """Return what attacks achieve on rows that know nothing of the data: the luck of the split."""
    model = Model.load(rules_file("adult"))
    columns = model.table().columns
    real = read_batch(data_directory() / "adult" / "adult.csv.gz", columns)
    train, holdout = split(real, 0)
    rows = encode_frame(columns, Synthesizer(model).rules_only().sample(20_000))
    report = audit_tables(columns, train.take(np.arange(LEARNED)), holdout, rows, secrets=[])
    worst = max(report.membership, key=lambda m: m.auc)
    told = f"{worst.auc:.3f}, {worst.attack}"
    return [Figure("rows of the rules alone, which know nothing: membership AUC", told)]


def _figures(name: str, privacy: Privacy | None) -> list[Figure]:
    model = Model.load(rules_file("adult"))
    columns = model.table().columns
    real = read_batch(data_directory() / "adult" / "adult.csv.gz", columns)
    train, holdout = split(real, 0)
    train = train.take(np.arange(LEARNED))
    spare = Synthesizer(model).rules_only()
    total = LEARNED + CANARIES

    def learn(rows: Batch, fill: bool = True) -> Batch:
        if fill and privacy is not None and privacy.relation().kind == "replace":
            others = encode_frame(columns, spare.sample(max(1, total - len(rows))))
            rows = concat([rows, others])
        synthesizer = Synthesizer(model, privacy=privacy)
        if privacy is None:
            synthesizer.fit(decode_frame(columns, rows), violations="drop")
        else:
            synthesizer.fit(decode_frame(columns, rows))
        return encode_frame(columns, synthesizer.sample(20_000))

    canaries = encode_frame(columns, spare.sample(CANARIES))
    bound = canary_bound(learn, columns, train, canaries, 1, DELTA)
    report = audit_tables(columns, train, holdout, learn(train, fill=False), secrets=[])
    worst = max(report.membership, key=lambda m: m.auc)
    lo, hi = worst.auc_interval
    told = f"{worst.auc:.3f} ({lo:.3f} to {hi:.3f}), {worst.attack}"
    if privacy is None:
        return [
            Figure(f"{name}: epsilon is at least", f"{bound.epsilon:.2f}"),
            Figure(f"{name}: membership AUC", told),
        ]
    return [
        at_most(f"{name}: epsilon is at least", bound.epsilon, EPSILON, "{:.2f}".format),
        Figure(f"{name}: membership AUC", told, f"at most {MOST_AUC}", worst.auc <= MOST_AUC),
    ]
