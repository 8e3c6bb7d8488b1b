"""A CLIP-like model from a directory: one tower for texts, one for pictures, one space.

Radford et al., "Learning transferable visual models from natural language supervision", 2021
(CLIP); Zhai et al., "Sigmoid loss for language image pre-training", 2023 (SigLIP).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

from synthtab.errors import UsageError
from synthtab.generate.retrieval.documents import Vectors
from synthtab.generate.retrieval.embedder import TWO_TOWERS, clean, unit
from synthtab.generate.retrieval.windows import check_tokenizer, through_windows
from synthtab.generate.weights import LOCAL, complete, open_pretrained, read_facts

if TYPE_CHECKING:
    from PIL.Image import Image

KNOWN = ("clip", "siglip")
_AT_ONCE = 16


@dataclass(frozen=True)
class TwoTowers:
    """A network with its tokenizer and its preparation of pictures. Made by :meth:`load`."""

    directory: Path
    network: Any
    tokenizer: Any
    prepare: Any

    @classmethod
    def load(cls, directory: str | Path) -> TwoTowers:
        """Read a model. Raises UsageError where there is none of CLIP's kind that may be read.

        Raises SavedModelError where it is damaged.
        """
        place = Path(directory).absolute()
        kind = read_facts(place, "config.json").get("model_type")
        if kind not in KNOWN:
            raise UsageError(
                f"the model in {place} reads texts and pictures, but is of the kind {kind!r}; "
                f"with towers of one space {' and '.join(KNOWN)} are known"
            )
        processors: Any = AutoImageProcessor
        network, tokenizer, prepare = open_pretrained(
            place,
            [
                lambda: complete(AutoModel, place),
                lambda: AutoTokenizer.from_pretrained(place, **LOCAL),
                lambda: processors.from_pretrained(place, **LOCAL),
            ],
        )
        check_tokenizer(tokenizer, place)
        network.eval()
        return cls(place, network, tokenizer, prepare)

    @property
    def name(self) -> str:
        """What it is, for people."""
        return f"{self.directory.name} ({self.dimensions} dimensions)"

    @property
    def dimensions(self) -> int:
        """The length of its vectors."""
        config = self.network.config
        if config.model_type == "clip":
            return int(config.projection_dim)
        return int(config.vision_config.hidden_size)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return a unit vector for each text, shape (texts, dimensions)."""
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        # SigLIP was trained on texts padded to the full window, with the padding read as well.
        padded = self.network.config.model_type == "siglip"
        window = int(self.network.config.text_config.max_position_embeddings)
        return unit(
            through_windows(
                self.tokenizer,
                [clean(text) for text in texts],
                window,
                self._forward_padded if padded else self._forward,
                pad=int(self.tokenizer.pad_token_id or 0),
                full=padded,
            )
        )

    def embed_images(self, images: Sequence[Image]) -> Vectors:
        """Return a unit vector for each picture, shape (images, dimensions)."""
        made = [np.zeros((0, self.dimensions), dtype=np.float32)]
        for first in range(0, len(images), _AT_ONCE):
            some = [image.convert("RGB") for image in images[first : first + _AT_ONCE]]
            pixels = self.prepare(images=some, return_tensors="pt")["pixel_values"]
            with torch.inference_mode():
                out = self.network.get_image_features(pixel_values=pixels)
            made.append(unit(_features(out).numpy()))
        return np.concatenate(made)

    def to_dict(self) -> dict[str, Any]:
        """Return where it is; its weights are not copied."""
        return {"kind": TWO_TOWERS, "path": str(self.directory)}

    def _forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        out = self.network.get_text_features(input_ids=tokens, attention_mask=mask)
        return torch.nn.functional.normalize(_features(out), dim=1)

    def _forward_padded(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        out = self.network.get_text_features(input_ids=tokens)
        return torch.nn.functional.normalize(_features(out), dim=1)


def _features(out: Any) -> torch.Tensor:
    """Return the vectors in what a tower gives, which is an object with them or they themselves."""
    features: torch.Tensor = out if isinstance(out, torch.Tensor) else out.pooler_output
    return features
