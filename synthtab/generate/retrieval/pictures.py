"""Pictures to be looked at by an image tower (Pillow, the extra ``synthtab[retrieval]``)."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from synthtab.errors import DataError, UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg")
LEAST_SIDE = 64
"""Pictures within pages that are smaller (pixels) are ornaments, and left out."""


def open_picture(path: Path) -> Image:
    """Return a PNG or JPEG in red, green and blue.

    Raises DataError, which says why and leaves the file's name to the caller, where it is none, is
    damaged, or unpacks to an unreasonable size; UsageError where Pillow is not installed.
    """
    pillow = _pillow()
    try:
        with pillow.open(path, formats=("PNG", "JPEG")) as image:
            picture: Image = image.convert("RGB")
            return picture
    except pillow.DecompressionBombError as error:
        raise DataError(f"the picture is too large: {error}") from error
    except OSError as error:
        raise DataError(error.strerror or "not a readable PNG or JPEG picture") from error
    except (SyntaxError, ValueError) as error:
        # Pillow's word for a PNG that breaks off or has a wrong checksum.
        raise DataError(f"a damaged picture: {error}") from error


def damage() -> tuple[type[Exception], ...]:
    """Return what Pillow raises where a picture within a file is damaged, or too large to unpack.

    Raises UsageError where Pillow is not installed.
    """
    return (_pillow().DecompressionBombError, OSError, SyntaxError, ValueError)


def _pillow() -> ModuleType:
    try:
        from PIL import Image as pillow  # noqa: N813  # an extra
    except ModuleNotFoundError as error:
        raise missing("pictures need Pillow") from error
    return pillow


def missing(what: str) -> UsageError:
    """Return the error for a package of the extra that is not installed."""
    return UsageError(f"{what}: pip install 'synthtab[retrieval]'")
