"""A table told to a pretrained model, by its prompt and by tuning: what becomes a generator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Batch
from synthtab.diagnostics import Source
from synthtab.errors import UsageError
from synthtab.generate.language.adapters import require_peft
from synthtab.generate.language.chat import chats
from synthtab.generate.language.generator import LanguageGenerator, prompt_tokens
from synthtab.generate.language.hub import located
from synthtab.generate.language.loading import load_base, load_reader
from synthtab.generate.language.material import material
from synthtab.generate.language.prompt import Prompt, render
from synthtab.generate.language.recall import TOKENS, Recall
from synthtab.generate.language.settings import MOST_PROMPT, Pretrained
from synthtab.generate.language.template import Template
from synthtab.generate.language.training import tune
from synthtab.generate.retrieval.query import query_of
from synthtab.generate.retrieval.rowtexts import row_texts
from synthtab.generate.train import ProgressHook, Trained
from synthtab.ir import nodes
from synthtab.schema import Column
from synthtab.store import MANIFEST

if TYPE_CHECKING:
    from synthtab.generate.retrieval.corpus import Corpus

_MEASURED = 1_000
"""So many rows are written to see how long rows are."""


@dataclass(frozen=True)
class Subject:
    """What is to be told: a table with its rules, and the columns that are written, in order.

    ``source`` is the text that the rules were read from. ``batch`` has rows to learn from;
    ``budgeted`` says that they were drawn under a privacy budget, which real rows must not join.
    """

    table: nodes.Table
    columns: tuple[Column, ...]
    order: tuple[str, ...]
    domains: Mapping[str, tuple[int, int]]
    batch: Batch | None = None
    source: Source | None = None
    budgeted: bool = False

    @property
    def written(self) -> tuple[Column, ...]:
        """The columns in the order they are written."""
        by_name = {c.name: c for c in self.columns}
        return tuple(by_name[name] for name in self.order)


@dataclass(frozen=True)
class Shown:
    """What a prompt shows beside the schema: ``passages`` of a corpus and ``rows`` of the batch.

    ``most`` limits its tokens (None: 2,048, or what the model reads if that is less). ``chat`` says
    whether it is a turn, as of :class:`Pretrained`.
    """

    corpus: Corpus | None = None
    passages: int = 0
    rows: int = 0
    most: int | None = None
    chat: bool | None = None

    @classmethod
    def of(cls, settings: Pretrained, subject: Subject) -> Shown:
        """Open what settings name. Raises as :func:`opened`."""
        corpus = opened(settings.corpus, subject)
        return cls(corpus, settings.passages, settings.rows, settings.prompt_tokens, settings.chat)


@dataclass(frozen=True)
class Told:
    """A generator, its prompt, and what came of tuning; None where there was none."""

    generator: LanguageGenerator
    prompt: Prompt
    trained: Trained | None


def learn(
    settings: Pretrained, subject: Subject, *, seed: int, progress: ProgressHook | None = None
) -> Told:
    """Tell a model of a subject, and tune it on the rows where there are epochs to do so.

    Raises UsageError where the model is none that can do it, and as :func:`tune`; BudgetError where
    the corpus holds real rows and there is a budget.
    """
    if settings.lora and settings.epochs:
        require_peft()
    shown = Shown.of(settings, subject)
    base = load_base(located(settings.base), device=settings.device, eight_bit=settings.eight_bit)
    generator = LanguageGenerator.of(
        base, subject.columns, subject.order, subject.domains, subject.batch
    )
    chosen = _examples(subject.batch, shown.rows, seed)
    recall = _recall(settings, shown, generator.template)
    positions = base.positions
    if recall is not None and positions is not None:
        positions -= TOKENS
    prompt = _prompt(shown, subject, chosen, generator.template, positions)
    chat = chats(base.tokenizer, settings.chat)
    generator = replace(generator, prompt=prompt.text, chat=chat, recall=recall)
    generator.check_length()
    if not settings.epochs or subject.batch is None:
        return Told(generator, prompt, None)
    tuned, trained = tune(
        generator,
        _unseen(subject.batch, chosen[: prompt.kept["rows"][0]]),
        settings.how,
        seed=seed,
        progress=progress,
        checkpoints=settings.checkpoints,
    )
    return Told(tuned, prompt, trained)


def preview(
    subject: Subject, shown: Shown, *, base: str | Path | None = None, seed: int = 0
) -> Prompt:
    """Return the prompt that :func:`learn` would use, without reading the model's weights.

    Without a base there is no tokenizer to count with, and nothing is cut.
    """
    chosen = _examples(subject.batch, shown.rows, seed)
    if base is None:
        return _prompt(shown, subject, chosen, None, None)
    reader = load_reader(located(base))
    template = Template.of(
        reader.vocabulary, subject.columns, subject.order, subject.domains, subject.batch
    )
    return _prompt(shown, subject, chosen, template, reader.positions)


def opened(corpus: Corpus | str | Path | None, subject: Subject) -> Corpus | None:
    """Return a corpus given as one, as a saved one's directory, or as a folder of documents.

    Raises BudgetError where it holds real rows and the subject is under a budget; UsageError and
    DataError as the corpus does.
    """
    if corpus is None:
        return None
    from synthtab.generate.retrieval.guard import refuse_real_rows  # scikit-learn is slow to import

    if isinstance(corpus, str | Path):
        corpus = indexed_folder(corpus)
    refuse_real_rows(corpus, True if subject.budgeted else None)
    return corpus


def indexed_folder(place: str | Path) -> Corpus:
    """Read a saved corpus, or index a folder of documents; UsageError and DataError as it does."""
    from synthtab.generate.retrieval.corpus import Corpus  # scikit-learn is slow to import

    folder = Path(place)
    saved = (folder / MANIFEST).is_file()
    return Corpus.load(folder) if saved else Corpus.from_folder(folder)


def _recall(settings: Pretrained, shown: Shown, template: Template) -> Recall | None:
    """Return where rows' own passages come from; None where they have none."""
    if shown.corpus is None or not settings.row_passages:
        return None
    columns, after = len(template.slots), settings.row_after
    return Recall.of(shown.corpus, settings.row_passages, columns, after)


