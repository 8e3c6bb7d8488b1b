"""Which features tell something of what a row holds, beyond what chance and other features tell.

Features are chosen one by one by conditional mutual information: what a feature tells counts only
as far as no feature chosen before tells it (F. Fleuret, "Fast binary feature selection with
conditional mutual information", 2004). What chance would tell is measured, not reckoned: the same
feature is dealt out anew among the rows it is read from. Many rows may read from one row, a parent;
so a feature that all but names the parent tells as much when dealt out anew, and is not chosen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synthtab.relational.features import Symbols

MOST = 8
# In nats: what a feature has to tell about some column to be worth reading.
TELLING = 0.005
# Rows that are looked at, and how often a feature is dealt out anew.
ROWS = 10_000
DEALS = 3


def telling(
    features: Sequence[Symbols],
    targets: Sequence[Symbols],
    most: int = MOST,
    sources: Sequence[Symbols | None] | None = None,
) -> list[int]:
    """Return which features tell most about the targets, the best first, ``most`` at most.

    All are symbols (rows,). ``sources`` has the rows (rows,) each feature is read from, -1 for
    none; None: each row has its own. The best is the one that tells most about all targets
    together, in nats, about one of them enough.
    """
    rng = np.random.default_rng(0)
    rows = len(targets[0]) if targets else 0
    some = np.arange(rows) if rows <= ROWS else np.sort(rng.permutation(rows)[:ROWS])
    aims = [np.unique(t[some], return_inverse=True)[1] for t in targets]
    sources = [None] * len(features) if sources is None else sources
    sides = [
        [f[some], *(_dealt(f[some], None if s is None else s[some], rng) for _ in range(DEALS))]
        for f, s in zip(features, sources, strict=True)
    ]
    nothing = np.zeros(len(some), dtype=np.int64)
    gains = np.array([[_gain(side, nothing, aim) for aim in aims] for side in sides])
    gains = gains.reshape(len(features), len(aims))
    chosen: list[int] = []
    while len(chosen) < most and gains.size and gains.max() > TELLING:
        worth = np.where(gains.max(axis=1) > TELLING, np.maximum(gains, 0).sum(axis=1), -1.0)
        best = int(worth.argmax())
        chosen.append(best)
        gains[best] = 0
        known = sides[best][0]
        for k, t in zip(*np.nonzero(gains > TELLING), strict=True):
            gains[k, t] = min(gains[k, t], _gain(sides[k], known, aims[t]))
    return chosen


def _dealt(feature: Symbols, source: Symbols | None, rng: np.random.Generator) -> Symbols:
    """Return a feature as it would be if the rows it is read from had been shuffled."""
    if source is None:
        return feature[rng.permutation(len(feature))]
    _, first, at = np.unique(source, return_index=True, return_inverse=True)
    return feature[first][rng.permutation(len(first))][at]


def _gain(side: Sequence[Symbols], known: Symbols, aim: Symbols) -> float:
    """Return what a feature tells of ``aim`` where ``known`` is known, less what chance tells."""
    own, *dealt = (_information(feature, known, aim) for feature in side)
    return own - sum(dealt) / len(dealt)


def _information(feature: Symbols, known: Symbols, aim: Symbols) -> float:
    """Return the mutual information of ``aim`` and the other two together, in nats."""
    rows = len(aim)
    if not rows:
        return 0.0
    size = int(aim.max()) + 1
    both = feature * (int(known.max()) + 1) + known
    if int(both.max()) > rows:
        both = np.unique(both, return_inverse=True)[1]
    joint = np.bincount(both * size + aim, minlength=(int(both.max()) + 1) * size).astype(float)
    joint = joint.reshape(-1, size)
    return float(_sum(joint) - _sum(joint.sum(axis=1)) - _sum(joint.sum(axis=0))) / rows + float(
        np.log(rows)
    )


def _sum(counts: np.ndarray) -> float:
    some = counts[counts > 0]
    return float((some * np.log(some)).sum())
