"""The row generator: a table's columns, written in symbols, learned and drawn by a small Llama."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import LlamaForCausalLM

from synthtab.batch import Batch, Mask
from synthtab.errors import DataError, UsageError
from synthtab.generate.automaton import ColumnAutomaton, automata
from synthtab.generate.decode import RowProgress, Walk, Walked
from synthtab.generate.drawn import Drawn
from synthtab.generate.examples import Examples, Retrieval
from synthtab.generate.guide import Given, Guide, Level, check_request
from synthtab.generate.model import ModelConfig, new_network, row_log_probabilities
from synthtab.generate.pretrain.domainmodel import DomainModel
from synthtab.generate.pretrain.schemamodel import settled
from synthtab.generate.publicrows import public_rows
from synthtab.generate.step import Stepper
from synthtab.generate.storage import (
    read_examples,
    read_fingerprints,
    read_layout,
    read_network,
    write_examples,
    write_fingerprints,
    write_layout,
    write_network,
)
from synthtab.generate.texts import Fingerprints, Texts
from synthtab.generate.tokenizer import Layout, make_layout
from synthtab.generate.train import ProgressHook, TrainConfig, Trained, learned_rows, train
from synthtab.schema import Column, TextType

_AT_ONCE = 1_000
"""So many rows go through the network at a time when their probability is asked for."""
MOST_POSITIONS = 8_192
"""So many positions the network reads at most, where rows have examples before them."""


@dataclass(frozen=True)
class GeneratorConfig:
    """The network's shape and how it is trained.

    With ``init`` it begins as that domain model, in its shape.

    With ``examples`` each row is learned, and written, after so many other rows that are like it
    (synthtab/generate/examples.py): others of those learned, which the generator then keeps as they
    are, or rows that anybody may see, from files in the folder ``corpus``. Raises UsageError where
    ``examples`` is below 0, or 0 with a corpus.
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    examples: int = 0
    corpus: str | Path | None = None
    init: DomainModel | None = None

    def __post_init__(self) -> None:
        if self.corpus is not None and not self.examples:
            raise UsageError(
                f"the corpus {self.corpus} has rows to serve as examples: say how many stand "
                "before each row (examples=2)"
            )
        whole = isinstance(self.examples, int) and not isinstance(self.examples, bool)
        if not whole or self.examples < 0:
            raise UsageError(f"examples={self.examples!r}; it is 0 or more rows to write one after")


