"""What sentence-transformers says beside a network: how to pool, what comes after, prompts.

Its directory lists modules in ``modules.json``. Those that embedding models are made of are known
here (a transformer, pooling, dense layers, normalising); others are refused by name, and the
library itself, which imports whatever class the file names, is not needed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from synthtab.errors import SavedModelError, UsageError
from synthtab.generate.weights import read_facts

MODULES = "modules.json"
POOLINGS = ("mean", "cls", "max", "lasttoken")
_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "lasttoken",
}
_ACTIVATIONS = {
    "Identity": torch.nn.Identity(),
    "Tanh": torch.nn.Tanh(),
    "ReLU": torch.nn.ReLU(),
    "GELU": torch.nn.GELU(),
}


@dataclass(frozen=True)
class Dense:
    """A layer after pooling: ``activation(weight @ x + bias)``."""

    weight: torch.Tensor
    bias: torch.Tensor | None
    activation: torch.nn.Module

    def __call__(self, vectors: torch.Tensor) -> torch.Tensor:
        """Return what it makes of vectors, shape (n, out)."""
        made: torch.Tensor = self.activation(
            torch.nn.functional.linear(vectors, self.weight, self.bias)
        )
        return made


@dataclass(frozen=True)
class Recipe:
    """How texts become vectors: the network's directory, its window, pooling, layers, prompts."""

    network: Path
    window: int | None = None
    pooling: str = "mean"
    layers: tuple[Dense, ...] = ()
    prompts: Mapping[str, str] = field(default_factory=dict)

    @property
    def document(self) -> str:
        """What is put before a text that is to be found."""
        named = (self.prompts.get(k) for k in ("document", "passage", ""))
        return next((prompt for prompt in named if prompt is not None), "")

    @property
    def query(self) -> str:
        """What is put before a query."""
        return self.prompts.get("query", self.prompts.get("", ""))


def recipe_of(directory: Path) -> Recipe:
    """Read what a directory says; a plain network of transformers is pooled by the mean.

    Raises UsageError where a module is not known here, SavedModelError where a file is damaged.
    """
    if not (directory / MODULES).is_file():
        return Recipe(directory)
    network, pooling, layers = directory, "mean", []
    for kind, place in _modules(directory):
        match kind:
            case "Transformer":
                network = place
            case "Pooling":
                pooling = _pooling(place)
            case "Dense":
                layers.append(_dense(place))
            case "Normalize":
                pass  # all vectors are normalised in the end
            case _:
                raise UsageError(
                    f"the embedder in {directory} has a module {kind!r}; known are Transformer, "
                    "Pooling, Dense and Normalize"
                )
    window = read_facts(network, "sentence_bert_config.json", needed=False).get("max_seq_length")
    return Recipe(
        network,
        window if isinstance(window, int) and window > 0 else None,
        pooling,
        tuple(layers),
        _prompts(directory),
    )


def _modules(directory: Path) -> list[tuple[str, Path]]:
    """Return each module's kind and directory, in order."""
    path = directory / MODULES
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
        found = [(str(m["type"]).rsplit(".", 1)[-1], directory / str(m["path"])) for m in listed]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SavedModelError(f"{path} is no list of modules: {error}") from error
    for _, place in found:
        if not place.resolve().is_relative_to(directory.resolve()):
            raise SavedModelError(f"{path} names a module outside the directory: {place}")
    return found


def _pooling(place: Path) -> str:
    facts = read_facts(place, "config.json")
    named = facts.get("pooling_mode")
    modes = [m for flag, m in _FLAGS.items() if facts.get(flag)] if named is None else [named]
    others = [k for k, on in facts.items() if k.startswith("pooling_mode_") and on is True]
    if len(modes) != 1 or modes[0] not in POOLINGS or set(others) - _FLAGS.keys():
        raise UsageError(
            f"the pooling in {place} is {', '.join(map(str, others or modes)) or 'not said'}; "
            f"known is one of {', '.join(POOLINGS)}"
        )
    return str(modes[0])


def _dense(place: Path) -> Dense:
    facts = read_facts(place, "config.json")
    name = str(facts.get("activation_function", "Identity")).rsplit(".", 1)[-1]
    if name not in _ACTIVATIONS:
        raise UsageError(
            f"the dense layer in {place} has the activation {name!r}; known are "
            f"{', '.join(_ACTIVATIONS)}"
        )
    path = place / "model.safetensors"
    if not path.is_file():
        raise UsageError(f"there are no weights in {place}: it has no model.safetensors")
    try:
        arrays = load_file(path)
        weight, bias = arrays["linear.weight"].float(), arrays.get("linear.bias")
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise SavedModelError(f"{path} cannot be read: {error}") from error
    if weight.ndim != 2:
        raise SavedModelError(f"linear.weight in {path} is of shape {tuple(weight.shape)}")
    return Dense(weight, None if bias is None else bias.float(), _ACTIVATIONS[name])


def _prompts(directory: Path) -> dict[str, str]:
    """Return prompts by name; the default one has the name ''."""
    facts: dict[str, Any] = read_facts(directory, "config_sentence_transformers.json", needed=False)
    prompts = facts.get("prompts")
    if not isinstance(prompts, dict):
        return {}
    named = {str(k): str(v) for k, v in prompts.items()}
    usual = facts.get("default_prompt_name")
    return named | ({"": named[usual]} if isinstance(usual, str) and usual in named else {})
