"""Files and directories that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from synthtab.errors import UsageError


@contextmanager
def atomic(path: str | Path, *, commit: bool = True) -> Generator[Path]:
    """Give the name of a temporary file beside ``path`` that takes its place when all went well.

    Whatever ends the block early, an interrupt included, leaves ``path`` as it was and no trace.
    Raises UsageError where the file cannot be made, or has no room.
    """
    path = Path(path)
    if path.is_dir():
        raise UsageError(f"cannot write {path}: it is a directory")
    if not path.parent.is_dir():
        raise UsageError(f"cannot write {path}: there is no directory {path.parent}")
    if path.exists() and not os.access(path, os.W_OK):
        raise UsageError(f"cannot write {path}: no permission")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        if commit:
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: str | Path) -> Generator[Path]:
    """Give a temporary directory beside ``path`` that takes its place when all went well.

    What was there is gone then, so look at it first; otherwise it is left as it was. Raises
    UsageError where the directory cannot be made.
    """
    target = Path(path).absolute()
    with _beside(target, target.parent) as work:
        yield work / "new"
        try:
            if target.exists():
                os.replace(target, work / "old")
            os.replace(work / "new", target)
        finally:
            if (work / "old").exists() and not target.exists():
                os.replace(work / "old", target)


def check_parent(path: str | Path) -> Path:
    """Return the absolute path of a directory that may be made. Raises UsageError if it may not."""
    target = Path(path).absolute()
    if not target.parent.is_dir():
        raise UsageError(f"cannot write {target}: there is no directory {target.parent}")
    if not os.access(target.parent, os.W_OK):
        raise UsageError(f"cannot write {target}: no permission to write in {target.parent}")
    return target


@contextmanager
def atomic_into(directory: str | Path) -> Generator[Path]:
    """Give an empty folder whose files go into ``directory`` together when all went well.

    The directory is made where there is none; files there of the same names are replaced, others
    stay. Whatever ends the block early, an interrupt included, leaves everything as it was. Raises
    UsageError where files cannot be put there, or have no room.
    """
    target = check_directory(directory)
    with _beside(target, target if target.is_dir() else target.parent) as work:
        yield work / "new"
        if target.is_dir():
            _replace_all(work, target)
        else:
            os.replace(work / "new", target)


def check_directory(directory: str | Path) -> Path:
    """Return the absolute path of a directory that files can be put in, or that can be made.

    Raises UsageError saying what is in the way.
    """
    target = Path(directory).absolute()
    if target.exists() and not target.is_dir():
        raise UsageError(f"cannot write into {target}: it is a file, not a directory")
    home = target if target.is_dir() else target.parent
    if not home.is_dir():
        raise UsageError(f"cannot write into {target}: there is no directory {home}")
    if not os.access(home, os.W_OK):
        raise UsageError(f"cannot write into {target}: no permission to write in {home}")
    return target


@contextmanager
def _beside(target: Path, home: Path) -> Generator[Path]:
    """Give a directory in ``home`` with an empty ``new``, and take it away whatever happens.

    Raises UsageError, naming ``target``, where the system refuses something.
    """
    try:
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=home))
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror or error}") from error
    try:
        (work / "new").mkdir()
        yield work
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _replace_all(work: Path, target: Path) -> None:
    """Move the files of ``work/new`` into ``target``: all, or after an error none."""
    old = work / "old"
    old.mkdir()
    done: list[Path] = []
    try:
        for file in sorted((work / "new").iterdir()):
            place = target / file.name
            if place.is_dir():
                raise IsADirectoryError(0, f"{place} is a directory")
            done.append(place)
            if place.exists():
                os.replace(place, old / file.name)
            os.replace(file, place)
    except BaseException:
        for place in done:
            if (old / place.name).exists():
                os.replace(old / place.name, place)
            else:
                place.unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
