"""What a row reads of its own: passages near to what it has so far, found while it is written.

The first columns of a row are written after the prompt alone. Then they are the query, and the rest
is written after the prompt, the passages found, and the row so far: retrieval of each row for
itself, as of each text in Lewis et al., "Retrieval-augmented generation" (2020).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from synthtab.batch import Batch
from synthtab.errors import UsageError
from synthtab.generate.language.prompt import render_own
from synthtab.generate.retrieval.rowtexts import row_texts
from synthtab.schema import Column

if TYPE_CHECKING:
    from synthtab.generate.retrieval.corpus import Corpus

TOKENS = 256
"""Passages of a row's own take so many tokens at most; the last ones are left out."""

Encode = Callable[[str], Sequence[int]]


@dataclass(frozen=True)
class Recall:
    """Where a row's own passages come from: ``passages`` of a corpus, after ``after`` columns."""

    corpus: Corpus
    passages: int
    after: int

    @classmethod
    def of(cls, corpus: Corpus, passages: int, columns: int, after: int | None = None) -> Recall:
        """Retrieve for rows of so many columns, when half of them are written where None.

        Raises UsageError where no column is left to be written, or none to retrieve by.
        """
        at = (columns + 1) // 2 if after is None else after
        if not 1 <= at < columns:
            raise UsageError(
                f"passages of a row's own are found by its first columns and read before the "
                f"others: after {at} of {columns} there is nothing to "
                f"{'retrieve by' if at < 1 else 'be written'}"
            )
        return cls(corpus, passages, at)

    def facts(self) -> dict[str, int]:
        """Return plain data: all but the corpus."""
        return {"passages": self.passages, "after": self.after}

    @classmethod
    def load(cls, folder: Path, facts: Mapping[str, int]) -> Recall:
        """Return what was saved: its corpus in a folder, and plain data.

        Raises KeyError, TypeError or ValueError where these are none, and as Corpus.load.
        """
        from synthtab.generate.retrieval.corpus import Corpus  # scikit-learn is slow to import

        return cls(Corpus.load(folder), int(facts["passages"]), int(facts["after"]))

    def tokens(
        self, columns: Sequence[Column], batch: Batch, encode: Encode
    ) -> list[tuple[int, ...]]:
        """Return what each row of a batch is to read, as tokens; nothing where nothing fits.

        ``columns`` are those in which the batch has the row so far, in the order written.
        """
        queries = row_texts(columns, batch)
        different = list(dict.fromkeys(queries))
        found = self.corpus.search_many(different, self.passages)
        own = {
            query: _fitting([p.text for p in passages if p.kind != "image"], encode)
            for query, passages in zip(different, found, strict=True)
        }
        return [own[query] for query in queries]


def _fitting(passages: list[str], encode: Encode) -> tuple[int, ...]:
    """Return the tokens of as many passages as may be read."""
    for many in range(len(passages), 0, -1):
        tokens = tuple(encode(render_own(passages[:many])))
        if len(tokens) <= TOKENS:
            return tokens
    return ()
