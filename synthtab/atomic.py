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
    Raises UsageError where the file cannot be made.
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
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: str | Path) -> Generator[Path]:
    """Give a temporary directory beside ``path`` that takes its place when all went well.

    What was there is gone then, so look at it first; otherwise it is left as it was. Raises
    UsageError where the directory cannot be made.
    """
    target = Path(path).absolute()
    try:
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror or error}") from error
    try:
        folder = work / "new"
        folder.mkdir()
        yield folder
        if target.exists():
            os.replace(target, work / "old")
        os.replace(folder, target)
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        if (work / "old").exists() and not target.exists():
            os.replace(work / "old", target)
        shutil.rmtree(work, ignore_errors=True)


def check_parent(path: str | Path) -> Path:
    """Return the absolute path of a directory that may be made. Raises UsageError if it may not."""
    target = Path(path).absolute()
    if not target.parent.is_dir():
        raise UsageError(f"cannot write {target}: there is no directory {target.parent}")
    if not os.access(target.parent, os.W_OK):
        raise UsageError(f"cannot write {target}: no permission to write in {target.parent}")
    return target


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
