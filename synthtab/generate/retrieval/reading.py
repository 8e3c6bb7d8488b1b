"""A folder of documents: texts, Markdown, tables, PDF files and pictures, cut into entries.

Everything is read, or named with the reason why it is not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from synthtab import files
from synthtab.errors import DataError, UsageError
from synthtab.generate.retrieval.chunking import check_sizes, pieces, sections
from synthtab.generate.retrieval.documents import Document, Kind, Skipped, Vectors, first_of
from synthtab.generate.retrieval.embedder import clean
from synthtab.generate.retrieval.pdf import pages
from synthtab.generate.retrieval.pictures import SUFFIXES as PICTURES
from synthtab.generate.retrieval.pictures import open_picture
from synthtab.generate.retrieval.rowtexts import record_text

if TYPE_CHECKING:
    from PIL.Image import Image

TEXTS = (".txt", ".text")
MARKDOWN = (".md", ".markdown")

Look = Callable[["Image"], Vectors]
"""Gives the vector of a picture."""


@dataclass(frozen=True)
class Cutting:
    """How entries are made: passages of up to ``size`` characters that overlap by ``overlap``.

    ``rows``: of a longer table as many rows, taken evenly; None is all of them. Raises UsageError
    where a number is none.
    """

    size: int = 800
    overlap: int = 100
    rows: int | None = None

    def __post_init__(self) -> None:
        check_sizes(self.size, self.overlap)
        if self.rows is not None and self.rows < 1:
            raise UsageError(f"rows={self.rows!r}; it is 1 or more rows of each table, or None")


@dataclass
class Found:
    """What a folder gave: entries, what was left out, and what could not be read."""

    documents: list[Document] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    unreadable: list[Skipped] = field(default_factory=list)

    def add(self, text: str, source: str, kind: Kind, cutting: Cutting) -> None:
        """Add a text in pieces."""
        for piece in pieces(text, cutting.size, cutting.overlap):
            self.documents.append(Document(piece, source, kind))

    def skip(self, path: str, reason: str) -> None:
        """Name something that was left out."""
        self.skipped.append(Skipped(path, reason))


def read_folder(
    folder: Path, cutting: Cutting, look: Look | None, *, skip_unreadable: bool
) -> Found:
    """Read all files of a folder and of the folders in it, in the order of their paths.

    Hidden files are passed over. ``look`` is what an image tower makes of pictures, if there is
    one. Raises UsageError where there is no such folder, DataError naming every file that cannot be
    read, unless those are to be skipped.
    """
    if not folder.is_dir():
        what = "a file, not a folder" if folder.exists() else "not there"
        raise UsageError(f"a corpus is made of a folder of documents; {folder} is {what}")
    found = Found()
    for path, name in _files(folder):
        if path.exists() and not path.is_file():
            found.skip(name, "no file, but a pipe or the like")
            continue
        before = len(found.documents), len(found.skipped)
        try:
            _read(path, name, cutting, look, found)
        except DataError as error:
            del found.documents[before[0] :], found.skipped[before[1] :]
            found.unreadable.append(Skipped(name, str(error).removeprefix(f"{path}: ")))
            continue
        if before == (len(found.documents), len(found.skipped)):
            found.skip(name, "there is no text in it")
    if found.unreadable and not skip_unreadable:
        raise DataError(
            "\n".join(
                [
                    f"{folder} has files that cannot be read:",
                    *first_of(found.unreadable),
                    "mend them or take them away; Corpus.from_folder with skip_unreadable=True "
                    "leaves them out",
                ]
            )
        )
    found.skipped += found.unreadable
    return found


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield files with their names within the folder, in order; hidden ones not."""
    paths = (Path(at) / name for at, _, names in os.walk(folder) for name in names)
    named = sorted((clean(path.relative_to(folder).as_posix()), path) for path in paths)
    for name, path in named:
        if not any(part.startswith(".") for part in name.split("/")):
            yield path, name


def _read(path: Path, name: str, cutting: Cutting, look: Look | None, found: Found) -> None:
    lower = path.name.lower()
    if lower.endswith(TEXTS):
        found.add(_text(path), name, "text", cutting)
    elif lower.endswith(MARKDOWN):
        for heading, section in sections(_text(path)):
            found.add(section, f"{name}: {heading}" if heading else name, "text", cutting)
    elif lower.endswith(files.SUFFIXES):
        _rows(path, name, cutting, found)
    elif lower.endswith(".pdf"):
        _pages(path, name, cutting, look, found)
    elif lower.endswith(PICTURES):
        if look is None:
            found.skip(name, "a picture, which takes an embedder with an image tower (CLIP)")
            return
        found.documents.append(_picture(open_picture(path), name, look))
    else:
        known = (*TEXTS, *MARKDOWN, *files.SUFFIXES, ".pdf", *PICTURES)
        found.skip(name, f"a file of unknown kind; known are {', '.join(known)}")


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(error.strerror or str(error)) from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8 text (byte {error.start:,}): save it as UTF-8") from error


def _rows(path: Path, name: str, cutting: Cutting, found: Found) -> None:
    table = files.to_table(files.read_frame(path))
    total = taken = table.num_rows
    places = np.arange(total)
    if cutting.rows is not None and total > cutting.rows:
        taken = cutting.rows
        places = np.linspace(0, total - 1, taken).round().astype(np.int64)
        left = total - taken
        found.skip(name, f"{left:,} of its {total:,} rows; {taken:,} were taken evenly")
    for at, record in zip(places, table.take(places).to_pylist(), strict=True):
        text = record_text(record.items())
        found.documents.append(Document(text, f"{name}, row {at + 1:,}", "row", int(at)))


def _pages(path: Path, name: str, cutting: Cutting, look: Look | None, found: Found) -> None:
    for page in pages(path, pictures=look is not None):
        source = f"{name}, page {page.number}"
        found.add(page.text, source, "page", cutting)
        if look is not None:
            for number, picture in enumerate(page.pictures, 1):
                where = source if len(page.pictures) == 1 else f"{source}, picture {number}"
                found.documents.append(_picture(picture, where, look, page.text))
            if page.unreadable:
                found.skip(source, f"pictures that cannot be decoded: {page.unreadable}")
        elif not page.text.strip():
            found.skip(
                source,
                "no text (a scan?); an embedder with an image tower (CLIP) would index its picture",
            )


def _picture(picture: Image, source: str, look: Look, around: str = "") -> Document:
    """Return the entry of a picture; in words it is where it stands, and what stands around it."""
    words = " ".join(around.split())
    text = f"picture: {source}" + (f" ({words[:200]})" if words else "")
    return Document(text, source, "image", vector=look(picture))
