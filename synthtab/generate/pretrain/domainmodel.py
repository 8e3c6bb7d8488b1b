"""A domain model: a network that reads schemas, pretrained on the public tables of one domain.

A directory holds it: ``model.safetensors`` (weights, in half precision: they are but a start),
``README.md`` (its card: data, licences, date, command, figures), and the manifest, which tells the
network's shape. Those that come with SynthTab are called by name.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from synthtab.errors import SavedModelError
from synthtab.generate.model import ModelConfig
from synthtab.generate.pretrain.schemamodel import SchemaModel
from synthtab.generate.pretrain.shelf import CARD, KIND, WEIGHTS, told
from synthtab.store import save_directory


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
        folder, facts = told(name)
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
