"""Embedders by the directory of a saved model."""

from __future__ import annotations

from pathlib import Path

from synthtab.generate.retrieval.embedder import Embedder


def open_embedder(directory: Path) -> Embedder:
    """Open the model in a directory: with two towers where it has them, else a text encoder.

    Raises UsageError where there is none that may be read, SavedModelError where it is damaged.
    """
    from synthtab.generate.retrieval.encoder import TextEncoder  # torch is slow to import
    from synthtab.generate.retrieval.towers import TwoTowers  # torch is slow to import
    from synthtab.generate.weights import has_towers  # torch is slow to import

    return TwoTowers.load(directory) if has_towers(directory) else TextEncoder.load(directory)
