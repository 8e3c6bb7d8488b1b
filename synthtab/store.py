"""Saved models and the like: a directory of plain files that appears whole or not at all.

``manifest.json`` names the format, its version and every file with its SHA-256, so that a truncated
or altered directory is told from a good one before anything is read from it. No pickle anywhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthtab.atomic import atomic_directory, check_parent
from synthtab.errors import SavedModelError, UsageError

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Kind:
    """What a directory holds: its format's name and version, a noun for it, how to have it anew."""

    format: str
    version: int
    noun: str
    again: str


MODEL = Kind("synthtab-model", 1, "model", "fit the model again")


def save_directory(
    path: str | Path, facts: dict[str, Any], write: Callable[[Path], None], kind: Kind = MODEL
) -> None:
    """Save a model at ``path``: ``write(folder)`` writes files, ``facts`` go into the manifest.

    Everything is written beside the target under a temporary name and then renamed; a model that
    was there is replaced. Raises UsageError where ``path`` holds something that is no saved model,
    or cannot be written. What is said of models here is true of every ``kind``.
    """
    with atomic_directory(check_target(path, kind)) as folder:
        write(folder)
        files = {str(f.relative_to(folder)): _digest(f) for f in _files(folder)}
        manifest = {"format": kind.format, "version": kind.version, **facts, "files": files}
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def check_target(path: str | Path, kind: Kind = MODEL) -> Path:
    """Return the absolute path of a save that may go there; raise UsageError if it may not."""
    target = check_parent(path)
    if target.is_file():
        raise UsageError(f"cannot save a {kind.noun} at {target}: a file of that name is there")
    if target.is_dir() and any(target.iterdir()) and not _replaceable(target, kind):
        raise UsageError(
            f"cannot save a {kind.noun} at {target}: the directory holds something else; "
            "give a new name or an empty directory"
        )
    return target


def read_manifest(path: str | Path, kind: Kind = MODEL) -> dict[str, Any]:
    """Return the manifest of a saved model once every file it names is there unaltered.

    Raises SavedModelError that says what is missing, altered, or of another version.
    """
    folder = Path(path)
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise SavedModelError(f"{folder} is no saved {kind.noun}: it has no {MANIFEST}")
    try:
        facts = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SavedModelError(f"{manifest} cannot be read: {error}") from error
    if not isinstance(facts, dict) or facts.get("format") != kind.format:
        raise SavedModelError(f"{manifest} does not describe a saved {kind.noun}")
    if facts.get("version") != kind.version:
        raise SavedModelError(
            f"{folder} was saved in format version {facts.get('version')!r}; this SynthTab reads "
            f"version {kind.version}: {kind.again}, or use the SynthTab that saved it"
        )
    files = facts.get("files")
    if not isinstance(files, dict):
        raise SavedModelError(
            f"{folder} is damaged: {MANIFEST} does not list its files with their hashes; "
            f"{kind.again}"
        )
    for name, digest in files.items():
        file = folder / name
        if not file.is_file():
            raise SavedModelError(f"{folder} is incomplete: {name} is missing")
        if _digest(file) != digest:
            raise SavedModelError(
                f"{folder} is damaged: {name} is truncated or was altered since it was saved"
            )
    return facts


def _replaceable(target: Path, kind: Kind) -> bool:
    """Say whether a directory holds what may be replaced: the same kind, or a damaged one."""
    try:
        facts = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
    return not isinstance(facts, dict) or facts.get("format", kind.format) == kind.format


def _files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.rglob("*") if f.is_file())


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
