"""What a pretrained generator is made of: the model, how it is tuned, what its prompt holds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from synthtab.errors import UsageError

if TYPE_CHECKING:
    from synthtab.generate.retrieval.corpus import Corpus

Precision = Literal["auto", "float32", "bfloat16"]

EPOCHS = 3
"""Times that rows are gone through, unless said otherwise."""
EXAMPLES = 8
"""Rows and passages shown to a model that is not tuned on the rows."""
MOST_PROMPT = 2_048
"""Tokens of a prompt, where the model reads more and nothing is said of it."""


@dataclass(frozen=True)
class Lora:
    """Adapters of low rank beside every linear layer, all that is trained (Hu et al., 2021).

    ``alpha`` over ``rank`` scales what they add. That all linear layers have one, and a constant
    rate of 2e-4, is what Dettmers et al., "QLoRA" (2023), found to match full fine-tuning.
    """

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0

    def __post_init__(self) -> None:
        _at_least("rank", self.rank, 1)
        _at_least("alpha", self.alpha, 1)
        if not 0 <= self.dropout < 1:
            raise UsageError(f"dropout={self.dropout!r}; it is at least 0 and below 1")


@dataclass(frozen=True)
class Tuning:
    """How a model is tuned on rows.

    ``epochs`` times at most it goes through them, ``batch_size`` rows to a step, of which
    ``at_once`` are in memory together (all, where None): gradients add up to the same. The rate
    (None: 2e-4 of adapters, 5e-5 of all weights) rises over the first ``warm_up`` of the steps and
    falls to nothing along a cosine. Of the rows ``held_out``, ``most_held_out`` at most, are kept
    apart and looked at ``looks`` times an epoch; ``patience`` looks without a better loss end it,
    and the best weights are kept. ``precision``: ``auto`` computes in bfloat16 where the GPU can.
    ``checkpointing`` computes activations twice instead of keeping them. ``adapters`` are trained
    instead of all weights.
    """

    epochs: int = EPOCHS
    batch_size: int = 16
    at_once: int | None = None
    rate: float | None = None
    warm_up: float = 0.05
    weight_decay: float = 0.01
    clip: float = 1.0
    held_out: float = 0.05
    most_held_out: int = 500
    looks: int = 2
    patience: int = 3
    precision: Precision = "auto"
    checkpointing: bool = False
    adapters: Lora | None = None

    def __post_init__(self) -> None:
        for name in ("batch_size", "looks", "patience", "most_held_out"):
            _at_least(name, getattr(self, name), 1)
        _at_least("epochs", self.epochs, 0)
        if self.at_once is not None:
            _at_least("at_once", self.at_once, 1)
        if self.rate is not None and not 0 < self.rate < 1:
            raise UsageError(f"rate={self.rate!r}; a rate of learning is above 0 and below 1")
        for name in ("warm_up", "held_out"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(f"{name}={getattr(self, name)!r}; it is at least 0 and below 1")
        if self.weight_decay < 0 or not self.clip > 0:
            raise UsageError("weight_decay is at least 0, and clip above 0")
        if self.precision not in get_args(Precision):
            raise UsageError(
                f"precision={self.precision!r}; it is one of {', '.join(get_args(Precision))}"
            )

    @property
    def learning_rate(self) -> float:
        """The greatest rate."""
        if self.rate is not None:
            return self.rate
        return 5e-5 if self.adapters is None else 2e-4


@dataclass(frozen=True)
class Pretrained:
    """A pretrained causal language model as the generator of a table.

    ``base`` is the directory of a model that transformers saved, or its id on the Hugging Face hub
    where it has been downloaded already. With ``epochs`` 0 nothing is trained, and rows are written
    by what the prompt says. ``lora`` trains adapters instead of all weights; ``eight_bit`` reads
    the weights in 8 bits, which needs them. ``corpus`` has documents for the prompt: one, a saved
    one's directory, or a folder of files. ``examples`` is how many of its passages, and of the real
    rows, the prompt shows; None is 8 where nothing is trained, else passages only.
    ``prompt_tokens`` limits the prompt. With ``row_passages`` each row reads so many passages of
    its own, found by what it has when ``row_after`` of its columns are written (half of them where
    None); for a model that is told, not tuned, and without a chat format. With ``chat`` the prompt
    is the user's turn and the row the answer, in the format of the tokenizer; None is with, where
    it has one. ``checkpoints`` is a directory in which training goes on after an interruption.
    ``device`` is where the network computes, as torch names it; None is a GPU if there is one.
    ``tuning`` has the rest; its epochs and adapters are those said here.

    Raises UsageError where a value is none.
    """

    base: str | Path
    epochs: int = EPOCHS
    lora: bool | Lora = False
    eight_bit: bool = False
    corpus: Corpus | str | Path | None = None
    examples: int | None = None
    prompt_tokens: int | None = None
    row_passages: int = 0
    row_after: int | None = None
    chat: bool | None = None
    checkpoints: str | Path | None = None
    device: str | None = None
    tuning: Tuning = field(default_factory=Tuning)

    def __post_init__(self) -> None:
        if not str(self.base).strip():
            raise UsageError("base is the directory of a saved language model; it is blank")
        _at_least("epochs", self.epochs, 0)
        if self.examples is not None:
            _at_least("examples", self.examples, 0)
        if self.prompt_tokens is not None:
            _at_least("prompt_tokens", self.prompt_tokens, 1)
        _at_least("row_passages", self.row_passages, 0)
        if self.row_passages and self.corpus is None:
            raise UsageError(
                f"row_passages={self.row_passages} are passages of documents: give corpus as well"
            )
        if self.row_passages and self.epochs:
            raise UsageError(
                f"row_passages={self.row_passages} are for a model that is told, not tuned: rows "
                "are learned without passages of their own (epochs=0 tunes nothing)"
            )
        if self.row_after is not None and not self.row_passages:
            raise UsageError(
                f"row_after={self.row_after} says when a row's own passages are found: give "
                "row_passages as well"
            )
        if self.eight_bit and self.epochs and not self.lora:
            raise UsageError(
                "weights in 8 bits cannot be trained themselves: train adapters beside them "
                "(lora=True), or nothing (epochs=0)"
            )

    @property
    def how(self) -> Tuning:
        """How it is tuned, with the epochs and adapters said here."""
        adapters = (Lora() if self.lora is True else self.lora) or None
        return replace(self.tuning, epochs=self.epochs, adapters=adapters)

    @property
    def passages(self) -> int:
        """How many passages of the corpus are shown."""
        return 0 if self.corpus is None else self._examples(EXAMPLES)

    @property
    def rows(self) -> int:
        """How many real rows are shown."""
        return self._examples(0 if self.epochs else EXAMPLES)

    def _examples(self, otherwise: int) -> int:
        return otherwise if self.examples is None else self.examples


def _at_least(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UsageError(f"{name}={value!r}; it is a whole number, {least} or more")
