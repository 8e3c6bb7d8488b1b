"""A corpus on disk: JSON lines, NumPy's arrays, Annoy's forests, and hashes of them all.

``documents.jsonl`` has the entries, ``texts.npy`` and ``texts.ann`` the vectors of texts and the
forest over them, ``pictures.npy`` and ``pictures.ann`` those of pictures, ``idf.npy`` the weights
of n-grams, ``probe.npy`` the vector of one fixed text, by which another embedder is told. Nothing
is unpickled, and nothing is opened before its hash is found right: Annoy trusts its files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthtab.errors import SavedModelError
from synthtab.generate.retrieval.documents import Document, Skipped, Vectors
from synthtab.generate.retrieval.neighbours import Neighbours
from synthtab.store import Kind, read_manifest, save_directory

CORPUS = Kind("synthtab-corpus", 1, "corpus", "build the corpus again")
_DOCUMENTS, _IDF, _PROBE = "documents.jsonl", "idf.npy", "probe.npy"
_INDEXES = ("texts", "pictures")


@dataclass(frozen=True)
class Stored:
    """The parts of a corpus. ``embedder`` is its plain data; ``idf`` that of n-grams, if any."""

    documents: tuple[Document, ...]
    texts: Neighbours | None
    pictures: Neighbours | None
    embedder: Mapping[str, Any]
    dimensions: int
    probe: Vectors
    idf: NDArray[np.float32] | None
    real: bool
    skipped: tuple[Skipped, ...]


def write_corpus(folder: str | Path, stored: Stored) -> None:
    """Save the parts as a directory that appears whole or not at all. Raises UsageError."""
    indexes = {"texts": stored.texts, "pictures": stored.pictures}
    facts = {
        "embedder": dict(stored.embedder),
        "dimensions": stored.dimensions,
        "documents": {name: 0 if index is None else len(index) for name, index in indexes.items()},
        "real": stored.real,
        "skipped": [[one.path, one.reason] for one in stored.skipped],
    }

    def write(home: Path) -> None:
        with (home / _DOCUMENTS).open("w", encoding="utf-8", newline="\n") as stream:
            for d in stored.documents:
                record = {"text": d.text, "source": d.source, "kind": d.kind, "row": d.row}
                stream.write(json.dumps(record) + "\n")
        _save(home / _PROBE, stored.probe)
        if stored.idf is not None:
            _save(home / _IDF, stored.idf)
        for name, index in indexes.items():
            if index is not None:
                _save(home / f"{name}.npy", index.vectors)
                index.save(home / f"{name}.ann")

    save_directory(folder, facts, write, CORPUS)


def read_corpus(folder: str | Path) -> Stored:
    """Read the parts of a saved corpus.

    Raises SavedModelError where the directory is none, damaged, or of another format version.
    """
    home = Path(folder)
    facts = read_manifest(home, CORPUS)
    try:
        counts = {name: int(facts["documents"][name]) for name in _INDEXES}
        dimensions, embedder = int(facts["dimensions"]), dict(facts["embedder"])
        skipped = tuple(Skipped(str(path), str(reason)) for path, reason in facts["skipped"])
        real = facts["real"]
        files = set(facts["files"])
        if not isinstance(real, bool) or "kind" not in embedder:
            raise ValueError("it does not say what the corpus is")
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(home, f"its manifest is incomplete: {error}") from error
    due = {_DOCUMENTS, _PROBE}
    due |= {f"{name}.{end}" for name, n in counts.items() if n for end in ("npy", "ann")}
    if due - files:
        raise _damaged(home, f"{min(due - files)} has no hash in its manifest")
    documents = _documents(home / _DOCUMENTS)
    if len(documents) != sum(counts.values()):
        raise _damaged(home, f"{_DOCUMENTS} has {len(documents):,} entries")
    indexes = {
        name: Neighbours.load(
            home / f"{name}.ann", _load(home / f"{name}.npy", (count, dimensions), mapped=True)
        )
        for name, count in counts.items()
        if count
    }
    return Stored(
        documents,
        indexes.get("texts"),
        indexes.get("pictures"),
        embedder,
        dimensions,
        _load(home / _PROBE, (1, dimensions)),
        _load(home / _IDF, None) if _IDF in files else None,
        real,
        skipped,
    )


def _documents(path: Path) -> tuple[Document, ...]:
    try:
        with path.open(encoding="utf-8") as stream:
            records: Sequence[Any] = [json.loads(line) for line in stream]
        return tuple(Document(r["text"], r["source"], r["kind"], r["row"]) for r in records)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(path.parent, f"{path.name} cannot be read: {error}") from error


def _save(path: Path, array: NDArray[np.float32]) -> None:
    with path.open("wb") as stream:
        np.save(stream, np.ascontiguousarray(array, dtype="<f4"), allow_pickle=False)


def _load(
    path: Path, shape: tuple[int, int] | None, *, mapped: bool = False
) -> NDArray[np.float32]:
    """Return an array of float32 of the shape; None is one axis of any length."""
    try:
        array: NDArray[np.float32] = np.load(
            path, mmap_mode="r" if mapped else None, allow_pickle=False
        )
    except (OSError, ValueError, EOFError) as error:
        raise _damaged(path.parent, f"{path.name} cannot be read: {error}") from error
    if array.dtype != np.float32 or (array.ndim != 1 if shape is None else array.shape != shape):
        raise _damaged(path.parent, f"{path.name} holds {array.dtype} of shape {array.shape}")
    return array


def _damaged(folder: Path, what: str) -> SavedModelError:
    return SavedModelError(f"{folder} is damaged: {what}; {CORPUS.again}")
