"""What was measured, kept in a folder, so that a long measurement goes on where it was left."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.report import Figure
from synthtab.atomic import atomic


def kept(
    folder: Path | None, name: str, how: dict[str, object], make: Callable[[], Sequence[Figure]]
) -> list[Figure]:
    """Return the figures kept under ``name`` if they were measured as ``how`` says, or make them.

    What is made is kept at once. Without a folder nothing is kept.
    """

    def made() -> dict[str, Any]:
        return {"figures": [asdict(f) for f in make()]}

    return [Figure(**figure) for figure in kept_values(folder, name, how, made)["figures"]]


def kept_values(
    folder: Path | None,
    name: str,
    how: Mapping[str, object],
    make: Callable[[], Mapping[str, Any]],
    lasting: Callable[[Mapping[str, Any]], bool] = lambda values: True,
) -> dict[str, Any]:
    """Return plain JSON values by name, kept or made as :func:`kept` does.

    Values that are not ``lasting`` are returned and not kept.
    """
    if folder is None:
        return dict(make())
    path = folder / f"{name}.json"
    if path.exists():
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if found.pop("how") == how:
            return found
    values = dict(make())
    if lasting(values):
        folder.mkdir(parents=True, exist_ok=True)
        with atomic(path) as temporary:
            temporary.write_text(json.dumps({"how": how, **values}, indent=1), encoding="utf-8")
    return values
