"""A pretrained causal language model from a directory, ready to write rows."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

from synthtab.errors import UsageError
from synthtab.generate.language.adapters import Adapters, applied
from synthtab.generate.language.vocabulary import Vocabulary
from synthtab.generate.weights import LOCAL, complete, open_pretrained, read_facts, refuse_unfit

_NOUN = "language model"
_TOLD = 256
"""So many numbers of each of a network's tensors tell it from others."""
_WRITING = ("CausalLM", "LMHead")
"""In the names of networks that write on from a text."""


@dataclass(frozen=True)
class Base:
    """A network, its tokenizer, and what its tokens stand for.

    ``path`` is where it was read, None where all its weights have changed since; ``adapters`` are
    what was added to them. ``weights`` tells the weights, as they were read, from others.
    """

    network: Any
    tokenizer: Any
    vocabulary: Vocabulary
    path: Path | None = None
    adapters: Adapters | None = None
    weights: str | None = None

    @property
    def positions(self) -> int | None:
        """How many tokens the network can read; None where it does not say."""
        return _positions(self.network.config)

    @cached_property
    def arguments(self) -> frozenset[str]:
        """The names of the arguments that the network's forward pass takes."""
        return frozenset(inspect.signature(self.network.forward).parameters)

    @property
    def device(self) -> torch.device:
        """Where the network computes."""
        return torch.device(self.network.device)


def load_base(path: str | Path, *, device: str | None = None, eight_bit: bool = False) -> Base:
    """Read a model that transformers saved, in float32 on a CPU, else as it was saved.

    With ``eight_bit`` the weights of linear layers take 8 bits each (Dettmers et al., 2022), which
    needs a GPU and bitsandbytes. Nothing is fetched, no pickle is read and no code of the model's
    is run. Raises UsageError where there is no model that may be read, it is none that writes from
    left to right, or 8 bits are not to be had; SavedModelError where it is damaged.
    """
    folder = Path(path)
    refuse_unfit(folder, _NOUN)
    _refuse_kind(folder, read_facts(folder, "config.json"))
    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    dtype: torch.dtype | str = torch.float32 if chosen == "cpu" else "auto"
    smaller = _in_eight_bits(chosen) if eight_bit else {}
    network, tokenizer = open_pretrained(
        folder,
        [
            lambda: complete(AutoModelForCausalLM, folder, dtype=dtype, **smaller),
            lambda: AutoTokenizer.from_pretrained(folder, **LOCAL),
        ],
        _NOUN,
    )
    if not eight_bit:  # such a network is where it was read to, and cannot be moved
        network.to(chosen)
    network.eval()
    return replace(make_base(network, tokenizer, folder), weights=told_by(network))


def told_by(network: Any) -> str:
    """Return a hash that tells a network's weights from others: of some of each of its tensors."""
    told = hashlib.sha256()
    for name, weights in sorted(network.named_parameters()):
        some = weights.detach().flatten()[:_TOLD].float().cpu()
        told.update(name.encode() + some.numpy().tobytes())
    return told.hexdigest()


@dataclass(frozen=True)
class Reader:
    """What a model reads: its tokens, and how many of them (None where it does not say)."""

    vocabulary: Vocabulary
    positions: int | None


def load_reader(path: str | Path) -> Reader:
    """Read a model's tokenizer and configuration, and no weights. Raises as :func:`load_base`."""
    folder = Path(path)
    refuse_unfit(folder, _NOUN)
    _refuse_kind(folder, read_facts(folder, "config.json"))
    config, tokenizer = open_pretrained(
        folder,
        [
            lambda: AutoConfig.from_pretrained(folder, **LOCAL),
            lambda: AutoTokenizer.from_pretrained(folder, **LOCAL),
        ],
        _NOUN,
    )
    size = int(config.get_text_config(decoder=True).vocab_size)
    return Reader(Vocabulary.of(tokenizer, size), _positions(config))


def _positions(config: Any) -> int | None:
    limit = getattr(config.get_text_config(decoder=True), "max_position_embeddings", None)
    return None if limit is None else int(limit)


def with_adapters(base: Base, adapters: Adapters) -> Base:
    """Return a base, its network changed in place, with saved adapters.

    Raises UsageError where peft is missing, SavedModelError where they are another network's.
    """
    merge = not getattr(base.network, "is_loaded_in_8bit", False)
    network = applied(base.network, adapters, merge=merge).eval()
    return replace(base, network=network, adapters=adapters)


def _in_eight_bits(device: str) -> dict[str, Any]:
    """Return the arguments by which transformers reads weights in 8 bits, or raise UsageError."""
    if not device.startswith("cuda"):
        raise UsageError(
            "weights in 8 bits need a GPU that CUDA drives, and the model is to run on "
            f"{device!r}: leave eight_bit out"
        )
    if find_spec("bitsandbytes") is None:
        raise UsageError("weights in 8 bits need bitsandbytes: pip install bitsandbytes")
    import transformers  # what this class of it needs is no dependency of ours

    config: Any = transformers.BitsAndBytesConfig
    return {
        "quantization_config": config(load_in_8bit=True),
        "device_map": {"": device},
    }


def make_base(network: Any, tokenizer: Any, path: Path | None = None) -> Base:
    """Put a network and its tokenizer together. Raises as :func:`load_base`."""
    output = network.get_output_embeddings()
    config = network.config.get_text_config(decoder=True)
    size = int(config.vocab_size if output is None else output.weight.shape[0])
    vocabulary = Vocabulary.of(tokenizer, size)
    base = Base(network, tokenizer, vocabulary, path)
    _refuse_looking_ahead(base)
    return base


def _refuse_kind(folder: Path, facts: Mapping[str, Any]) -> None:
    """Raise UsageError where the configuration is of a model that does not write on from a text."""
    architectures = list(map(str, facts.get("architectures") or ()))
    named = ", ".join(architectures or ["no architecture"])
    if facts.get("is_encoder_decoder"):
        raise UsageError(
            f"the model in {folder} ({named}) reads one text and writes another; rows are written "
            "by a causal language model such as Llama, Qwen or GPT-2"
        )
    # Most encoders are saved without the head that fills in words, as BertModel. Of some kinds
    # there are networks that write, too: these say so.
    writes = any(sign in name for name in architectures for sign in _WRITING)
    if facts.get("model_type") in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not writes:
        raise _encoder(f"the model in {folder} ({named})")


@torch.inference_mode()
def _refuse_looking_ahead(base: Base) -> None:
    """Raise UsageError where what the network says of a token depends on later ones."""
    some = sorted(base.vocabulary.tokens)[:3]
    if len(some) < 3:
        raise UsageError("the tokenizer has hardly a token that text is made of")
    first, second, third = some
    pair = torch.tensor([[first, *[second] * 7], [first, *[third] * 7]], device=base.device)
    found = base.network(input_ids=pair, use_cache=False).logits[:, 0]
    logits = found.float()
    slack = 1e-5 if found.dtype == torch.float32 else 1e-2
    if float((logits[0] - logits[1]).abs().max()) > slack * float(logits.abs().max()):
        raise _encoder(f"the model ({type(base.network).__name__})")


def _encoder(what: str) -> UsageError:
    return UsageError(
        f"{what} is an encoder: it reads text both ways and writes none; rows are written by a "
        "causal language model such as Llama, Qwen or GPT-2"
    )
