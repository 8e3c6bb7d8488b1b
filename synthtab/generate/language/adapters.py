"""Adapters of low rank (LoRA) through peft: put beside a network's layers, taken out, kept.

They are saved as peft saves them, so that peft opens them too.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from synthtab.errors import SavedModelError, UsageError
from synthtab.generate.language.settings import Lora

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


@dataclass(frozen=True)
class Adapters:
    """Trained adapters: peft's configuration and weights by name."""

    config: Mapping[str, Any]
    weights: Mapping[str, Tensor]

    def save(self, directory: Path) -> None:
        """Write the two files of adapters into a directory, which is made."""
        directory.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.config, indent=1, sort_keys=True) + "\n"
        (directory / CONFIG).write_text(text, encoding="utf-8")
        save_file({k: v.contiguous() for k, v in self.weights.items()}, directory / WEIGHTS)

    @classmethod
    def load(cls, directory: Path) -> Adapters:
        """Read saved adapters. Raises SavedModelError where they are missing or damaged."""
        try:
            config = json.loads((directory / CONFIG).read_text(encoding="utf-8"))
            return cls(config, load_file(directory / WEIGHTS))
        except (OSError, ValueError, SafetensorError) as error:
            raise SavedModelError(f"the adapters in {directory} cannot be read: {error}") from error


def require_peft() -> None:
    """Raise UsageError where peft is not installed."""
    if find_spec("peft") is None:
        raise UsageError(
            "adapters (LoRA) need peft: pip install 'synthtab[language]', or train all weights"
        )


def attach(network: Any, lora: Lora) -> Any:
    """Put untrained adapters beside all linear layers of a network, in place.

    Only they are trained from now on. Returns peft's view of the network, for :func:`detach`.
    The caller seeds torch. Raises UsageError where peft is missing or finds no linear layers.
    """
    require_peft()
    from peft import LoraConfig  # peft is an extra, and slow to import

    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    return _beside(network, config)


def detach(wrapped: Any, *, merge: bool) -> tuple[Any, Adapters]:
    """Return the network with trained adapters, and these by themselves.

    With ``merge`` they are added to its weights, so that it is as fast as it was before; weights in
    8 bits would be rounded anew by that, and keep them beside.
    """
    from peft import get_peft_model_state_dict  # peft is an extra, and slow to import

    weights = {
        name: value.detach().to("cpu", copy=True)
        for name, value in get_peft_model_state_dict(wrapped).items()
    }
    config = {name: _plain(v) for name, v in wrapped.peft_config["default"].to_dict().items()}
    # Where the base was read is the generator's to say, and may not be where it is by then.
    config["base_model_name_or_path"] = None
    network = wrapped.merge_and_unload() if merge else wrapped.get_base_model()
    return network, Adapters(config, weights)


def applied(network: Any, adapters: Adapters, *, merge: bool) -> Any:
    """Return a network, changed in place, with saved adapters.

    Raises UsageError where peft is missing, SavedModelError where they are another network's.
    """
    require_peft()
    from peft import LoraConfig, set_peft_model_state_dict  # peft is an extra, slow to import

    try:
        known = {field.name for field in fields(LoraConfig)}
        config = LoraConfig(**{k: v for k, v in adapters.config.items() if k in known})
        wrapped = _beside(network, config)
        told: Any = set_peft_model_state_dict(wrapped, dict(adapters.weights))
    except (TypeError, ValueError, RuntimeError, KeyError) as error:
        raise SavedModelError(f"the adapters do not fit the model: {error}") from error
    if told.unexpected_keys:
        raise SavedModelError(
            f"the adapters do not fit the model: it has no {told.unexpected_keys[0]}; is it the "
            "one that they were trained beside?"
        )
    return wrapped.merge_and_unload() if merge else wrapped.get_base_model()


def _beside(network: Any, config: Any) -> Any:
    from peft import get_peft_model  # peft is an extra, and slow to import

    with warnings.catch_warnings():
        # GPT-2 keeps its weights transposed: peft sees to it, and warns that it did.
        warnings.filterwarnings("ignore", message=".*fan_in_fan_out.*")
        # peft asks transformers for a name of its own that is about to go.
        warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
        return get_peft_model(network, config)


def _plain(value: Any) -> Any:
    """Return a value of peft's configuration as JSON has it."""
    if isinstance(value, set | frozenset):
        return sorted(value)
    return value.value if hasattr(value, "value") else value
