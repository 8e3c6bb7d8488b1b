"""Rows written by causal language models of random weights: are they valid, and what do masks cost?

What is measured here does not depend on what a model has learned: rules hold whatever it would
write, and a mask takes as long. Weights are random and the tokenizer is trained on text at hand.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from outlines import from_transformers
from outlines.backends import get_regex_logits_processor
from outlines_core import Index
from outlines_core import Vocabulary as CoreVocabulary
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from bench.registry import entry, load
from bench.report import Grid, Section, at_least, at_most, data_directory, percent, seconds
from bench.scoring import broken
from synthtab.batch import Batch
from synthtab.draw import draw_rows
from synthtab.generate.language import session, tables, walk
from synthtab.generate.language.bytewise import byte_machine
from synthtab.generate.language.generator import LanguageGenerator
from synthtab.generate.language.loading import Base, make_base
from synthtab.generate.language.regexes import row_regex, slot_regex
from synthtab.ir import nodes
from synthtab.lang.model import Model
from synthtab.learnable import enforced, seen
from synthtab.solver.plan import Plan
from synthtab.solver.project import compile_plan

END = "<|end|>"
ROWS = 64
SMALL, LARGE = 2_000, 32_000
NOTES = """
table note {
  number  integer in 0 .. 9_999
  title   text(20) optional
  code    text(8) matching /[A-Z]{2}-[0-9]{3,5}/
  text    text(60)
  rule titled: title is null iff number < 5000
}
"""
PARTS = ("valid", "masks", "setup", "others")
_ROOT = Path(__file__).parents[1]


def options(parser: ArgumentParser) -> None:
    """Add what is measured of how many rows."""
    parser.add_argument("--rows", type=int, default=ROWS, help="rows to write at a time")
    parser.add_argument(
        "--vocabulary", type=int, default=LARGE, help="tokens, where masks are timed"
    )


@dataclass(frozen=True)
class Case:
    """A table, its Plan, and rows of it where there are any."""

    name: str
    table: nodes.Table
    plan: Plan
    rows: Batch | None

    def generator(self, base: Base) -> LanguageGenerator:
        """Return a generator that knows nothing."""
        return LanguageGenerator.of(
            base, self.table.columns, self.plan.order, self.plan.domains, self.rows
        )


def cases() -> Iterator[Case]:
    """Yield Adult, the loans of the Czech bank, a table of 60 columns, and one of texts."""
    for name in ("adult", "berka_loan"):
        loaded = load(entry(name), 0, most=4_000)
        table = enforced(loaded.table)
        domains, sizes = seen(table, loaded.train)
        plan = compile_plan(table, domains=domains, sizes=sizes)
        yield Case(name, table, plan, loaded.train)
    for name, rules in (("60 columns", wide()), ("free text", NOTES)):
        table = enforced(Model.parse(rules).table())
        yield Case(name, table, compile_plan(table), None)


def wide(groups: int = 20) -> str:
    """Return the rules of a table of three columns a group, with a rule between any two of them."""
    lines = []
    for k in range(groups):
        lines += [
            f"  low_{k}   integer in 0 .. 999",
            f"  high_{k}  integer in 0 .. 99_999",
            f"  kind_{k}  enum('narrow', 'wide', 'none')",
            f"  rule order_{k}: high_{k} >= low_{k}",
            f"  rule kind_{k}: kind_{k} = 'narrow' iff high_{k} - low_{k} between 1 and 99",
            f"  rule none_{k}: kind_{k} = 'none' iff high_{k} = low_{k}",
        ]
    return "table wide {\n" + "\n".join(lines) + "\n}\n"


def texts() -> list[str]:
    """Return the text a tokenizer is trained on: what stands in this repository, and some rows."""
    found = [
        path.read_text(encoding="utf-8")
        for pattern in ("docs/**/*.md", "rules/*.rules", "synthtab/**/*.py", "tests/**/*.py")
        for path in sorted(_ROOT.glob(pattern))
    ]
    rng = np.random.default_rng(0)
    numbers = [f'{{"n": {n}, "p": {n / 100:.2f}}}' for n in rng.integers(0, 10**6, 20_000)]
    return [*found, "\n".join(numbers)]


def base(vocabulary: int, hidden: int, layers: int) -> Base:
    """Return a Llama of random weights with a byte-level tokenizer of about so many tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=END)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=hidden,
            intermediate_size=hidden * 11 // 4,
            num_hidden_layers=layers,
            num_attention_heads=hidden // 64,
            max_position_embeddings=4096,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=0,
            pad_token_id=0,
        )
        network = LlamaForCausalLM(config).eval()
    return make_base(network, fast)


