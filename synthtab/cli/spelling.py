"""Errors that name settings as Python spells them, told with the options that set them here."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager

from synthtab.errors import UsageError

_OPTIONS: Mapping[str, str] = {
    "at_once": "--at-once",
    "batch_size": "--batch-size",
    "chat": "--chat",
    "checkpointing": "--gradient-checkpointing",
    "eight_bit": "--eight-bit",
    "epochs": "--epochs",
    "examples": "--examples",
    "lora": "--lora",
    "prompt_tokens": "--prompt-tokens",
    "rank": "--rank",
    "rate": "--rate",
    "row_after": "--row-after",
    "row_passages": "--row-passages",
}
_OUT = re.compile(rf"\bleave ({'|'.join(_OPTIONS)}) out\b")
_SETTING = re.compile(rf"\b({'|'.join(_OPTIONS)})=([\w+-]+(?:\.\w+)*)")


def spelled(message: str) -> str:
    """Return a message with options in the place of settings: ``--at-once 8`` for ``at_once=8``."""

    def option(found: re.Match[str]) -> str:
        name, value = _OPTIONS[found[1]], found[2]
        if value == "True":
            return name
        return f"--no-{name[2:]}" if value == "False" else f"{name} {value}"

    message = _OUT.sub(lambda found: f"leave {_OPTIONS[found[1]]} out", message)
    return _SETTING.sub(option, message)


@contextmanager
def as_options() -> Generator[None]:
    """Raise what says that an argument is wrong in the words of the command line."""
    try:
        yield
    except UsageError as error:
        raise UsageError(spelled(str(error))) from error
