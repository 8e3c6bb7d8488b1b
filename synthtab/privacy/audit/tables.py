"""All attacks that need only tables: training rows, a hold-out, synthetic rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from synthtab.batch import Batch
from synthtab.errors import UsageError
from synthtab.privacy.audit import attacks
from synthtab.privacy.audit.attributes import guess_secret
from synthtab.privacy.audit.distances import nearer_to_training
from synthtab.privacy.audit.encoding import Encoder, Points
from synthtab.privacy.audit.membership import judge
from synthtab.privacy.audit.report import AuditReport
from synthtab.schema import Column, TextType

ROWS = 5_000
"""So many rows of each table are looked at, unless said otherwise."""
MORE = 4
"""Attacks on single records look at so many times as many synthetic rows."""
Progress = Callable[[str, float], None]


def audit_tables(
    columns: Sequence[Column],
    train: Batch,
    holdout: Batch,
    synthetic: Batch,
    secrets: Sequence[str] | None = None,
    rows: int = ROWS,
    seed: int = 0,
    confidence: float = 0.95,
    progress: Progress | None = None,
) -> AuditReport:
    """Attack synthetic rows and say what was found.

    ``holdout`` are real rows of the same source that were not learned from: one half of them is
    what the attacker knows of people in general (the reference), the other half stands beside the
    training rows for members to be told from. ``secrets`` are the columns to be guessed, by default
    all that are not text. At most ``rows`` rows of each table are looked at, drawn by ``seed``, and
    of the synthetic ones four times as many where single records are attacked.
    Intervals are so wide that with ``confidence`` no finding is a false alarm.

    Raises UsageError where a table has too few rows (four of the hold-out, two of the training
    rows, one synthetic), or a secret is no column that can be guessed.
    """
    if len(train) < 2 or len(holdout) < 4 or len(synthetic) < 1 or rows < 4:
        raise UsageError(
            f"an audit needs two training rows, four of the hold-out, one synthetic row, and "
            f"rows=4: there are {len(train)}, {len(holdout)}, {len(synthetic)} and rows={rows}"
        )
    if secrets is None:
        secrets = [c.name for c in columns if not isinstance(c.type, TextType)]
        secrets = secrets if len(columns) > 1 else []
    said = progress or (lambda _stage, _done: None)
    rng = np.random.default_rng(seed)
    some = [b.take(rng.permutation(len(b))[:rows]) for b in (train, holdout, synthetic)]
    reference, others = (some[1].take(h) for h in np.array_split(np.arange(len(some[1])), 2))
    encoder = Encoder.of(columns, some[1])
    members, outside, made, known = map(encoder.points, (some[0], others, some[2], reference))
    # Copies are found only where the row that was copied is there.
    more = synthetic.take(rng.permutation(len(synthetic))[: MORE * rows])
    all_made = encoder.points(more)
    digits = attacks.has_digits(columns, some[0])
    # Each attack on membership is judged twice, by its AUC and by its hits.
    judgements = 2 * (3 + digits) + 2 + len(secrets)
    each = 1 - (1 - confidence) / judgements
    said("membership", 0.0)
    tried: list[tuple[str, Callable[[Points], Points]]] = [
        ("the closest record", lambda p: attacks.closest_record(p, all_made)),
        ("density ratio (neighbours)", lambda p: attacks.density_by_neighbours(p, all_made, known)),
        ("density ratio (kernels)", lambda p: attacks.density_by_kernels(p, made, known)),
    ]
    found = []
    for number, (name, score) in enumerate(tried):
        found.append(judge(name, score(members), score(outside), each))
        said("membership", (number + 1) / 4)
    if digits:
        scores = [attacks.digit_strings(columns, b, more, reference) for b in (some[0], others)]
        found.append(judge("digit strings", scores[0], scores[1], each))
    said("membership", 1.0)
    dcr, nndr, copies = nearer_to_training(
        made, members, encoder.points(some[1]), seed=seed, confidence=each
    )
    guessed = []
    for number, secret in enumerate(secrets):
        said("secrets", number / len(secrets))
        guessed.append(
            guess_secret(columns, secret, some[0], others, some[2], reference, seed, each)
        )
    if secrets:
        said("secrets", 1.0)
    return AuditReport(
        len(train),
        len(holdout),
        len(synthetic),
        tuple(found),
        (dcr, nndr),
        copies,
        tuple(guessed),
        skipped=() if digits else ("digit strings: no column has numbers of three digits or more",),
        confidence=confidence,
    )
