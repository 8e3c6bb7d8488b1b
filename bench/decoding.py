"""One table, one seed, one fit: what each decoding mode makes of the same network."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bench.registry import Loaded
from bench.scoring import broken, told_apart, worth
from synthtab.assess.fidelity import compare
from synthtab.batch import Batch
from synthtab.choices import COMMON_MODES, Mode
from synthtab.draw import Counts
from synthtab.errors import InfeasibleError
from synthtab.frames import decode_frame, encode_frame
from synthtab.generate.generator import GeneratorConfig
from synthtab.onetable import OneTable

REFERENCE = 4
"""Rows that rejection sampling is asked for to compare with, as a multiple of a mode's."""
MOST_DRAWN = 150_000
"""Rows drawn to get them at most: where few rows are lawful there are fewer of them, or none."""
LEAST_REFERENCE = 500
_WARM_UP = 200


@dataclass(frozen=True)
class Measured:
    """What a mode made; all shares are of the rows it returned but those in ``lost``.

    ``valid`` is DuckDB's share; ``rate`` rows returned a second; ``lost`` the share of rows drawn
    that were thrown away (malformed, breaking a rule, repeated, or thinned out by weights);
    ``mended`` the share that a repair changed; ``divergence`` (in nats) and ``clipped`` are those
    of synthtab/draw.py. ``from_reject`` and ``from_real`` are distances (shape, pair) from a large
    sample of rejection sampling, and from the training rows. What is not defined is None.
    """

    valid: float
    rate: float
    lost: float
    mended: float
    clipped: float
    divergence: float
    from_reject: tuple[float, float] | None
    from_real: tuple[float, float]
    c2st: float | None
    utility: float | None


def measured(
    loaded: Loaded, rows: int, seed: int = 0, config: GeneratorConfig | None = None
) -> dict[str, Any]:
    """Fit once, draw ``rows`` rows in every mode, and return plain figures of each.

    ``modes`` has a dictionary of :class:`Measured` for each mode, or ``{"refused": why}`` where it
    could not make so many rows.
    """
    columns = loaded.table.columns
    one = OneTable(loaded.model, config=config)
    one.fit(decode_frame(columns, loaded.train), seed=seed)
    # The first draw compiles automata: it is not what a rate means.
    one.sample(_WARM_UP, mode="solver", seed=seed)
    free, counts = _drawn(one, loaded, rows, "free", seed)
    lawful = 1.0 - float(broken(loaded.table, free).mean())
    reference = _reference(one, loaded, rows, lawful, seed)
    modes: dict[str, Any] = {}
    for mode in COMMON_MODES:
        try:
            batch, found = (
                (free, counts) if mode == "free" else _drawn(one, loaded, rows, mode, seed)
            )
        except InfeasibleError as error:
            modes[mode] = {"refused": str(error)}
            continue
        modes[mode] = asdict(_judged(loaded, batch, found, reference, seed))
    own = compare(columns, loaded.train, loaded.holdout)
    return {
        "table": loaded.entry.name,
        "seed": seed,
        "train": len(loaded.train),
        "exact": one.plan.exact,
        "rules": len(loaded.table.row_rules),
        "utility_real": worth(loaded, loaded.train, seed),
        "holdout": [own.shape, own.pair],
        "reference": 0 if reference is None else len(reference),
        "modes": modes,
    }


def _drawn(one: OneTable, loaded: Loaded, rows: int, mode: Mode, seed: int) -> tuple[Batch, Counts]:
    sample = one.sample_report(rows, mode=mode, seed=seed + 1)
    return encode_frame(loaded.table.columns, sample.frame), sample.counts


def _reference(one: OneTable, loaded: Loaded, rows: int, lawful: float, seed: int) -> Batch | None:
    """Return rows of rejection sampling by another seed than any mode's; None of too few."""
    size = min(REFERENCE * rows, int(MOST_DRAWN * lawful))
    if size < LEAST_REFERENCE:
        return None
    try:
        frame = one.sample(size, mode="reject", seed=seed + 1_000_003)
    except InfeasibleError:
        return None
    return encode_frame(loaded.table.columns, frame)


def _judged(
    loaded: Loaded, batch: Batch, counts: Counts, reference: Batch | None, seed: int
) -> Measured:
    columns = loaded.table.columns
    lost = counts.drawn - counts.returned - counts.surplus
    real = compare(columns, loaded.train, batch)
    apart = None if reference is None else compare(columns, reference, batch)
    return Measured(
        valid=1.0 - float(broken(loaded.table, batch).mean()),
        rate=counts.returned / max(counts.seconds, 1e-9),
        lost=lost / counts.drawn,
        mended=counts.mended / counts.returned,
        clipped=counts.clipped,
        divergence=counts.divergence,
        from_reject=None if apart is None else (apart.shape, apart.pair),
        from_real=(real.shape, real.pair),
        c2st=told_apart(loaded, batch, seed),
        utility=worth(loaded, batch, seed),
    )


def mean(values: list[float | None]) -> float | None:
    """Return the mean of those that are defined; None of none."""
    some = [v for v in values if v is not None]
    return float(np.mean(some)) if some else None