def _examples(batch: Batch | None, rows: int, seed: int) -> NDArray[np.int64]:
    """Return which rows of a batch are shown, drawn at random.

    Not the nearest to a query: rows near to the words of a schema have nothing else in common, and
    what a prompt shows should be like the table.
    """
    if batch is None:
        return np.empty(0, dtype=np.int64)
    random = np.random.default_rng(np.random.SeedSequence([seed, 3]))
    return random.permutation(len(batch))[:rows].astype(np.int64)


def _room(positions: int | None, most: int | None, template: Template, batch: Batch | None) -> int:
    """Return how many tokens a prompt may have, for rows like a batch's to fit behind it.

    Raises UsageError where the model cannot read one row.
    """
    row = 2 * template.least_tokens + 16
    if batch is not None and len(batch):
        some = batch.take(np.arange(min(len(batch), _MEASURED)))
        longest = max(len(ids) for ids, _ in template.row_tokens(some))
        row = longest + longest // 4
    limit = MOST_PROMPT if most is None else most
    if positions is None:
        return limit
    if row >= positions:
        raise UsageError(
            f"the model reads {positions:,} tokens, and a row takes up to {row:,}: use a model "
            "that reads more, or declare fewer columns"
        )
    return min(limit, positions - row)


def _prompt(
    shown: Shown,
    subject: Subject,
    chosen: NDArray[np.int64],
    template: Template | None,
    positions: int | None,
) -> Prompt:
    """Return the prompt; without a template its tokens are not counted, and nothing is cut."""
    batch, rows = subject.batch, tuple[str, ...]()
    if batch is not None and len(chosen):
        some = batch.take(chosen)
        rows = row_texts(subject.written, some) if template is None else tuple(template.texts(some))
    given = material(
        subject.table,
        subject.written,
        source=subject.source,
        batch=batch,
        passages=_passages(shown, subject),
        rows=rows,
    )
    if template is None:
        return render(given)
    vocabulary = template.vocabulary
    chat = chats(vocabulary.tokenizer, shown.chat)

    def count(text: str) -> int:
        return len(prompt_tokens(vocabulary, text, chat=chat))

    return render(given, count, _room(positions, shown.most, template, batch))


def _passages(shown: Shown, subject: Subject) -> tuple[str, ...]:
    """Return passages for the schema; pictures say nothing to a model that reads text."""
    if shown.corpus is None or not shown.passages:
        return ()
    found = shown.corpus.search(query_of(subject.table, subject.source), shown.passages)
    return tuple(passage.text for passage in found if passage.kind != "image")


def _unseen(batch: Batch, shown: NDArray[np.int64]) -> Batch:
    """Return the rows that the prompt does not show, which would only be copied from it.

    Of a small table all are learned.
    """
    if 2 * len(shown) > len(batch):
        return batch
    kept = np.ones(len(batch), dtype=bool)
    kept[shown] = False
    return batch.take(kept)
