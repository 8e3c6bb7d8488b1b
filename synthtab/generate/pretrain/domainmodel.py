"""A domain model: a network that reads schemas, pretrained on the public tables of one domain.

A directory holds it: ``model.safetensors`` (weights, in half precision: they are but a start),
``README.md`` (its card: data, licences, date, command, figures), and the manifest, which tells the
network's shape. Those that come with SynthTab are called by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from synthtab.errors import SavedModelError, UsageError
from synthtab.generate.model import ModelConfig
from synthtab.generate.pretrain.schemamodel import SchemaModel
from synthtab.store import Kind, read_manifest, save_directory

KIND = Kind(
    "synthtab-domain-model", 1, "domain model", "make it again, or name one that is shipped"
)
WEIGHTS, CARD = "model.safetensors", "README.md"
SHIPPED = Path(__file__).parents[2] / "models"


@dataclass(frozen=True)
class DomainModel:
    """The network, what it is called, one line about it, and its card (Markdown)."""

    name: str
    about: str
    network: SchemaModel
    card: str = ""

    @property
    def parameters(self) -> int:
        """How many weights there are."""
        return sum(p.numel() for p in self.network.parameters())

    def save(self, folder: str | Path) -> None:
        """Write the model's directory, replacing a domain model that is there.

        Raises UsageError where the directory holds something else or cannot be written.
        """

        def write(directory: Path) -> None:
            weights = self.network.state_dict()
            save_file({k: v.half().contiguous() for k, v in weights.items()}, directory / WEIGHTS)
            (directory / CARD).write_text(self.card, encoding="utf-8")

        shape = asdict(self.network.config)
        facts = {"name": self.name, "about": self.about, "shape": shape}
        save_directory(folder, facts | {"parameters": self.parameters}, write, KIND)

    @classmethod
    def load(cls, name: str | Path) -> DomainModel:
        """Read a model by its name, if it is shipped, or from its directory.

        Raises UsageError where there is neither, SavedModelError where it is damaged.
        """
        folder, facts = _told(name)
        try:
            network = SchemaModel(ModelConfig(**facts["shape"]))
            weights = load_file(folder / WEIGHTS)
            network.load_state_dict({k: v.float() for k, v in weights.items()})
            card = (folder / CARD).read_text(encoding="utf-8")
            return cls(str(facts["name"]), str(facts["about"]), network.eval(), card)
        except (KeyError, TypeError, ValueError, RuntimeError, OSError, SafetensorError) as problem:
            raise SavedModelError(
                f"{folder} does not hold the weights that its manifest tells of: {problem}"
            ) from None


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
    """Return the card of a model (Markdown). Raises as :meth:`DomainModel.load`."""
    folder, _ = _told(name)
    return (folder / CARD).read_text(encoding="utf-8")


def facts_of(name: str | Path) -> Mapping[str, Any]:
    """Return ``name``, ``about``, ``parameters`` and ``bytes`` of a model, its weights unread.

    Raises UsageError and SavedModelError as :meth:`DomainModel.load`.
    """
    folder, facts = _told(name)
    size = (folder / WEIGHTS).stat().st_size
    return {**{key: facts[key] for key in _FACTS}, "bytes": size}


_FACTS = ("name", "about", "parameters")


def _told(name: str | Path) -> tuple[Path, Mapping[str, Any]]:
    """Return a model's directory and manifest, once all that belongs to it is there unaltered."""
    folder = find(name)
    facts = read_manifest(folder, KIND)
    lacking = [part for part in (WEIGHTS, CARD) if part not in facts["files"]]
    lacking += [key for key in (*_FACTS, "shape") if key not in facts]
    if lacking:
        raise SavedModelError(
            f"{folder} is damaged: its manifest says nothing of {lacking[0]}; {KIND.again}"
        )
    return folder, facts
