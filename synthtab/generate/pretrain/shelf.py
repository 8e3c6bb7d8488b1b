"""Where domain models are, and what is told of them before their weights are read.

Apart from the network, so that they are listed without waiting for torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from synthtab.errors import SavedModelError, UsageError
from synthtab.store import Kind, read_manifest

KIND = Kind(
    "synthtab-domain-model", 1, "domain model", "make it again, or name one that is shipped"
)
WEIGHTS, CARD = "model.safetensors", "README.md"
SHIPPED = Path(__file__).parents[2] / "models"


def find(name: str | Path) -> Path:
    """Return the directory of a domain model, by name or path. Raises UsageError for neither."""
    known = shipped()
    if str(name) in known:
        return SHIPPED / str(name)
    if Path(name).is_dir():
        return Path(name)
    near = get_close_matches(str(name), known, 1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    raise UsageError(
        f"there is no domain model {str(name)!r}: {meant}shipped are "
        f"{', '.join(known) or 'none'}; or give the directory of one"
    )


def shipped() -> tuple[str, ...]:
    """Return the names of the domain models that come with SynthTab."""
    return tuple(sorted(p.parent.name for p in SHIPPED.glob(f"*/{WEIGHTS}")))


def card_of(name: str | Path) -> str:
    """Return the card of a model (Markdown). Raises as :func:`told`."""
    folder, _ = told(name)
    return (folder / CARD).read_text(encoding="utf-8")


def facts_of(name: str | Path) -> Mapping[str, Any]:
    """Return ``name``, ``about``, ``parameters`` and ``bytes`` of a model, its weights unread.

    Raises as :func:`told`.
    """
    folder, facts = told(name)
    size = (folder / WEIGHTS).stat().st_size
    return {**{key: facts[key] for key in _FACTS}, "bytes": size}


_FACTS = ("name", "about", "parameters")


def told(name: str | Path) -> tuple[Path, Mapping[str, Any]]:
    """Return a model's directory and manifest, once all that belongs to it is there unaltered.

    Raises UsageError where there is no such model, SavedModelError where it is damaged.
    """
    folder = find(name)
    facts = read_manifest(folder, KIND)
    lacking = [part for part in (WEIGHTS, CARD) if part not in facts["files"]]
    lacking += [key for key in (*_FACTS, "shape") if key not in facts]
    if lacking:
        raise SavedModelError(
            f"{folder} is damaged: its manifest says nothing of {lacking[0]}; {KIND.again}"
        )
    return folder, facts