@dataclass
class Clock:
    """Time (s of this process) by what it was spent on."""

    spent: dict[str, float] = field(default_factory=dict)
    _running: set[str] = field(default_factory=set)

    @contextmanager
    def of(self, owner: Any, **names: str) -> Iterator[None]:
        """Count the time spent in functions of a class or a module under names."""
        before = {function: getattr(owner, function) for function in names}
        for function, name in names.items():
            setattr(owner, function, self._timed(before[function], name))
        try:
            yield
        finally:
            for function, kept in before.items():
                setattr(owner, function, kept)

    def _timed(self, function: Any, name: str) -> Any:
        def timed(*given: Any, **named: Any) -> Any:
            if name in self._running:  # within another that is counted already
                return function(*given, **named)
            self._running.add(name)
            started = time.process_time()
            try:
                return function(*given, **named)
            finally:
                self._running.remove(name)
                self.spent[name] = self.spent.get(name, 0.0) + time.process_time() - started

        return timed


def run(seed: int, only: Sequence[str], rows: int, vocabulary: int) -> Iterable[Section]:
    """Yield the sections of the parts asked for; all of them where none is named."""
    data_directory()
    some = list(cases())
    parts = only or PARTS
    if "valid" in parts:
        yield valid(some, seed, rows)
    if {"masks", "setup", "others"} & set(parts):
        large = base(vocabulary, 512, 3)
        size = sum(p.numel() for p in large.network.parameters()) / 1e6
        if "masks" in parts:
            yield masks(some, large, size, seed, rows)
        if "setup" in parts:
            yield setup(some, large, seed)
        if "others" in parts:
            yield others(some, large, seed)


def valid(some: Sequence[Case], seed: int, rows: int) -> Section:
    """Write rows of each table by a small model, in the mode ``solver``."""
    small = base(SMALL, 64, 2)
    grid = Grid("table", "columns", "rows", "valid (DuckDB)", "mended", "malformed")
    least = 1.0
    for case in some:
        batch, counts = draw_rows(
            case.table, case.generator(small), case.plan, rows, mode="solver", seed=seed
        )
        share = 1.0 - float(broken(case.table, batch).mean())
        least = min(least, share)
        cells = (percent(share), str(counts.mended), str(counts.malformed))
        grid.add(case.name, str(len(case.table.columns)), str(len(batch)), *cells)
    return Section(
        "Rows of a language model under the Plan",
        "python -m bench language --only valid",
        seed,
        [at_least("rows that break no rule, on each table", least, 1.0, percent)],
        note=f"A byte-level tokenizer of {SMALL:,} tokens, a Llama of random weights.",
        grids=[grid],
        name="language-valid",
    )


def masks(some: Sequence[Case], large: Base, size: float, seed: int, rows: int) -> Section:
    """Time masks and the forward pass while rows are written."""
    grid = Grid("table", "forward pass", "masks", "share", "the rest", "states met")
    most = 0.0
    for case in some:
        made = case.generator(large)
        made.draw(2, level="solver", guide=case.plan, seed=seed)  # what is made once is not counted
        clock = _timed_draw(made, case, seed + 1, rows)
        forward, masking = clock.spent["forward"], clock.spent["masks"]
        share = masking / forward
        most = max(most, share)
        other = clock.spent["all"] - forward - masking
        grid.add(
            case.name,
            seconds(forward),
            seconds(masking),
            percent(share),
            seconds(other),
            str(_known(made)),
        )
    return Section(
        "What masks cost beside the network",
        "python -m bench language --only masks",
        seed,
        [at_most("masks, of the time of the forward pass", most, 0.10, percent)],
        note=(
            f"{rows} rows at a time, {len(large.vocabulary.tokens):,} tokens, {size:.0f} million "
            "parameters. Masks: tokens of each row's state, what its feasible set leaves of them, "
            "the Plan's answer. The rest: drawing, reading values, moving arrays."
        ),
        grids=[grid],
        name="language-masks",
    )


