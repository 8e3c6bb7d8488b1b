"""What a corpus holds and what it gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["text", "row", "page", "image"]
Vectors = NDArray[np.float32]

_SHOWN = 5


@dataclass(frozen=True)
class Document:
    """One entry of a corpus: a piece of text, a row, a piece of a page, or a picture.

    ``source`` says where it stands (``guide.pdf, page 3``). A picture's ``text`` is what is known
    of it in words, and its ``vector`` that of an image tower. ``row`` is a row's number, from 0, in
    the file or batch that it comes from.
    """

    text: str
    source: str
    kind: Kind = "text"
    row: int | None = None
    vector: Vectors | None = None


@dataclass(frozen=True)
class Passage:
    """A document that was found. ``score`` is the cosine of its angle to the query, -1 to 1."""

    text: str
    source: str
    kind: Kind
    score: float
    row: int | None = None


@dataclass(frozen=True)
class Skipped:
    """Something of a folder that is not in the corpus, and why."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def first_of(skipped: Sequence[Skipped]) -> list[str]:
    """Return the first few as lines, and how many more there are."""
    lines = [str(one) for one in skipped[:_SHOWN]]
    more = len(skipped) - len(lines)
    return [*lines, f"and {more:,} more"] if more else lines
