"""A pretrained causal language model as a generator of a table's rows."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from synthtab.batch import Batch, Mask
from synthtab.errors import SavedModelError, UsageError
from synthtab.generate.decode import RowProgress
from synthtab.generate.drawn import Drawn
from synthtab.generate.guide import Guide, Level, check_request
from synthtab.generate.language.adapters import Adapters
from synthtab.generate.language.batching import MOST_ROWS
from synthtab.generate.language.chat import chats, framed
from synthtab.generate.language.loading import Base, load_base, with_adapters
from synthtab.generate.language.memory import explained_writing
from synthtab.generate.language.reading import Lines, log_probabilities
from synthtab.generate.language.recall import TOKENS, Recall
from synthtab.generate.language.session import Way, way_of
from synthtab.generate.language.template import Template, bare_slot
from synthtab.generate.language.values import assembled
from synthtab.generate.language.vocabulary import Vocabulary
from synthtab.generate.language.walk import Tables, Walk
from synthtab.generate.rewriting import LanguageRewriter
from synthtab.generate.storage import (
    column_of,
    column_record,
    damaged,
    read_fingerprints,
    read_json,
    write_fingerprints,
    write_json,
)
from synthtab.generate.texts import Fingerprints
from synthtab.generate.weights import quiet
from synthtab.schema import Column, TextType

FORMAT = 1
FACTS, WEIGHTS, ADAPTERS, CORPUS = "language.json", "base", "adapters", "corpus"


@dataclass(frozen=True)
class LanguageGenerator:
    """A model, the row it writes and the text before each row.

    ``columns`` are the table's, in its order; the template has them in the order they are written.
    ``prompt`` is put before each row as it is, so it should end with a line's end; with ``chat`` it
    is the user's turn, and the row the answer. ``fingerprints`` tell copies of training texts.
    ``recall`` finds passages for each row by itself. Raises UsageError for a chat with it.
    """

    base: Base
    columns: tuple[Column, ...]
    template: Template
    prompt: str = ""
    fingerprints: Mapping[str, Fingerprints] | None = None
    most_rows: int = MOST_ROWS
    chat: bool = False
    recall: Recall | None = None

    def __post_init__(self) -> None:
        if self.chat and self.recall is not None:
            raise UsageError(
                "a row's own passages stand between the prompt and the row, which in a chat format "
                "is the model's turn: use the model without turns (chat=False)"
            )

    @classmethod
    def of(
        cls,
        base: Base,
        columns: Sequence[Column],
        order: Sequence[str],
        domains: Mapping[str, tuple[int, int]],
        batch: Batch | None = None,
        *,
        prompt: str = "",
    ) -> LanguageGenerator:
        """Make a generator that has learned nothing but what the prompt says.

        ``batch`` are training rows, whose texts say how texts are written and are not to be
        repeated. Raises as :meth:`Template.of`.
        """
        template = Template.of(base.vocabulary, columns, order, domains, batch)
        prints = {} if batch is None else _fingerprints(columns, batch)
        return cls(base, tuple(columns), template, prompt, prints)

    def with_base(self, base: Base) -> LanguageGenerator:
        """Return a generator of the same rows whose network has learned more."""
        return replace(self, base=base)

    @cached_property
    def prompt_tokens(self) -> tuple[int, ...]:
        """The tokens before each row: the one that begins a text, and the prompt's."""
        return prompt_tokens(self.base.vocabulary, self.prompt, chat=self.chat)

    @property
    def before(self) -> str:
        """The text before each row, without a token that begins one."""
        if not self.chat:
            return self.prompt
        tokenizer = self.base.tokenizer
        return framed(tokenizer, self.prompt).removeprefix(tokenizer.bos_token or "")

    def check_length(self) -> None:
        """Raise UsageError where the prompt and one row are more than the model can read."""
        limit = self.base.positions
        prompt, row = len(self.prompt_tokens), self.template.least_tokens
        row += 0 if self.recall is None else TOKENS
        if limit is not None and prompt + row > limit:
            raise UsageError(
                f"the model reads {limit:,} tokens; the prompt takes {prompt:,} and a row at least "
                f"{row:,}: give a shorter prompt (fewer examples), or a model that reads more"
            )

    def draw(
        self,
        rows: int,
        *,
        level: Level = "free",
        guide: Guide | None = None,
        seed: int | torch.Generator = 0,
        temperature: float | Mapping[str, float] = 1.0,
        progress: RowProgress | None = None,
    ) -> Drawn:
        """Draw rows: the same seed gives the same rows, on one machine.

        The levels are those of :class:`RowGenerator`. Keys and punctuation are forced at each of
        them; at ``free`` the model writes what it likes for values, and a row in which that is no
        JSON value of the column is malformed. Log-weights are of what it writes, given what is
        forced. Raises UsageError for arguments out of range, or where the prompt is too long or
        memory does not suffice.
        """
        check_request(rows, level, guide)
        heats = temperature.values() if isinstance(temperature, Mapping) else [temperature]
        if wrong := [heat for heat in heats if not heat > 0]:
            raise UsageError(f"the temperature {wrong[0]} is not above 0")
        self.check_length()
        random = seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
        walk = Walk(
            self.base,
            self.template,
            np.array(self.prompt_tokens, dtype=np.int64),
            self.tables,
            free=level == "free",
            guide=guide if level == "solver" else None,
            temperature=temperature,
            fingerprints=self.fingerprints or {},
            most_rows=self.most_rows,
            way=self._way,
            recall=self.recall,
        )
        with explained_writing(), torch.inference_mode():
            return assembled(
                self.columns, walk.draw(rows, random, progress), self.fingerprints or {}
            )

    def lines(self, batch: Batch) -> Lines:
        """Return rows as the tokens that drawing would put in, behind the prompt's.

        Raises DataError as :meth:`Template.row_tokens`.
        """
        return Lines.of(self.base, self.prompt_tokens, self.template, batch)

    @property
    def tells(self) -> bool:
        """It can tell how likely any rows are, those with free text too, unless it looks things up.

        What a row with passages of its own reads depends on a search.
        """
        return self.recall is None

    def log_likelihood(self, rows: Batch) -> NDArray[np.float64]:
        """Return the log of the probability of each row's values (rows,), in nats.

        It is that of free drawing, without masks, under the prompt and with keys and punctuation
        given; and of one way to put a row into tokens, the one that it is tuned on: there are
        others, which the network finds rare. -inf for rows that it does not write: a value outside
        its domain, none where there has to be one, a text of other characters or longer than any,
        a row beyond what the network reads. Raises UsageError where rows have passages of their
        own.
        """
        if not self.tells:
            raise UsageError(
                "rows with passages of their own have no likelihood under one prompt: make the "
                "generator without them (row_passages=0)"
            )
        found = np.full(len(rows), -np.inf)
        can = self.template.writes(rows)
        if can.any():
            lines = self.lines(rows.take(can))
            found[can] = log_probabilities(self.base, lines, shared=self._way != "anew")
        return found

    def rewriter(self, columns: Sequence[Column], seed: int) -> LanguageRewriter:
        """Return what writes rows of these columns again when it is told what is wrong with them.

        Raises UsageError where llguidance is missing.
        """
        network, tokenizer, most = self.base.network, self.base.tokenizer, self.template.room
        return LanguageRewriter.of(network, tokenizer, columns, seed=seed, max_tokens=most)

    def copied(self, rows: Batch) -> Mask:
        """Say which rows (rows,) have a text that is a training row's."""
        found = np.zeros(len(rows), dtype=bool)
        for name, prints in (self.fingerprints or {}).items():
            codes, nulls = rows.column(name)
            found |= ~nulls & prints.known(rows.pool[np.where(nulls, 0, codes)])
        return found

    @cached_property
    def tables(self) -> Tables:
        """The automata and token tables of the columns, made when the first row is drawn."""
        return Tables(self.template)

    @cached_property
    def _way(self) -> Way:
        return way_of(self.base)

    # Saving.

    def save(self, directory: Path) -> None:
        """Write the generator's files into an existing directory.

        Weights that are as they were read stay where they are, and their path is written down,
        with the adapters added to them; others are written as transformers saves them.
        """
        own = self.base.path is None
        facts: dict[str, Any] = {
            "format": FORMAT,
            "columns": [column_record(c) for c in self.columns],
            "slots": [
                {
                    "name": s.column.name,
                    "domain": [s.lo, s.hi],
                    "alphabet": "".join(s.alphabet),
                    "length": s.length,
                }
                for s in self.template.slots
            ],
            "prompt": self.prompt,
            "chat": self.chat,
            "recall": None if self.recall is None else self.recall.facts(),
            "fingerprints": sorted(self.fingerprints or {}),
            "base": WEIGHTS if own else str(Path(str(self.base.path)).resolve()),
            "own": own,
            "weights": None if own else self.base.weights,
            "adapters": self.base.adapters is not None,
            "eight_bit": bool(getattr(self.base.network, "is_loaded_in_8bit", False)),
        }
        write_json(directory / FACTS, facts)
        write_fingerprints(directory, self.fingerprints or {})
        if self.recall is not None:
            self.recall.corpus.save(directory / CORPUS)
        if own:
            with quiet():
                self.base.network.save_pretrained(directory / WEIGHTS, safe_serialization=True)
                self.base.tokenizer.save_pretrained(directory / WEIGHTS)
        if self.base.adapters is not None:
            self.base.adapters.save(directory / ADAPTERS)

    @classmethod
    def load(cls, directory: Path, base: Base | None = None) -> LanguageGenerator:
        """Read a saved generator; with ``base`` its weights are not read.

        Raises SavedModelError where files are missing or damaged, or the base that was there is so
        no more; UsageError where the prompt is a turn and the base's tokenizer has no chat format.
        """
        path = directory / FACTS
        facts = read_json(path)
        if facts.get("format") != FORMAT:
            raise damaged(path, f"has format {facts.get('format')!r}; this version reads {FORMAT}")
        try:
            columns = {c.name: c for c in map(column_of, facts["columns"])}
            bare = [
                bare_slot(
                    columns[slot["name"]],
                    int(slot["domain"][0]),
                    int(slot["domain"][1]),
                    str(slot["alphabet"]),
                    int(slot["length"]),
                )
                for slot in facts["slots"]
            ]
            texts = [str(name) for name in facts["fingerprints"]]
            prompt, own, where = str(facts["prompt"]), bool(facts["own"]), str(facts["base"])
            chat = bool(facts.get("chat", False))  # which earlier versions did not have
            recalled = facts.get("recall")  # neither did they have this
            recall = None if recalled is None else Recall.load(directory / CORPUS, recalled)
            adapted, eight_bit = bool(facts["adapters"]), bool(facts["eight_bit"])
        except (KeyError, TypeError, ValueError, IndexError) as problem:
            raise damaged(path, f"is not a generator's: {problem}") from None
        prints = read_fingerprints(directory, texts)
        if base is None:
            base = _base(directory / WEIGHTS if own else Path(where), own, eight_bit)
            if not own and facts.get("weights") not in (None, base.weights):
                raise SavedModelError(
                    f"the language model in {where} is another than the one that this was made "
                    "with: its weights differ; put that one back, or fit the model again"
                )
            if adapted:
                base = with_adapters(base, Adapters.load(directory / ADAPTERS))
        template = Template.made_of(base.vocabulary, bare)
        made = cls(base, tuple(columns.values()), template, prompt, prints)
        return replace(made, chat=chats(base.tokenizer, chat), recall=recall)


def prompt_tokens(vocabulary: Vocabulary, prompt: str, *, chat: bool = False) -> tuple[int, ...]:
    """Return the tokens before each row: of a prompt as it is, or as the user's turn."""
    if not chat:
        return (vocabulary.start, *vocabulary.encoded(prompt))
    ids = vocabulary.encoded(framed(vocabulary.tokenizer, prompt))
    return tuple(ids) or (vocabulary.start,)


def _base(path: Path, own: bool, eight_bit: bool) -> Base:
    if not own and not path.is_dir():
        raise SavedModelError(
            f"the language model that rows are written with was read from {path}, and is no longer "
            "there; put it back, or fit the model again"
        )
    base = load_base(path, eight_bit=eight_bit)
    return replace(base, path=None) if own else base


def _fingerprints(columns: Sequence[Column], batch: Batch) -> dict[str, Fingerprints]:
    """Hash the distinct texts of each text column, each with its own salt; '' gives nobody away."""
    out = {}
    for column in columns:
        if isinstance(column.type, TextType):
            codes, nulls = batch.column(column.name)
            seen: NDArray[np.object_] = batch.pool[np.unique(codes[~nulls])]
            out[column.name] = Fingerprints.of((t for t in seen if t), secrets.token_bytes(16))
    return out
