"""A pretrained language model that writes a row again when it is told what was wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from synthtab.generate.pretrained import PretrainedWriter
from synthtab.generate.rowjson import row_grammar
from synthtab.schema import Column

MAX_TOKENS = 1_024
AT_ONCE = 16
"""So many answers are written together."""


class LanguageRewriter:
    """Answers prompts with one JSON row each, within the grammar of the columns alone.

    Rules between columns are not in the grammar: whether the model keeps them is what the rounds
    of feedback are about. ``seed`` makes the answers drawn, else the likeliest is taken. An answer
    of more than ``max_tokens`` is none.
    """

    def __init__(
        self,
        writer: PretrainedWriter,
        columns: Sequence[Column],
        *,
        seed: int | None = None,
        max_tokens: int = MAX_TOKENS,
    ) -> None:
        self._writer, self._grammar = writer, row_grammar(columns)
        self._seed, self._max_tokens = seed, max_tokens
        self._asked = 0

    @classmethod
    def load(
        cls, directory: Path, columns: Sequence[Column], *, seed: int | None = None
    ) -> LanguageRewriter:
        """Read a model that transformers saved; errors as of PretrainedWriter.load."""
        return cls(PretrainedWriter.load(directory), columns, seed=seed)

    @classmethod
    def of(
        cls,
        network: Any,
        tokenizer: Any,
        columns: Sequence[Column],
        *,
        seed: int | None = None,
        max_tokens: int = MAX_TOKENS,
    ) -> LanguageRewriter:
        """Write with a model that is in memory already. Raises UsageError without llguidance."""
        writer = PretrainedWriter.of(network, tokenizer)
        return cls(writer, columns, seed=seed, max_tokens=max_tokens)

    def rewrite(self, prompts: Sequence[str]) -> list[str]:
        """Return an answer to each prompt; an empty one where it got too long."""
        out: list[str] = []
        for start in range(0, len(prompts), AT_ONCE):
            some = prompts[start : start + AT_ONCE]
            seed = None if self._seed is None else self._seed + self._asked
            self._asked += len(some)
            texts = self._writer.write_all(
                some, self._grammar, max_tokens=self._max_tokens, seed=seed
            )
            out += [text or "" for text in texts]
        return out

    def tokens(self, text: str) -> int:
        """Return the number of tokens that the model reads a text as."""
        return len(self._writer.tokenizer(text)["input_ids"])