@dataclass(frozen=True)
class RowGenerator:
    """A fitted generator of the rows of one table.

    ``columns`` are the table's, in its order; ``layout`` has them in the order they are written;
    ``fingerprints`` serve to recognise copies of training texts, per text column. ``examples`` are
    the rows that new ones are written after; None where there are none.
    """

    columns: tuple[Column, ...]
    layout: Layout
    network: LlamaForCausalLM
    fingerprints: Mapping[str, Fingerprints]
    trained: Trained | None = None
    examples: Examples | None = None

    @classmethod
    def fit(
        cls,
        columns: Sequence[Column],
        order: Sequence[str],
        domains: Mapping[str, tuple[int, int]],
        batch: Batch,
        config: GeneratorConfig | None = None,
        seed: int = 0,
        progress: ProgressHook | None = None,
    ) -> RowGenerator:
        """Learn the rows of a batch, which has the columns ``order`` names.

        ``domains`` gives the least and greatest code that may be written, of every column but text.
        Raises DataError where there are no rows, a code lies outside its domain, or the corpus has
        no row within the domains; UsageError where there is no such corpus, or the examples are
        more than the network can look back on.
        """
        if not len(batch):
            raise DataError("there are no rows to learn from; at least one is needed")
        config = config or GeneratorConfig()
        layout = make_layout(columns, order, domains, batch)
        symbols = layout.encode(batch)
        retrieval = _retrieval(config, layout)
        if config.init is None:
            network = new_network(config.model, layout, seed, config.examples)
        else:
            # Not of the rows that weights are judged by, or the start would know them.
            told = learned_rows(symbols, config.train, seed)
            network = config.init.network.network(layout, told, config.examples)
        trained = train(network, layout, symbols, config.train, seed, progress, retrieval=retrieval)
        if config.init is not None:
            settled(network)
        prints = _fingerprints(layout, batch)
        shown = None if retrieval is None else retrieval.examples(symbols, seed)
        return cls(tuple(columns), layout, network, prints, trained, shown)

    def draw(
        self,
        rows: int,
        *,
        level: Level = "free",
        guide: Guide | None = None,
        seed: int | torch.Generator = 0,
        temperature: float | Mapping[str, float] = 1.0,
        progress: RowProgress | None = None,
        given: Given | None = None,
        columns: int | None = None,
    ) -> Drawn:
        """Draw rows: the same seed gives the same rows, on one machine.

        ``free`` masks nothing, ``grammar`` what no value of the column looks like, ``solver`` also
        what ``guide`` forbids. A ``temperature`` below 1 makes likely values likelier; it
        is one for all columns, or a mapping of columns, the others having 1. ``progress`` is told
        how many rows are done, of how many. ``given`` holds what is known of each row: its columns
        are the first ones of the layout, and are copied. With ``columns`` only so many of
        the layout's columns are written; the others come out as whatever their first symbol means.
        Raises UsageError for arguments out of range, or where rows are given that are written after
        examples; DataError for given cells the layout lacks.
        """
        check_request(rows, level, guide)
        heats = temperature.values() if isinstance(temperature, Mapping) else [temperature]
        if wrong := [heat for heat in heats if not heat > 0]:
            raise UsageError(f"the temperature {wrong[0]} is not above 0")
        random = seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
        walk = Walk(
            self.layout,
            self._stepper,
            None if level == "free" else self._automata,
            guide if level == "solver" else None,
            temperature,
            self.fingerprints,
            **self._beginning(given),
            **self._before(rows, random, given),
            length=None
            if columns is None
            else sum(len(c.sizes) for c in self.layout.columns[:columns]),
        )
        with torch.inference_mode():
            return self._assemble(walk.draw(rows, random, progress))

    @property
    def tells(self) -> bool:
        """Whether it can tell how likely rows are: not after examples, and not of free text."""
        texts = any(isinstance(own.places, Texts) for own in self.layout.columns)
        return self.examples is None and not texts

    def log_likelihood(self, rows: Batch) -> NDArray[np.float64]:
        """Return the log of the probability that the network gives each row (rows,), in nats.

        It is that of free drawing, without masks; -inf for rows that have a value outside the
        domains the network knows, or no value where there has to be one. Raises UsageError for a
        table with free text, which is not written symbol for symbol, and where rows are written
        after examples.
        """
        if self.examples is not None:
            raise UsageError(
                "rows that are written after examples have no probability that could be computed: "
                "it is the mean over all examples there are; fit without examples"
            )
        for own in self.layout.columns:
            if isinstance(own.places, Texts):
                raise UsageError(f"column {own.column.name!r} is text: it has no probability")
        inside = self.layout.within(rows)
        found = np.full(len(rows), -np.inf)
        symbols = torch.from_numpy(self.layout.encode(rows.take(inside)))
        with torch.inference_mode():
            parts = [
                row_log_probabilities(self.network, self.layout, part).double()
                for part in torch.split(symbols, _AT_ONCE)
                if len(part)
            ]
        found[inside] = torch.cat(parts).numpy() if parts else 0.0
        return found

    def _beginning(self, given: Given | None) -> dict[str, Any]:
        """Return what a walk is told of rows that have begun."""
        if given is None:
            return {}
        first = self.layout.columns[: len(given.columns.columns)]
        names = tuple(c.column.name for c in first)
        if names != given.columns.columns:
            raise UsageError(f"rows begin with {names}, and {given.columns.columns} are given")
        symbols = Layout(first).encode(given.columns) if first else None
        texts = {
            name: np.where(given.known[name][1], "", given.pool[given.known[name][0]])
            for name in given.texts
        }
        return {"given": symbols, "context": given.known, "context_texts": texts}

    def _before(self, rows: int, random: torch.Generator, given: Given | None) -> dict[str, Any]:
        """Return what a walk is told of the rows before each row."""
        if self.examples is None:
            return {}
        if given is not None:
            raise UsageError(
                "examples are of whole rows, and cannot be chosen by what is given of a row: fit "
                "without examples"
            )
        return {"shown": self.examples.shown, "examples": self.examples.drawn(rows, random)}

    def further(
        self,
        batch: Batch,
        config: TrainConfig,
        *,
        emphasis: Mapping[str, float] | None = None,
        seed: int = 0,
        progress: ProgressHook | None = None,
    ) -> RowGenerator:
        """Return a generator that has learned more from rows; this one stays as it is.

        ``batch`` has the generator's columns. ``emphasis`` weights the losses of columns (1 for
        others). Rows with a free text that was not learned before are left out, as it could not be
        recognised when it is written again. Raises DataError where a code lies outside its domain,
        or no row is left.
        """
        batch = batch.take(self.recognised(batch))
        if not len(batch):
            raise DataError("there are no rows to learn more from; at least one is needed")
        network = copy.deepcopy(self.network)
        said = emphasis or {}
        weights = [
            said.get(c.column.name, 1.0) for c in self.layout.columns for _ in range(len(c.sizes))
        ]
        symbols = self.layout.encode(batch)
        had = self.examples
        retrieval = None if had is None else Retrieval(self.layout, had.number, had.shown)
        trained = train(network, self.layout, symbols, config, seed, progress, weights, retrieval)
        return replace(self, network=network, trained=trained)

    def recognised(self, batch: Batch) -> Mask:
        """Say which rows have no text but NULL, '' and those that were learned from."""
        good = np.ones(len(batch), dtype=bool)
        for name, prints in self.fingerprints.items():
            codes, nulls = batch.column(name)
            known = np.asarray(prints.known(batch.pool) | (batch.pool == ""), dtype=bool)
            good &= nulls | (known[codes] if len(known) else nulls)
        return good

    def save(self, directory: Path) -> None:
        """Write the generator's files into an existing directory."""
        write_network(directory, self.network)
        write_layout(directory, self.columns, self.layout)
        write_fingerprints(directory, self.fingerprints)
        if self.examples is not None:
            write_examples(directory, self.examples)

    @classmethod
    def load(cls, directory: Path) -> RowGenerator:
        """Read a saved generator. Raises SavedModelError where files are missing or damaged."""
        columns, layout = read_layout(directory)
        texts = [c.name for c in columns if isinstance(c.type, TextType)]
        network, prints = read_network(directory, layout), read_fingerprints(directory, texts)
        examples = read_examples(directory, layout, network)
        return cls(columns, layout, network, prints, examples=examples)

    @cached_property
    def _stepper(self) -> Stepper:
        return Stepper(
            self.network, self.layout, 0 if self.examples is None else self.examples.number
        )

    @cached_property
    def _automata(self) -> tuple[ColumnAutomaton, ...]:
        return automata(self.layout)

    def _assemble(self, walked: Walked) -> Drawn:
        """Put symbols together to a batch in the table's order of columns, with one pool."""
        cells = {
            column.column.name: decoded
            for column, decoded in zip(
                self.layout.columns, self.layout.decode(walked.symbols), strict=True
            )
        }
        rows = len(walked.symbols)
        texts = {name: c.texts for name, c in cells.items() if c.texts is not None}
        joined = np.concatenate(list(texts.values())) if texts else np.empty(0, dtype=object)
        pool, numbers = np.unique(joined, return_inverse=True)
        text_codes = dict(zip(texts, numbers.reshape(-1, rows).astype(np.int64), strict=True))
        names = tuple(c.name for c in self.columns)
        nulls = np.stack([cells[name].nulls for name in names], axis=1)
        codes = np.stack([text_codes.get(name, cells[name].codes) for name in names], axis=1)
        malformed, copied = walked.dead.copy(), np.zeros(rows, dtype=bool)
        for name, decoded in cells.items():
            malformed |= decoded.malformed
            if name in texts:
                copied |= ~decoded.nulls & self.fingerprints[name].known(texts[name])
        batch = Batch(names, np.where(nulls, 0, codes), nulls, pool)
        return Drawn(batch, walked.log_weight, malformed, walked.dead, copied)


