"""What a command line says of the generator, as settings; the work behind ``synthtab prompt``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthtab.choices import Violations
from synthtab.cli import common
from synthtab.errors import UsageError
from synthtab.generate.language.learning import Shown, opened, preview
from synthtab.generate.language.settings import EPOCHS, EXAMPLES, Lora, Pretrained, Tuning
from synthtab.lang.model import Model
from synthtab.onetable import OneTable
from synthtab.pipeline import needs_whole
from synthtab.sources import Sources


@dataclass(frozen=True)
class Asked:
    """The options about pretrained models as they were given; None and False where they were not.

    The first is ``--generator``, the last ones are about tuning.
    """

    generator: str | None
    base: str | None
    lora: bool
    rank: int | None
    eight_bit: bool
    corpus: Path | None
    examples: int | None
    prompt_tokens: int | None
    checkpoints: Path | None
    batch_size: int | None
    at_once: int | None
    rate: float | None
    checkpointing: bool

    @property
    def tuning(self) -> dict[str, Any]:
        """The fields of :class:`Tuning` that were given."""
        fields = {
            "batch_size": self.batch_size,
            "at_once": self.at_once,
            "rate": self.rate,
            "checkpointing": self.checkpointing or None,
        }
        return {name: value for name, value in fields.items() if value is not None}


def pretrained(asked: Asked, epochs: int | None) -> Pretrained | None:
    """Return the pretrained model asked for, or None for a small network.

    Raises UsageError where it is not said which model, or options come without one.
    """
    if asked.generator != "pretrained":
        alone = _given(asked)
        if alone:
            raise UsageError(f"{alone[0]} is about a pretrained model: give --generator pretrained")
        return None
    if asked.base is None:
        raise UsageError(
            "--generator pretrained needs --base: the directory of a saved causal language model"
        )
    if asked.rank is not None and not asked.lora:
        raise UsageError("--rank is that of adapters: give --lora as well")
    lora: bool | Lora = asked.lora
    if asked.rank is not None:
        lora = Lora(rank=asked.rank, alpha=2 * asked.rank)
    return Pretrained(
        asked.base,
        epochs=EPOCHS if epochs is None else epochs,
        lora=lora,
        eight_bit=asked.eight_bit,
        corpus=asked.corpus,
        examples=asked.examples,
        prompt_tokens=asked.prompt_tokens,
        checkpoints=asked.checkpoints,
        tuning=Tuning(**asked.tuning),
    )


def _given(asked: Asked) -> list[str]:
    """Return the options that were given, as they are spelled."""
    fields: dict[str, Any] = {
        "--base": asked.base,
        "--lora": asked.lora or None,
        "--rank": asked.rank,
        "--eight-bit": asked.eight_bit or None,
        "--corpus": asked.corpus,
        "--examples": asked.examples,
        "--prompt-tokens": asked.prompt_tokens,
        "--checkpoints": asked.checkpoints,
        "--batch-size": asked.tuning.get("batch_size"),
        "--at-once": asked.tuning.get("at_once"),
        "--rate": asked.tuning.get("rate"),
        "--gradient-checkpointing": asked.tuning.get("checkpointing"),
    }
    return [option for option, value in fields.items() if value is not None]


@dataclass(frozen=True)
class PromptRequest:
    """What ``synthtab prompt`` is to show."""

    data: str | None
    base: str | None
    corpus: Path | None
    examples: int | None
    prompt_tokens: int | None
    violations: Violations
    seed: int
    as_json: bool


def show_prompt(rules: Path, request: PromptRequest) -> None:
    """Print the prompt that a pretrained model would read before each row."""
    model = Model.load(rules)
    if needs_whole(model):
        raise UsageError(
            "a pretrained model writes the rows of one table whose rules are about single rows; "
            "this model has several tables, or rules across rows"
        )
    table = model.table()
    many = EXAMPLES if request.examples is None else request.examples
    with Sources() as sources:
        data = None if request.data is None else sources.one(request.data, table.name)
        subject = OneTable(model).subject(data, violations=request.violations)
    shown = Shown(opened(request.corpus, subject), many, many, request.prompt_tokens)
    prompt = preview(subject, shown, base=request.base, seed=request.seed)
    if request.as_json:
        common.print_json(prompt.to_dict())
        return
    common.print_text(prompt.text)
    notes = []
    if prompt.tokens is not None:
        limit = "" if prompt.limit is None else f" of {prompt.limit:,} there is room for"
        notes.append(f"{prompt.tokens:,} tokens{limit}")
    if prompt.cut:
        notes.append(f"left out: {', '.join(prompt.cut)}")
    if notes:
        common.stderr().print("; ".join(notes), soft_wrap=True, markup=False)
