"""A prompt in the format of a model that was tuned to chat: the user's turn, then a row.

The format is the tokenizer's ``chat_template``. What it writes between the turns are tokens of
their own, so that rows begin where the model is used to answer.
"""

from __future__ import annotations

from typing import Any

from jinja2 import TemplateError

from synthtab.errors import UsageError


def has_chat(tokenizer: Any) -> bool:
    """Say whether a tokenizer knows of turns."""
    return getattr(tokenizer, "chat_template", None) is not None


def chats(tokenizer: Any, wanted: bool | None) -> bool:
    """Say whether turns are used: as ``wanted``, or where that is None, if there is a format.

    Raises UsageError where they are wanted and there is none.
    """
    if wanted and not has_chat(tokenizer):
        raise UsageError(
            "the tokenizer has no chat_template, so that there are no turns to put a prompt into; "
            "leave chat out, and the row comes after the prompt's last line"
        )
    return has_chat(tokenizer) if wanted is None else wanted


def framed(tokenizer: Any, prompt: str) -> str:
    """Return a prompt as the user's turn, up to where the answer begins.

    Raises UsageError where the template refuses it.
    """
    turns = [{"role": "user", "content": prompt}]
    try:
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
    except (TemplateError, TypeError, ValueError) as error:
        raise UsageError(
            f"the tokenizer's chat_template does not take a turn of the user's: {error}; mend it, "
            "or use the model without turns (chat=False)"
        ) from error
