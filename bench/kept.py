"""Figures kept in a folder, so that a long measurement goes on where it was left."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from bench.report import Figure


def kept(
    folder: Path | None, name: str, how: dict[str, object], make: Callable[[], Sequence[Figure]]
) -> list[Figure]:
    """Return the figures kept under ``name`` if they were measured as ``how`` says, or make them.

    What is made is kept at once. Without a folder nothing is kept.
    """
    if folder is None:
        return list(make())
    path = folder / f"{name}.json"
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["how"] == how:
            return [Figure(**figure) for figure in found["figures"]]
    figures = list(make())
    folder.mkdir(parents=True, exist_ok=True)
    content = {"how": how, "figures": [asdict(f) for f in figures]}
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return figures
