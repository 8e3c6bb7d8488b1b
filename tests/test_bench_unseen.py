"""Rows made after few real ones: what is learned, what is left, and figures against the latter."""

from __future__ import annotations

import numpy as np

from bench import registry
from bench.unseen import MEASURES, against, parted


def test_what_is_not_learned_is_all_that_is_left() -> None:
    loaded = registry.load(registry.entry("iris"), 0)
    learned, others = parted(loaded, 40)
    assert len(learned) == 40
    assert len(others) == len(loaded.train) - 40 + len(loaded.holdout)
    np.testing.assert_array_equal(learned.codes, loaded.train.codes[:40])
    np.testing.assert_array_equal(
        others.codes[: len(others) - len(loaded.holdout)], loaded.train.codes[40:]
    )
    everything, held = parted(loaded, 10_000)
    assert (len(everything), len(held)) == (len(loaded.train), len(loaded.holdout))


def test_figures_are_against_rows_that_were_not_learned() -> None:
    loaded = registry.load(registry.entry("iris"), 0)
    _, others = parted(loaded, 40)
    own = against(loaded, others, others, 0)
    assert set(MEASURES) < set(own)
    assert own["shape"] == own["pair"] == 0
    assert own["broken"] == 0
    far = against(loaded, others, others.take(np.zeros(len(others), dtype=np.int64)), 0)
    assert far["shape"] > 0.1
    assert far["auc"] is not None
    assert own["auc"] is not None
    assert far["auc"] > own["auc"]