def _timed_draw(made: LanguageGenerator, case: Case, seed: int, rows: int) -> Clock:
    clock = Clock()
    with _timers(clock), clock.of(LanguageGenerator, draw="all"):
        made.draw(rows, level="solver", guide=case.plan, seed=seed)
    return clock


def _known(made: LanguageGenerator) -> int:
    return sum(made.tables.strict(slot).known for slot in made.template.slots)


def setup(some: Sequence[Case], large: Base, seed: int) -> Section:
    """Time what is made once a table, and see that rows make no more of it."""
    grid = Grid("table", "vocabulary", "template", "automata", "states met", "in all")
    most, growth = 0.0, 0.0
    started = time.process_time()
    assert large.vocabulary.levels
    once = time.process_time() - started
    for case in some:
        began = time.process_time()
        made = case.generator(large)
        template = time.process_time() - began
        began = time.process_time()
        assert made.tables
        automata = time.process_time() - began
        clock = Clock()
        first = _learned(made, case, clock, seed, 32)
        second = _learned(made, case, clock, seed + 1, 32)
        third = _learned(made, case, clock, seed + 2, 32)
        total = once + template + automata + clock.spent["learned"]
        most, growth = max(most, total), max(growth, (third - second) / max(1, first))
        grid.add(
            case.name,
            seconds(once),
            seconds(template),
            seconds(automata),
            f"{first} + {second - first} + {third - second}",
            seconds(total),
        )
    return Section(
        "What is made once a table",
        "python -m bench language --only setup",
        seed,
        [
            at_most("grammar of a table, set up", most, 2.0, seconds),
            at_most("states first met by the third 32 rows, of the first's", growth, 0.5, percent),
        ],
        note=(
            "Nothing is compiled for a row. A state's tokens are found when the first row comes to "
            "it; the automaton has no more states than before, and most are met early."
        ),
        grids=[grid],
        name="language-setup",
    )


def _learned(made: LanguageGenerator, case: Case, clock: Clock, seed: int, rows: int) -> int:
    with clock.of(tables.TokenTable, _learn="learned"):
        made.draw(rows, level="solver", guide=case.plan, seed=seed)
    return _known(made)


def others(some: Sequence[Case], large: Base, seed: int, rows: int = 8) -> Section:
    """Write whole rows without a Plan by our tables and by llguidance; index columns as Outlines."""
    grid = Grid("table", "by", "set up", "masks a token and row", "forward pass a token and row")
    model = from_transformers(large.network, large.tokenizer)
    for case in some:
        made = case.generator(large)
        clock = Clock()
        started = time.process_time()
        assert made.tables
        ready = time.process_time() - started
        with clock.of(tables.TokenTable, _learn="learned"), _timers(clock):
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
        started = time.process_time()
        for token in row[:40]:
            ids = torch.cat([ids, torch.full((rows, 1), token)], dim=1)
            masks_of(ids, logits)
        each = (time.process_time() - started) / (rows * len(row[:40]))
        grid.add(case.name, "llguidance", seconds(ready), seconds(each), "")
    compared = Grid(
        "column", "states", "tokens by state", "outlines_core, all states", "ours, all states"
    )
    for case, name in ((some[0], "fnlwgt"), (some[0], "native_country"), (some[-1], "title")):
        compared.add(f"{case.name}.{name}", *_indexed(case.generator(large), name))
    return Section(
        "Whole rows without a Plan, and an index of the whole vocabulary",
        "python -m bench language --only others",
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


@contextmanager
def _timers(clock: Clock) -> Iterator[None]:
    with (
        clock.of(session.Cached, feed="forward"),
        clock.of(tables.TokenTable, blocks="masks"),
        clock.of(tables.Entries, take="masks"),
        clock.of(walk, allowed="masks", narrower="masks"),
        clock.of(walk.Walk, _feasible="masks"),
    ):
        yield


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