def _retrieval(config: GeneratorConfig, layout: Layout) -> Retrieval | None:
    """Return how examples are found; None where there are none. Raises as :meth:`fit`."""
    if not config.examples:
        return None
    room = MOST_POSITIONS // (layout.length + 1) - 1
    if config.examples > room:
        raise UsageError(
            f"a row of this table is {layout.length:,} symbols, and after {config.examples:,} "
            f"examples the network would look back on more than {MOST_POSITIONS:,}; "
            + (f"{room:,} examples at most fit" if room > 0 else "leave the examples out")
        )
    if config.corpus is None:
        return Retrieval(layout, config.examples)
    rows = public_rows(config.corpus, [c.column for c in layout.columns])
    good = layout.within(rows)
    if not good.any():
        raise DataError(
            f"none of the {len(rows):,} rows of the corpus {config.corpus} lies within what the "
            "rows learned hold; examples are rows of the same table"
        )
    return Retrieval(layout, config.examples, layout.encode(rows.take(good)))


def _fingerprints(layout: Layout, batch: Batch) -> dict[str, Fingerprints]:
    """Hash the distinct texts of each text column, each with its own salt; '' gives nobody away."""
    out = {}
    for column in layout.columns:
        if isinstance(column.places, Texts):
            codes, nulls = batch.column(column.column.name)
            seen = batch.pool[np.unique(codes[~nulls])]
            out[column.column.name] = Fingerprints.of(
                (text for text in seen if text), secrets.token_bytes(16)
            )
    return out
