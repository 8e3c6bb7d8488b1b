"""Where a pretrained model is: a directory, or the copy of one of the Hugging Face hub's.

Nothing is fetched here. What an id names is looked for in the hub's cache on this machine, where
``hf download`` puts it.
"""

from __future__ import annotations

import re
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

from synthtab.errors import UsageError

_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def located(base: str | Path) -> Path:
    """Return the directory of a model given by its path or by its id on the hub.

    Raises UsageError where there is no such directory, and no model of that id was downloaded.
    """
    place = Path(base).expanduser()
    if place.is_dir():
        return place
    name = str(base)
    if place.is_file():
        raise UsageError(
            f"{name} is a file; a language model is read from the directory that transformers "
            "saved, with config.json, .safetensors files and tokenizer.json in it"
        )
    if isinstance(base, Path) or not _ID.fullmatch(name):
        raise UsageError(
            f"there is no directory {name}; a language model is read from the directory of a saved "
            "one, or named by its id on the Hugging Face hub"
        )
    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, OSError) as error:
        raise UsageError(
            f"there is no directory {name}, and no model of that name has been downloaded from the "
            f"Hugging Face hub to this machine; nothing is fetched here: run 'hf download {name}' "
            "once, or give the directory of a saved model"
        ) from error
