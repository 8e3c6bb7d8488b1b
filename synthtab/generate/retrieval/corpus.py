"""A corpus: documents, their vectors and an index over them, made once and searched often."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Batch
from synthtab.errors import DataError, UsageError
from synthtab.generate.retrieval.documents import Document, Passage, Skipped, Vectors, first_of
from synthtab.generate.retrieval.embedder import (
    TEXT_ENCODER,
    TWO_TOWERS,
    Embedder,
    ImageEmbedder,
    QueryEmbedder,
    checked,
    clean,
)
from synthtab.generate.retrieval.neighbours import Neighbours
from synthtab.generate.retrieval.ngrams import KIND as NGRAMS
from synthtab.generate.retrieval.ngrams import NgramEmbedder
from synthtab.generate.retrieval.opening import open_embedder
from synthtab.generate.retrieval.reading import Cutting, Look, read_folder
from synthtab.generate.retrieval.relevance import marginal
from synthtab.generate.retrieval.rowtexts import row_texts
from synthtab.generate.retrieval.storage import Stored, read_corpus, write_corpus
from synthtab.schema import Column

if TYPE_CHECKING:
    from PIL.Image import Image

PROBE = "A table with rules, and rows that keep them."
"""The text by whose vector an embedder is known again."""

_SAME = 0.999
_POOL = 50
_PER_RESULT = 5


@dataclass(frozen=True)
class Corpus:
    """Documents to retrieve from. Made by :meth:`from_folder`, :meth:`of_rows` or :meth:`of`.

    ``documents`` are the entries without their vectors; texts come first, then pictures, and
    ``texts`` and ``pictures`` are the indexes over the two (None where there are none of a kind).
    ``real`` says that it holds rows of the data that are learned, which no privacy budget covers
    (see :func:`~synthtab.generate.retrieval.guard.refuse_real_rows`). ``skipped`` is what was found
    and is not in it.
    """

    documents: tuple[Document, ...]
    embedder: Embedder
    texts: Neighbours | None
    pictures: Neighbours | None
    real: bool = False
    skipped: tuple[Skipped, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.documents)

    @classmethod
    def from_folder(
        cls,
        path: str | Path,
        *,
        embedder: Embedder | str | Path | None = None,
        size: int = 800,
        overlap: int = 100,
        rows: int | None = None,
        real: bool = False,
        skip_unreadable: bool = False,
    ) -> Corpus:
        """Read a folder of .txt, .md, .csv, .parquet, .pdf, .png and .jpg files and index them.

        ``embedder`` is one, or the directory of a saved model (a text encoder of transformers or
        sentence-transformers, or a CLIP-like model, which pictures need); without, n-grams are
        weighted. Texts are cut into passages of up to ``size`` characters that overlap by up to
        ``overlap``; each row of a table is a passage, or of a longer table ``rows`` of them.
        ``real``: the tables hold rows of the data that are to be learned.

        Raises UsageError where the folder or the embedder is none or a package is missing, and
        DataError where a file cannot be read (unless ``skip_unreadable``) or nothing is found.
        """
        opened = _opened(embedder)
        look = _looking(opened) if isinstance(opened, ImageEmbedder) else None
        found = read_folder(
            Path(path), Cutting(size, overlap, rows), look, skip_unreadable=skip_unreadable
        )
        if not found.documents:
            raise DataError(_nothing(Path(path), found.skipped))
        return cls.of(found.documents, embedder=opened, real=real, skipped=found.skipped)

    @classmethod
    def of_rows(
        cls,
        columns: Sequence[Column],
        batch: Batch,
        *,
        embedder: Embedder | str | Path | None = None,
        real: bool = True,
        texts: Sequence[str] | None = None,
    ) -> Corpus:
        """Index rows, each written as one line of JSON, or as ``texts`` says.

        They count as rows of the data that are learned unless ``real`` is False: rows of a public
        table, or that were drawn under a budget. Raises DataError where there are no rows.
        """
        written = row_texts(columns, batch) if texts is None else texts
        if len(written) != len(batch):
            raise UsageError(f"{len(written):,} texts for {len(batch):,} rows; each row has one")
        documents = [Document(t, f"row {k + 1:,}", "row", k) for k, t in enumerate(written)]
        return cls.of(documents, embedder=embedder, real=real)

    @classmethod
    def of(
        cls,
        documents: Sequence[Document],
        *,
        embedder: Embedder | str | Path | None = None,
        real: bool = False,
        skipped: Sequence[Skipped] = (),
    ) -> Corpus:
        """Index documents: each different text once, as the first that has it.

        Raises DataError where none of them says anything, UsageError where the embedder is none.
        """
        cleaned = [replace(d, text=clean(d.text)) for d in documents if d.text.strip()]
        first: dict[str, Document] = {}
        for document in cleaned:
            if document.vector is None:
                first.setdefault(document.text, document)
        written = list(first.values())
        shown = [d for d in cleaned if d.vector is not None]
        if not written and not shown:
            raise DataError("the corpus is empty: there is no text in any of its documents")
        words = [d.text for d in written]
        opened = _opened(embedder) or NgramEmbedder.fit(words)
        texts = checked(opened.embed(words), opened, len(words)) if words else None
        seen = [np.asarray(d.vector) for d in shown]
        for document, vector in zip(shown, seen, strict=True):
            if vector.shape != (opened.dimensions,):
                raise UsageError(
                    f"the vector of {document.source} is of shape {vector.shape}; the embedder "
                    f"{opened.name} makes {(opened.dimensions,)}"
                )
        pictures = checked(np.stack(seen), opened, len(seen)) if seen else None
        return cls(
            tuple(replace(d, vector=None) for d in (*written, *shown)),
            opened,
            None if texts is None else Neighbours.build(texts),
            None if pictures is None else Neighbours.build(pictures),
            real,
            tuple(skipped),
        )

    def search(
        self, query: str, k: int, diversity: float = 0.5, *, leave_out: Collection[str] = ()
    ) -> tuple[Passage, ...]:
        """Return up to ``k`` different passages for a query, by maximal marginal relevance.

        With ``diversity`` 0 they are the nearest ones, nearest first; the nearer to 1, the less
        they resemble each other. ``leave_out`` are texts that are not to be returned: that of the
        row itself, where rows are retrieved for it. There are fewer than ``k`` only where the
        corpus has no more. Raises UsageError where an argument is out of its range.
        """
        return self.search_many([query], k, diversity, leave_out=[leave_out])[0]

    def search_many(
        self,
        queries: Sequence[str],
        k: int,
        diversity: float = 0.5,
        *,
        leave_out: Sequence[Collection[str]] | None = None,
    ) -> tuple[tuple[Passage, ...], ...]:
        """Search for each of many queries, which are embedded together."""
        _check(queries, k, diversity)
        without: Sequence[Collection[str]] = [()] * len(queries) if leave_out is None else leave_out
        if len(without) != len(queries):
            raise UsageError(f"leave_out is for {len(without):,} of {len(queries):,} queries")
        if not queries:
            return ()
        cleaned = [clean(query) for query in queries]
        ask = self.embedder
        raw = ask.embed_queries(cleaned) if isinstance(ask, QueryEmbedder) else ask.embed(cleaned)
        vectors = checked(raw, ask, len(queries))
        return tuple(
            self._found(vector, k, diversity, frozenset(out))
            for vector, out in zip(vectors, without, strict=True)
        )

    def save(self, folder: str | Path) -> None:
        """Save the corpus as a directory that appears whole or not at all.

        An encoder's weights are not copied: where they are is noted. Raises UsageError where the
        place cannot be written.
        """
        ask = self.embedder
        probe = checked(ask.embed([PROBE]), ask, 1)
        idf = ask.idf if isinstance(ask, NgramEmbedder) else None
        write_corpus(
            folder,
            Stored(
                self.documents,
                self.texts,
                self.pictures,
                ask.to_dict(),
                ask.dimensions,
                probe,
                idf,
                self.real,
                self.skipped,
            ),
        )

    @classmethod
    def load(cls, folder: str | Path, *, embedder: Embedder | str | Path | None = None) -> Corpus:
        """Open a saved corpus. ``embedder`` is needed where its weights are elsewhere by now.

        Raises SavedModelError where the directory is no corpus, damaged or of another version,
        UsageError where the embedder is not there, or not the one that made it.
        """
        stored = read_corpus(folder)
        opened = _opened(embedder) or _embedder_of(stored, Path(folder))
        if opened.dimensions != stored.dimensions:
            raise UsageError(
                f"the embedder {opened.name} makes vectors of {opened.dimensions} dimensions; the "
                f"corpus in {folder} was made by one of {stored.dimensions}: give that one, or "
                "build the corpus again"
            )
        probe = checked(opened.embed([PROBE]), opened, 1)
        if float(probe[0] @ stored.probe[0]) < _SAME:
            raise UsageError(
                f"the embedder {opened.name} is not the one that made the corpus in {folder}: it "
                "gives the same text another vector; give that one, or build the corpus again"
            )
        return cls(
            stored.documents, opened, stored.texts, stored.pictures, stored.real, stored.skipped
        )

    def _found(
        self, query: Vectors, k: int, diversity: float, out: frozenset[str]
    ) -> tuple[Passage, ...]:
        pool = max(_POOL, _PER_RESULT * k) + len(out)
        places, vectors, relevance = self._near(query, pool)
        if out:
            kept = np.array([self.documents[at].text not in out for at in places], dtype=np.bool_)
            places, vectors, relevance = places[kept], vectors[kept], relevance[kept]
        chosen = marginal(relevance, vectors @ vectors.T, k, diversity)
        scores = np.clip(vectors @ query, -1, 1)
        return tuple(
            Passage(d.text, d.source, d.kind, float(scores[at]), d.row)
            for at, d in ((at, self.documents[places[at]]) for at in chosen)
        )

    def _near(
        self, query: Vectors, pool: int
    ) -> tuple[NDArray[np.int64], Vectors, NDArray[np.float32]]:
        """Return candidates: their places, vectors, and how relevant they are, best first.

        Texts and pictures of one space still lie apart: any text is nearer to a query than most
        pictures (Liang et al., "Mind the gap", 2022). So where there are both, what counts is by
        how much one is nearer than its own kind on average.
        """
        kinds = [(0, self.texts), (0 if self.texts is None else len(self.texts), self.pictures)]
        there = [(first, index) for first, index in kinds if index is not None]
        places, vectors, relevance = [], [], []
        for first, index in there:
            near = index.near(query, pool)
            places.append(first + near)
            vectors.append(np.asarray(index.vectors[near]))
            usual = float(index.centre @ query) if len(there) > 1 else 0.0
            relevance.append(vectors[-1] @ query - np.float32(usual))
        order = np.argsort(-np.concatenate(relevance), kind="stable")
        return (
            np.concatenate(places)[order],
            np.concatenate(vectors)[order],
            np.concatenate(relevance)[order],
        )


def _opened(embedder: Embedder | str | Path | None) -> Embedder | None:
    if isinstance(embedder, str | Path):
        return open_embedder(Path(embedder))
    if embedder is not None and not isinstance(embedder, Embedder):
        raise UsageError(
            f"embedder={embedder!r} is none: it has embed(texts), name, dimensions and to_dict(), "
            "or is the path of a saved model"
        )
    return embedder


def _embedder_of(stored: Stored, folder: Path) -> Embedder:
    """Return the embedder that a saved corpus names."""
    facts = stored.embedder
    if facts["kind"] == NGRAMS and stored.idf is not None:
        return NgramEmbedder(stored.idf, stored.dimensions)
    place = facts.get("path")
    if facts["kind"] not in (TEXT_ENCODER, TWO_TOWERS) or not isinstance(place, str):
        raise UsageError(
            f"the corpus in {folder} was made by an embedder of the kind {facts['kind']!r}, which "
            "cannot be opened by itself: give it (embedder=...)"
        )
    if not Path(place).is_dir():
        raise UsageError(
            f"the corpus in {folder} was made by the encoder in {place}, which is not there any "
            "more: say where it is (embedder=...)"
        )
    return open_embedder(Path(place))


def _looking(embedder: ImageEmbedder) -> Look:
    def look(picture: Image) -> Vectors:
        vector: Vectors = checked(embedder.embed_images([picture]), embedder, 1)[0]
        return vector

    return look


def _check(queries: Sequence[str], k: int, diversity: float) -> None:
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise UsageError(f"k={k!r}; it is 1 or more passages")
    if not 0 <= diversity <= 1:
        raise UsageError(f"diversity={diversity!r}; it is between 0 (nearest) and 1 (most diverse)")
    if any(not query.strip() for query in queries):
        raise UsageError("a query is blank; it is a text, such as query_of(table)")


def _nothing(folder: Path, skipped: Sequence[Skipped]) -> str:
    lines = first_of(skipped)
    what = "; left out were:" if lines else ": it has no files"
    return "\n".join([f"the corpus is empty: nothing to index in {folder}{what}", *lines])
