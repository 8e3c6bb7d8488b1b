"""What learns the rows of one table: a small network of its own, or a pretrained language model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from synthtab.errors import DataError, SavedModelError
from synthtab.generate.generator import GeneratorConfig, RowGenerator
from synthtab.generate.language.generator import CORPUS, FACTS, LanguageGenerator
from synthtab.generate.language.learning import Subject, learn
from synthtab.generate.language.settings import Pretrained
from synthtab.generate.storage import EXAMPLES
from synthtab.generate.train import ProgressHook, Trained
from synthtab.outcomes import RealRows

Kept = RowGenerator | LanguageGenerator
"""Generators that were learned and can be saved."""

_KINDS: Mapping[str, type[RowGenerator] | type[LanguageGenerator]] = {
    "small": RowGenerator,
    "pretrained": LanguageGenerator,
}


@dataclass(frozen=True)
class Learned:
    """A generator, how its training ended (None where there was none), and what its prompt holds.

    ``prompt`` is plain data without the text, which the generator has; None where there is none.
    ``real_rows`` are rows of the subject's batch that the generator keeps as they are.
    """

    generator: Kept
    trained: Trained | None
    prompt: Mapping[str, Any] | None = None
    real_rows: RealRows | None = None


class Learner(Protocol):
    """What makes a generator of a subject's rows."""

    def learn(
        self, subject: Subject, *, seed: int, progress: ProgressHook | None = None
    ) -> Learned:
        """Learn the rows of a subject's batch. Raises DataError where there are none."""


@dataclass(frozen=True)
class Embedded:
    """A small network made for the table and trained from scratch."""

    config: GeneratorConfig

    def learn(
        self, subject: Subject, *, seed: int, progress: ProgressHook | None = None
    ) -> Learned:
        """See :class:`Learner`."""
        if subject.batch is None:
            raise DataError("there are no rows to learn from; at least one is needed")
        generator = RowGenerator.fit(
            subject.columns,
            subject.order,
            subject.domains,
            subject.batch,
            config=self.config,
            seed=seed,
            progress=progress,
        )
        shown = generator.examples if self.config.corpus is None else None
        held = None if shown is None else RealRows(EXAMPLES, len(shown.shown))
        return Learned(generator, generator.trained, real_rows=held)


@dataclass(frozen=True)
class FromPretrained:
    """A pretrained language model, told of the table by a prompt, and tuned on its rows."""

    settings: Pretrained

    def learn(
        self, subject: Subject, *, seed: int, progress: ProgressHook | None = None
    ) -> Learned:
        """See :class:`Learner`."""
        told = learn(self.settings, subject, seed=seed, progress=progress)
        facts = told.prompt.to_dict()
        del facts["text"]
        shown, _ = told.prompt.kept["rows"]
        held = RealRows(FACTS, shown) if shown else None
        if (recall := told.generator.recall) is not None:
            facts["row"] = recall.facts()
            if recall.corpus.real:
                held = RealRows(CORPUS, len(recall.corpus))
        return Learned(told.generator, told.trained, facts, held)


def learner(generator: Pretrained | None, config: GeneratorConfig) -> Learner:
    """Return what learns: the pretrained model asked for, or a network of the table's own."""
    return Embedded(config) if generator is None else FromPretrained(generator)


def kind_of(generator: object) -> str:
    """Return the word by which a manifest tells what a generator is."""
    return "pretrained" if isinstance(generator, LanguageGenerator) else "small"


def read_generator(folder: Path, facts: Mapping[str, Any]) -> Kept:
    """Read the generator that a model's manifest tells of. Raises SavedModelError."""
    kind = facts.get("generator", "small")  # models saved before there was a choice do not tell
    if kind not in _KINDS:
        raise SavedModelError(
            f"{folder} was made by a generator of the kind {kind!r}; this SynthTab knows "
            f"{' and '.join(_KINDS)}"
        )
    return _KINDS[kind].load(folder)
