"""What a command line says of the generator, as settings; the work behind ``synthtab prompt``."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthtab.choices import Violations
from synthtab.cli import common
from synthtab.cli.spelling import as_options
from synthtab.errors import UsageError
from synthtab.generate.language.learning import Shown, indexed_folder, opened, preview
from synthtab.generate.language.settings import EPOCHS, EXAMPLES, Lora, Pretrained, Tuning
from synthtab.generate.retrieval.documents import first_of
from synthtab.lang.model import Model
from synthtab.onetable import OneTable
from synthtab.pipeline import refuse_several
from synthtab.sources import Sources

if TYPE_CHECKING:
    from synthtab.generate.retrieval.corpus import Corpus

_SPELLED = {"checkpointing": "gradient_checkpointing"}
"""Options that are not spelled as their fields."""
_TUNING = (
    *("--lora", "--rank", "--checkpoints", "--batch-size", "--at-once", "--rate"),
    "--gradient-checkpointing",
)
"""Options that say how weights are tuned."""
_SHARED = ("--corpus", "--examples")
"""Options that a small network takes as well."""


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
    row_passages: int | None
    row_after: int | None
    prompt_tokens: int | None
    chat: bool | None
    checkpoints: Path | None
    batch_size: int | None
    at_once: int | None
    rate: float | None
    checkpointing: bool

    @property
    def tuning(self) -> dict[str, Any]:
        """The fields of :class:`Tuning` that were given."""
        names = ("batch_size", "at_once", "rate", "checkpointing")
        return {name: getattr(self, name) for name in names if _is_given(getattr(self, name))}


def pretrained(asked: Asked, epochs: int | None) -> Pretrained | None:
    """Return the pretrained model asked for, or None for a small network.

    Raises UsageError where it is not said which model, or options come without one.
    """
    if asked.generator != "pretrained":
        alone = [option for option in _given(asked) if option not in _SHARED]
        if alone:
            raise UsageError(f"{alone[0]} is about a pretrained model: give --generator pretrained")
        return None
    if asked.base is None:
        raise UsageError(
            "--generator pretrained needs --base: the directory of a saved causal language model"
        )
    if asked.rank is not None and not asked.lora:
        raise UsageError("--rank is that of adapters: give --lora as well")
    if epochs == 0 and (idle := [o for o in _given(asked) if o in _TUNING]):
        raise UsageError(
            f"{idle[0]} is about tuning, and with --epochs 0 nothing is tuned: leave one of the "
            "two out"
        )
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
        row_passages=asked.row_passages or 0,
        row_after=asked.row_after,
        prompt_tokens=asked.prompt_tokens,
        chat=asked.chat,
        checkpoints=asked.checkpoints,
        tuning=Tuning(**asked.tuning),
    )


def indexed(settings: Pretrained) -> Pretrained:
    """Return settings with the corpus they name open, what was left out of it told.

    Raises UsageError and DataError as the corpus does.
    """
    if not isinstance(settings.corpus, str | Path):
        return settings
    return replace(settings, corpus=_told(settings.corpus))


def _told(place: str | Path) -> Corpus:
    corpus = indexed_folder(place)
    for line in first_of(corpus.skipped):
        common.stderr().print(f"left out of the corpus: {line}", soft_wrap=True, markup=False)
    return corpus


def _given(asked: Asked) -> list[str]:
    """Return the options that were given, as they are spelled."""
    names = [field.name for field in fields(asked) if field.name != "generator"]
    given = [name for name in names if _is_given(getattr(asked, name))]
    return [f"--{_SPELLED.get(name, name).replace('_', '-')}" for name in given]


def _is_given(value: object) -> bool:
    return value is not None and value is not False


@dataclass(frozen=True)
class PromptRequest:
    """What ``synthtab prompt`` is to show."""

    data: str | None
    base: str | None
    corpus: Path | None
    examples: int | None
    tuned: bool
    prompt_tokens: int | None
    chat: bool | None
    violations: Violations
    seed: int
    as_json: bool


@as_options()
def show_prompt(rules: Path, request: PromptRequest) -> None:
    """Print the prompt that a pretrained model would read before each row."""
    model = Model.load(rules)
    refuse_several(model)
    table = model.table()
    many = EXAMPLES if request.examples is None else request.examples
    with Sources() as sources:
        data = None if request.data is None else sources.one(request.data, table.name)
        subject = OneTable(model).subject(data, violations=request.violations)
    if request.chat and request.base is None:
        raise UsageError("--chat is the format of a model: give --base as well")
    corpus = opened(None if request.corpus is None else _told(request.corpus), subject)
    rows = 0 if request.tuned and request.examples is None else many
    shown = Shown(corpus, many, rows, request.prompt_tokens, request.chat)
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
