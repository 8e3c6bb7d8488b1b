"""Models that transformers saved, from a directory: safetensors only, nothing fetched or run."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError
from transformers.utils import logging as transformers_log

from synthtab.errors import SavedModelError, UsageError

_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_VOCABULARIES = (
    *("tokenizer.json", "vocab.txt", "vocab.json"),
    *("tokenizer.model", "spiece.model", "sentencepiece.bpe.model"),
)
# What transformers lets through, besides errors of its own, where a configuration, a tokenizer or
# weights do not fit each other or what it knows. Of ours nothing but `complete` runs there.
_UNFIT = (
    *(OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, ImportError),
    *(SafetensorError, MemoryError),
)
LOCAL: Mapping[str, bool] = MappingProxyType({"local_files_only": True, "trust_remote_code": False})


def has_towers(directory: Path) -> bool:
    """Say whether a directory's model reads texts and pictures, as CLIP does."""
    facts = read_facts(directory, "config.json", needed=False)
    return {"text_config", "vision_config"} <= facts.keys()


def read_facts(directory: Path, name: str, *, needed: bool = True) -> dict[str, Any]:
    """Return a JSON object of a model's directory; an empty one where it is not there or needed.

    Raises SavedModelError where it is no JSON object, or not there.
    """
    path = directory / name
    if not path.is_file() and not needed:
        return {}
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SavedModelError(f"{path} cannot be read: {error}") from error
    if not isinstance(facts, dict):
        raise SavedModelError(f"{path} holds no object")
    return facts


def open_pretrained(
    directory: Path, loaders: Sequence[Callable[[], Any]], noun: str = "encoder"
) -> list[Any]:
    """Return what loaders of transformers make of a directory; ``noun`` says what is read.

    Raises UsageError where it holds no weights that may be read, SavedModelError where they are
    damaged or another model's.
    """
    refuse_unfit(directory, noun)
    with quiet():
        try:
            return [load() for load in loaders]
        except _UNFIT as error:
            reason = str(error).strip().split("\n")[0] or type(error).__name__
            raise SavedModelError(f"the {noun} in {directory} cannot be read: {reason}") from error


def refuse_unfit(directory: Path, noun: str = "encoder") -> None:
    """Raise UsageError where a directory holds no model, or one that is pickled."""
    if not directory.is_dir():
        raise UsageError(
            f"there is no directory {directory}; the {noun} is read from the directory of a saved "
            "model, and nothing is fetched"
        )
    if not (directory / "config.json").is_file():
        if (directory / "adapter_config.json").is_file():
            raise UsageError(
                f"there is no model in {directory}, but adapters for one (adapter_config.json): "
                "add them to the model they were trained beside (peft's merge_and_unload) and save "
                "that, or give that model's directory"
            )
        raise UsageError(
            f"there is no model in {directory}: it has no config.json; give the directory that "
            "transformers saved a model in"
        )
    if not list(directory.glob("*.safetensors")):
        pickled = [p.name for pattern in _PICKLED for p in directory.glob(pattern)]
        if pickled:
            raise UsageError(
                f"the weights in {directory} are pickled ({pickled[0]}), which can run code when "
                "they are read: save them as safetensors"
            )
        raise UsageError(
            f"there are no weights in {directory}: it has no .safetensors file, which is what "
            "weights are read from; save the model with transformers' save_pretrained"
        )
    # Without one of them transformers would make up a tokenizer that knows no words.
    if not any((directory / name).is_file() for name in _VOCABULARIES):
        raise UsageError(
            f"there is no tokenizer in {directory}: it has no tokenizer.json; save the model's "
            "tokenizer there as well"
        )


@contextmanager
def quiet() -> Generator[None]:
    """Keep transformers' progress bars and notes off the terminal; what matters is raised."""
    bars: Any = transformers_log
    shown, level = bars.is_progress_bar_enabled(), bars.get_verbosity()
    bars.disable_progress_bar()
    bars.set_verbosity_error()
    try:
        yield
    finally:
        bars.set_verbosity(level)
        if shown:
            bars.enable_progress_bar()


def complete(
    family: Any,
    directory: Path,
    unused: tuple[str, ...] = (),
    dtype: torch.dtype | str = torch.float32,
    **more: Any,
) -> Any:
    """Return the network that an Auto class reads from a directory, in float32 or ``dtype``.

    Parts whose names begin with one of ``unused`` need not be there. Raises ValueError where other
    weights are missing, which transformers would draw at random.
    """
    network, told = family.from_pretrained(
        directory,
        use_safetensors=True,
        dtype=dtype,
        output_loading_info=True,
        **more,
        **LOCAL,
    )
    missing = sorted(k for k in told["missing_keys"] if not k.startswith(unused))
    if missing or told.get("mismatched_keys"):
        what = ", ".join(missing[:3]) or "some are of another shape"
        raise ValueError(f"weights are missing: {what}")
    return network
