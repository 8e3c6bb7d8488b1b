"""What turns texts and pictures into vectors, and what all that do have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from synthtab.errors import UsageError
from synthtab.generate.retrieval.documents import Vectors

if TYPE_CHECKING:
    from PIL.Image import Image

TEXT_ENCODER, TWO_TOWERS = "text-encoder", "two-towers"
"""The kinds of embedders that are opened by the path of their directory."""


@runtime_checkable
class Embedder(Protocol):
    """Gives texts of like meaning vectors of like direction."""

    @property
    def name(self) -> str:
        """What it is, for people."""

    @property
    def dimensions(self) -> int:
        """The length of its vectors."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return a unit vector for each text, shape (texts, dimensions)."""

    def to_dict(self) -> dict[str, Any]:
        """Return what is needed to have it again, as plain data with its ``kind``."""


@runtime_checkable
class QueryEmbedder(Embedder, Protocol):
    """An embedder that was trained with queries marked otherwise than what is looked for."""

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Return a unit vector for each query, shape (texts, dimensions)."""


@runtime_checkable
class ImageEmbedder(Embedder, Protocol):
    """An embedder with an image tower: pictures and texts lie in one space."""

    def embed_images(self, images: Sequence[Image]) -> Vectors:
        """Return a unit vector for each picture, shape (images, dimensions)."""


def unit(vectors: NDArray[Any]) -> Vectors:
    """Return vectors of length 1, shape kept; of a zero vector the first axis is made.

    Raises UsageError where a component is not finite.
    """
    raw = np.asarray(vectors, dtype=np.float64)
    if not np.isfinite(raw).all():
        raise UsageError("the embedder gave a vector that is not finite; its weights are no good")
    lengths = np.linalg.norm(raw, axis=1, keepdims=True)
    out = np.divide(raw, lengths, out=np.zeros_like(raw), where=lengths > 0)
    out[lengths[:, 0] == 0, :1] = 1.0
    made: Vectors = out.astype(np.float32)
    return made


def checked(vectors: Vectors, embedder: Embedder, count: int) -> Vectors:
    """Return what an embedder gave for ``count`` texts or pictures, made unit vectors.

    Raises UsageError where it is of another shape than the embedder says.
    """
    made = np.asarray(vectors)
    if made.shape != (count, embedder.dimensions):
        raise UsageError(
            f"the embedder {embedder.name} gave vectors of shape {made.shape}; "
            f"{(count, embedder.dimensions)} were due"
        )
    return unit(made)


def clean(text: str) -> str:
    """Return a text without NUL and with `?` for what UTF-8 cannot say (halves of surrogates)."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
