"""A writer that does what a correction tells it, word for word: the most that feedback can reach.

It reads the advice as a model would, from the prompt's text alone, and writes the row again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

_ADVICE = re.compile(r"^Change (.+)\.$", re.MULTILINE)
_ROW = re.compile(r"^\{.*\}$", re.MULTILINE)
_CHANGE = re.compile(
    r"(?P<name>`(?:[^`]|``)+`|\w+) from (?P<old>'(?:[^']|'')*'|\S+) to "
    r"(?P<new>.*?)(?= and (?:`(?:[^`]|``)+`|\w+) from |$)"
)


class Adviser:
    """A rewriter that follows the first advice for the row itself."""

    def rewrite(self, prompts: Sequence[str]) -> list[str]:
        """Return each prompt's row as its advice says."""
        return [self._rewritten(prompt) for prompt in prompts]

    def tokens(self, text: str) -> int:
        """Return the number of words, numbers and signs."""
        return len(re.findall(r"\w+|[^\w\s]", text))

    def _rewritten(self, prompt: str) -> str:
        found = _ROW.search(prompt)
        if found is None:
            return ""
        row: dict[str, Any] = json.loads(found.group(), parse_float=_Digits)
        for advice in _ADVICE.findall(prompt):
            for change in _CHANGE.finditer(advice):
                name = change["name"].strip("`").replace("``", "`")
                if name in row:
                    row[name] = _value(change["new"])
        return "{" + ", ".join(f"{json.dumps(k)}: {_json(v)}" for k, v in row.items()) + "}"


class _Digits(str):
    """A number as it was written."""


def _json(value: Any) -> str:
    return str(value) if isinstance(value, _Digits) else json.dumps(value)


def _value(words: str) -> Any:
    """Return the value an advice names: its instance, or the one value there is."""
    _, instance, value = words.rpartition(", for instance ")
    text = (value if instance else words.removesuffix(", for instance")).strip()
    if text == "NULL":
        return None
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    if text in ("true", "false"):
        return text == "true"
    number = text.replace("_", "")
    return _Digits(number) if re.fullmatch(r"-?\d+(\.\d+)?", number) else text
