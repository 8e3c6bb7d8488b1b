"""Whole rows by our tables and by llguidance; an index of the vocabulary beside our walk."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from outlines import from_transformers
from outlines.backends import get_regex_logits_processor
from outlines_core import Index
from outlines_core import Vocabulary as CoreVocabulary

from bench.language_cases import Case, Clock, timers
from bench.report import Grid, Section, seconds
from synthtab.generate.language import tables
from synthtab.generate.language.bytewise import byte_machine
from synthtab.generate.language.generator import LanguageGenerator
from synthtab.generate.language.loading import Base
from synthtab.generate.language.regexes import row_regex, slot_regex


def others(some: Sequence[Case], large: Base, seed: int, command: str, rows: int = 8) -> Section:
    """Write whole rows without a Plan in both ways, and index columns in both."""
    grid = Grid("table", "by", "set up", "masks a token and row", "forward pass a token and row")
    model = from_transformers(large.network, large.tokenizer)
    for case in some:
        made = case.generator(large)
        clock = Clock()
        started = time.process_time()
        assert made.tables
        ready = time.process_time() - started
        with clock.of(tables.TokenTable, _learn="learned"), timers(clock):
            made.draw(rows, level="grammar", seed=seed)
        steps = _tokens(made, rows, seed)
        spent = clock.spent
        learned = spent["learned"]
        grid.add(
            case.name,
            "tables",
            seconds(ready + learned),
            seconds((spent["masks"] - learned) / steps),
            seconds(spent["forward"] / steps),
        )
        started = time.process_time()
        pattern = row_regex(made.template)
        masks_of = get_regex_logits_processor("llguidance", model, pattern)
        ids = torch.tensor([made.prompt_tokens] * rows)
        logits = torch.zeros(rows, large.vocabulary.size)
        masks_of(ids, logits)
        ready = time.process_time() - started
        row = made.template.row_tokens(made.draw(1, level="grammar", seed=seed).batch)[0][0]
        row = row[: min(40, len(row) - 3)]
        started = time.process_time()
        for token in row:
            ids = torch.cat([ids, torch.full((rows, 1), token)], dim=1)
            masks_of(ids, logits)
        each = (time.process_time() - started) / (rows * len(row))
        grid.add(case.name, "llguidance", seconds(ready), seconds(each), "")
    compared = Grid(
        "column", "states", "tokens by state", "outlines_core, all states", "ours, all states"
    )
    for case, name in ((some[0], "fnlwgt"), (some[0], "native_country"), (some[-1], "title")):
        compared.add(f"{case.name}.{name}", *_indexed(case.generator(large), name))
    return Section(
        "Whole rows without a Plan, and an index of the whole vocabulary",
        command,
        seed,
        [],
        note=(
            "The level `grammar`. Set-up includes the tokens of every state that rows came to. "
            "Below: one column's expression, compiled over all tokens at once and read into "
            "arrays, beside finding the tokens of all states of our automaton."
        ),
        grids=[grid, compared],
        name="language-others",
    )


def _tokens(made: LanguageGenerator, rows: int, seed: int) -> int:
    """Return how many tokens some rows of a generator have."""
    batch = made.draw(rows, level="grammar", seed=seed).batch
    return sum(len(ids) for ids, _ in made.template.row_tokens(batch))


def _indexed(made: LanguageGenerator, name: str) -> tuple[str, str, str, str]:
    """Return figures of one column: states, tokens a state, time of an index and of ours."""
    slot = next(s for s in made.template.slots if s.column.name == name)
    words = made.base.vocabulary
    table = tables.TokenTable(byte_machine(slot), words)
    states = np.arange(1, len(table.machine.zone))
    started = time.process_time()
    table._learn(states)  # all of them at once
    own = time.process_time() - started
    by_text: dict[bytes, list[int]] = {}
    for number, text in words.tokens.items():
        by_text.setdefault(text, []).append(number)
    started = time.process_time()
    vocabulary = CoreVocabulary(words.end, by_text)
    index = Index(slot_regex(slot) or "", vocabulary)
    found = index.get_transitions()
    other = time.process_time() - started
    tokens = sum(map(len, found.values())) / max(1, len(found))
    return str(len(states)), f"{tokens:.0f}", seconds(other), seconds(own)
