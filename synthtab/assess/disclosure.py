"""What synthetic rows disclose of the rows they were learned from: the audit's attacks, in short.

The attacks are those of :func:`synthtab.privacy.audit.tables.audit_tables`: membership, nearness
(DCR, NNDR), secret columns. Beside each stands what it comes to where one half of the hold-out
takes the place of the synthetic rows, and the other half is the hold-out: rows that disclose
nothing, as nobody learned anything for them. Copies are looked for among all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from synthtab.assess.assessment import Attack, Disclosure
from synthtab.assess.copies import copied_share
from synthtab.assess.fidelity import random_halves
from synthtab.batch import Batch
from synthtab.errors import UsageError
from synthtab.privacy.audit.report import AuditReport
from synthtab.privacy.audit.tables import audit_tables
from synthtab.schema import Column, TextType

ROWS = 2_000
"""So many rows of each table are looked at by attacks."""
SECRETS = 15
"""So many columns are guessed, unless said which."""
_LEAST = 8
"""A hold-out of so many rows has two halves that can be attacked with."""


def disclosure(
    columns: Sequence[Column],
    train: Batch,
    holdout: Batch,
    synthetic: Batch,
    secrets: Sequence[str] | None = None,
    rows: int = ROWS,
    seed: int = 0,
    confidence: float = 0.95,
    progress: Callable[[float], None] | None = None,
) -> Disclosure:
    """Attack synthetic rows and return what was found, each figure beside its floor.

    ``secrets`` are the columns to guess, by default the first 15 that are not text. Raises
    UsageError where a table has too few rows for an audit.
    """
    skipped: tuple[str, ...] = ()
    if secrets is None:
        able = [c.name for c in columns if not isinstance(c.type, TextType)]
        secrets = able[:SECRETS] if len(columns) > 1 else []
        if len(able) > SECRETS:
            skipped = (
                f"guessing {len(able) - SECRETS} columns beyond the first {SECRETS}, which "
                "'synthtab audit' does",
            )
    said = progress or (lambda _done: None)

    def told(stage: str, done: float) -> None:
        said(0.1 + 0.4 * done if stage == "membership" else 0.5 + 0.5 * done)

    floor = None
    if len(holdout) >= _LEAST:
        made, rest = random_halves(holdout, np.random.default_rng(seed))
        floor = audit_tables(columns, train, rest, made, (), rows, seed, confidence)
    said(0.1)
    report = audit_tables(columns, train, holdout, synthetic, secrets, rows, seed, confidence, told)
    copies = _copies(columns, train, holdout, synthetic, confidence)
    attacks = (*_membership(report, floor), *_nearness(report, floor), copies, *_secrets(report))
    return Disclosure(
        report.train,
        report.holdout,
        report.synthetic,
        attacks,
        any(a.found for a in attacks),
        report.verdict(),
        (*report.skipped, *skipped),
        report.confidence,
    )


def check_holdout(holdout: Batch) -> None:
    """Raise UsageError where a hold-out has no rows."""
    if not len(holdout):
        raise UsageError("the hold-out has no rows: give real rows that nobody learned from")


def _membership(report: AuditReport, floor: AuditReport | None) -> list[Attack]:
    chance = {m.attack: m for m in floor.membership} if floor is not None else {}
    found = []
    for m in report.membership:
        usual = chance.get(m.attack)
        name = f"membership by {m.attack}"
        found.append(
            Attack(
                name,
                "AUC",
                m.auc,
                m.auc_interval,
                None if usual is None else usual.auc,
                0.5,
                m.found,
                "The chance that a training row looks likelier to be one than a row of the "
                "hold-out does.",
            )
        )
        found.append(
            Attack(
                name,
                "TPR at FPR 1%",
                m.hits,
                m.hits_interval,
                None if usual is None else usual.hits,
                0.01,
                m.found,
                "The share of training rows found where 1% of the hold-out is taken for them.",
                "percent",
            )
        )
    return found


def _nearness(report: AuditReport, floor: AuditReport | None) -> list[Attack]:
    chance = {n.measure: n.share for n in floor.nearness} if floor is not None else {}
    long = {
        "DCR": "by the distance to the closest record",
        "NNDR": "by that distance over the distance to the second closest",
    }
    return [
        Attack(
            n.measure,
            "share nearer to training rows",
            n.share,
            n.interval,
            chance.get(n.measure),
            0.5,
            n.found,
            "The share of synthetic rows that are nearer to training rows than to as many rows of "
            f"the hold-out, {long[n.measure]}.",
            "percent",
        )
        for n in report.nearness
    ]


def _copies(
    columns: Sequence[Column], train: Batch, holdout: Batch, synthetic: Batch, confidence: float
) -> Attack:
    """Return the share of synthetic rows that are training rows, beside the hold-out's."""
    value, around = copied_share(columns, synthetic, train, confidence)
    usual, about = copied_share(columns, holdout, train, confidence)
    return Attack(
        "exact copies",
        "share of synthetic rows",
        value,
        around,
        usual,
        None,
        around[0] > about[1],
        "The share of synthetic rows that are training rows to the cell, beside the share of the "
        "hold-out that is.",
        "percent",
    )


def _secrets(report: AuditReport) -> list[Attack]:
    return [
        Attack(
            f"guessing {a.column}",
            "gain",
            a.gain,
            a.interval,
            None,
            0.0,
            a.found,
            f"By how much more often {a.column} is guessed right from the rest of the row through "
            "synthetic rows than through the hold-out, for training rows more than for others.",
            "percent",
        )
        for a in report.attributes
    ]
