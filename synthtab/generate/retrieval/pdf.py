"""PDF files page by page: the text in them, and the pictures on them (pypdf, an extra)."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthtab.errors import DataError
from synthtab.generate.retrieval.embedder import clean
from synthtab.generate.retrieval.pictures import LEAST_SIDE, damage, missing

if TYPE_CHECKING:
    from PIL.Image import Image

# What pypdf lets through on files that break the format's rules, besides errors of its own: it
# takes most of what a file says at its word. Errors are named, so that those of no file
# (MemoryError, NameError, our own) pass. Of ours only `clean` and `_pictures` run where they are
# caught.
_DAMAGE = (
    *(AssertionError, AttributeError, TypeError),  # an object of another type than its place wants
    LookupError,  # a key that has to be there, or a place in a list that ends before
    *(ArithmeticError, ValueError),  # a size of 0, a number or a text that is none
    NotImplementedError,  # a filter that the format does not have
    RecursionError,  # objects that hold each other
    *(EOFError, OSError),  # a stream that ends too early; the file itself cannot be read
)


@dataclass(frozen=True)
class Page:
    """One page: its number from 1, its text, its pictures, and how many of those are unreadable."""

    number: int
    text: str
    pictures: tuple[Image, ...]
    unreadable: int = 0


def pages(path: Path, *, pictures: bool) -> Iterator[Page]:
    """Yield the pages of a file; their pictures only if asked for, and no ornaments.

    Raises DataError, which says why and leaves the file's name to the caller, where it is no PDF,
    is damaged, or needs a password; UsageError where pypdf, or Pillow for pictures, is not
    installed.
    """
    try:
        import pypdf  # an extra
        from pypdf.errors import DependencyError, PyPdfError  # an extra
    except ModuleNotFoundError as error:
        raise missing("PDF files need pypdf") from error
    bad: tuple[type[Exception], ...] = (PyPdfError, DependencyError, *_DAMAGE)
    bad += damage() if pictures else ()
    try:
        with _quiet(), path.open("rb") as stream:
            reader = pypdf.PdfReader(stream)
            # Many files are encrypted without a password: only printing is forbidden.
            if reader.is_encrypted and not reader.decrypt(""):
                raise DataError("it is encrypted and needs a password: save it without one")
            for number, page in enumerate(reader.pages, 1):
                text = clean(page.extract_text())
                seen, failed = _pictures(page, bad) if pictures else ((), 0)
                yield Page(number, text, seen, failed)
    except DependencyError as error:
        # Of its streams: AES takes cryptography, Brotli takes brotli.
        raise DataError(f"reading it takes more than pypdf: {error}") from error
    except (PyPdfError, *_DAMAGE) as error:
        raise DataError(f"not a readable PDF: {error or type(error).__name__}") from error


def _pictures(page: Any, bad: tuple[type[Exception], ...]) -> tuple[tuple[Image, ...], int]:
    """Return the pictures on a page that can be decoded and are large enough; how many cannot.

    ``bad`` is what pypdf and Pillow raise, among it that a format takes another program (JBIG2).
    """
    found, failed = [], 0
    try:
        names = list(page.images.keys())
    except bad:
        return (), 1
    for name in names:
        try:
            image = page.images[name].image
            if image is not None and min(image.size) >= LEAST_SIDE:
                found.append(image.convert("RGB"))
        except bad:
            failed += 1
    return tuple(found), failed


@contextmanager
def _quiet() -> Generator[None]:
    """Keep what pypdf logs about imperfect files off the terminal; what matters is raised."""
    log = logging.getLogger("pypdf")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)
